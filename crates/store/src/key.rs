//! What a delivery is known again by when it is tried once more.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Characters of a key.
const CHARACTERS: usize = 16;
/// Octets of a hash that make them: two deliveries of a mailbox have the same by chance once in 2⁹⁶ pairs, and who
/// looks for two has found what harms only his own letters.
const HASH_OCTETS: usize = 12;
/// What a key stands behind in a file's name.
const FIELD: &str = "K=";

/// A delivery's key: the beginning of a hash over recipient and letter, in characters that a file's name may have.
///
/// It is part of the name of each file that the delivery makes, so that the letter itself is the record that it is
/// there: nothing else has to be durable before "250".
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryKey([u8; CHARACTERS]);

impl DeliveryKey {
    /// The key that a hash makes.
    pub fn of_digest(digest: &[u8; 32]) -> Self {
        let mut characters = [b'A'; CHARACTERS];
        // Twelve octets are sixteen characters: it can't fail.
        let _ = URL_SAFE_NO_PAD.encode_slice(
            digest.first_chunk::<HASH_OCTETS>().unwrap_or(&[0; HASH_OCTETS]),
            &mut characters,
        );
        Self(characters)
    }

    /// Its characters.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let plain = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        text.iter().all(plain).then(|| text.try_into().ok().map(Self)).flatten()
    }

    /// The key in a file's name, and the time in seconds that the name begins with.
    pub(crate) fn of_file(name: &[u8]) -> Option<(Self, u64)> {
        let base = name.split(|octet| *octet == b':').next()?;
        let mut fields = base.split(|octet| *octet == b',');
        let seconds = fields.next()?.split(|octet| *octet == b'.').next()?;
        let key = fields.find_map(|field| field.strip_prefix(FIELD.as_bytes()))?;
        Some((Self::parse(key)?, std::str::from_utf8(seconds).ok()?.parse().ok()?))
    }

    /// What stands for it in a file's name.
    pub(crate) fn field(&self) -> String {
        format!(",{FIELD}{self}")
    }

    /// A number for it that isn't 0, for locks: two keys may share one.
    pub(crate) fn number(&self) -> u64 {
        self.0.iter().fold(0, |number, octet| (number << 4) ^ u64::from(*octet)) | 1
    }
}

impl std::fmt::Display for DeliveryKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl std::fmt::Debug for DeliveryKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_again_in_a_files_name() {
        let key = DeliveryKey::of_digest(&[0xfb; 32]);
        assert_eq!(key.to_string(), "-_v7-_v7-_v7-_v7");
        let unique = "1700000000.M1P2Q3R4.host";
        for (name, found) in [
            (format!("{unique}{},S=1,W=2", key.field()), true),
            (format!("{unique}{},S=1,W=2:2,FS", key.field()), true),
            (format!("{unique},S=1,W=2{}", key.field()), true),
            (format!("{unique},S=1,W=2:2,K=-_v7-_v7-_v7-_v7"), false),
            (format!("{unique}{}x,S=1", key.field()), false),
            (format!("x{unique}{}", key.field()), false),
            (format!("{unique},S=1,W=2"), false),
            (String::new(), false),
        ] {
            let expected = found.then_some((key, 1_700_000_000));
            assert_eq!(DeliveryKey::of_file(name.as_bytes()), expected, "{name}");
        }
    }
}
