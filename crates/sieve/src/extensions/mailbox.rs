//! `mailbox`: whether a mailbox is there, and ":create" (RFC 5490 §3.1, §3.2).

use crate::check::{AddedTags, Args, Extension, Kind, On, Signature, Tag, TakesTests, TestKind};
use crate::limits;
use crate::outcome::Create;
use crate::run::{Failure, Run};
use crate::script::Condition;
use crate::text::Text;

pub(super) const EXTENSION: Extension = Extension {
    tests: &[TestKind {
        name: "mailboxexists",
        signature: Signature { tags: &[], positional: &[&[Kind::Texts]], tests: TakesTests::None },
        check: |args, checker| Ok(Box::new(MailboxExists { names: args.texts(0, checker)? })),
    }],
    tags: &[AddedTags {
        on: On::Named(&["fileinto", "vacation", "notify"]),
        tags: &[Tag::flag("create")],
    }],
    ..Extension::named("mailbox")
};

/// Whether ":create" is there.
pub(crate) fn create(args: &Args<'_>) -> Create {
    match args.has("create") {
        true => Create::IfMissing,
        false => Create::AsConfigured,
    }
}

struct MailboxExists {
    names: Vec<Text>,
}

impl Condition for MailboxExists {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        for name in &self.names {
            run.spend_steps(limits::OUTSIDE_STEPS)?;
            // A name that isn't UTF-8 is none of a mailbox.
            let name = String::from_utf8(name.value(run)?.into_owned()).ok();
            let exists = name.as_deref().is_some_and(|name| run.facts.mailboxes.exists(name));
            run.note(|| {
                let is = if exists { "exists" } else { "doesn't exist" };
                format!("mailbox {} {is}", name.as_deref().unwrap_or("?"))
            });
            if !exists {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
