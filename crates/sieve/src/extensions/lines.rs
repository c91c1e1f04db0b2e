//! `vnd.postroad.lines`: what a letter says, line by line.
//!
//! procmail and maildrop look for a pattern in the whole header, or in the header and the body as one text; no
//! standard has a test for that, and rules that were written for them need one (`postroad-mda import`).
//!
//! ```text
//! Usage: lines [":header" / ":body"] [MATCH-TYPE] [COMPARATOR] <key-list: string-list>
//! ```
//! Fields are unfolded and not decoded. A `From ` line with the envelope's sender is on top, as in an mbox.
//! Line ends are CRLF: patterns with lines begin with `(?mR-s)`. Matches set match variables.

use std::borrow::Cow;

use crate::check::{Args, Checker, Extension, Kind, Signature, Tag, TakesTests, TestKind};
use crate::matching::{self, Matcher};
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::script::Condition;

use super::body::with_crlf;

const GROUP: &str = "part of a letter";

pub(super) const EXTENSION: Extension = Extension {
    tests: &[TestKind {
        name: "lines",
        signature: Signature {
            tags: &[matching::TAGS, &[Tag::one_of(GROUP, "header"), Tag::one_of(GROUP, "body")]],
            positional: &[&[Kind::Texts]],
            tests: TakesTests::None,
        },
        check,
    }],
    ..Extension::named("vnd.postroad.lines")
};

fn check(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Box<dyn Condition>, Fault> {
    let part = match args.of_group(GROUP) {
        Some("header") => Part::Header,
        Some("body") => Part::Body,
        Some(_) | None => Part::Both,
    };
    Ok(Box::new(Lines { part, matcher: Matcher::of(args, 0, checker)? }))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Header,
    Body,
    Both,
}

struct Lines {
    part: Part,
    matcher: Matcher,
}

impl Condition for Lines {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        let mut text = Vec::new();
        if self.part != Part::Body {
            let from = run.facts.envelope_from.filter(|from| !from.is_empty());
            let at = run.facts.now.strftime("%a %b %e %H:%M:%S %Y");
            let from_line = format!("From {} {at}\r\n", from.unwrap_or("MAILER-DAEMON"));
            text.extend_from_slice(from_line.as_bytes());
            text.extend(run.letter.unfolded());
        }
        if self.part == Part::Both {
            text.extend_from_slice(b"\r\n");
        }
        if self.part != Part::Header {
            text.extend_from_slice(&with_crlf(run.letter.body().unwrap_or_default()));
        }
        run.spend(text.len())?;
        self.matcher.any(run, &[("letter".to_owned(), Cow::Owned(text))])
    }
}
