//! `foreverypart` and `break`: a block for each part of a message (RFC 5703 §3).
//!
//! At the top a loop goes over the message itself and all that is in it, depth first; inside another loop over
//! what is in the current part. Tests with ":mime" look at the current part; `replace` and `extracttext` act on it.
//! A loop goes over the message as it was when it began, less what is replaced on its way: what was in a part that
//! is replaced is not gone into, and for the loops that are running nothing new is in it (RFC 5703 §5).

use std::rc::Rc;

use crate::check::{
    Args, Checker, CommandKind, Extension, Kind, Signature, Tag, TakesBlock, TakesTests,
};
use crate::mime::Parts;
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::script::{Block, Flow, Instruction};

pub(super) const EXTENSION: Extension = Extension {
    commands: &[
        CommandKind {
            name: "foreverypart",
            signature: Signature {
                tags: &[&[Tag::with("name", Kind::Text)]],
                positional: &[&[]],
                tests: TakesTests::None,
            },
            block: TakesBlock::Yes,
            check: check_loop,
        },
        CommandKind {
            name: "break",
            signature: Signature {
                tags: &[&[Tag::with("name", Kind::Text)]],
                positional: &[&[]],
                tests: TakesTests::None,
            },
            block: TakesBlock::No,
            check: check_break,
        },
    ],
    ..Extension::named("foreverypart")
};

/// The part that a loop is at.
#[derive(Debug, Clone)]
pub(crate) struct Current {
    pub(crate) parts: Rc<Parts>,
    pub(crate) index: usize,
}

struct ForEveryPart {
    block: Block,
}

/// A loop's name is a constant: which loop a `break` leaves is known beforehand.
fn name(args: &Args<'_>, checker: &Checker<'_>) -> Result<Option<Vec<u8>>, Fault> {
    let Some(name) = args.tag_text("name", checker)? else { return Ok(None) };
    let place = name.place;
    let constant = name.constant().map(<[u8]>::to_vec);
    constant.map(Some).ok_or_else(|| Fault::new(place, "a loop's name holds no variables"))
}

fn check_loop(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Box<dyn Instruction>, Fault> {
    let name = name(args, checker)?;
    let Some(block) = args.block else {
        return Err(Fault::new(args.place, "\"foreverypart\" takes a block"));
    };
    checker.loops.push(name);
    let block = checker.block(block);
    checker.loops.pop();
    Ok(Box::new(ForEveryPart { block }))
}

fn check_break(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Box<dyn Instruction>, Fault> {
    let name = name(args, checker)?;
    let inner_first = checker.loops.iter().rev();
    let levels = match &name {
        None => checker.loops.len().min(1),
        Some(name) => {
            let found = inner_first.clone().position(|open| open.as_ref() == Some(name));
            found.map_or(0, |position| position + 1)
        }
    };
    match levels {
        0 if name.is_some() => {
            Err(Fault::new(args.place, "there is no loop of that name around this"))
        }
        0 => Err(Fault::new(args.place, "\"break\" outside a loop")),
        levels => Ok(Box::new(Break { levels })),
    }
}

struct Break {
    levels: usize,
}

impl Instruction for Break {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        run.note(|| "break".to_owned());
        Ok(Flow::Break(self.levels))
    }
}

impl Instruction for ForEveryPart {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        let (parts, range) = match run.current.last() {
            Some(outer) => (outer.parts.clone(), outer.parts.within(outer.index)),
            None => {
                let parts = run.parts()?;
                let all = 0..parts.len();
                (parts, all)
            }
        };
        let mut flow = Flow::Next;
        for index in range {
            run.step()?;
            if parts.is_gone(index) {
                continue;
            }
            run.note(|| format!("part {}", parts.describe(index)));
            run.current.push(Current { parts: parts.clone(), index });
            flow = run.inner_block(&self.block)?;
            run.current.pop();
            if flow != Flow::Next {
                break;
            }
        }
        if run.current.is_empty() {
            run.apply_replacements(&parts)?;
        }
        Ok(match flow {
            Flow::Next | Flow::Break(0 | 1) => Flow::Next,
            Flow::Break(levels) => Flow::Break(levels - 1),
            Flow::Stop | Flow::Return => flow,
        })
    }
}
