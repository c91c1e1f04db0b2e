//! The table of all that scripts can use: the base language and one entry for each extension.
//!
//! | capability | where |
//! |---|---|
//! | none: `if`, `require`, `stop`, `keep`, `discard`, `redirect`, tests of RFC 5228 | `src/base/` |
//! | any other | the file of that name here |
//!
//! An entry declares commands, tests and tags with their signatures; a `check` function makes of the arguments
//! a value that knows how to run itself. State that a run keeps for an extension is a type of that file too.

use crate::base;
use crate::check::{CommandKind, Extension, TestKind};

pub(crate) mod body;
pub(crate) mod copy;
mod date;
pub(crate) mod duplicate;
pub(crate) mod editheader;
pub(crate) mod enclose;
pub(crate) mod encoded_character;
pub(crate) mod enotify;
pub(crate) mod envelope;
pub(crate) mod environment;
pub(crate) mod extracttext;
pub(crate) mod fcc;
pub(crate) mod fileinto;
pub(crate) mod foreverypart;
pub(crate) mod ihave;
pub(crate) mod imap4flags;
pub(crate) mod include;
pub(crate) mod index;
mod lines;
pub(crate) mod mailbox;
pub(crate) mod metadata;
pub(crate) mod mime;
mod programs;
pub(crate) mod regex;
mod reject;
pub(crate) mod relational;
pub(crate) mod replace;
pub(crate) mod spamtest;
pub(crate) mod special_use;
pub(crate) mod subaddress;
mod vacation;
pub(crate) mod variables;

const TABLE: &[&Extension] = &[
    &base::EXTENSION,
    &ASCII_NUMERIC,
    &UNICODE_CASEMAP,
    &OCTET,
    &ASCII_CASEMAP,
    &body::EXTENSION,
    &copy::EXTENSION,
    &date::EXTENSION,
    &editheader::EXTENSION,
    &encoded_character::EXTENSION,
    &envelope::EXTENSION,
    &fileinto::EXTENSION,
    &imap4flags::EXTENSION,
    &index::EXTENSION,
    &reject::EREJECT,
    &reject::REJECT,
    &relational::EXTENSION,
    &subaddress::EXTENSION,
    &vacation::EXTENSION,
    &vacation::SECONDS,
    &duplicate::EXTENSION,
    &environment::EXTENSION,
    &ihave::EXTENSION,
    &mailbox::EXTENSION,
    &metadata::MAILBOX,
    &metadata::SERVER,
    &regex::EXTENSION,
    &spamtest::SPAM,
    &spamtest::SPAM_PLUS,
    &spamtest::VIRUS,
    &special_use::EXTENSION,
    &enotify::EXTENSION,
    &fcc::EXTENSION,
    &include::EXTENSION,
    &lines::EXTENSION,
    &enclose::EXTENSION,
    &extracttext::EXTENSION,
    &foreverypart::EXTENSION,
    &mime::EXTENSION,
    &replace::EXTENSION,
    &variables::EXTENSION,
    &programs::EXECUTE,
    &programs::FILTER,
    &programs::PIPE,
];

// Comparators are found by `Comparator::named`. Those of RFC 5228 §2.7.3 need no require; listing them is right.
const OCTET: Extension = Extension::named("comparator-i;octet");
const ASCII_CASEMAP: Extension = Extension::named("comparator-i;ascii-casemap");
const ASCII_NUMERIC: Extension = Extension::named("comparator-i;ascii-numeric");
const UNICODE_CASEMAP: Extension = Extension::named("comparator-i;unicode-casemap");

/// Every entry.
pub(crate) fn all() -> impl Iterator<Item = &'static Extension> {
    TABLE.iter().copied()
}

/// Every command, and the entry it belongs to.
pub(crate) fn commands() -> impl Iterator<Item = (&'static Extension, &'static CommandKind)> {
    all().flat_map(|extension| extension.commands.iter().map(move |kind| (extension, kind)))
}

/// Every test, and the entry it belongs to.
pub(crate) fn tests() -> impl Iterator<Item = (&'static Extension, &'static TestKind)> {
    all().flat_map(|extension| extension.tests.iter().map(move |kind| (extension, kind)))
}

/// What `require` may list, in alphabetical order.
pub fn capabilities() -> Vec<&'static str> {
    let mut names: Vec<_> = all().map(|extension| extension.name).collect();
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names
}
