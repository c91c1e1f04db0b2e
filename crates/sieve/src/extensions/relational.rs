//! `relational`: match types for greater, less, and how many (RFC 5231).
//!
//! The comparing itself is in [`Matcher`](crate::matching::Matcher).

use std::cmp::Ordering;

use crate::check::{AddedTags, Args, Checker, Extension, Kind, On, Tag};
use crate::matching;
use crate::problem::Fault;

pub(super) const EXTENSION: Extension = Extension {
    tags: &[AddedTags {
        on: On::Group(matching::GROUP),
        tags: &[
            Tag { name: "count", group: matching::GROUP, value: Some(Kind::Text) },
            Tag { name: "value", group: matching::GROUP, value: Some(Kind::Text) },
        ],
    }],
    ..Extension::named("relational")
};

/// `relational-match` (RFC 5231 §4): the message's value is on its left side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Gt,
    Ge,
    Lt,
    Le,
    Eq,
    Ne,
}

impl Relation {
    /// The relation behind ":count" or ":value".
    pub(crate) fn of(args: &Args<'_>, tag: &str, checker: &Checker<'_>) -> Result<Self, Fault> {
        let relation = args.tag_text(tag, checker)?;
        let named = relation.as_ref().and_then(|relation| relation.constant()).and_then(|name| {
            Some(match name.to_ascii_lowercase().as_slice() {
                b"gt" => Self::Gt,
                b"ge" => Self::Ge,
                b"lt" => Self::Lt,
                b"le" => Self::Le,
                b"eq" => Self::Eq,
                b"ne" => Self::Ne,
                _ => return None,
            })
        });
        let place = relation.map_or(args.place, |relation| relation.place);
        named.ok_or_else(|| {
            Fault::new(place, format!("\":{tag}\" is followed by a relation"))
                .hint("one of \"gt\", \"ge\", \"lt\", \"le\", \"eq\", \"ne\"")
        })
    }

    pub(crate) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Gt => order.is_gt(),
            Self::Ge => order.is_ge(),
            Self::Lt => order.is_lt(),
            Self::Le => order.is_le(),
            Self::Eq => order.is_eq(),
            Self::Ne => order.is_ne(),
        }
    }
}
