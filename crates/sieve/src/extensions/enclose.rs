//! `enclose`: the message as an attachment of a new one (RFC 5703 §6).
//!
//! What is tested and done afterwards is tested and done on the new message. Trace fields stay on top: loops are
//! known by them.

use crate::check::{
    Args, Checker, CommandKind, Extension, Kind, Signature, Tag, TakesBlock, TakesTests,
};
use crate::compose::{Draft, text_entity};
use crate::limits;
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::script::{Flow, Instruction};
use crate::text::Text;

pub(super) const EXTENSION: Extension = Extension {
    commands: &[CommandKind {
        name: "enclose",
        signature: Signature {
            tags: &[&[Tag::with("subject", Kind::Text), Tag::with("headers", Kind::Texts)]],
            positional: &[&[Kind::Text]],
            tests: TakesTests::None,
        },
        block: TakesBlock::No,
        check,
    }],
    ..Extension::named("enclose")
};

/// Fields that tell where a letter has been.
const TRACE_FIELDS: &[&str] = &["return-path", "delivered-to", "received"];

struct Enclose {
    subject: Option<Text>,
    headers: Vec<Text>,
    text: Text,
}

fn check(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Box<dyn Instruction>, Fault> {
    Ok(Box::new(Enclose {
        subject: args.tag_text("subject", checker)?,
        headers: args.tag_texts("headers", checker)?.unwrap_or_default(),
        text: args.text(0, checker)?,
    }))
}

impl Instruction for Enclose {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        let message = run.letter()?.octets();
        run.retire_loops();
        let text = text_entity(&String::from_utf8_lossy(&self.text.value(run)?));
        run.allocate(message.len() + text.len())?;
        let mut copied = Vec::new();
        for name in &self.headers {
            copied.push(name.characters(run)?.to_ascii_lowercase());
        }
        let mut draft = Draft::default();
        if let Some(subject) = &self.subject {
            let subject = String::from_utf8_lossy(&subject.value(run)?).into_owned();
            let subject: String = subject.chars().take(limits::SUBJECT_CHARACTERS_MAX).collect();
            draft.text("Subject", &subject);
        }
        let is_copied = |name: &str| copied.iter().any(|copied| copied == name);
        // RFC 5703 §6: of now and of the user, unless they are copied.
        if !is_copied("date") {
            draft.date(&run.facts.now);
        }
        if let Some(own) = run.facts.own_addresses.first().filter(|_| !is_copied("from")) {
            draft.raw("From", &own.to_string());
        }
        let boundary = boundary(&[&text, &message]);
        draft.raw("MIME-Version", "1.0");
        draft.raw("Content-Type", &format!("multipart/mixed; boundary=\"{boundary}\""));
        let is_kept = |name: &str| {
            match name {
                "subject" => self.subject.is_none(),
                // The new message has its own of these.
                "mime-version" => false,
                name if name.starts_with("content-") => false,
                name => TRACE_FIELDS.contains(&name) || is_copied(name),
            }
        };
        let fields = run.letter.fields_of(is_kept);
        let body = [
            format!("--{boundary}\r\n").as_bytes(),
            &text,
            format!("--{boundary}\r\nContent-Type: message/rfc822\r\n\r\n").as_bytes(),
        ]
        .concat();
        let end = format!("\r\n--{boundary}--\r\n");
        run.letter.enclose(&fields, draft.header(), &body, &message, &end);
        run.note(|| "enclose the message".to_owned());
        Ok(Flow::Next)
    }
}

/// A line that stands in none of these.
fn boundary(texts: &[&[u8]]) -> String {
    let is_free = |boundary: &String| {
        texts.iter().all(|text| memchr::memmem::find(text, boundary.as_bytes()).is_none())
    };
    let candidates = (0..1_000_u32).map(|number| format!("=_enclosed_{number}"));
    candidates.into_iter().find(is_free).unwrap_or_else(|| "=_enclosed".to_owned())
}
