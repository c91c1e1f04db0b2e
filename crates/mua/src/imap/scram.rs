//! SCRAM-SHA-256, the client's side (RFC 5802, RFC 7677): the server proves, too, that it knows the password.
//!
//! ```text
//! C: n,,n=user,r=abc                       Scram::first
//! S: r=abcdef,s=<salt>,i=<iterations>
//! C: c=biws,r=abcdef,p=<proof>             Scram::answer
//! S: v=<signature>                         Scram::is_proven_by
//! ```

use std::num::NonZeroU32;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac, pbkdf2, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::limits::SCRAM_ITERATIONS_MAX;
use crate::password::Password;

const KEY_OCTETS: usize = 32;
/// Octets of a nonce before they are text.
const NONCE_OCTETS: usize = 18;

/// What binds the exchange to the TLS around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Binding {
    /// Nothing, and the server offers nothing.
    None,
    /// RFC 9266.
    Exporter(Vec<u8>),
}

/// An exchange.
pub(super) struct Scram {
    gs2: &'static str,
    binding: Vec<u8>,
    bare: String,
    nonce: String,
    /// What the server has to say at last.
    expected: Option<[u8; KEY_OCTETS]>,
}

impl Scram {
    /// Begins; `None` where there is no chance.
    pub(super) fn new(user: &str, binding: Binding) -> Option<Self> {
        let mut octets = [0; NONCE_OCTETS];
        rand::fill(&mut octets).ok()?;
        Some(Self::with_nonce(user, binding, STANDARD.encode(octets)))
    }

    fn with_nonce(user: &str, binding: Binding, nonce: String) -> Self {
        let (gs2, binding) = match binding {
            Binding::None => ("n,,", Vec::new()),
            Binding::Exporter(octets) => ("p=tls-exporter,,", octets),
        };
        let user = stringprep::saslprep(user).unwrap_or_else(|_| user.into());
        // RFC 5802 §5.1, saslname.
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Self { gs2, binding, bare: format!("n={user},r={nonce}"), nonce, expected: None }
    }

    /// The first message.
    pub(super) fn first(&self) -> Vec<u8> {
        format!("{}{}", self.gs2, self.bare).into_bytes()
    }

    /// The proof, for the server's first message; `None` where that isn't one.
    pub(super) fn answer(&mut self, server_first: &[u8], password: &Password) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(server_first).ok()?;
        let mut attributes = text.split(',');
        let mut next = |name: &str| attributes.next()?.strip_prefix(name);
        let (nonce, salt, iterations) = (next("r=")?, next("s=")?, next("i=")?);
        // RFC 5802 §5.1: it must begin with ours, and have more.
        nonce.strip_prefix(self.nonce.as_str()).filter(|theirs| !theirs.is_empty())?;
        let salt = STANDARD.decode(salt).ok()?;
        let iterations: NonZeroU32 = iterations.parse().ok()?;
        // A server could keep us busy for ever.
        if iterations.get() > SCRAM_ITERATIONS_MAX {
            return None;
        }
        let password = password.expose();
        let password = stringprep::saslprep(password).unwrap_or_else(|_| password.into());
        let mut salted = [0; KEY_OCTETS];
        let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
        pbkdf2::derive(algorithm, iterations, &salt, password.as_bytes(), &mut salted);
        let bound = STANDARD.encode([self.gs2.as_bytes(), &self.binding].concat());
        let without_proof = format!("c={bound},r={nonce}");
        let said = format!("{},{text},{without_proof}", self.bare);
        let mut proof = sign(&salted, b"Client Key");
        let stored_key = digest::digest(&digest::SHA256, &proof);
        let signature = sign(stored_key.as_ref(), said.as_bytes());
        proof.iter_mut().zip(signature).for_each(|(octet, mask)| *octet ^= mask);
        self.expected = Some(sign(&sign(&salted, b"Server Key"), said.as_bytes()));
        Some(format!("{without_proof},p={}", STANDARD.encode(proof)).into_bytes())
    }

    /// Whether the server has proven that it knows the password.
    pub(super) fn is_proven_by(&self, server_final: &[u8]) -> bool {
        let signature = server_final.strip_prefix(b"v=").and_then(|v| STANDARD.decode(v).ok());
        match (&self.expected, signature) {
            (Some(expected), Some(theirs)) => verify_slices_are_equal(expected, &theirs).is_ok(),
            _ => false,
        }
    }
}

fn sign(key: &[u8], message: &[u8]) -> [u8; KEY_OCTETS] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    let mut signature = [0; KEY_OCTETS];
    signature.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
    signature
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677 §3.
    #[test]
    fn the_exchange_of_the_rfc() {
        let password = Password::for_tests("pencil");
        let mut scram = Scram::with_nonce("user", Binding::None, "rOprNGfwEbeRWgbNEkqO".into());
        assert_eq!(scram.first(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let server_first = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let answer = scram.answer(server_first, &password).unwrap();
        assert_eq!(
            String::from_utf8(answer).unwrap(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert!(scram.is_proven_by(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
        for wrong in
            ["v=AAAA", "e=unknown-user", "", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5="]
        {
            assert!(!scram.is_proven_by(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn servers_that_cheat_get_no_proof() {
        let password = Password::for_tests("pencil");
        for server_first in [
            // Not our nonce, none of its own, nothing to hash with, and work for ever.
            "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=ours,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=ours1,i=4096",
            "r=ours1,s=*,i=4096",
            "r=ours1,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0",
            "r=ours1,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4294967295",
            "",
        ] {
            let mut scram = Scram::with_nonce("a,b=c", Binding::None, "ours".into());
            assert_eq!(scram.first(), b"n,,n=a=2Cb=3Dc,r=ours");
            assert!(scram.answer(server_first.as_bytes(), &password).is_none(), "{server_first}");
            assert!(!scram.is_proven_by(b"v="));
        }
    }
}
