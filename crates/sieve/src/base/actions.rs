//! `keep`, `discard`, `redirect` (RFC 5228 §4).

use crate::actions::Added;
use crate::address::parse_outbound;
use crate::check::{CommandKind, Kind, Signature, TakesBlock};
use crate::extensions::copy::ImplicitKeep;
use crate::filing::FilingOptions;
use crate::outcome::Action;
use crate::run::{Failure, Run};
use crate::script::{Flow, Instruction};
use crate::text::{Text, check_constant};

pub(super) const KEEP: CommandKind = CommandKind {
    name: "keep",
    signature: Signature::NONE,
    block: TakesBlock::No,
    check: |args, checker| Ok(Box::new(Keep { options: FilingOptions::of(args, checker)? })),
};

pub(super) const DISCARD: CommandKind = CommandKind {
    name: "discard",
    signature: Signature::NONE,
    block: TakesBlock::No,
    check: |_, _| Ok(Box::new(Discard)),
};

pub(super) const REDIRECT: CommandKind = CommandKind {
    name: "redirect",
    signature: Signature { positional: &[&[Kind::Text]], ..Signature::NONE },
    block: TakesBlock::No,
    check: |args, checker| {
        let to = args.text(0, checker)?;
        check_constant(&to, |to| parse_outbound(to).map(drop))?;
        Ok(Box::new(Redirect { to, implicit_keep: ImplicitKeep::behind(args) }))
    },
};

struct Keep {
    options: FilingOptions,
}

impl Instruction for Keep {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        let filing = self.options.filing(run.message()?.content(), run)?;
        run.actions.implicit_keep(ImplicitKeep::Cancelled);
        add(run, Action::Keep(filing), || "keep in the inbox".to_owned())
    }
}

/// RFC 5228 §4.4: no more than the end of the implicit keep.
struct Discard;

impl Instruction for Discard {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        let by = run.origin();
        run.actions.discard(by);
        run.note(|| "discard".to_owned());
        Ok(Flow::Next)
    }
}

struct Redirect {
    to: Text,
    implicit_keep: ImplicitKeep,
}

impl Instruction for Redirect {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        let to = self.to.characters(run)?;
        // RFC 5228 §2.4.2.3.
        let to = parse_outbound(&to).map_err(Failure::new)?;
        let what = format!("redirect to {to}");
        let content = run.message()?.forwarded();
        run.actions.implicit_keep(self.implicit_keep);
        add(run, Action::Redirect { to, content }, || what)
    }
}

/// Puts an action on the list and says so.
pub(crate) fn add(
    run: &mut Run<'_>,
    action: Action,
    what: impl FnOnce() -> String,
) -> Result<Flow, Failure> {
    let by = run.origin();
    let added = run.actions.add(action, by)?;
    run.note(|| match added {
        Added::Yes => what(),
        Added::Again => format!("{}: that is done already", what()),
    });
    Ok(Flow::Next)
}
