//! `mime`: tests on the header fields of parts, and on what `Content-Type` and its like say (RFC 5703 §4).
//!
//! ":mime" looks at the part that a `foreverypart` is at, or at the message outside one; with ":anychild" also at
//! all that is in it.

use std::borrow::Cow;

use crate::check::{AddedTags, Args, Checker, Extension, Kind, On, Tag};
use crate::mime::Parameterized;
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::text::Text;

const GROUP: &str = "MIME option";

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

    /// Raw values of the fields of this name.
    pub(crate) fn raw_values<'a>(
        self,
        run: &mut Run<'a>,
        name: &[u8],
    ) -> Result<Vec<Cow<'a, [u8]>>, Failure> {
        let inner = match (self, run.current.last().cloned()) {
            (Self::Message, _) | (Self::Part, None) => return Ok(run.letter.raw_values(name)),
            (Self::Part, Some(at)) => return Ok(owned(at.parts.raw_values(at.index, name))),
            (Self::PartAndAllInIt, at) => at,
        };
        let (parts, index) = match inner {
            Some(at) => (at.parts, at.index),
            None => (run.parts()?, 0),
        };
        let all = std::iter::once(index).chain(parts.within(index));
        Ok(all.flat_map(|index| owned(parts.raw_values(index, name))).collect())
    }
}

fn owned<'a>(values: Vec<&[u8]>) -> Vec<Cow<'a, [u8]>> {
    values.into_iter().map(|value| Cow::Owned(value.to_vec())).collect()
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

    /// The texts that a raw value gives: a field without them gives none.
    pub(crate) fn within<'v>(
        &self,
        run: &mut Run<'_>,
        raw: Cow<'v, [u8]>,
    ) -> Result<Vec<Cow<'v, [u8]>>, Failure> {
        if let Self::Whole = self {
            return Ok(vec![crate::decode::value(raw)]);
        }
        let Some(parsed) = Parameterized::parse(&raw) else { return Ok(Vec::new()) };
        let bytes = |text: String| vec![Cow::Owned(text.into_bytes())];
        Ok(match self {
            Self::Whole => Vec::new(),
            Self::Type => bytes(parsed.value),
            Self::Subtype => parsed.subtype.map(bytes).unwrap_or_default(),
            // For Content-Disposition that is its type alone.
            Self::ContentType => match parsed.subtype {
                Some(subtype) => bytes(format!("{}/{subtype}", parsed.value)),
                None => bytes(parsed.value),
            },
            Self::Parameters(names) => {
                let mut values = Vec::new();
                for name in names {
                    let name = String::from_utf8_lossy(&name.value(run)?).into_owned();
                    let value = parsed.parameter(&name).map(str::to_owned);
                    values.extend(value.map(|value| Cow::Owned(value.into_bytes())));
                }
                values
            }
        })
    }
}
