//! `enotify`: tell somebody that a letter came (RFC 5435), by a letter (RFC 5436).
//!
//! `mailto` is the one method. Loops are broken as RFC 5436 §2.7 has it: notifications are marked, and letters
//! that are marked give none. Deviates from RFC 5435 §8 (a SHOULD NOT): a method may hold variables, as the address
//! of a `redirect` may; recipients are few.

use std::borrow::Cow;

use postroad_protocol::address::{Address, ReversePath};

use crate::address::without_route;
use crate::base::actions::add;
use crate::check::{
    AddedTags, Args, Checker, CommandKind, Extension, Kind, On, Signature, Tag, TakesBlock,
    TakesTests, TestKind,
};
use crate::compose::Draft;
use crate::limits;
use crate::matching::{self, Matcher};
use crate::outcome::{Action, Notification};
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::script::{Condition, Flow, Instruction};
use crate::text::{Text, check_constant};

use super::fcc::FccOptions;

mod mailto;

use mailto::Mailto;

pub(super) const EXTENSION: Extension = Extension {
    commands: &[CommandKind {
        name: "notify",
        signature: Signature {
            tags: &[&[
                Tag::with("from", Kind::Text),
                Tag::with("importance", Kind::Text),
                Tag::with("options", Kind::Texts),
                Tag::with("message", Kind::Text),
            ]],
            positional: &[&[Kind::Text]],
            tests: TakesTests::None,
        },
        block: TakesBlock::No,
        check: check_notify,
    }],
    tests: &[
        TestKind {
            name: "valid_notify_method",
            signature: Signature {
                tags: &[],
                positional: &[&[Kind::Texts]],
                tests: TakesTests::None,
            },
            check: |args, checker| Ok(Box::new(ValidMethod { uris: args.texts(0, checker)? })),
        },
        TestKind {
            name: "notify_method_capability",
            signature: Signature {
                tags: &[matching::TAGS],
                positional: &[&[Kind::Text, Kind::Text, Kind::Texts]],
                tests: TakesTests::None,
            },
            check: |args, checker| {
                let (uri, capability) = (args.text(0, checker)?, args.text(1, checker)?);
                let matcher = Matcher::of(args, 2, checker)?;
                Ok(Box::new(MethodCapability { uri, capability, matcher }))
            },
        },
    ],
    tags: &[AddedTags {
        on: On::Named(&["set", "extracttext"]),
        tags: &[Tag::one_of("precedence 15", "encodeurl")],
    }],
    ..Extension::named("enotify")
};

/// ":encodeurl" (RFC 5435 §6): all but what RFC 3986 §2.3 calls unreserved.
pub(crate) fn encode_url(value: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = Vec::with_capacity(value.len());
    for octet in value {
        match octet {
            b'-' | b'.' | b'_' | b'~' => encoded.push(*octet),
            octet if octet.is_ascii_alphanumeric() => encoded.push(*octet),
            octet => {
                let digit = |number: u8| DIGITS.get(usize::from(number)).copied().unwrap_or(b'0');
                encoded.extend([b'%', digit(octet >> 4), digit(octet & 15)]);
            }
        }
    }
    encoded
}

struct Notify {
    from: Option<Text>,
    importance: Option<Text>,
    message: Option<Text>,
    method: Text,
    fcc: Option<FccOptions>,
}

fn check_notify(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Box<dyn Instruction>, Fault> {
    let method = args.text(0, checker)?;
    let importance = args.tag_text("importance", checker)?;
    if let Some(importance) = &importance {
        check_constant(importance, check_importance)?;
    }
    for option in args.tag_texts("options", checker)?.iter().flatten() {
        check_constant(option, check_option)?;
    }
    Ok(Box::new(Notify {
        from: args.tag_text("from", checker)?,
        importance,
        message: args.tag_text("message", checker)?,
        method,
        fcc: FccOptions::of(args, checker)?,
    }))
}

/// RFC 5435 §3.4.
fn check_importance(importance: &str) -> Result<(), String> {
    match importance {
        "1" | "2" | "3" => Ok(()),
        _ => Err("an importance is \"1\", \"2\" or \"3\"".to_owned()),
    }
}

/// `"<optionname>=<value>"` (RFC 5435 §3.5); none has a meaning for us.
fn check_option(option: &str) -> Result<(), String> {
    let name = option.split_once('=').map(|(name, _)| name).unwrap_or_default();
    let is_part = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let is_name =
        name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(is_part);
    is_name.then_some(()).ok_or_else(|| "an option is a name, \"=\", and a value".to_owned())
}

impl Instruction for Notify {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        // RFC 5435 §3.2: a method that isn't there, or is wrong, is an error.
        let method = Mailto::parse(&self.method.characters(run)?).map_err(Failure::new)?;
        run.look_up(2)?;
        if is_automatic(run) {
            run.note(|| "notify: not about what was sent automatically".to_owned());
            return Ok(Flow::Next);
        }
        let own = self.own_from(run)?;
        let from = own.clone().or_else(|| owner(run));
        let from =
            from.ok_or_else(|| Failure::new("nobody is there for a notification to be from"))?;
        // RFC 5436 §2.7: what is about a notice goes out as one.
        let sender = match run.facts.envelope_from {
            Some("") => ReversePath::Null,
            Some(_) | None => ReversePath::Address(from.clone()),
        };
        let message = self.compose(&method, &from, run)?;
        run.allocate(message.len())?;
        let fcc = self.fcc.as_ref().map(|fcc| fcc.fcc(run)).transpose()?;
        let to = method.recipients();
        let what = to.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let notification = Notification { sender, to, message, fcc };
        add(run, Action::Notify(notification), || format!("notify {what}"))
    }
}

impl Notify {
    /// ":from", if it is the user's own; others could be anybody's (RFC 5435 §3.3).
    fn own_from(&self, run: &mut Run<'_>) -> Result<Option<Address>, Failure> {
        let Some(from) = &self.from else { return Ok(None) };
        let from = crate::address::parse_outbound(&from.characters(run)?).map_err(Failure::new)?;
        let text = from.to_string();
        let mut own = run.facts.own_addresses.iter().map(ToString::to_string);
        Ok(own.any(|own| own.eq_ignore_ascii_case(&text)).then_some(from))
    }

    /// The notification, but for its Message-ID (RFC 5436 §2.7).
    fn compose(
        &self,
        method: &Mailto,
        from: &Address,
        run: &mut Run<'_>,
    ) -> Result<Vec<u8>, Failure> {
        let mut draft = Draft::default();
        // RFC 5436 §2.7.1: on top.
        let owner = from.to_string().replace('\\', "\\\\").replace('"', "\\\"");
        draft.raw("Auto-Submitted", &format!("auto-notified; owner-email=\"{owner}\""));
        draft.date(&run.facts.now);
        draft.raw("From", &from.to_string());
        let list = |addresses: &[Address]| {
            addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",\r\n ")
        };
        draft.raw("To", &list(&method.to));
        if !method.cc.is_empty() {
            draft.raw("Cc", &list(&method.cc));
        }
        let subject = match (&self.message, &method.subject) {
            (Some(message), _) => String::from_utf8_lossy(&message.value(run)?).into_owned(),
            (None, Some(subject)) => subject.clone(),
            (None, None) => {
                let subject = run.header().raw_values(b"Subject").into_iter().next();
                let subject = subject.map(crate::decode::value).unwrap_or_default();
                String::from_utf8_lossy(&subject).into_owned()
            }
        };
        let subject: String = subject.chars().take(limits::SUBJECT_CHARACTERS_MAX).collect();
        draft.text("Subject", &subject);
        if let Some(importance) = &self.importance {
            let importance = importance.characters(run)?;
            check_importance(&importance).map_err(Failure::new)?;
            match importance.as_str() {
                "1" => draft.raw("Importance", "high"),
                "3" => draft.raw("Importance", "low"),
                _ => {}
            }
        }
        for (name, value) in &method.others {
            draft.text(name, value);
        }
        Ok(draft.with_text(&method.body))
    }
}

/// Whose script it is.
fn owner(run: &Run<'_>) -> Option<Address> {
    let first = run.facts.own_addresses.first().cloned();
    first.or_else(|| Address::parse(without_route(run.facts.envelope_to?)).ok())
}

/// RFC 5436 §2.7.
fn is_automatic(run: &Run<'_>) -> bool {
    run.header().raw_values(b"Auto-Submitted").into_iter().any(|raw| {
        let value = crate::decode::value(raw);
        let word = value.split(|octet| matches!(octet, b';' | b' ' | b'(')).next();
        !word.unwrap_or_default().eq_ignore_ascii_case(b"no")
    })
}

struct ValidMethod {
    uris: Vec<Text>,
}

impl Condition for ValidMethod {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        for uri in &self.uris {
            let uri = String::from_utf8_lossy(&uri.value(run)?).into_owned();
            if let Err(what) = Mailto::parse(&uri) {
                run.note(|| what);
                return Ok(false);
            }
        }
        Ok(true)
    }
}

struct MethodCapability {
    uri: Text,
    capability: Text,
    matcher: Matcher,
}

impl Condition for MethodCapability {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        let uri = String::from_utf8_lossy(&self.uri.value(run)?).into_owned();
        let capability = self.capability.value(run)?;
        // RFC 5435 §5: what isn't known matches nothing.
        let value: Option<&[u8]> = match capability.to_ascii_lowercase().as_slice() {
            // RFC 5436 §2.2: we never know.
            b"online" if Mailto::parse(&uri).is_ok() => Some(b"maybe"),
            // RFC 8580 §6.1: the scheme is enough.
            b"fcc" if mailto::is_scheme_of(&uri) => Some(b"yes"),
            _ => None,
        };
        let name = String::from_utf8_lossy(&capability).into_owned();
        let value = value.map(|value| (name, Cow::Borrowed(value)));
        self.matcher.any(run, &value.into_iter().collect::<Vec<_>>())
    }
}
