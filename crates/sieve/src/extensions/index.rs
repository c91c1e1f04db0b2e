//! `index`: which of several fields of a name (RFC 5260 §6).

use crate::check::{AddedTags, Args, Extension, Kind, On, Tag};
use crate::problem::Fault;

pub(super) const EXTENSION: Extension = Extension {
    tags: &[AddedTags {
        on: On::Named(&["header", "address", "date"]),
        tags: &[Tag::with("index", Kind::Number), Tag::flag("last")],
    }],
    ..Extension::named("index")
};

/// Which of some fields are looked at; they are counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selection {
    All,
    FromFirst(u64),
    FromLast(u64),
}

impl Selection {
    pub(crate) fn of(args: &Args<'_>) -> Result<Self, Fault> {
        match (args.tag_number("index"), args.has("last")) {
            (None, false) => Ok(Self::All),
            // RFC 5260 §6.
            (None, true) => Err(Fault::new(args.place_of("last"), "\":last\" without \":index\"")),
            (Some(0), _) => Err(Fault::new(args.place_of("index"), "\":index\" begins at 1")),
            (Some(n), false) => Ok(Self::FromFirst(n)),
            (Some(n), true) => Ok(Self::FromLast(n)),
        }
    }

    pub(crate) fn or_first(self) -> Self {
        match self {
            Self::All => Self::FromFirst(1),
            Self::FromFirst(_) | Self::FromLast(_) => self,
        }
    }

    /// Those of `all` that are looked at.
    pub(crate) fn of_all<T>(self, mut all: Vec<T>) -> Vec<T> {
        let index = match self {
            Self::All => return all,
            Self::FromFirst(n) => usize::try_from(n).ok().and_then(|n| n.checked_sub(1)),
            Self::FromLast(n) => usize::try_from(n).ok().and_then(|n| all.len().checked_sub(n)),
        };
        match index {
            Some(index) if index < all.len() => vec![all.swap_remove(index)],
            Some(_) | None => Vec::new(),
        }
    }
}
