//! A checked script: instructions, each a value that knows how to run itself.

use std::sync::Arc;

use crate::extensions::include::Included;
use crate::facts::Facts;
use crate::letter::Message;
use crate::outcome::Outcome;
use crate::problem::{Place, Problem};
use crate::run::{Failure, Run};

/// A script that was checked and can be run, any number of times and on several threads.
pub struct Script {
    pub(crate) name: Arc<str>,
    pub(crate) block: Block,
    pub(crate) included: Vec<Included>,
    pub(crate) warnings: Vec<Problem>,
}

impl Script {
    /// Says what is to be done with `message`.
    ///
    /// Never fails and never panics: where the script fails the outcome holds the error, and the letter is
    /// kept in the inbox.
    pub fn run(&self, message: &Message<'_>, facts: &Facts<'_>) -> Outcome {
        Run::whole(self, message, facts)
    }

    /// What is wrong only if control gets there: mistakes in scripts that it includes, and names that no mailbox can
    /// have here ([`Library::unfit`](crate::Library::unfit)).
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The name it was given.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Script").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Commands in order.
pub(crate) struct Block(pub(crate) Vec<Step>);

/// A command and where it stands.
pub(crate) struct Step {
    pub(crate) place: Place,
    pub(crate) script: Arc<str>,
    /// Extensions that an `ihave` must have found before (RFC 5463 §4).
    pub(crate) needs: Vec<&'static str>,
    pub(crate) instruction: Box<dyn Instruction>,
}

/// A test and where it stands.
pub(crate) struct Check {
    pub(crate) place: Place,
    pub(crate) name: &'static str,
    /// As of a [`Step`].
    pub(crate) needs: Vec<&'static str>,
    pub(crate) condition: Box<dyn Condition>,
}

/// What a command does.
pub(crate) trait Instruction: Send + Sync {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure>;
}

/// What a test finds out.
pub(crate) trait Condition: Send + Sync {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure>;
}

/// What comes after a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Next,
    /// Nothing more, in no script (RFC 5228 §3.3).
    Stop,
    /// Nothing more in this script (RFC 6609 §3.3).
    Return,
    /// Out of so many loops (RFC 5703 §3.2).
    Break(usize),
}
