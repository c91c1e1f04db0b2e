//! How a letter is filed: what `keep`, `fileinto` and `:fcc` have in common.

use crate::check::{Args, Checker};
use crate::extensions::{imap4flags, mailbox, special_use};
use crate::outcome::{Content, Create, Filing};
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::text::Text;

/// The tags that extensions add to them.
pub(crate) struct FilingOptions {
    flags: Option<Vec<Text>>,
    create: Create,
    special_use: Option<Text>,
}

impl FilingOptions {
    pub(crate) fn of(args: &Args<'_>, checker: &Checker<'_>) -> Result<Self, Fault> {
        Ok(Self {
            flags: imap4flags::tagged(args, checker)?,
            create: mailbox::create(args),
            special_use: special_use::tagged(args, checker)?,
        })
    }

    pub(crate) fn filing(&self, content: Content, run: &mut Run<'_>) -> Result<Filing, Failure> {
        let flags = imap4flags::filed(self.flags.as_deref(), run)?.into_list();
        self.with_flags(flags, content, run)
    }

    /// As [`FilingOptions::filing`], for a letter that isn't the one which is processed.
    pub(crate) fn filing_of_another(
        &self,
        content: Content,
        run: &mut Run<'_>,
    ) -> Result<Filing, Failure> {
        let flags = imap4flags::filed_elsewhere(self.flags.as_deref(), run)?.into_list();
        self.with_flags(flags, content, run)
    }

    fn with_flags(
        &self,
        flags: Vec<String>,
        content: Content,
        run: &mut Run<'_>,
    ) -> Result<Filing, Failure> {
        let special_use = match &self.special_use {
            None => None,
            Some(attribute) => {
                let attribute = attribute.characters(run)?;
                special_use::check_attribute(&attribute).map_err(Failure::new)?;
                Some(attribute)
            }
        };
        Ok(Filing { content, flags, create: self.create, special_use })
    }
}
