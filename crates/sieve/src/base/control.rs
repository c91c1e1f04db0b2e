//! `if`, `elsif`, `else`, `require`, `stop` (RFC 5228 §3).

use crate::check::{Args, Checker, CommandKind, Kind, Signature, TakesBlock, nearest};
use crate::extensions;
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::script::{Block, Check, Flow, Instruction};
use crate::syntax::{Command, Tests};

pub(super) const REQUIRE: CommandKind = CommandKind {
    name: "require",
    signature: Signature { positional: &[&[Kind::Texts]], ..Signature::NONE },
    block: TakesBlock::No,
    check: check_require,
};

pub(super) const STOP: CommandKind = CommandKind {
    name: "stop",
    signature: Signature::NONE,
    block: TakesBlock::No,
    check: |_, _| Ok(Box::new(Stop)),
};

/// Nothing to be done when it runs.
pub(crate) struct Nothing;

impl Instruction for Nothing {
    fn run(&self, _: &mut Run<'_>) -> Result<Flow, Failure> {
        Ok(Flow::Next)
    }
}

/// RFC 5228 §3.2. Capabilities are compared with case (§6).
fn check_require(
    args: &Args<'_>,
    checker: &mut Checker<'_>,
) -> Result<Box<dyn Instruction>, Fault> {
    for capability in args.literals(0)? {
        let known = || extensions::all().map(|extension| extension.name);
        let name = String::from_utf8_lossy(&capability.octets).into_owned();
        match extensions::all().find(|known| known.name == name && !name.is_empty()) {
            Some(extension) => checker.require(extension),
            None => {
                let problem = format!("there is no extension \"{}\"", name.escape_debug());
                let fault = Fault::new(capability.place, problem);
                let fault = match nearest(&name.to_ascii_lowercase(), known()) {
                    Some(meant) => fault.hint(format!("did you mean \"{meant}\"?")),
                    None => fault,
                };
                checker.report(fault);
            }
        }
    }
    Ok(Box::new(Nothing))
}

struct Stop;

impl Instruction for Stop {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        run.note(|| "stop".to_owned());
        Ok(Flow::Stop)
    }
}

/// An `if` with all that belongs to it (RFC 5228 §3.1).
struct If {
    branches: Vec<(Check, Block)>,
    otherwise: Option<Block>,
}

impl Instruction for If {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        for (check, block) in &self.branches {
            if run.holds(check)? {
                return run.inner_block(block);
            }
        }
        match &self.otherwise {
            Some(block) => run.inner_block(block),
            None => Ok(Flow::Next),
        }
    }
}

/// Checks an `if` and the `elsif` and `else` behind it.
pub(crate) fn check_if(
    first: &Command,
    others: &[Command],
    checker: &mut Checker<'_>,
) -> Result<Box<dyn Instruction>, Fault> {
    let mut branches = Vec::new();
    let mut otherwise = None;
    for command in std::iter::once(first).chain(others) {
        if otherwise.is_some() {
            let problem = format!("\"{}\" behind \"else\"", command.name);
            return Err(Fault::new(command.place, problem));
        }
        if let Some(argument) = command.arguments.first() {
            let problem = format!("\"{}\" takes no arguments of its own", command.name);
            return Err(Fault::new(argument.place, problem).hint("the name of a test is missing"));
        }
        let missing =
            |what| Fault::new(command.place, format!("\"{}\" takes {what}", command.name));
        let Some(block) = &command.block else { return Err(missing("a block")) };
        match (command.name.as_str(), &command.tests) {
            ("else", Tests::None) => otherwise = Some(checker.block(block)),
            ("else", Tests::One(_) | Tests::List(_)) => {
                return Err(missing("no test").hint("\"elsif\" does"));
            }
            (_, Tests::One(test)) => {
                let check = checker.test(test);
                // Whatever the test's problem: those in the block are shown as well.
                let block = checker.block(block);
                branches.push((check?, block));
            }
            (_, Tests::None) => return Err(missing("a test")),
            (_, Tests::List(_)) => {
                return Err(missing("one test").hint("\"allof\" and \"anyof\" join several"));
            }
        }
    }
    Ok(Box::new(If { branches, otherwise }))
}
