//! A script as a tree, before anything in it has a meaning (RFC 5228 §8.2).
//!
//! ```text
//! commands    = *command
//! command     = identifier arguments (";" / block)
//! arguments   = *argument [ test / test-list ]
//! argument    = string-list / number / tag
//! ```
//! Names and tags are in lower case, without the colon; strings are the octets they mean, line ends in them
//! CRLF. Comments belong to the command that follows them, or that they follow on its last line.

use crate::problem::Place;

/// Commands and what is said behind the last one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Commands {
    pub(crate) commands: Vec<Command>,
    pub(crate) comments: Vec<Comment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) place: Place,
    pub(crate) gap: Gap,
    pub(crate) comments: Vec<Comment>,
    pub(crate) name: String,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) tests: Tests,
    /// `None` where a semicolon ends it.
    pub(crate) block: Option<Commands>,
    /// What is said behind it on the same line.
    pub(crate) remarks: Vec<Comment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Test {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) tests: Tests,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tests {
    None,
    One(Box<Test>),
    List(Vec<Test>),
}

impl Tests {
    pub(crate) fn as_slice(&self) -> &[Test] {
        match self {
            Self::None => &[],
            Self::One(test) => std::slice::from_ref(test),
            Self::List(tests) => tests,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Argument {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Tag(String),
    Number(Number),
    Text(Vec<u8>),
    Texts(Vec<Literal>),
}

/// A string in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Literal {
    pub(crate) place: Place,
    pub(crate) octets: Vec<u8>,
}

/// A number as it was written; `value` has the quantifier in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number {
    pub(crate) value: u64,
    pub(crate) quantifier: Option<Quantifier>,
}

/// RFC 5228 §2.4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantifier {
    Kibi,
    Mebi,
    Gibi,
}

impl Quantifier {
    pub(crate) fn factor(self) -> u64 {
        match self {
            Self::Kibi => 1 << 10,
            Self::Mebi => 1 << 20,
            Self::Gibi => 1 << 30,
        }
    }

    pub(crate) fn letter(self) -> char {
        match self {
            Self::Kibi => 'K',
            Self::Mebi => 'M',
            Self::Gibi => 'G',
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comment {
    pub(crate) gap: Gap,
    pub(crate) form: CommentForm,
    /// What stands between the marks; line ends are LF.
    pub(crate) octets: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommentForm {
    /// `# …`
    Hash,
    /// `/* … */`
    Bracket,
}

/// What stands between a command or comment and what came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Nothing: it stands on the same line.
    None,
    LineEnd,
    /// At least one line without anything.
    Empty,
}
