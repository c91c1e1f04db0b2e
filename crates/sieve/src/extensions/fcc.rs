//! `fcc`: a copy of what a script sends, filed (RFC 8580).
//!
//! With ":create", ":flags" and ":specialuse" of other extensions, for that copy. The internal flags are those of
//! the letter that is processed, not of one that is sent (RFC 5232 §6).

use crate::check::{AddedTags, Args, Checker, Extension, Kind, On, Tag};
use crate::filing::FilingOptions;
use crate::outcome::{Content, Fcc};
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::text::Text;

use super::fileinto::check_mailbox;

/// The actions that send something.
pub(crate) const ON: &[&str] = &["vacation", "notify"];

pub(super) const EXTENSION: Extension = Extension {
    tags: &[AddedTags { on: On::Named(ON), tags: &[Tag::with("fcc", Kind::Text)] }],
    ..Extension::named("fcc")
};

/// Where a copy goes.
pub(crate) struct FccOptions {
    mailbox: Text,
    options: FilingOptions,
}

impl FccOptions {
    pub(crate) fn of(args: &Args<'_>, checker: &Checker<'_>) -> Result<Option<Self>, Fault> {
        let Some(mailbox) = args.tag_text("fcc", checker)? else {
            let stray = ["create", "flags", "specialuse"].into_iter().find(|tag| args.has(tag));
            return match stray {
                None => Ok(None),
                Some(tag) => {
                    Err(Fault::new(args.place_of(tag), format!("\":{tag}\" goes with \":fcc\"")))
                }
            };
        };
        checker.mailbox(&mailbox)?;
        Ok(Some(Self { mailbox, options: FilingOptions::of(args, checker)? }))
    }

    pub(crate) fn fcc(&self, run: &mut Run<'_>) -> Result<Fcc, Failure> {
        let mailbox = self.mailbox.characters(run)?;
        check_mailbox(&mailbox).map_err(Failure::new)?;
        let filing = self.options.filing_of_another(Content::Original, run)?;
        Ok(Fcc {
            mailbox,
            flags: filing.flags,
            create: filing.create,
            special_use: filing.special_use,
        })
    }
}
