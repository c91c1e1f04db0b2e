//! Tags, and what must not be shown.

use std::fmt;

use crate::limits;
use crate::scan::is_tag;

/// A command's tag (RFC 9051 §2.2.1).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Tag(String);

impl Tag {
    /// Checks a tag; none where it is none.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let is_one = is_tag(text) && text.len() <= limits::TAG_OCTETS_MAX;
        is_one.then(|| String::from_utf8(text.to_vec()).ok().map(Self)).flatten()
    }

    /// As on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({})", self.0)
    }
}

/// A password, or a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

/// Shows nothing of it.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
