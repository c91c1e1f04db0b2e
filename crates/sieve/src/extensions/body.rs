//! `body`: tests on what a message says (RFC 5173).
//!
//! `:raw` is the body as it stands; `:content` each part of the given types, decoded; `:text` the parts that are
//! text. Bodies compare with CRLF as line ends, whatever the store has.

use std::borrow::Cow;
use std::rc::Rc;

use crate::check::{Args, Checker, Extension, Kind, Signature, Tag, TakesTests, TestKind};
use crate::limits;
use crate::matching::{self, Matcher, Value};
use crate::mime::{Part, Structure};
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::script::Condition;
use crate::text::Text;

const GROUP: &str = "body transform";

pub(super) const EXTENSION: Extension = Extension {
    tests: &[TestKind {
        name: "body",
        signature: Signature {
            tags: &[
                matching::TAGS,
                &[
                    Tag::one_of(GROUP, "raw"),
                    Tag { name: "content", group: GROUP, value: Some(Kind::Texts) },
                    Tag::one_of(GROUP, "text"),
                ],
            ],
            positional: &[&[Kind::Texts]],
            tests: TakesTests::None,
        },
        check,
    }],
    ..Extension::named("body")
};

fn check(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Box<dyn Condition>, Fault> {
    let transform = match (args.has("raw"), args.tag_texts("content", checker)?) {
        (true, _) => Transform::Raw,
        (false, Some(types)) => Transform::Content(types),
        (false, None) => Transform::Text,
    };
    // RFC 5173 §6: what is found in a body sets no match variables.
    Ok(Box::new(Body { transform, matcher: Matcher::of(args, 0, checker)?.keeping_nothing() }))
}

enum Transform {
    Raw,
    Content(Vec<Text>),
    Text,
}

struct Body {
    transform: Transform,
    matcher: Matcher,
}

impl Condition for Body {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        let types = match &self.transform {
            Transform::Raw => {
                let Some((body, made)) = run.letter()?.raw_body() else { return Ok(false) };
                run.spend_steps(made / limits::DECODED_PER_STEP)?;
                let values = [("body".to_owned(), Cow::Borrowed(&**body))];
                return self.matcher.any(run, &values);
            }
            Transform::Text => vec![b"text".to_vec()],
            Transform::Content(types) => {
                let mut wanted = Vec::new();
                for media in types {
                    wanted.push(media.value(run)?.into_owned());
                }
                wanted
            }
        };
        // RFC 5173 §4: a message without an empty line has no body to be tested.
        if run.letter()?.body().is_none() {
            return Ok(false);
        }
        let message = run.letter.octets();
        run.spend(message.len())?;
        let (tree, looked_at) = run.letter.parts();
        run.spend(looked_at)?;
        let mut found = Vec::new();
        for (number, part) in tree.walk().into_iter().enumerate() {
            run.spend_steps(limits::PART_STEPS)?;
            if types.iter().any(|media| is_of(part, media)) {
                let name = format!("{}/{}", part.entity.media.kind, part.entity.media.subtype);
                found.push((name, texts(run, number, part, &message)?));
            }
        }
        let mut values: Vec<Value<'_>> = Vec::new();
        for (name, texts) in &found {
            values.extend(texts.iter().map(|text| (name.clone(), Cow::Borrowed(&**text))));
        }
        self.matcher.any(run, &values)
    }
}

/// As [`strings`]; encodings are undone once for all tests.
fn texts(
    run: &mut Run<'_>,
    number: usize,
    part: &Part,
    message: &[u8],
) -> Result<Rc<Vec<Vec<u8>>>, Failure> {
    if let Some(texts) = run.letter.texts(number) {
        return Ok(texts);
    }
    // Undoing transfer encodings is slower than searching.
    let octets = part.entity.body.as_ref().map_or(0, |body| body.len());
    run.spend_steps(octets / limits::DECODED_PER_STEP)?;
    let texts: Vec<Vec<u8>> = strings(part, message).into_iter().map(Cow::into_owned).collect();
    run.allocate(texts.iter().map(Vec::len).sum())?;
    let texts = Rc::new(texts);
    run.letter.keep_texts(number, texts.clone());
    Ok(texts)
}

/// What is looked at in a part (RFC 5173 §5.2): of containers only what isn't a part of its own.
fn strings<'m>(part: &Part, message: &'m [u8]) -> Vec<Cow<'m, [u8]>> {
    let octets = |range: &std::ops::Range<usize>| {
        with_crlf(Cow::Borrowed(message.get(range.clone()).unwrap_or_default()))
    };
    match &part.structure {
        Structure::Leaf => vec![with_crlf(part.entity.text(message))],
        Structure::Multipart { prologue, epilogue, .. } => vec![octets(prologue), octets(epilogue)],
        Structure::Message(inner) => vec![octets(&inner.entity.header)],
    }
}

/// RFC 5173 §5.2: "type/subtype", "type", or nothing for all.
fn is_of(part: &Part, media: &[u8]) -> bool {
    let Ok(media) = std::str::from_utf8(media) else { return false };
    match media.split_once('/') {
        None => media.is_empty() || part.entity.media.kind.eq_ignore_ascii_case(media),
        Some((kind, subtype)) => {
            !subtype.contains('/')
                && part.entity.media.kind.eq_ignore_ascii_case(kind)
                && part.entity.media.subtype.eq_ignore_ascii_case(subtype)
        }
    }
}

/// Line ends as on the wire.
pub(crate) fn with_crlf(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let is_bare = |at: usize| at.checked_sub(1).and_then(|at| text.get(at)) != Some(&b'\r');
    if !memchr::memchr_iter(b'\n', &text).any(is_bare) {
        return text;
    }
    let mut converted = Vec::with_capacity(text.len() + text.len() / 32);
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(bare) if !bare.ends_with(b"\r") => {
                converted.extend_from_slice(bare);
                converted.extend_from_slice(b"\r\n");
            }
            Some(_) | None => converted.extend_from_slice(line),
        }
    }
    Cow::Owned(converted)
}
