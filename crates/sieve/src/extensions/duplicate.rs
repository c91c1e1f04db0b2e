//! `duplicate`: whether the like was seen before (RFC 7352).
//!
//! Nothing is remembered here: what is to be comes out with a run that succeeded
//! ([`Outcome::memos`](crate::Outcome)), and is asked for through [`Past`](crate::Past).

use crate::check::{Args, Checker, Extension, Kind, Signature, Tag, TakesTests, TestKind};
use crate::limits;
use crate::outcome::{Memo, MemoKind};
use crate::problem::Fault;
use crate::run::{Failure, Run, shown};
use crate::script::Condition;
use crate::text::Text;

const GROUP: &str = "unique id";

pub(super) const EXTENSION: Extension = Extension {
    tests: &[TestKind {
        name: "duplicate",
        signature: Signature {
            tags: &[&[
                Tag::with("handle", Kind::Text),
                Tag { name: "header", group: GROUP, value: Some(Kind::Text) },
                Tag { name: "uniqueid", group: GROUP, value: Some(Kind::Text) },
                Tag::with("seconds", Kind::Number),
                Tag::flag("last"),
            ]],
            positional: &[&[]],
            tests: TakesTests::None,
        },
        check,
    }],
    ..Extension::named("duplicate")
};

struct Duplicate {
    handle: Option<Text>,
    id: Id,
    seconds: u64,
    from: From,
}

/// What a message is known by (RFC 7352 §3.1).
enum Id {
    /// The Message-ID.
    Message,
    Header(Text),
    Text(Text),
}

/// Since when the time runs (RFC 7352 §3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    First,
    Last,
}

fn check(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Box<dyn Condition>, Fault> {
    let id = match (args.tag_text("header", checker)?, args.tag_text("uniqueid", checker)?) {
        (Some(name), _) => Id::Header(name),
        (None, Some(id)) => Id::Text(id),
        (None, None) => Id::Message,
    };
    let seconds = args.tag_number("seconds").unwrap_or(limits::DUPLICATE_SECONDS);
    Ok(Box::new(Duplicate {
        handle: args.tag_text("handle", checker)?,
        id,
        // RFC 7352 §3.3: too much is cut, and no error.
        seconds: seconds.min(limits::DUPLICATE_SECONDS_MAX),
        from: if args.has("last") { From::Last } else { From::First },
    }))
}

impl Condition for Duplicate {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        // RFC 7352 §3.3.
        if self.seconds == 0 {
            return Ok(false);
        }
        run.look_up(1)?;
        let id = match &self.id {
            Id::Message => header(run, b"Message-ID"),
            Id::Header(name) => {
                let name = name.value(run)?;
                header(run, &name)
            }
            Id::Text(text) => Some(text.value(run)?.into_owned()),
        };
        let Some(id) = id else {
            run.note(|| "there is no such field".to_owned());
            return Ok(false);
        };
        run.spend_steps(id.len() / limits::DECODED_PER_STEP)?;
        let handle = match &self.handle {
            None => None,
            Some(handle) => Some(handle.value(run)?.into_owned()),
        };
        // Counted, so that no two pairs look the same.
        let mut key = handle.map_or_else(Vec::new, |handle| {
            [format!("{} ", handle.len()).as_bytes(), &handle].concat()
        });
        key.push(b'\n');
        key.extend_from_slice(&id);
        run.spend_steps(limits::OUTSIDE_STEPS)?;
        let seen = run.facts.past.remembers(MemoKind::Duplicate, &key);
        run.note(|| format!("{} was {}seen before", shown(&id), if seen { "" } else { "not " }));
        if !seen || self.from == From::Last {
            run.allocate(key.len())?;
            run.remember(Memo { kind: MemoKind::Duplicate, key, seconds: self.seconds })?;
        }
        Ok(seen)
    }
}

/// The first field of that name: unfolded, decoded, trimmed (RFC 7352 §3.1).
fn header(run: &Run<'_>, name: &[u8]) -> Option<Vec<u8>> {
    let first = run.letter.raw_values(name).into_iter().next()?;
    Some(crate::decode::value(first).into_owned())
}
