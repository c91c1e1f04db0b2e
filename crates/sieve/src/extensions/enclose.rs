//! `enclose`: the message as an attachment of a new one (RFC 5703 §6).
//!
//! What is tested and done afterwards is tested and done on the new message. Trace fields stay on top: loops are
//! known by them.

use std::collections::BTreeSet;

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
        run.look_up(copied.len() + 1)?;
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

const BOUNDARY: &str = "=_enclosed_";
/// Digits behind that: more numbers than a letter has room for.
const DIGITS: usize = 10;

/// What stands in none of these: they can't end the part that they are in (RFC 2046 §5.1.1).
fn boundary(texts: &[&[u8]]) -> String {
    let mut taken: BTreeSet<u64> = BTreeSet::new();
    for text in texts {
        for at in memchr::memmem::find_iter(text, BOUNDARY) {
            let start = at + BOUNDARY.len();
            let digits = text.get(start..start + DIGITS).unwrap_or_default();
            if digits.iter().all(u8::is_ascii_digit) {
                taken.extend(String::from_utf8_lossy(digits).parse::<u64>().ok());
            }
        }
    }
    let mut free = 0_u64;
    while taken.contains(&free) {
        free += 1;
    }
    format!("{BOUNDARY}{free:0DIGITS$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Row M12.
    fn m12_no_letter_holds_the_boundary_that_it_is_enclosed_by() {
        let name = |number: u64| format!("{BOUNDARY}{number:010}");
        assert_eq!(boundary(&[b"x", b"=_enclosed_", b"=_enclosed_1"]), name(0));
        let all: String = (0..5_000).map(|number| format!("--{}\n", name(number))).collect();
        assert_eq!(boundary(&[b"--=_enclosed\n", all.as_bytes()]), name(5_000));
    }
}
