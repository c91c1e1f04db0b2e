//! `fileinto`: into a mailbox (RFC 5228 §4.1).

use crate::base::actions::add;
use crate::check::{CommandKind, Extension, Kind, Signature, TakesBlock};
use crate::filing::FilingOptions;
use crate::limits;
use crate::outcome::Action;
use crate::run::{Failure, Run};
use crate::script::{Flow, Instruction};
use crate::text::Text;

use super::copy::ImplicitKeep;

pub(super) const EXTENSION: Extension = Extension {
    commands: &[CommandKind {
        name: "fileinto",
        signature: Signature { positional: &[&[Kind::Text]], ..Signature::NONE },
        block: TakesBlock::No,
        check: |args, checker| {
            let mailbox = args.text(0, checker)?;
            checker.mailbox(&mailbox)?;
            let options = FilingOptions::of(args, checker)?;
            let implicit_keep = ImplicitKeep::behind(args);
            Ok(Box::new(FileInto { mailbox, options, implicit_keep }))
        },
    }],
    ..Extension::named("fileinto")
};

struct FileInto {
    mailbox: Text,
    options: FilingOptions,
    implicit_keep: ImplicitKeep,
}

impl Instruction for FileInto {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        let mailbox = self.mailbox.characters(run)?;
        check_mailbox(&mailbox).map_err(Failure::new)?;
        let filing = self.options.filing(run.message()?.content(), run)?;
        let what = format!("file into \"{mailbox}\"");
        run.actions.implicit_keep(self.implicit_keep);
        add(run, Action::FileInto { mailbox, filing }, || what)
    }
}

/// What no mailbox is called, wherever it is kept. Whether the store takes the name is for the store to say.
pub(crate) fn check_mailbox(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("a mailbox has a name".to_owned());
    }
    if name.len() > limits::MAILBOX_OCTETS_MAX || name.chars().any(char::is_control) {
        return Err(format!(
            "no mailbox has a name with control characters, or of more than {} octets",
            limits::MAILBOX_OCTETS_MAX
        ));
    }
    Ok(())
}
