//! SCRAM-SHA-256, the client's side (RFC 5802, RFC 7677): the server proves, too, that it knows the password.
//!
//! ```text
//! C: n,,n=user,r=abc                       Scram::first
//! S: r=abcdef,s=<salt>,i=<iterations>
//! C: c=biws,r=abcdef,p=<proof>             Scram::answer
//! S: v=<signature>                         Scram::is_proven_by
//! ```
//! [`ScramClient`] is the same as a mechanism of SASL.

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac, pbkdf2, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postroad_protocol::sasl::client::{Client, Peer};

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

/// SCRAM-SHA-256, or with channel binding its -PLUS.
pub(super) struct ScramClient {
    scram: Scram,
    password: Password,
    expected: Expect,
    peer: Peer,
}

/// What the server says next.
#[derive(Clone, Copy)]
enum Expect {
    Challenge,
    Signature,
    Nothing,
}

impl ScramClient {
    /// Begins; `None` where there is no chance.
    pub(super) fn new(user: &str, password: Password, binding: Binding) -> Option<Self> {
        let scram = Scram::new(user, binding)?;
        Some(Self { scram, password, expected: Expect::Challenge, peer: Peer::Unproven })
    }
}

/// Without anything that keys are made of.
impl fmt::Debug for ScramClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramClient").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl Client for ScramClient {
    fn mechanism(&self) -> &'static str {
        if self.scram.binding.is_empty() { "SCRAM-SHA-256" } else { "SCRAM-SHA-256-PLUS" }
    }

    fn first(&mut self) -> Option<Vec<u8>> {
        Some(self.scram.first())
    }

    fn answer(&mut self, challenge: &[u8]) -> Option<Vec<u8>> {
        let answer = match self.expected {
            Expect::Challenge => {
                self.expected = Expect::Signature;
                self.scram.answer(challenge, &self.password)
            }
            // RFC 5802 §7, server-error: it doesn't take ours.
            Expect::Signature if challenge.starts_with(b"e=") => {
                self.expected = Expect::Nothing;
                return None;
            }
            Expect::Signature if self.scram.is_proven_by(challenge) => {
                (self.expected, self.peer) = (Expect::Nothing, Peer::Proven);
                Some(Vec::new())
            }
            Expect::Signature | Expect::Nothing => None,
        };
        if answer.is_none() {
            self.peer = Peer::Wrong;
        }
        answer
    }

    fn peer(&self) -> Peer {
        self.peer
    }
}

/// An exchange.
struct Scram {
    gs2: &'static str,
    binding: Vec<u8>,
    bare: String,
    nonce: String,
    /// What the server has to say at last.
    expected: Option<[u8; KEY_OCTETS]>,
}

impl Scram {
    fn new(user: &str, binding: Binding) -> Option<Self> {
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
    fn first(&self) -> Vec<u8> {
        format!("{}{}", self.gs2, self.bare).into_bytes()
    }

    /// The proof, for the server's first message; `None` where that isn't one.
    fn answer(&mut self, server_first: &[u8], password: &Password) -> Option<Vec<u8>> {
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
    fn is_proven_by(&self, server_final: &[u8]) -> bool {
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
    fn a_yes_without_a_signature_is_worth_nothing() {
        let client = || {
            let password = Password::for_tests("pencil");
            ScramClient::new("user", password, Binding::None).unwrap()
        };
        let challenged = |client: &mut ScramClient| {
            let said = String::from_utf8(client.first().unwrap()).unwrap();
            let nonce = said.split("r=").nth(1).unwrap().to_owned();
            client.answer(format!("r={nonce}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1").as_bytes())
        };
        let mut good = client();
        assert_eq!(good.peer(), Peer::Unproven);
        assert!(challenged(&mut good).is_some());
        assert_eq!(good.peer(), Peer::Unproven);
        let signature = STANDARD.encode(good.scram.expected.unwrap());
        assert_eq!(good.answer(format!("v={signature}").as_bytes()), Some(Vec::new()));
        assert_eq!(good.peer(), Peer::Proven);
        let mut refused = client();
        assert!(challenged(&mut refused).is_some());
        assert_eq!((refused.answer(b"e=invalid-proof"), refused.peer()), (None, Peer::Unproven));
        let mut cheat = client();
        assert!(challenged(&mut cheat).is_some());
        assert_eq!((cheat.answer(b"v=AAAA"), cheat.peer()), (None, Peer::Wrong));
        let mut early = client();
        assert_eq!((early.answer(b"nonsense"), early.peer()), (None, Peer::Wrong));
        assert!(!format!("{good:?}").contains("pencil"));
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
