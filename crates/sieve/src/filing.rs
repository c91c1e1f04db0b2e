//! How a letter is filed: what `keep`, `fileinto` and `:fcc` have in common.

use crate::check::{Args, Checker};
use crate::extensions::imap4flags;
use crate::outcome::{Content, Filing};
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::text::Text;

/// The tags that extensions add to them.
pub(crate) struct FilingOptions {
    flags: Option<Vec<Text>>,
}

impl FilingOptions {
    pub(crate) fn of(args: &Args<'_>, checker: &Checker<'_>) -> Result<Self, Fault> {
        Ok(Self { flags: imap4flags::tagged(args, checker)? })
    }

    pub(crate) fn filing(&self, content: Content, run: &mut Run<'_>) -> Result<Filing, Failure> {
        let flags = imap4flags::filed(self.flags.as_deref(), run)?.into_list();
        Ok(Filing { content, flags })
    }
}
