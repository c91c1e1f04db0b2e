//! The name of a user.

use std::fmt;

use postroad_protocol::address::{Address, Domain, LocalPart};

/// A user's name: a local part that is safe as a file name, never `.`, `..`, empty, hidden or with a
/// separator in it.
///
/// It is kept as the file spells it. Looking names up ignores the case of ASCII letters, as
/// RFC 5321 §2.4 leaves to us; characters beyond ASCII compare by their octets, so a name should be
/// stored in the form (NFC) in which clients send it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserName(LocalPart);

/// Why a text is no user name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a user name is what may stand before the @ of an address without quotes, with no \"/\" and not starting with \".\" or \"-\""
)]
pub struct UserNameError;

impl UserName {
    /// Reads a name.
    ///
    /// # Errors
    /// Where it isn't safe as a local part and as a file name.
    pub fn parse(text: &str) -> Result<Self, UserNameError> {
        if text.starts_with(['"', '-', '.']) || text.contains('/') {
            return Err(UserNameError);
        }
        LocalPart::parse(text).map(Self).map_err(|_| UserNameError)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name as a local part.
    pub fn local_part(&self) -> &LocalPart {
        &self.0
    }

    /// The user's own address in `domain`.
    pub fn at(&self, domain: &Domain) -> Address {
        Address { local_part: self.0.clone(), domain: domain.clone() }
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The form in which local parts and names of ours are compared.
pub(crate) fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_some_and_none() {
        for name in ["alice", "a.b", "a+b", "jürgen", "O'Brien", "x".repeat(64).as_str()] {
            assert_eq!(UserName::parse(name).map(|n| n.to_string()), Ok(name.to_owned()));
        }
        for name in [
            "",
            ".",
            "..",
            ".hidden",
            "a/b",
            "/etc",
            "../u2",
            "-rf",
            "a b",
            "a:b",
            "a@b",
            "a\0b",
            "a\nb",
            "\"a b\"",
            "a..b",
            "a\u{2028}b",
            "x".repeat(65).as_str(),
        ] {
            assert_eq!(UserName::parse(name), Err(UserNameError), "{name:?}");
        }
    }
}
