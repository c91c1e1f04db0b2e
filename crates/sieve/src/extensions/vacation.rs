//! `vacation`: tell those who write that nobody reads (RFC 5230), with ":seconds" (RFC 6131).
//!
//! A run decides and writes the response; that one was sent is remembered by the caller, once it was
//! ([`Reply::memo`](crate::Reply)), and asked for through [`Past`](crate::Past). No response goes to lists, to
//! programs, to nobody, to the user, or to who wrote to somebody else (row M11, RFC 3834).

use postroad_protocol::address::Address;

use crate::address::{addresses, without_route};
use crate::base::actions::add;
use crate::check::{
    AddedTags, Args, Checker, CommandKind, Extension, Kind, On, Signature, Tag, TakesBlock,
    TakesTests,
};
use crate::compose::{Draft, mailbox_list};
use crate::limits;
use crate::outcome::{Action, Memo, MemoKind, Reply};
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::script::{Flow, Instruction};
use crate::text::{Text, check_constant};

use super::fcc::FccOptions;

/// ":days" and ":seconds" exclude each other (RFC 6131 §2).
const PERIOD: &str = "period";

pub(super) const EXTENSION: Extension = Extension {
    commands: &[CommandKind {
        name: "vacation",
        signature: Signature {
            tags: &[&[
                Tag { name: "days", group: PERIOD, value: Some(Kind::Number) },
                Tag::with("subject", Kind::Text),
                Tag::with("from", Kind::Text),
                Tag::with("addresses", Kind::Texts),
                Tag::flag("mime"),
                Tag::with("handle", Kind::Text),
            ]],
            positional: &[&[Kind::Text]],
            tests: TakesTests::None,
        },
        block: TakesBlock::No,
        check,
    }],
    ..Extension::named("vacation")
};

pub(super) const SECONDS: Extension = Extension {
    implies: &["vacation"],
    tags: &[AddedTags {
        on: On::Named(&["vacation"]),
        tags: &[Tag { name: "seconds", group: PERIOD, value: Some(Kind::Number) }],
    }],
    ..Extension::named("vacation-seconds")
};

/// Fields that lists put on letters (RFC 5230 §4.6).
const LIST_FIELDS: &[&str] = &[
    "List-Id",
    "List-Help",
    "List-Subscribe",
    "List-Unsubscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
];
/// Where a recipient is named (RFC 5230 §4.5).
const RECIPIENT_FIELDS: &[&str] = &["To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"];
/// Local parts of programs (RFC 5230 §4.6 asks for a list).
const PROGRAMS: &[&str] = &[
    "mailer-daemon",
    "listserv",
    "majordomo",
    "noreply",
    "no-reply",
    "do-not-reply",
    "donotreply",
];

struct Vacation {
    seconds: u64,
    subject: Option<Text>,
    from: Option<Text>,
    addresses: Vec<Text>,
    form: Form,
    reason: Text,
    /// What the response is known by, before any variable is filled in (RFC 5230 §4.2).
    identity: Vec<u8>,
    fcc: Option<FccOptions>,
}

enum Form {
    Text,
    Mime,
}

fn check(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Box<dyn Instruction>, Fault> {
    let from = args.tag_text("from", checker)?;
    if let Some(from) = &from {
        check_constant(from, |from| mailbox_list(from).map(drop))?;
    }
    let subject = args.tag_text("subject", checker)?;
    let reason = args.text(0, checker)?;
    let form = if args.has("mime") { Form::Mime } else { Form::Text };
    let identity = match args.tag_text("handle", checker)? {
        Some(handle) => identity(b"handle", &[Some(&handle)]),
        None => {
            let kind: &[u8] = if args.has("mime") { b"mime" } else { b"text" };
            identity(kind, &[subject.as_ref(), from.as_ref(), Some(&reason)])
        }
    };
    let addresses = args.tag_texts("addresses", checker)?.unwrap_or_default();
    let seconds = period(args);
    let fcc = FccOptions::of(args, checker)?;
    Ok(Box::new(Vacation { seconds, subject, from, addresses, form, reason, identity, fcc }))
}

/// How long nobody is told again (RFC 5230 §4.1, RFC 6131 §2).
fn period(args: &Args<'_>) -> u64 {
    if let Some(seconds) = args.tag_number("seconds") {
        return seconds.min(limits::VACATION_DAYS_MAX * limits::DAY_SECONDS);
    }
    let days = args.tag_number("days").unwrap_or(limits::VACATION_DAYS);
    days.clamp(1, limits::VACATION_DAYS_MAX) * limits::DAY_SECONDS
}

/// Counted texts, so that no two lists look the same (RFC 5230 §4.2).
fn identity(kind: &[u8], texts: &[Option<&Text>]) -> Vec<u8> {
    let mut identity = kind.to_vec();
    for text in texts {
        let source = text.map_or(&b""[..], |text| text.source());
        identity.extend_from_slice(format!("\n{} ", source.len()).as_bytes());
        identity.extend_from_slice(source);
    }
    identity
}

impl Instruction for Vacation {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        // RFC 5230 §4.7: twice is an error, also where nobody would be told.
        run.actions.note_vacation()?;
        let to = match self.recipient(run)? {
            Ok(to) => to,
            Err(why) => {
                run.note(|| format!("vacation: no response, {why}"));
                return Ok(Flow::Next);
            }
        };
        let mut key = self.identity.clone();
        key.extend_from_slice(format!("\n{}", to.to_string().to_ascii_lowercase()).as_bytes());
        let memo = Memo { kind: MemoKind::Vacation, key, seconds: self.seconds };
        // RFC 6131 §2: with ":seconds 0" each letter is answered.
        let memo = Some(memo).filter(|memo| memo.seconds > 0);
        if memo.as_ref().is_some_and(|memo| run.facts.past.remembers(memo.kind, &memo.key)) {
            run.note(|| format!("vacation: no response, {to} was told already"));
            return Ok(Flow::Next);
        }
        let message = self.message(&to, run)?;
        run.allocate(message.len())?;
        let what = format!("vacation: respond to {to}");
        let fcc = self.fcc.as_ref().map(|fcc| fcc.fcc(run)).transpose()?;
        add(run, Action::Vacation(Reply { to, message, memo, fcc }), || what)
    }
}

impl Vacation {
    /// Who is told, or why nobody is.
    fn recipient(&self, run: &mut Run<'_>) -> Result<Result<Address, &'static str>, Failure> {
        let Some(sender) = run.facts.envelope_from.map(without_route) else {
            return Ok(Err("the sender isn't known"));
        };
        if sender.is_empty() {
            return Ok(Err("its sender is empty, as a notice's is"));
        }
        let Ok(to) = Address::parse(sender) else { return Ok(Err("the sender is no address")) };
        let mut own: Vec<String> =
            run.facts.own_addresses.iter().map(ToString::to_string).collect();
        own.extend(run.facts.envelope_to.map(|to| without_route(to).to_owned()));
        for address in &self.addresses {
            own.push(address.characters(run)?.trim().to_owned());
        }
        let is_own = |address: &str| own.iter().any(|own| own.eq_ignore_ascii_case(address));
        if is_own(&to.to_string()) {
            return Ok(Err("the user wrote it"));
        }
        if is_program(to.local_part.as_str()) {
            return Ok(Err("a program wrote it"));
        }
        if let Some(why) = automatic(run) {
            return Ok(Err(why));
        }
        // RFC 5230 §4.5.
        let fields =
            RECIPIENT_FIELDS.iter().flat_map(|name| run.header().raw_values(name.as_bytes()));
        let is_named = fields.into_iter().any(|raw| addresses(&raw).iter().any(|to| is_own(to)));
        Ok(match is_named {
            true => Ok(to),
            false => Err("the user isn't named as a recipient"),
        })
    }

    /// The response, but for its Message-ID (RFC 5230 §5).
    fn message(&self, to: &Address, run: &mut Run<'_>) -> Result<Vec<u8>, Failure> {
        let mut draft = Draft::default();
        let from = match &self.from {
            Some(from) => mailbox_list(&from.characters(run)?).map_err(Failure::new)?,
            None => match owner(run) {
                Some(own) => own,
                None => {
                    let to = run.facts.envelope_to.unwrap_or_default();
                    mailbox_list(without_route(to)).map_err(Failure::new)?
                }
            },
        };
        draft.raw("From", &from);
        draft.raw("To", &to.to_string());
        let subject = match &self.subject {
            Some(subject) => String::from_utf8_lossy(&subject.value(run)?).into_owned(),
            None => match run.header().raw_values(b"Subject").into_iter().next() {
                Some(raw) => {
                    format!("Auto: {}", String::from_utf8_lossy(&crate::decode::value(raw)))
                }
                None => "Automated reply".to_owned(),
            },
        };
        let subject: String = subject.chars().take(limits::SUBJECT_CHARACTERS_MAX).collect();
        draft.text("Subject", &subject);
        draft.date(&run.facts.now);
        if let Some((in_reply_to, references)) = thread(run) {
            draft.raw("In-Reply-To", &in_reply_to);
            draft.raw("References", &references);
        }
        // RFC 3834 §5.
        draft.raw("Auto-Submitted", "auto-replied");
        let reason = self.reason.value(run)?;
        match self.form {
            Form::Text => Ok(draft.with_text(&String::from_utf8_lossy(&reason))),
            Form::Mime => draft.with_entity(&reason).map_err(Failure::new),
        }
    }
}

/// The user: by the address that the letter is to, if it is to one (RFC 5230 §5.4 with its erratum 2035).
fn owner(run: &Run<'_>) -> Option<String> {
    let fields = ["To", "Cc"].iter().flat_map(|name| run.header().raw_values(name.as_bytes()));
    let named: Vec<String> = fields.flat_map(|raw| addresses(&raw)).collect();
    let own = || run.facts.own_addresses.iter().map(ToString::to_string);
    let is_named = |own: &String| named.iter().any(|named| named.eq_ignore_ascii_case(own));
    own().find(is_named).or_else(|| own().next())
}

/// RFC 5230 §4.6: "-request", "owner-" and their like.
fn is_program(local_part: &str) -> bool {
    let local_part = local_part.to_ascii_lowercase();
    PROGRAMS.contains(&local_part.as_str())
        || local_part.starts_with("owner-")
        || ["-request", "-owner", "-bounces"].iter().any(|end| local_part.ends_with(end))
}

/// Why a letter looks as if no person had written it to this one (RFC 5230 §4.6, RFC 3834 §2).
fn automatic(run: &Run<'_>) -> Option<&'static str> {
    let first_words = |name: &[u8]| -> Vec<Vec<u8>> {
        let first_word = |raw| {
            let value = crate::decode::value(raw);
            let word = value.split(|octet| matches!(octet, b';' | b' ' | b'(')).next();
            word.unwrap_or_default().trim_ascii().to_ascii_lowercase()
        };
        run.header().raw_values(name).into_iter().map(first_word).collect()
    };
    if LIST_FIELDS.iter().any(|name| run.header().has(name.as_bytes())) {
        return Some("it comes from a list");
    }
    if first_words(b"Auto-Submitted").iter().any(|value| value != b"no") {
        return Some("it was sent automatically");
    }
    let is_bulk = |value: &Vec<u8>| [&b"bulk"[..], b"list", b"junk"].contains(&value.as_slice());
    first_words(b"Precedence").iter().any(is_bulk).then_some("it is bulk mail")
}

/// In-Reply-To and References of an answer to the letter (RFC 5230 §5.8, RFC 5322 §3.6.4).
fn thread(run: &Run<'_>) -> Option<(String, String)> {
    let ids = |name: &[u8]| -> Vec<String> {
        let value = run.header().raw_values(name).into_iter().next().unwrap_or_default();
        let value = String::from_utf8_lossy(&value).into_owned();
        // Row M12: only what is an id is repeated.
        let is_id = |word: &&str| {
            word.len() > 2
                && word.len() <= limits::MESSAGE_ID_OCTETS_MAX
                && word.starts_with('<')
                && word.ends_with('>')
                && word.bytes().all(|octet| octet.is_ascii_graphic())
        };
        value.split_ascii_whitespace().filter(is_id).map(str::to_owned).collect()
    };
    let message_id = ids(b"Message-ID").into_iter().next()?;
    let mut references = ids(b"References");
    if references.is_empty() {
        references = ids(b"In-Reply-To").into_iter().take(1).collect();
    }
    // The beginning of the thread and its end.
    if references.len() > limits::REFERENCES_MAX {
        let cut = references.len() - limits::REFERENCES_MAX;
        references.drain(1..=cut);
    }
    references.push(message_id.clone());
    Some((message_id, references.join("\r\n ")))
}
