//! `extracttext`: what a part says, into a variable (RFC 5703 §7).

use crate::check::{
    Args, Checker, CommandKind, Extension, Kind, Signature, Tag, TakesBlock, TakesTests,
};
use crate::limits;
use crate::problem::Fault;
use crate::run::{Failure, Run, shown};
use crate::script::{Flow, Instruction};

use super::variables::{self, Modifier, Name};

pub(super) const EXTENSION: Extension = Extension {
    commands: &[CommandKind {
        name: "extracttext",
        signature: Signature {
            tags: &[variables::MODIFIERS, &[Tag::with("first", Kind::Number)]],
            positional: &[&[Kind::Text]],
            tests: TakesTests::None,
        },
        block: TakesBlock::No,
        check,
    }],
    ..Extension::named("extracttext")
};

struct ExtractText {
    name: Name,
    modifiers: Vec<Modifier>,
    first: Option<usize>,
}

fn check(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Box<dyn Instruction>, Fault> {
    if !checker.is_required("variables") {
        return Err(Fault::new(args.place, "\"extracttext\" needs \"variables\"")
            .hint("write: require \"variables\";"));
    }
    if checker.loops.is_empty() {
        return Err(Fault::new(args.place, "\"extracttext\" outside a \"foreverypart\""));
    }
    let first = args.tag_number("first").map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let modifiers = Modifier::given(args);
    Ok(Box::new(ExtractText { name: variables::settable(args, 0, checker)?, modifiers, first }))
}

impl Instruction for ExtractText {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        let Some(at) = run.current.last().cloned() else { return Ok(Flow::Next) };
        run.spend_steps(at.parts.body_octets(at.index) / limits::EXTRACTED_PER_STEP + 1)?;
        let text = at.parts.text(at.index).unwrap_or_default();
        let text = match self.first {
            None => text,
            Some(first) => text.chars().take(first).collect(),
        };
        let value = Modifier::apply_all(&self.modifiers, text.into_bytes(), run)?;
        run.note(|| format!("set {} to {}", self.name, shown(&value)));
        run.variables.set(&self.name, value)?;
        Ok(Flow::Next)
    }
}
