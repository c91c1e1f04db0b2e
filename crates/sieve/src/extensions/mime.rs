//! `mime`: tests on the header fields of parts, and on what `Content-Type` and its like say (RFC 5703 §4).
//!
//! ":mime" looks at the part that a `foreverypart` is at, or at the message outside one; with ":anychild" also at
//! all that is in it.

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use crate::check::{AddedTags, Args, Checker, Extension, Kind, On, Tag};
use crate::limits;
use crate::matching::Matcher;
use crate::mime::{Parameterized, Parts};
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::text::Text;

const GROUP: &str = "MIME option";

/// Parts, and which of them are looked at.
type Looked = (Rc<Parts>, Range<usize>);

pub(super) const EXTENSION: Extension = Extension {
    tags: &[
        AddedTags {
            on: On::Named(&["header", "address", "exists"]),
            tags: &[Tag::flag("mime"), Tag::flag("anychild")],
        },
        AddedTags {
            on: On::Named(&["header"]),
            tags: &[
                Tag::one_of(GROUP, "type"),
                Tag::one_of(GROUP, "subtype"),
                Tag::one_of(GROUP, "contenttype"),
                Tag { name: "param", group: GROUP, value: Some(Kind::Texts) },
            ],
        },
    ],
    ..Extension::named("mime")
};

/// Whose fields are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Message,
    Part,
    PartAndAllInIt,
}

impl Scope {
    pub(crate) fn of(args: &Args<'_>) -> Result<Self, Fault> {
        match (args.has("mime"), args.has("anychild")) {
            (false, false) => Ok(Self::Message),
            (true, false) => Ok(Self::Part),
            (true, true) => Ok(Self::PartAndAllInIt),
            (false, true) => {
                Err(Fault::new(args.place_of("anychild"), "\":anychild\" goes with \":mime\""))
            }
        }
    }

    /// The parts that are looked at for fields of so many names; `None` for the header of the message.
    fn parts(self, run: &mut Run<'_>, names: usize) -> Result<Option<Looked>, Failure> {
        let (parts, range) = match (self, run.current.last().cloned()) {
            (Self::Message, _) | (Self::Part, None) => {
                run.look_up(names)?;
                return Ok(None);
            }
            (Self::Part, Some(at)) => (at.parts, at.index..at.index + 1),
            (Self::PartAndAllInIt, Some(at)) => {
                let all = at.index..at.parts.within(at.index).end;
                (at.parts, all)
            }
            (Self::PartAndAllInIt, None) => {
                let parts = run.parts()?;
                let all = 0..parts.len();
                (parts, all)
            }
        };
        for index in range.clone() {
            run.spend_steps(names * parts.header_octets(index) / limits::HEADER_PER_STEP + 1)?;
        }
        Ok(Some((parts, range)))
    }

    /// Raw values of the fields of this name.
    pub(crate) fn raw_values<'a>(
        self,
        run: &mut Run<'a>,
        name: &[u8],
    ) -> Result<Vec<Cow<'a, [u8]>>, Failure> {
        Ok(match self.parts(run, 1)? {
            None => run.letter.raw_values(name),
            Some((parts, range)) => {
                let there = range.filter(|index| !parts.is_gone(*index));
                there.flat_map(|index| parts.raw_values(index, name)).map(Cow::Owned).collect()
            }
        })
    }

    /// Whether the message or one of the parts that are looked at has a field of each name (RFC 5703 §4.3, and §4.1:
    /// one part satisfies the test).
    pub(crate) fn has_all(self, run: &mut Run<'_>, names: &[Vec<u8>]) -> Result<bool, Failure> {
        Ok(match self.parts(run, names.len())? {
            None => names.iter().all(|name| run.letter.has(name)),
            Some((parts, range)) => {
                let mut there = range.filter(|index| !parts.is_gone(*index));
                there.any(|index| names.iter().all(|name| parts.has(index, name)))
            }
        })
    }
}

/// What of a field's value is compared (RFC 5703 §4.1).
pub(crate) enum Aspect {
    Whole,
    Type,
    Subtype,
    ContentType,
    Parameters(Vec<Text>),
}

impl Aspect {
    pub(crate) fn of(args: &Args<'_>, checker: &Checker<'_>) -> Result<Self, Fault> {
        let aspect = match args.of_group(GROUP) {
            None => return Ok(Self::Whole),
            Some("type") => Self::Type,
            Some("subtype") => Self::Subtype,
            Some("contenttype") => Self::ContentType,
            Some(_) => Self::Parameters(args.tag_texts("param", checker)?.unwrap_or_default()),
        };
        match args.has("mime") {
            true => Ok(aspect),
            false => Err(Fault::new(args.place, "this option goes with \":mime\"")),
        }
    }

    /// The texts that the value of a field gives. One that can't be read as the aspect has it gives none; a field of
    /// another kind gives an empty one, which isn't counted.
    pub(crate) fn within<'v>(
        &self,
        run: &mut Run<'_>,
        (name, raw): (&str, Cow<'v, [u8]>),
        matcher: &Matcher,
    ) -> Result<Vec<Cow<'v, [u8]>>, Failure> {
        if let Self::Whole = self {
            if memchr::memmem::find(&raw, b"=?").is_some() {
                run.spend_steps(raw.len() / limits::DECODED_PER_STEP)?;
            }
            return Ok(vec![crate::decode::value(raw)]);
        }
        run.spend_steps(raw.len() / limits::PARAMETERS_PER_STEP)?;
        let parsed = Parameterized::parse(&raw);
        if let Self::Parameters(names) = self {
            let mut values = Vec::new();
            for name in names {
                let name = String::from_utf8_lossy(&name.value(run)?).into_owned();
                let found = parsed.iter().flat_map(|parsed| parsed.parameters(&name));
                values.extend(found.map(|value| Cow::Owned(value.into_owned())));
            }
            return Ok(values);
        }
        let is = |kind: &str| name.eq_ignore_ascii_case(kind);
        let text = if is("Content-Type") {
            // RFC 2045 §5.1: without a subtype it is none.
            parsed.and_then(|Parameterized { value, subtype, .. }| match self {
                Self::Type => subtype.map(|_| value),
                Self::Subtype => subtype,
                _ => subtype.map(|subtype| format!("{value}/{subtype}")),
            })
        } else if is("Content-Disposition") {
            parsed.map(|Parameterized { value, .. }| match self {
                Self::Subtype => String::new(),
                _ => value,
            })
        } else {
            Some(String::new()).filter(|_| !matcher.counts())
        };
        Ok(text.into_iter().map(|text| Cow::Owned(text.into_bytes())).collect())
    }
}
