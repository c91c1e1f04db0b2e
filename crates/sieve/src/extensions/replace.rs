//! `replace`: other content in place of a part, or of all the message says (RFC 5703 §5).
//!
//! It takes effect at once. Of the message itself the header stays, but for what describes the old content.

use crate::check::{
    Args, Checker, CommandKind, Extension, Kind, Signature, Tag, TakesBlock, TakesTests,
};
use crate::compose::{mailbox_list, mime_entity, text_entity, unstructured};
use crate::limits;
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::script::{Flow, Instruction};
use crate::text::{Text, check_constant};

use super::editheader::End;

pub(super) const EXTENSION: Extension = Extension {
    commands: &[CommandKind {
        name: "replace",
        signature: Signature {
            tags: &[&[
                Tag::flag("mime"),
                Tag::with("subject", Kind::Text),
                Tag::with("from", Kind::Text),
            ]],
            positional: &[&[Kind::Text]],
            tests: TakesTests::None,
        },
        block: TakesBlock::No,
        check,
    }],
    ..Extension::named("replace")
};

struct Replace {
    form: Form,
    subject: Option<Text>,
    from: Option<Text>,
    replacement: Text,
}

enum Form {
    Text,
    Mime,
}

fn check(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Box<dyn Instruction>, Fault> {
    // RFC 5703 §5: to be ignored, and better refused.
    if let Some(stray) =
        ["subject", "from"].into_iter().find(|tag| args.has(tag) && args.has("mime"))
    {
        let problem = format!("\":{stray}\" doesn't go with \":mime\"");
        return Err(Fault::new(args.place_of(stray), problem));
    }
    let from = args.tag_text("from", checker)?;
    if let Some(from) = &from {
        check_constant(from, |from| mailbox_list(from).map(drop))?;
    }
    Ok(Box::new(Replace {
        form: if args.has("mime") { Form::Mime } else { Form::Text },
        subject: args.tag_text("subject", checker)?,
        from,
        replacement: args.text(0, checker)?,
    }))
}

impl Instruction for Replace {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        let text = self.replacement.value(run)?;
        let entity = match self.form {
            Form::Text => text_entity(&String::from_utf8_lossy(&text)),
            Form::Mime => mime_entity(&text).map_err(Failure::new)?,
        };
        run.allocate(entity.len())?;
        match run.current.last().cloned() {
            Some(at) if at.index > 0 => {
                run.note(|| format!("replace part {}", at.parts.describe(at.index)));
                let looked_at = at.parts.replace(at.index, entity);
                run.spend(looked_at)?;
            }
            // RFC 5703 §5: outside a loop it is the message; so it is where a loop begins.
            Some(_) | None => {
                run.note(|| "replace the message".to_owned());
                self.replace_message(run, &entity)?;
                let message = run.letter.octets().into_owned();
                if let Some(at) = run.current.first() {
                    let looked_at = at.parts.replace(0, message);
                    at.parts.retire();
                    run.spend(looked_at)?;
                }
            }
        }
        Ok(Flow::Next)
    }
}

impl Replace {
    fn replace_message(&self, run: &mut Run<'_>, entity: &[u8]) -> Result<(), Failure> {
        run.look_up(3)?;
        run.allocate(run.letter.header_octets())?;
        if let Some(subject) = &self.subject {
            let subject = String::from_utf8_lossy(&subject.value(run)?).into_owned();
            let subject: String = subject.chars().take(limits::SUBJECT_CHARACTERS_MAX).collect();
            run.letter.rename_fields("Subject", "Original-Subject");
            run.letter.add_field(End::Bottom, "Subject", &unstructured(&subject, 9));
        }
        if let Some(from) = &self.from {
            let from = mailbox_list(&from.characters(run)?).map_err(Failure::new)?;
            run.letter.rename_fields("From", "Original-From");
            run.letter.add_field(End::Bottom, "From", &from);
        }
        run.letter.replace_content(entity);
        Ok(())
    }
}
