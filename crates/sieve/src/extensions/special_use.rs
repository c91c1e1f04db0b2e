//! `special-use`: mailboxes by what they are for (RFC 8579).

use crate::check::{
    AddedTags, Args, Checker, Extension, Kind, On, Signature, Tag, TakesTests, TestKind,
};
use crate::limits;
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::script::Condition;
use crate::text::{Text, check_constant};

pub(super) const EXTENSION: Extension = Extension {
    tests: &[TestKind {
        name: "specialuse_exists",
        signature: Signature {
            tags: &[],
            positional: &[&[Kind::Texts], &[Kind::Text, Kind::Texts]],
            tests: TakesTests::None,
        },
        check: check_exists,
    }],
    tags: &[AddedTags {
        on: On::Named(&["fileinto", "vacation", "notify"]),
        tags: &[Tag::with("specialuse", Kind::Text)],
    }],
    ..Extension::named("special-use")
};

/// `use-attr = "\" atom` (RFC 6154 §6).
pub(crate) fn check_attribute(attribute: &str) -> Result<(), String> {
    let atom = attribute.strip_prefix('\\').unwrap_or_default();
    let is_atom = |c: char| c.is_ascii_graphic() && !"(){%*\"\\]".contains(c);
    match !atom.is_empty() && atom.chars().all(is_atom) {
        true => Ok(()),
        false => Err(format!(
            "\"{}\" is no special use; in a script \\Junk is written \"\\\\Junk\"",
            attribute.escape_debug()
        )),
    }
}

/// The tag of an action that files the letter.
pub(crate) fn tagged(args: &Args<'_>, checker: &Checker<'_>) -> Result<Option<Text>, Fault> {
    let attribute = args.tag_text("specialuse", checker)?;
    attribute.iter().try_for_each(|attribute| check_constant(attribute, check_attribute))?;
    Ok(attribute)
}

fn check_exists(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Box<dyn Condition>, Fault> {
    let (mailbox, attributes) = match args.count() {
        1 => (None, args.texts(0, checker)?),
        _ => (Some(args.text(0, checker)?), args.texts(1, checker)?),
    };
    Ok(Box::new(SpecialUseExists { mailbox, attributes }))
}

/// RFC 8579 §3: all the attributes are assigned, to this mailbox or to any.
struct SpecialUseExists {
    mailbox: Option<Text>,
    attributes: Vec<Text>,
}

impl Condition for SpecialUseExists {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        let mailbox = match &self.mailbox {
            None => None,
            Some(mailbox) => Some(mailbox.characters(run)?),
        };
        for attribute in &self.attributes {
            run.spend_steps(limits::OUTSIDE_STEPS)?;
            let attribute = attribute.characters(run)?;
            if !run.facts.mailboxes.has_special_use(mailbox.as_deref(), &attribute) {
                run.note(|| format!("{attribute} isn't assigned"));
                return Ok(false);
            }
        }
        Ok(true)
    }
}
