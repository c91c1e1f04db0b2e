//! `spamtest`, `spamtestplus` and `virustest`: what filters before us found out (RFC 5235).
//!
//! [`Facts`](crate::Facts) has their verdicts; whoever fills them in sees to it that a sender can't
//! (RFC 5235 §4).

use crate::check::{
    AddedTags, Args, Checker, Extension, Kind, On, Signature, Tag, TakesTests, TestKind,
};
use crate::facts::Virus;
use crate::matching::{self, Matcher, Value};
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::script::Condition;

pub(super) const SPAM: Extension = Extension {
    tests: &[TestKind {
        name: "spamtest",
        signature: Signature {
            tags: &[matching::TAGS],
            positional: &[&[Kind::Text]],
            tests: TakesTests::None,
        },
        check: check_spam,
    }],
    ..Extension::named("spamtest")
};

pub(super) const SPAM_PLUS: Extension = Extension {
    implies: &["spamtest"],
    tags: &[AddedTags { on: On::Named(&["spamtest"]), tags: &[Tag::flag("percent")] }],
    ..Extension::named("spamtestplus")
};

pub(super) const VIRUS: Extension = Extension {
    tests: &[TestKind {
        name: "virustest",
        signature: Signature {
            tags: &[matching::TAGS],
            positional: &[&[Kind::Text]],
            tests: TakesTests::None,
        },
        check: |args, checker| Ok(Box::new(VirusTest(Matcher::of(args, 0, checker)?))),
    }],
    ..Extension::named("virustest")
};

fn check_spam(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Box<dyn Condition>, Fault> {
    let scale = if args.has("percent") { Scale::Percent } else { Scale::Ten };
    Ok(Box::new(SpamTest { scale, matcher: Matcher::of(args, 0, checker)? }))
}

#[derive(Debug, Clone, Copy)]
enum Scale {
    /// 0 to 10 (RFC 5235 §3.2.1).
    Ten,
    /// 0 to 100 (RFC 5235 §3.2.2).
    Percent,
}

impl Scale {
    fn value(self, percent: u8) -> u8 {
        match (self, percent) {
            (Self::Percent, percent) => percent.min(100),
            (Self::Ten, 0) => 1,
            (Self::Ten, 100..) => 10,
            // 2 to 9 for 1 to 99.
            (Self::Ten, percent) => 2 + (percent - 1) / 13,
        }
    }
}

struct SpamTest {
    scale: Scale,
    matcher: Matcher,
}

impl Condition for SpamTest {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        let value = run.facts.spam_percent.map(|percent| self.scale.value(percent));
        matches(&self.matcher, run, "spam", value)
    }
}

struct VirusTest(Matcher);

impl Condition for VirusTest {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        let value = run.facts.virus.map(|virus| match virus {
            Virus::None => 1,
            Virus::Replaced => 2,
            Virus::Cured => 3,
            Virus::Possible => 4,
            Virus::Certain => 5,
        });
        matches(&self.0, run, "virus", value)
    }
}

/// What wasn't tested is 0, and counts for nothing (RFC 5235 §3.1).
fn matches(
    matcher: &Matcher,
    run: &mut Run<'_>,
    name: &str,
    value: Option<u8>,
) -> Result<bool, Failure> {
    let value = match value {
        None if matcher.counts() => None,
        value => Some(value.unwrap_or(0)),
    };
    let values: Vec<Value<'_>> = value
        .map(|value| (name.to_owned(), value.to_string().into_bytes().into()))
        .into_iter()
        .collect();
    matcher.any(run, &values)
}
