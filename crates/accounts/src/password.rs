//! Passwords: Argon2id hashes (RFC 9106) in the PHC string form, or keys of SCRAM where a user asked for them; and good
//! random ones.

use std::io;
use std::num::NonZeroU32;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params, PasswordHasher, PasswordVerifier};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::limits;
use crate::scram::ScramKeys;

/// How a password is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// Argon2id: the dearest to guess, for whoever steals the file.
    #[default]
    Argon2id,
    /// Keys of SCRAM-SHA-256: the password never leaves the client, and can be sent all the same.
    Scram,
}

/// What is kept of a user's password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stored {
    /// `{ARGON2ID}`
    Argon2id(Argon2Hash),
    /// `{SCRAM-SHA-256}`
    Scram(ScramKeys),
}

impl Scheme {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Argon2id => "argon2id",
            Self::Scram => "scram-sha-256",
        }
    }
}

impl Stored {
    /// How it is kept.
    pub(crate) fn scheme(&self) -> Scheme {
        match self {
            Self::Argon2id(_) => Scheme::Argon2id,
            Self::Scram(_) => Scheme::Scram,
        }
    }

    /// As the file of users has it.
    pub(crate) fn to_field(&self) -> String {
        match self {
            Self::Argon2id(hash) => format!("{{ARGON2ID}}{}", hash.as_str()),
            Self::Scram(keys) => format!("{{SCRAM-SHA-256}}{}", keys.to_text()),
        }
    }
}

/// Keeps a password; `None` where the scheme can't.
pub(crate) fn store(password: &[u8], scheme: Scheme) -> io::Result<Option<Stored>> {
    match scheme {
        Scheme::Argon2id => hash(password).map(Stored::Argon2id).map(Some),
        Scheme::Scram => {
            let salt: [u8; limits::SCRAM_SALT_OCTETS_NEW] = random()?;
            let iterations = NonZeroU32::new(limits::SCRAM_ITERATIONS_NEW);
            Ok(iterations
                .and_then(|count| ScramKeys::of(password, &salt, count))
                .map(Stored::Scram))
        }
    }
}

/// What nobody knows but who can read the file, in base64.
pub(crate) fn secret() -> io::Result<String> {
    random::<32>().map(|octets| STANDARD.encode(octets))
}

/// A stored hash, known to be Argon2id within our bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Argon2Hash(String);

impl Argon2Hash {
    /// Reads `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let hash =
            PasswordHash::new(text).map_err(|error| format!("the hash is damaged ({error})"))?;
        if hash.algorithm.as_str() != "argon2id" || hash.salt.is_none() || hash.hash.is_none() {
            return Err("the hash is not a whole $argon2id$ hash".into());
        }
        let params = Params::try_from(&hash).map_err(|error| {
            format!("the hash has parameters that Argon2 doesn't know ({error})")
        })?;
        if params.m_cost() > limits::ARGON2_MEMORY_KIB_MAX
            || params.t_cost() > limits::ARGON2_PASSES_MAX
        {
            return Err(format!(
                "the hash asks for m={},t={}; at most m={},t={} are allowed",
                params.m_cost(),
                params.t_cost(),
                limits::ARGON2_MEMORY_KIB_MAX,
                limits::ARGON2_PASSES_MAX
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether the password is right. Takes as long as the hash asks for.
    pub(crate) fn matches(&self, password: &[u8]) -> bool {
        Argon2::default().verify_password(password, self.0.as_str()).is_ok()
    }

    /// A hash that no password has, and that takes as long to check as `self`.
    pub(crate) fn lookalike(&self) -> Self {
        // Flips the hash's last character but one, all of whose bits count.
        let mut text = self.0.clone();
        if let Some(last_but_one) = text.pop().and_then(|last| text.pop().map(|c| (c, last))) {
            let (c, last) = last_but_one;
            text.push(if c == 'A' { 'B' } else { 'A' });
            text.push(last);
        }
        Self(text)
    }

    /// The hash that stands in for unknown users where there is no user to take the cost from. No
    /// password is known to have it.
    pub(crate) fn nobody() -> Self {
        Self("$argon2id$v=19$m=19456,t=2,p=1$cG9zdHJvYWRub2JvZHk$bm9ib2R5aGFzdGhpc3Bhc3N3b3JkYXRhbGxldmVydHJ5".into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Hashes a password with a new salt, with Argon2id as OWASP advises it (19 MiB, 2 passes).
fn hash(password: &[u8]) -> io::Result<Argon2Hash> {
    let salt: [u8; 16] = random()?;
    let hash = Argon2::default()
        .hash_password_with_salt(password, &salt)
        .map_err(|error| io::Error::other(error.to_string()))?;
    Ok(Argon2Hash(hash.to_string()))
}

/// Characters of a made-up password, hyphens not counted.
pub(crate) const GENERATED_CHARACTERS: usize = 20;

/// A random password of 100 bits, in four groups that can be read over the telephone.
///
/// # Errors
/// Where the system has no random numbers to give.
pub fn generate() -> io::Result<String> {
    // 32 characters, without those that look like others (0 o, 1 l).
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let octets: [u8; GENERATED_CHARACTERS] = random()?;
    let mut password = String::with_capacity(23);
    for (index, octet) in octets.iter().enumerate() {
        if index > 0 && index % 5 == 0 {
            password.push('-');
        }
        password.push(char::from(ALPHABET[usize::from(octet % 32)]));
    }
    Ok(password)
}

/// Octets from the system's random number generator.
fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut octets = [0; N];
    // Up to 256 octets come in one call, never fewer (getrandom(2)).
    const { assert!(N <= 256) };
    let filled = rustix::rand::getrandom(&mut octets, rustix::rand::GetRandomFlags::empty())?;
    if filled != N {
        return Err(io::Error::other("the system gave too few random octets"));
    }
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_alone() {
        let stored = hash(b"secret").expect("hashes");
        assert!(stored.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(stored.matches(b"secret"));
        assert!(!stored.matches(b"Secret"));
        assert!(!stored.matches(b""));
        assert!(!stored.lookalike().matches(b"secret"));
        assert!(Argon2Hash::parse(stored.lookalike().as_str()).is_ok());
        assert_eq!(Argon2Hash::parse(Argon2Hash::nobody().as_str()), Ok(Argon2Hash::nobody()));
    }

    #[test]
    fn hashes_of_others_are_read() {
        // Made with the reference implementation: argon2 somesalt -id -t 2 -m 16 -p 1.
        let stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(Argon2Hash::parse(stored).expect("parses").matches(b"password"));
    }

    #[test]
    fn hashes_that_are_refused() {
        for text in [
            "",
            "x",
            "secret",
            "$1$abc$def",
            "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ",
            "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        ] {
            assert!(Argon2Hash::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_kept_as_the_user_asked() {
        let stored = store(b"pencil", Scheme::Scram).expect("random").expect("keys");
        let Stored::Scram(keys) = &stored else { panic!("{stored:?}") };
        assert!(keys.match_password(b"pencil"));
        let (iterations, salt) = (keys.iterations(), keys.salt().len());
        assert_eq!(
            (iterations, salt),
            (limits::SCRAM_ITERATIONS_NEW, limits::SCRAM_SALT_OCTETS_NEW)
        );
        assert!(stored.to_field().starts_with("{SCRAM-SHA-256}65536,"));
        assert_eq!(store(b"a\x07", Scheme::Scram).expect("random"), None);
        let stored = store(b"a\x07", Scheme::Argon2id).expect("random").expect("a hash");
        assert!(stored.to_field().starts_with("{ARGON2ID}$argon2id$"));
    }

    #[test]
    fn generated_passwords_differ_and_are_long() {
        let (one, other) = (generate().expect("random"), generate().expect("random"));
        assert_ne!(one, other);
        assert_eq!(one.len(), 23);
    }
}
