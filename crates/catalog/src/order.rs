//! A folder as a list shows it: one short row for each letter, in an order.

use std::cmp::Ordering;

/// What a list of letters is ordered by; what came last is last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The Date field; of a letter that has none, or wasn't read yet, when it came.
    #[default]
    Sent,
    /// When it came.
    Arrived,
    /// Who wrote it: the name, else the address.
    From,
    /// What it is about, without `Re:` and the like.
    Subject,
    /// Who it was written to: the name, else the address.
    To,
    /// How long it is.
    Octets,
    /// Its number.
    Number,
    /// As conversations, which are in the order in which they began; as far as letters' headers were read.
    Threads,
}

/// What a list marks a letter with: its flags, and what else is known of it at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Marks(u8);

impl Marks {
    /// `\Draft`
    pub const DRAFT: Self = Self(1);
    /// `\Flagged`
    pub const FLAGGED: Self = Self(2);
    /// `$Forwarded`
    pub const FORWARDED: Self = Self(4);
    /// `\Answered`
    pub const ANSWERED: Self = Self(8);
    /// `\Seen`
    pub const SEEN: Self = Self(16);
    /// `\Deleted`
    pub const DELETED: Self = Self(32);
    /// It has come since the folder's letters were taken in last.
    pub const NEW: Self = Self(64);
    /// Its header was read: the list has its date.
    pub const READ: Self = Self(128);

    /// Whether all of `other` are among these.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These and those.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Each of them alone.
    pub(crate) fn each(self) -> impl Iterator<Item = Self> {
        (0..u8::BITS).map(|bit| Self(1 << bit)).filter(move |one| self.contains(*one))
    }

    /// As octets.
    pub fn bits(self) -> u8 {
        self.0
    }
}

/// A letter in a list; a folder of a hundred thousand has 1.2 MB of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number in the folder.
    pub uid: u32,
    /// When it was sent, or else came: seconds since 1970.
    pub sent: u32,
    /// Its flags.
    pub marks: Marks,
    /// How far it stands below the letter that its thread begins with.
    pub depth: u8,
    /// Whether it is about the same as the letter above it in its thread.
    pub repeats: bool,
}

impl Head {
    /// As letters are ordered: of two moments that are the same the letter that came last is last.
    pub(crate) fn by_time(&self, other: &Self) -> Ordering {
        (self.sent, self.uid).cmp(&(other.sent, other.uid))
    }
}

/// Seconds since 1970, as a list has them.
pub(crate) fn listed(seconds: i64) -> u32 {
    u32::try_from(seconds.max(0)).unwrap_or(u32::MAX)
}
