//! `subaddress`: user and detail of `user+detail@domain` (RFC 5233).
//!
//! What parts them is [`Facts::detail_separator`](crate::Facts): it must be what the mail system itself goes by
//! (RFC 5233 §4).

use crate::address;
use crate::check::{AddedTags, Extension, On, Tag};

pub(super) const EXTENSION: Extension = Extension {
    tags: &[AddedTags {
        on: On::Group(address::GROUP),
        tags: &[Tag::one_of(address::GROUP, "user"), Tag::one_of(address::GROUP, "detail")],
    }],
    ..Extension::named("subaddress")
};

/// All of the local part where it has no detail.
pub(crate) fn user<'a>(local_part: &'a str, separator: &str) -> &'a str {
    split(local_part, separator).map_or(local_part, |(user, _)| user)
}

/// Nothing where there is no separator; empty where nothing follows it.
pub(crate) fn detail<'a>(local_part: &'a str, separator: &str) -> Option<&'a str> {
    split(local_part, separator).map(|(_, detail)| detail)
}

fn split<'a>(local_part: &'a str, separator: &str) -> Option<(&'a str, &'a str)> {
    match separator {
        "" => None,
        separator => local_part.split_once(separator),
    }
}
