//! `mboxmetadata` and `servermetadata`: tests on annotations (RFC 5490 §3.3, §3.4, §4).

use std::borrow::Cow;

use crate::check::{Args, Checker, Extension, Kind, Signature, TakesTests, TestKind};
use crate::limits;
use crate::matching::{self, Matcher};
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::script::Condition;
use crate::text::Text;

pub(super) const MAILBOX: Extension = Extension {
    tests: &[
        TestKind {
            name: "metadata",
            signature: Signature {
                tags: &[matching::TAGS],
                positional: &[&[Kind::Text, Kind::Text, Kind::Texts]],
                tests: TakesTests::None,
            },
            check: |args, checker| {
                let mailbox = Some(args.text(0, checker)?);
                value_test(mailbox, args, 1, checker)
            },
        },
        TestKind {
            name: "metadataexists",
            signature: Signature {
                tags: &[],
                positional: &[&[Kind::Text, Kind::Texts]],
                tests: TakesTests::None,
            },
            check: |args, checker| {
                let mailbox = Some(args.text(0, checker)?);
                Ok(Box::new(Exists { mailbox, annotations: args.texts(1, checker)? }))
            },
        },
    ],
    ..Extension::named("mboxmetadata")
};

pub(super) const SERVER: Extension = Extension {
    tests: &[
        TestKind {
            name: "servermetadata",
            signature: Signature {
                tags: &[matching::TAGS],
                positional: &[&[Kind::Text, Kind::Texts]],
                tests: TakesTests::None,
            },
            check: |args, checker| value_test(None, args, 0, checker),
        },
        TestKind {
            name: "servermetadataexists",
            signature: Signature {
                tags: &[],
                positional: &[&[Kind::Texts]],
                tests: TakesTests::None,
            },
            check: |args, checker| {
                Ok(Box::new(Exists { mailbox: None, annotations: args.texts(0, checker)? }))
            },
        },
    ],
    ..Extension::named("servermetadata")
};

/// The test on a value: its annotation is the positional argument `index`, its keys follow.
fn value_test(
    mailbox: Option<Text>,
    args: &Args<'_>,
    index: usize,
    checker: &Checker<'_>,
) -> Result<Box<dyn Condition>, Fault> {
    let annotation = args.text(index, checker)?;
    let matcher = Matcher::of(args, index + 1, checker)?;
    Ok(Box::new(Metadata { mailbox, annotation, matcher }))
}

/// An annotation of a mailbox, or of the server where there is none.
fn look_up(
    mailbox: Option<&Text>,
    annotation: &Text,
    run: &mut Run<'_>,
) -> Result<(String, Option<Vec<u8>>), Failure> {
    run.spend_steps(limits::OUTSIDE_STEPS)?;
    let annotation = annotation.characters(run)?;
    let mailbox = mailbox.map(|mailbox| mailbox.characters(run)).transpose()?;
    let value = run.facts.mailboxes.metadata(mailbox.as_deref(), &annotation);
    Ok((annotation, value))
}

struct Metadata {
    mailbox: Option<Text>,
    annotation: Text,
    matcher: Matcher,
}

impl Condition for Metadata {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        let (name, value) = look_up(self.mailbox.as_ref(), &self.annotation, run)?;
        let values: Vec<_> = value.map(|value| (name, Cow::Owned(value))).into_iter().collect();
        self.matcher.any(run, &values)
    }
}

struct Exists {
    mailbox: Option<Text>,
    annotations: Vec<Text>,
}

impl Condition for Exists {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        for annotation in &self.annotations {
            let (name, value) = look_up(self.mailbox.as_ref(), annotation, run)?;
            if value.is_none() {
                run.note(|| format!("there is no {name}"));
                return Ok(false);
            }
        }
        Ok(true)
    }
}
