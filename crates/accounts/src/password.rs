//! Passwords: Argon2id hashes (RFC 9106) in the PHC string form, and good random ones.

use std::io;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params, PasswordHasher, PasswordVerifier};

use crate::limits;

/// A stored hash, known to be Argon2id within our bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored(String);

impl Stored {
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
pub(crate) fn hash(password: &[u8]) -> io::Result<Stored> {
    let salt: [u8; 16] = random()?;
    let hash = Argon2::default()
        .hash_password_with_salt(password, &salt)
        .map_err(|error| io::Error::other(error.to_string()))?;
    Ok(Stored(hash.to_string()))
}

/// A random password of 100 bits, in four groups that can be read over the telephone.
///
/// # Errors
/// Where the system has no random numbers to give.
pub fn generate() -> io::Result<String> {
    // 32 characters, without those that look like others (0 o, 1 l).
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let octets: [u8; 20] = random()?;
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
        assert!(Stored::parse(stored.lookalike().as_str()).is_ok());
        assert_eq!(Stored::parse(Stored::nobody().as_str()), Ok(Stored::nobody()));
    }

    #[test]
    fn hashes_of_others_are_read() {
        // Made with the reference implementation: argon2 somesalt -id -t 2 -m 16 -p 1.
        let stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(Stored::parse(stored).expect("parses").matches(b"password"));
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
            assert!(Stored::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn generated_passwords_differ_and_are_long() {
        let (one, other) = (generate().expect("random"), generate().expect("random"));
        assert_ne!(one, other);
        assert_eq!(one.len(), 23);
    }
}
