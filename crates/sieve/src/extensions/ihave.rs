//! `ihave`: ask whether an extension is there, and use it from then on; and `error` (RFC 5463).
//!
//! In a script that requires `ihave` the checker notes which extensions each command and test needs beyond the
//! required ones, and what nobody knows becomes an error only when control reaches it ([`Broken`]). A run knows
//! which extensions an `ihave` has found so far ([`Found`]).

use std::collections::BTreeSet;

use crate::check::{
    Args, Checker, CommandKind, Extension, Kind, Signature, TakesBlock, TakesTests, TestKind,
};
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::script::{Condition, Flow, Instruction};
use crate::text::Text;

pub(super) const EXTENSION: Extension = Extension {
    commands: &[CommandKind {
        name: "error",
        signature: Signature { tags: &[], positional: &[&[Kind::Text]], tests: TakesTests::None },
        block: TakesBlock::No,
        check: |args, checker| Ok(Box::new(ErrorCommand { message: args.text(0, checker)? })),
    }],
    tests: &[TestKind {
        name: "ihave",
        signature: Signature { tags: &[], positional: &[&[Kind::Texts]], tests: TakesTests::None },
        check: check_ihave,
    }],
    ..Extension::named("ihave")
};

/// Extensions that change what strings mean: they are required or not there (RFC 5463 §4).
pub(crate) const CHANGES_THE_LANGUAGE: &[&str] = &["encoded-character", "variables"];

/// The extensions that a script has asked for with success.
#[derive(Debug, Default, Clone)]
pub(crate) struct Found(BTreeSet<&'static str>);

impl Found {
    /// The first of `needed` that nobody asked for yet.
    pub(crate) fn missing(&self, needed: &[&'static str]) -> Option<&'static str> {
        needed.iter().copied().find(|needed| !self.0.contains(needed))
    }
}

struct IHave {
    /// What is to be enabled; `None` where one of them isn't there.
    extensions: Option<Vec<&'static Extension>>,
}

fn check_ihave(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Box<dyn Condition>, Fault> {
    let texts = args.texts(0, checker)?;
    if let Some(text) = texts.iter().find(|text| text.constant().is_none()) {
        return Err(Fault::new(text.place, "\"ihave\" takes no variables"));
    }
    let extension = |text: &Text| {
        let name = text.constant()?;
        let found = super::all().find(|known| known.name.as_bytes() == name && !name.is_empty())?;
        let may_be_found =
            !CHANGES_THE_LANGUAGE.contains(&found.name) || checker.is_required(found.name);
        may_be_found.then_some(found)
    };
    Ok(Box::new(IHave { extensions: texts.iter().map(extension).collect() }))
}

impl Condition for IHave {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        // RFC 5463 §4 (4): all of them, or none is enabled.
        let Some(extensions) = &self.extensions else { return Ok(false) };
        for extension in extensions {
            run.found.0.insert(extension.name);
            run.found.0.extend(extension.implies);
        }
        Ok(true)
    }
}

struct ErrorCommand {
    message: Text,
}

impl Instruction for ErrorCommand {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        let message = String::from_utf8_lossy(&self.message.value(run)?).into_owned();
        Err(Failure::new(format!("the script says: {}", message.trim())))
    }
}

/// A command or test that nobody here knows: an error once control reaches it.
pub(crate) struct Broken(pub(crate) Fault);

impl Broken {
    fn failure(&self) -> Failure {
        Failure { problem: self.0.problem.clone(), hint: self.0.hint.clone() }
    }
}

impl Instruction for Broken {
    fn run(&self, _: &mut Run<'_>) -> Result<Flow, Failure> {
        Err(self.failure())
    }
}

impl Condition for Broken {
    fn holds(&self, _: &mut Run<'_>) -> Result<bool, Failure> {
        Err(self.failure())
    }
}
