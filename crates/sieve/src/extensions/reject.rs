//! `reject` and `ereject`: refuse a letter and say why (RFC 5429).
//!
//! How it is refused is for the caller: in the protocol where that is possible, by a notice where not, and with
//! no notice to the null reverse-path. `ereject` wants the protocol most, `reject` its exact words.

use crate::base::actions::add;
use crate::check::{
    Args, Checker, CommandKind, Extension, Kind, Signature, TakesBlock, TakesTests,
};
use crate::outcome::{Action, Refusal};
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::script::{Flow, Instruction};
use crate::text::Text;

use super::copy::ImplicitKeep;

pub(super) const REJECT: Extension = Extension {
    commands: &[CommandKind {
        name: "reject",
        signature: REASON,
        block: TakesBlock::No,
        check: |args, checker| check(args, checker, Refusal::Reject),
    }],
    ..Extension::named("reject")
};

pub(super) const EREJECT: Extension = Extension {
    commands: &[CommandKind {
        name: "ereject",
        signature: REASON,
        block: TakesBlock::No,
        check: |args, checker| check(args, checker, Refusal::Ereject),
    }],
    ..Extension::named("ereject")
};

const REASON: Signature =
    Signature { tags: &[], positional: &[&[Kind::Text]], tests: TakesTests::None };

struct Reject {
    how: Refusal,
    reason: Text,
}

fn check(
    args: &Args<'_>,
    checker: &mut Checker<'_>,
    how: Refusal,
) -> Result<Box<dyn Instruction>, Fault> {
    Ok(Box::new(Reject { how, reason: args.text(0, checker)? }))
}

impl Instruction for Reject {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        let reason = String::from_utf8_lossy(&self.reason.value(run)?).into_owned();
        let reason = lines(&reason);
        // RFC 5429 §2.4.
        run.actions.implicit_keep(ImplicitKeep::Cancelled);
        let what = format!("refuse: {}", reason.join(" / "));
        add(run, Action::Reject { how: self.how, reason }, || what)
    }
}

/// The lines of a reason. Row M12: what a terminal or a protocol obeys is taken out.
fn lines(reason: &str) -> Vec<String> {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let lines = reason.trim_end().lines();
    lines.map(|line| line.chars().map(plain).collect::<String>().trim_end().to_owned()).collect()
}
