//! Flags and keywords (RFC 9051 §2.3.2).

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::limits;
use crate::scan::{Cursor, Scanned, SyntaxError, is_atom};

/// A flag, as any command or response may name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Flag {
    /// `\Answered`
    Answered,
    /// `\Flagged`
    Flagged,
    /// `\Deleted`
    Deleted,
    /// `\Seen`
    Seen,
    /// `\Draft`
    Draft,
    /// `\Recent` (RFC 3501 §2.3.2), which only servers say.
    Recent,
    /// `\*` among PERMANENTFLAGS: any keyword can be stored.
    Any,
    /// `$Forwarded` and its like.
    Keyword(Keyword),
    /// `\` and a name that isn't known.
    Extension(Keyword),
}

impl Flag {
    /// ```text
    /// flag = "\Answered" / "\Flagged" / "\Deleted" / "\Seen" / "\Draft" / flag-keyword / flag-extension
    /// flag-perm = flag / "\*"
    /// ```
    pub(crate) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        if !cursor.eat(b'\\') {
            let keyword = Keyword::parse(cursor.atom("a flag")?);
            return keyword.map(Self::Keyword).ok_or(SyntaxError::TooLong("a keyword"));
        }
        if cursor.eat(b'*') {
            return Ok(Self::Any);
        }
        let name = cursor.atom("a flag")?;
        Ok(match name.to_ascii_lowercase().as_slice() {
            b"answered" => Self::Answered,
            b"flagged" => Self::Flagged,
            b"deleted" => Self::Deleted,
            b"seen" => Self::Seen,
            b"draft" => Self::Draft,
            b"recent" => Self::Recent,
            _ => Self::Extension(Keyword::parse(name).ok_or(SyntaxError::TooLong("a flag"))?),
        })
    }

    /// A flag that a client may set. `\Recent`, which some send with APPEND, is none, and no error either.
    pub(crate) fn scan_settable(cursor: &mut Cursor<'_>) -> Scanned<Option<Self>> {
        match Self::scan(cursor)? {
            Self::Recent => Ok(None),
            // RFC 9051 §2.3.2: no others than those that are defined begin with a backslash.
            Self::Any | Self::Extension(_) => Err(SyntaxError::Unknown("system flag")),
            flag => Ok(Some(flag)),
        }
    }

    /// As on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Answered => "\\Answered",
            Self::Flagged => "\\Flagged",
            Self::Deleted => "\\Deleted",
            Self::Seen => "\\Seen",
            Self::Draft => "\\Draft",
            Self::Recent => "\\Recent",
            Self::Any => "\\*",
            Self::Keyword(keyword) | Self::Extension(keyword) => keyword.as_str(),
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        if matches!(self, Self::Extension(_)) {
            out.push(b'\\');
        }
        out.extend_from_slice(self.as_str().as_bytes());
    }
}

/// A keyword: an atom (row I08: nothing else is ever sent on), in any case.
#[derive(Clone)]
pub struct Keyword(String);

impl Keyword {
    /// Checks a keyword; none where it is none.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let is_one = is_atom(text) && text.len() <= limits::KEYWORD_OCTETS_MAX;
        is_one.then(|| String::from_utf8(text.to_vec()).ok().map(Self)).flatten()
    }

    /// As it was first written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// RFC 9051 §2.3.2: in any case.
impl PartialEq for Keyword {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Keyword {}

impl Hash for Keyword {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_ascii_lowercase().hash(state);
    }
}

impl fmt::Debug for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
