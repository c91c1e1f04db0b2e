//! What a command or test may be given: the declarations that the checker holds scripts against.

use super::{Args, Checker};
use crate::problem::Fault;
use crate::script::{Condition, Instruction};

/// An extension: all that its capability brings (RFC 5228 §6).
pub(crate) struct Extension {
    /// As `require` names it; empty for what needs no `require`.
    pub(crate) name: &'static str,
    /// What else is required with it.
    pub(crate) implies: &'static [&'static str],
    pub(crate) commands: &'static [CommandKind],
    pub(crate) tests: &'static [TestKind],
    /// What it adds to commands and tests of others.
    pub(crate) tags: &'static [AddedTags],
}

impl Extension {
    /// One that only has a name: what it switches on is asked for where it matters.
    pub(crate) const fn named(name: &'static str) -> Self {
        Self { name, implies: &[], commands: &[], tests: &[], tags: &[] }
    }
}

/// What makes of arguments something that can be run.
pub(crate) type CheckFn<T> = fn(&Args<'_>, &mut Checker<'_>) -> Result<Box<T>, Fault>;

/// An action or control command.
pub(crate) struct CommandKind {
    pub(crate) name: &'static str,
    pub(crate) signature: Signature,
    pub(crate) block: TakesBlock,
    pub(crate) check: CheckFn<dyn Instruction>,
}

/// A test.
pub(crate) struct TestKind {
    pub(crate) name: &'static str,
    pub(crate) signature: Signature,
    pub(crate) check: CheckFn<dyn Condition>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TakesBlock {
    No,
    Yes,
}

/// The arguments that may be given.
pub(crate) struct Signature {
    pub(crate) tags: &'static [&'static [Tag]],
    /// Positional arguments: one row for each number of them that is allowed.
    pub(crate) positional: &'static [&'static [Kind]],
    pub(crate) tests: TakesTests,
}

impl Signature {
    /// Without any argument.
    pub(crate) const NONE: Self = Self { tags: &[], positional: &[&[]], tests: TakesTests::None };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TakesTests {
    None,
    One,
    List,
}

/// What an argument has to be. A single string stands for a list, too (RFC 5228 §2.4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    Text,
    Texts,
}

impl Kind {
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Text => "a string",
            Self::Texts => "a string or a list of strings",
        }
    }
}

/// A tagged argument.
pub(crate) struct Tag {
    pub(crate) name: &'static str,
    /// Only one tag of a group may be given (RFC 5228 §2.6).
    pub(crate) group: &'static str,
    pub(crate) value: Option<Kind>,
}

impl Tag {
    /// A tag that nothing conflicts with.
    pub(crate) const fn flag(name: &'static str) -> Self {
        Self { name, group: name, value: None }
    }

    /// A tag with a value that nothing conflicts with.
    pub(crate) const fn with(name: &'static str, value: Kind) -> Self {
        Self { name, group: name, value: Some(value) }
    }

    /// One of several that exclude each other.
    pub(crate) const fn one_of(group: &'static str, name: &'static str) -> Self {
        Self { name, group, value: None }
    }
}

/// Tags that an extension adds to what others declare.
pub(crate) struct AddedTags {
    pub(crate) on: On,
    pub(crate) tags: &'static [Tag],
}

pub(crate) enum On {
    /// These commands and tests.
    Named(&'static [&'static str]),
    /// Whatever takes a tag of this group.
    Group(&'static str),
}
