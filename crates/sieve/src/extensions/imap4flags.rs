//! `imap4flags`: flags that a letter is filed with (RFC 5232).
//!
//! A set of flags is a text with a space between each two; every script starts with an internal one that is
//! empty, and with `variables` any variable can hold another.

use std::borrow::Cow;

use crate::check::{
    AddedTags, Args, CheckFn, Checker, CommandKind, Extension, Kind, On, Signature, Tag,
    TakesBlock, TakesTests, TestKind,
};
use crate::limits;
use crate::matching::{self, KeyForm, Matcher};
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::script::{Condition, Flow, Instruction};
use crate::text::Text;

use super::variables::{self, Name, Names};

pub(super) const EXTENSION: Extension = Extension {
    commands: &[
        command("setflag", |args, checker| check(args, checker, Change::Set)),
        command("addflag", |args, checker| check(args, checker, Change::Add)),
        command("removeflag", |args, checker| check(args, checker, Change::Remove)),
    ],
    tests: &[TestKind {
        name: "hasflag",
        signature: Signature {
            tags: &[matching::TAGS],
            positional: &[&[Kind::Texts], &[Kind::Texts, Kind::Texts]],
            tests: TakesTests::None,
        },
        check: check_hasflag,
    }],
    tags: &[AddedTags {
        on: On::Named(&["keep", "fileinto", "vacation", "notify"]),
        tags: &[Tag::with("flags", Kind::Texts)],
    }],
    ..Extension::named("imap4flags")
};

const fn command(name: &'static str, check: CheckFn<dyn Instruction>) -> CommandKind {
    CommandKind {
        name,
        signature: Signature {
            tags: &[],
            positional: &[&[Kind::Texts], &[Kind::Text, Kind::Texts]],
            tests: TakesTests::None,
        },
        block: TakesBlock::No,
        check,
    }
}

/// A set of flags: each once, whatever its case, in the order they came.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Flags(Vec<String>);

impl Flags {
    /// The flags in some texts, with spaces between them.
    fn parse<'t>(texts: impl IntoIterator<Item = Cow<'t, [u8]>>) -> Self {
        let mut flags = Self::default();
        for text in texts {
            // RFC 5232 §2: a flag that isn't one is ignored, so is an empty string.
            let words = text.split(|octet| octet.is_ascii_whitespace());
            words.filter_map(valid).for_each(|flag| flags.add(flag));
        }
        flags
    }

    fn add(&mut self, flag: String) {
        let is_there = self.0.iter().any(|there| there.eq_ignore_ascii_case(&flag));
        if !is_there && self.0.len() < limits::FLAGS_MAX {
            self.0.push(flag);
        }
    }

    fn remove(&mut self, flag: &str) {
        self.0.retain(|there| !there.eq_ignore_ascii_case(flag));
    }

    fn to_text(&self) -> String {
        self.0.join(" ")
    }

    pub(crate) fn into_list(self) -> Vec<String> {
        self.0
    }
}

/// RFC 9051 §9: `flag`, without `\Recent`, which nobody can set.
fn valid(word: &[u8]) -> Option<String> {
    let word = std::str::from_utf8(word).ok()?;
    let name = word.strip_prefix('\\').unwrap_or(word);
    let is_atom = |c: char| c.is_ascii_graphic() && !"(){%*\"\\]".contains(c);
    let is_name = !name.is_empty() && name.chars().all(is_atom);
    let is_settable = !word.starts_with('\\')
        || ["answered", "flagged", "deleted", "seen", "draft"]
            .contains(&name.to_ascii_lowercase().as_str());
    let is_short = word.len() <= limits::FLAG_OCTETS_MAX;
    (is_name && is_settable && is_short).then(|| word.to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Set,
    Add,
    Remove,
}

struct ChangeFlags {
    change: Change,
    /// `None`: the internal one.
    variable: Option<Name>,
    flags: Vec<Text>,
}

fn check(
    args: &Args<'_>,
    checker: &mut Checker<'_>,
    change: Change,
) -> Result<Box<dyn Instruction>, Fault> {
    let (variable, flags) = match args.count() {
        1 => (None, args.texts(0, checker)?),
        _ => {
            needs_variables(args, checker)?;
            (Some(variables::settable(args, 0, checker)?), args.texts(1, checker)?)
        }
    };
    Ok(Box::new(ChangeFlags { change, variable, flags }))
}

/// RFC 5232 §1: a variable's name is an error without "variables".
fn needs_variables(args: &Args<'_>, checker: &Checker<'_>) -> Result<(), Fault> {
    match checker.has("variables") {
        true => Ok(()),
        false => Err(Fault::new(args.place_at(0), "a variable's name needs \"variables\"")
            .hint("write: require \"variables\";")),
    }
}

impl Instruction for ChangeFlags {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        let given = evaluate(&self.flags, run)?;
        let mut flags = match &self.variable {
            None => run.flags.clone(),
            Some(name) => Flags::parse([run.variables.value_of(name).into()]),
        };
        match self.change {
            Change::Set => flags = given,
            Change::Add => given.0.into_iter().for_each(|flag| flags.add(flag)),
            Change::Remove => given.0.iter().for_each(|flag| flags.remove(flag)),
        }
        run.note(|| match &self.variable {
            None => format!("flags: {}", flags.to_text()),
            Some(name) => format!("flags in {name}: {}", flags.to_text()),
        });
        match &self.variable {
            None => run.flags = flags,
            Some(name) => run.variables.set(name, flags.to_text().into_bytes())?,
        }
        Ok(Flow::Next)
    }
}

fn evaluate(texts: &[Text], run: &mut Run<'_>) -> Result<Flags, Failure> {
    let mut values = Vec::with_capacity(texts.len());
    for text in texts {
        values.push(text.value(run)?);
    }
    Ok(Flags::parse(values))
}

/// ":flags" of an action that files the letter.
pub(crate) fn tagged(args: &Args<'_>, checker: &Checker<'_>) -> Result<Option<Vec<Text>>, Fault> {
    args.tag_texts("flags", checker)
}

/// The flags that another letter is filed with: the internal ones aren't for it (RFC 5232 §6).
pub(crate) fn filed_elsewhere(
    tagged: Option<&[Text]>,
    run: &mut Run<'_>,
) -> Result<Flags, Failure> {
    evaluate(tagged.unwrap_or_default(), run)
}

/// The flags that a letter is filed with: those of the tag, or else the internal ones (RFC 5232 §5).
pub(crate) fn filed(tagged: Option<&[Text]>, run: &mut Run<'_>) -> Result<Flags, Failure> {
    match tagged {
        Some(texts) => evaluate(texts, run),
        None => Ok(run.flags.clone()),
    }
}

struct HasFlag {
    /// Empty: the internal one.
    variables: Vec<Text>,
    names: Names,
    matcher: Matcher,
}

fn check_hasflag(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Box<dyn Condition>, Fault> {
    let (variables, keys) = match args.count() {
        1 => (Vec::new(), 0),
        _ => {
            needs_variables(args, checker)?;
            (args.texts(0, checker)?, 1)
        }
    };
    Ok(Box::new(HasFlag {
        variables,
        names: Names::at(checker),
        matcher: Matcher::with(KeyForm::Words, args, keys, checker)?,
    }))
}

impl Condition for HasFlag {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        let mut flags = Vec::new();
        if self.variables.is_empty() {
            flags.extend(run.flags.0.clone());
        }
        for variable in &self.variables {
            let name = self.names.resolve(&variable.characters(run)?);
            flags.extend(Flags::parse([run.variables.value_of(&name).into()]).0);
        }
        let values: Vec<_> =
            flags.into_iter().map(|flag| ("flag".to_owned(), flag.into_bytes().into())).collect();
        self.matcher.any(run, &values)
    }
}
