//! Keys of SCRAM-SHA-256 (RFC 5802 §3, RFC 7677), as Dovecot writes them:
//! `{SCRAM-SHA-256}iterations,salt,StoredKey,ServerKey`, each of the last three in base64.
//!
//! They are made only for users who asked for them: Argon2id makes it dearer to find the password of a stolen file, but a
//! client and a server that share nothing but PBKDF2's result can't use it. Whoever has the keys of a stolen file can't log
//! in with them, and could play the server.

use std::num::NonZeroU32;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac, pbkdf2};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::limits;

/// Octets of SHA-256.
const KEY_OCTETS: usize = 32;

/// What a server keeps of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    stored_key: [u8; KEY_OCTETS],
    server_key: [u8; KEY_OCTETS],
}

/// Without the keys.
impl std::fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScramKeys").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

impl ScramKeys {
    /// Reads `iterations,salt,StoredKey,ServerKey`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut fields = text.split(',');
        let mut next = || fields.next().ok_or("the SCRAM keys are not whole");
        let (iterations, salt, stored_key, server_key) = (next()?, next()?, next()?, next()?);
        let decoded = |field: &str| STANDARD.decode(field).ok();
        let key = |field: &str| decoded(field).and_then(|key| key.try_into().ok());
        let allowed = limits::SCRAM_ITERATIONS_MIN..=limits::SCRAM_ITERATIONS_MAX;
        let iterations =
            iterations.parse().ok().filter(|count: &NonZeroU32| allowed.contains(&count.get()));
        let iterations = iterations.ok_or_else(|| {
            let (least, most) = (limits::SCRAM_ITERATIONS_MIN, limits::SCRAM_ITERATIONS_MAX);
            format!(
                "the SCRAM keys ask for a count of iterations that is not from {least} to {most}"
            )
        })?;
        let salt = decoded(salt).filter(|salt| limits::SCRAM_SALT_OCTETS.contains(&salt.len()));
        match (salt, key(stored_key), key(server_key)) {
            (Some(salt), Some(stored_key), Some(server_key)) if fields.next().is_none() => {
                Ok(Self { iterations, salt, stored_key, server_key })
            }
            _ => Err("the SCRAM keys are damaged".into()),
        }
    }

    /// As [`ScramKeys::parse`] reads it.
    pub(crate) fn to_text(&self) -> String {
        let [salt, stored_key, server_key]: [&[u8]; 3] =
            [&self.salt, &self.stored_key, &self.server_key];
        let [salt, stored_key, server_key] =
            [salt, stored_key, server_key].map(|it| STANDARD.encode(it));
        format!("{},{salt},{stored_key},{server_key}", self.iterations)
    }

    /// Those of a password; `None` where RFC 4013 has no such password. Takes as long as the iterations do.
    pub(crate) fn of(password: &[u8], salt: &[u8], iterations: NonZeroU32) -> Option<Self> {
        let salted = salted(password, salt, iterations)?;
        let client_key = sign(&salted, b"Client Key");
        Some(Self {
            iterations,
            salt: salt.to_vec(),
            stored_key: sha256(&client_key),
            server_key: sign(&salted, b"Server Key"),
        })
    }

    /// Keys that no password has, the same each time for a name, with a salt as long as `self`'s: nobody can tell by asking
    /// whether there is such a user (RFC 5802 §9).
    pub(crate) fn lookalike(&self, secret: &[u8], name: &str) -> Self {
        let derived = |what: &[u8]| sign(secret, &[what, b"\0", name.as_bytes()].concat());
        let mut salt = derived(b"salt").to_vec();
        while salt.len() < self.salt.len() {
            salt.extend_from_slice(&sha256(&salt));
        }
        salt.truncate(self.salt.len());
        let (stored_key, server_key) = (derived(b"StoredKey"), derived(b"ServerKey"));
        Self { iterations: self.iterations, salt, stored_key, server_key }
    }

    /// Whether they are the password's. Takes as long as the iterations do.
    pub(crate) fn match_password(&self, password: &[u8]) -> bool {
        let theirs = salted(password, &self.salt, self.iterations);
        // For what is no password, too: time doesn't tell.
        let theirs = theirs.unwrap_or_default();
        let stored_key = sha256(&sign(&theirs, b"Client Key"));
        verify_slices_are_equal(&stored_key, &self.stored_key).is_ok()
    }

    /// `ServerSignature`, where the client's proof is right: the one who made it knows the password.
    pub(crate) fn check(
        &self,
        auth_message: &[u8],
        proof: &[u8; KEY_OCTETS],
    ) -> Option<[u8; KEY_OCTETS]> {
        let client_signature = sign(&self.stored_key, auth_message);
        let mut client_key = *proof;
        client_key.iter_mut().zip(client_signature).for_each(|(octet, mask)| *octet ^= mask);
        verify_slices_are_equal(&sha256(&client_key), &self.stored_key).ok()?;
        Some(sign(&self.server_key, auth_message))
    }

    /// How often the password is hashed.
    pub fn iterations(&self) -> u32 {
        self.iterations.get()
    }

    /// What it is hashed with.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// What nobody but who holds the keys knows.
    pub(crate) fn fingerprint(&self) -> [u8; KEY_OCTETS] {
        sha256(self.to_text().as_bytes())
    }
}

/// `SaltedPassword := Hi(Normalize(password), salt, i)`
fn salted(password: &[u8], salt: &[u8], iterations: NonZeroU32) -> Option<[u8; KEY_OCTETS]> {
    let password = std::str::from_utf8(password).ok()?;
    let prepared = stringprep::saslprep(password).ok().filter(|it| !it.is_empty())?;
    let mut salted = [0; KEY_OCTETS];
    let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
    pbkdf2::derive(algorithm, iterations, salt, prepared.as_bytes(), &mut salted);
    Some(salted)
}

fn sign(key: &[u8], message: &[u8]) -> [u8; KEY_OCTETS] {
    octets(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref())
}

pub(crate) fn sha256(message: &[u8]) -> [u8; KEY_OCTETS] {
    octets(digest::digest(&digest::SHA256, message).as_ref())
}

/// SHA-256 has 32 octets.
fn octets(digest: &[u8]) -> [u8; KEY_OCTETS] {
    digest.try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677 §3: user "user", password "pencil".
    const SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";
    const AUTH_MESSAGE: &str = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const PROOF: &str = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    const SIGNATURE: &str = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    fn keys(password: &str, iterations: u32) -> ScramKeys {
        let salt = STANDARD.decode(SALT).expect("base64");
        let iterations = NonZeroU32::new(iterations).expect("not 0");
        ScramKeys::of(password.as_bytes(), &salt, iterations).expect("a password")
    }

    fn proof() -> [u8; 32] {
        STANDARD.decode(PROOF).expect("base64").try_into().expect("32 octets")
    }

    #[test]
    fn the_exchange_of_the_rfc() {
        let keys = keys("pencil", 4_096);
        let signature = keys.check(AUTH_MESSAGE.as_bytes(), &proof()).expect("the proof is right");
        assert_eq!(STANDARD.encode(signature), SIGNATURE);
        assert!(keys.match_password(b"pencil"));
        assert_eq!(ScramKeys::parse(&keys.to_text()), Ok(keys));
    }

    #[test]
    fn what_is_wrong_in_one_octet_is_wrong() {
        let keys = keys("pencil", 4_096);
        for index in 0..32 {
            let mut proof = proof();
            proof[index] ^= 1;
            assert_eq!(keys.check(AUTH_MESSAGE.as_bytes(), &proof), None, "{index}");
        }
        assert_eq!(keys.check(b"", &proof()), None);
        for password in ["Pencil", "pencil ", "", "\u{7}", "pencil\0"] {
            assert!(!keys.match_password(password.as_bytes()), "{password:?}");
        }
        assert!(!keys.match_password(b"\xff"));
    }

    #[test]
    fn i18_a_guess_that_begins_right_takes_no_other_path() {
        // Both comparisons are aws-lc-rs's, of whole digests, whatever the octets: there is no early end to be timed.
        let keys = keys("pencil", 4_096);
        for differing in [0, 15, 31] {
            let mut other = keys.clone();
            other.stored_key[differing] ^= 0x80;
            assert!(!other.match_password(b"pencil"), "{differing}");
            assert_eq!(other.check(AUTH_MESSAGE.as_bytes(), &proof()), None, "{differing}");
        }
    }

    /// RFC 4013 §3: what looks the same is the same.
    #[test]
    fn passwords_are_prepared() {
        assert!(keys("I\u{ad}X", 4_096).match_password(b"IX"));
        assert!(keys("\u{aa}", 4_096).match_password(b"a"));
        assert!(keys("a\u{a0}b", 4_096).match_password(b"a b"));
        let iterations = NonZeroU32::new(4_096).expect("not 0");
        assert_eq!(ScramKeys::of(b"a\x07", b"saltsaltsaltsalt", iterations), None);
        assert_eq!(ScramKeys::of("\u{ad}".as_bytes(), b"saltsaltsaltsalt", iterations), None);
    }

    #[test]
    fn nobody_has_keys_that_stay_the_same() {
        let keys = keys("pencil", 4_096);
        let nobody = keys.lookalike(b"secret", "nobody");
        assert_eq!(nobody, keys.lookalike(b"secret", "nobody"));
        assert_eq!((nobody.iterations, nobody.salt.len()), (keys.iterations, keys.salt.len()));
        assert_ne!(nobody.salt, keys.salt);
        assert_ne!(nobody.salt, keys.lookalike(b"secret", "nobody2").salt);
        assert_ne!(nobody.salt, keys.lookalike(b"other", "nobody").salt);
        assert!(!nobody.match_password(b"pencil"));
    }

    #[test]
    fn keys_that_are_none() {
        let key = STANDARD.encode([1; 32]);
        assert!(ScramKeys::parse(&format!("4096,{SALT},{key},{key}")).is_ok());
        for text in [
            String::new(),
            "4096".into(),
            format!("4096,{SALT},{key}"),
            format!("4096,{SALT},{key},{key},"),
            format!("4095,{SALT},{key},{key}"),
            format!("4294967295,{SALT},{key},{key}"),
            format!("x,{SALT},{key},{key}"),
            format!("4096,,{key},{key}"),
            format!("4096,!,{key},{key}"),
            format!("4096,{SALT},AAAA,{key}"),
            format!("4096,{SALT},{key},AAAA"),
        ] {
            assert!(ScramKeys::parse(&text).is_err(), "{text}");
        }
    }
}
