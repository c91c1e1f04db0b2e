//! The base language (RFC 5228 §3 to §5): what needs no `require`.

use crate::check::Extension;

pub(crate) mod actions;
pub(crate) mod control;
mod tests;

/// `if` isn't in the table: with `elsif` and `else` it is several commands that are one.
pub(crate) const EXTENSION: Extension = Extension {
    commands: &[
        control::REQUIRE,
        control::STOP,
        actions::KEEP,
        actions::DISCARD,
        actions::REDIRECT,
    ],
    tests: &[
        tests::ADDRESS,
        tests::ALLOF,
        tests::ANYOF,
        tests::EXISTS,
        tests::FALSE,
        tests::HEADER,
        tests::NOT,
        tests::SIZE,
        tests::TRUE,
    ],
    ..Extension::named("")
};
