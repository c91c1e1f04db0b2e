//! Names of scripts (RFC 5804 §1.6).

use std::fmt;

use crate::limits;

/// A script's name: Net-Unicode without control characters (RFC 5804 §1.6), which can be a file's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScriptName(String);

impl ScriptName {
    /// Checks a name; none where it can't be one here.
    pub fn parse(octets: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(octets).ok()?;
        // RFC 5804 §1.6: these MUST NOT be in it; the line separators neither.
        let is_wrong =
            |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '/');
        let fits = (1..=limits::NAME_OCTETS_MAX).contains(&text.len());
        // A file that begins with a dot is hidden, or no file at all.
        (fits && !text.starts_with('.') && !text.contains(is_wrong)).then(|| Self(text.to_owned()))
    }

    /// As it is on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScriptName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i06_names_that_would_lead_elsewhere_are_none() {
        for name in ["main", "Meine Regeln", "a.b", "règles", "~root", "%2e", "a\u{301}"] {
            assert_eq!(ScriptName::parse(name.as_bytes()).expect(name).as_str(), name);
        }
        let (longest, longer) = ("x".repeat(240), "x".repeat(241));
        assert!(ScriptName::parse(longest.as_bytes()).is_some());
        for name in [
            "",
            ".",
            "..",
            "../u2",
            "/etc",
            "a/b",
            ".hidden",
            "a\0b",
            "a\nb",
            "a\u{85}",
            "a\u{2028}",
            &longer,
        ] {
            assert_eq!(ScriptName::parse(name.as_bytes()), None, "{name:?}");
        }
        assert_eq!(ScriptName::parse(b"\xff"), None);
    }
}
