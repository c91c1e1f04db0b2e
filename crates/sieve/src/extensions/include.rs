//! `include`: scripts in scripts, `return`, and variables that they share (RFC 6609).
//!
//! Scripts are looked up in a [`Library`](crate::Library) while the main one is checked; each is checked once, on its
//! own. One that is missing, wrong or includes itself is an error only for who gets there (RFC 6609 §3.1).
//! In a `foreverypart` the current part is the message to it (§3.5); that is [`Run::presenting_part`].

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::check::{
    Args, Checker, CommandKind, Extension, Kind, Signature, Tag, TakesBlock, TakesTests,
};
use crate::limits;
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::script::{Block, Flow, Instruction};

use super::variables;

const GROUP: &str = "location";

pub(super) const EXTENSION: Extension = Extension {
    commands: &[
        CommandKind {
            name: "include",
            signature: Signature {
                tags: &[&[
                    Tag::one_of(GROUP, "personal"),
                    Tag::one_of(GROUP, "global"),
                    Tag::flag("once"),
                    Tag::flag("optional"),
                ]],
                positional: &[&[Kind::Text]],
                tests: TakesTests::None,
            },
            block: TakesBlock::No,
            check: check_include,
        },
        CommandKind {
            name: "return",
            signature: Signature::NONE,
            block: TakesBlock::No,
            check: |_, _| Ok(Box::new(Return)),
        },
        CommandKind {
            name: "global",
            signature: Signature {
                tags: &[],
                positional: &[&[Kind::Texts]],
                tests: TakesTests::None,
            },
            block: TakesBlock::No,
            check: check_global,
        },
    ],
    ..Extension::named("include")
};

/// Where a script is kept (RFC 6609 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// Among the user's own scripts.
    Personal,
    /// Among those that all users of a site can include.
    Global,
}

/// A script by its place and name.
pub(crate) type Key = (Location, String);

/// What an `include` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The script that everything began with.
    Main,
    /// One of those it leads to.
    Included(usize),
}

/// The scripts that were named so far.
#[derive(Debug, Default)]
pub(crate) struct Named {
    pub(crate) main: Option<Key>,
    pub(crate) scripts: Vec<Key>,
}

impl Named {
    fn target(&mut self, key: Key) -> Target {
        if self.main.as_ref() == Some(&key) {
            return Target::Main;
        }
        let known = self.scripts.iter().position(|known| *known == key);
        Target::Included(known.unwrap_or_else(|| {
            self.scripts.push(key);
            self.scripts.len() - 1
        }))
    }
}

/// An included script.
pub(crate) enum Included {
    Script {
        name: Arc<str>,
        block: Block,
    },
    Missing,
    /// What is wrong with it.
    Broken(String),
}

/// Where a run is among the scripts.
#[derive(Debug, Default)]
pub(crate) struct Includes {
    active: Vec<usize>,
    done: BTreeSet<usize>,
}

struct Include {
    name: String,
    target: Target,
    repetition: Repetition,
    absence: Absence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repetition {
    Once,
    Always,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absence {
    Fails,
    Ignored,
}

fn check_include(
    args: &Args<'_>,
    checker: &mut Checker<'_>,
) -> Result<Box<dyn Instruction>, Fault> {
    // RFC 6609 §3.2: a constant, of which no variable is made.
    let name = args.text(0, checker)?;
    let Some(constant) = name.constant() else {
        return Err(Fault::new(name.place, "the name of a script holds no variables"));
    };
    let name = std::str::from_utf8(constant).ok().filter(|name| is_name(name));
    let Some(name) = name.map(str::to_owned) else {
        return Err(Fault::new(args.place_at(0), "no script has such a name"));
    };
    let location = if args.has("global") { Location::Global } else { Location::Personal };
    Ok(Box::new(Include {
        target: checker.named.target((location, name.clone())),
        name,
        repetition: if args.has("once") { Repetition::Once } else { Repetition::Always },
        absence: if args.has("optional") { Absence::Ignored } else { Absence::Fails },
    }))
}

/// RFC 5804 §1.6, and nothing that a store or a shell could take for something else (RFC 6609 §4).
fn is_name(name: &str) -> bool {
    let is_odd = |c: char| c.is_control() || "\u{2028}\u{2029}/\\`$|;<>".contains(c);
    !name.is_empty()
        && name.len() <= limits::SCRIPT_NAME_OCTETS_MAX
        && !name.starts_with(['.', '-', ' '])
        && !name.contains(is_odd)
}

impl Instruction for Include {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        let recursive = || Failure::new(format!("\"{}\" includes itself", self.name));
        let index = match (self.target, self.repetition) {
            (Target::Main, Repetition::Once) => return Ok(Flow::Next),
            (Target::Main, Repetition::Always) => return Err(recursive()),
            (Target::Included(index), _) => index,
        };
        if self.repetition == Repetition::Once && run.includes.done.contains(&index) {
            run.note(|| format!("\"{}\" is included already", self.name));
            return Ok(Flow::Next);
        }
        // RFC 6609 §3.1.
        if run.includes.active.contains(&index) {
            return Err(recursive());
        }
        if run.includes.active.len() + 1 >= limits::INCLUDE_DEPTH_MAX {
            let problem = format!("more than {} scripts in each other", limits::INCLUDE_DEPTH_MAX);
            return Err(Failure::new(problem));
        }
        let script = run.script;
        match script.included.get(index) {
            Some(Included::Script { name, block }) => {
                run.note(|| format!("include \"{name}\""));
                run.includes.active.push(index);
                run.includes.done.insert(index);
                let within = |run: &mut Run<'_>| run.inner_block(block);
                let flow = run.in_own_scope(|run| run.presenting_part(within))?;
                run.includes.active.pop();
                Ok(match flow {
                    Flow::Next | Flow::Return | Flow::Break(_) => Flow::Next,
                    Flow::Stop => Flow::Stop,
                })
            }
            Some(Included::Missing) | None => match self.absence {
                Absence::Ignored => Ok(Flow::Next),
                Absence::Fails => {
                    Err(Failure::new(format!("there is no script \"{}\"", self.name)))
                }
            },
            Some(Included::Broken(problem)) => Err(Failure::new(problem)),
        }
    }
}

/// RFC 6609 §3.3: ends the immediate script.
struct Return;

impl Instruction for Return {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        run.note(|| "return".to_owned());
        Ok(Flow::Return)
    }
}

/// RFC 6609 §3.4.1: from here on these names are shared. Nothing is left to be done when it runs.
fn check_global(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Box<dyn Instruction>, Fault> {
    if !checker.is_required("variables") {
        return Err(Fault::new(args.place, "\"global\" needs \"variables\"")
            .hint("write: require \"variables\";"));
    }
    for literal in args.literals(0)? {
        let name = String::from_utf8_lossy(&literal.octets).to_ascii_lowercase();
        if !variables::is_identifier(&name) {
            let problem = format!("\"{}\" is no variable's name", name.escape_debug());
            return Err(Fault::new(literal.place, problem));
        }
        checker.declare_global(&name).map_err(|what| Fault::new(literal.place, what))?;
    }
    Ok(Box::new(crate::base::control::Nothing))
}
