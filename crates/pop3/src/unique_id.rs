//! The name of a message that stays the same for ever (RFC 1939 §7, UIDL).

use std::fmt;

use crate::limits;

/// "One to 70 characters in the range 0x21 to 0x7E."
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UniqueId(String);

impl UniqueId {
    /// The octets as a unique-id, where they can be one.
    pub fn parse(octets: &[u8]) -> Option<Self> {
        let fits = (1..=limits::UNIQUE_ID_OCTETS_MAX).contains(&octets.len());
        let printable = octets.iter().all(u8::is_ascii_graphic);
        let text = String::from_utf8(octets.to_vec()).ok()?;
        (fits && printable).then_some(Self(text))
    }

    /// 64 hexadecimal digits, for what can't be a unique-id as it is.
    pub fn of_digest(digest: &[u8; 32]) -> Self {
        Self(digest.iter().map(|octet| format!("{octet:02x}")).collect())
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Tests RFC 1939 §7.
    fn unique_ids_at_the_bounds() {
        let (longest, longer) = ("u".repeat(70), "u".repeat(71));
        for (text, is_one) in [
            ("!", true),
            ("1700000000.M1P2.host~", true),
            (longest.as_str(), true),
            (longer.as_str(), false),
            ("", false),
            ("a b", false),
            ("a\x7f", false),
            ("ä", false),
        ] {
            assert_eq!(UniqueId::parse(text.as_bytes()).is_some(), is_one, "{text:?}");
        }
        let digest = UniqueId::of_digest(&[0x0f; 32]);
        assert_eq!(UniqueId::parse("0f".repeat(32).as_bytes()), Some(digest));
    }
}
