//! Actors that have the letters of an account: one thread each, which takes requests and sends reports.
//!
//! | letters are | it is in |
//! |---|---|
//! | in a Maildir of this host | `maildir`; what was done there and can be taken back: `deeds` |
//! | at an IMAP or POP3 server, in a mailbox file | `far` |

mod deeds;
pub(crate) mod far;
mod maildir;
pub(crate) mod mapped;

use postroad_store::Maildir;
use postroad_tui::data::{FolderId, LetterId, Marks};
use postroad_tui::effect::{Ask, Job};

use super::wake::{Outgoing, Teller};
use crate::safe_text::SafeText;

pub(super) use maildir::{Start, start};

/// What an actor is asked.
#[derive(Debug)]
pub(super) enum Request {
    /// To do this.
    Ask(Job, Ask),
    /// To mark a letter that was answered or sent on: nobody waits for that, or takes it back.
    Mark(LetterId, Marks),
    /// To say where a folder is that letters of another account are to come to.
    Where(FolderId, Across),
    /// To put letters there.
    Across(Across, Maildir),
    /// Not to go on with that; what is half done is brought to a safe point.
    Cancel(Job),
    /// To end, once all before it is done.
    End,
}

/// Letters that go to another account.
#[derive(Debug)]
pub(super) struct Across {
    /// Who asks.
    pub(super) job: Job,
    /// Which.
    pub(super) letters: Vec<LetterId>,
    /// What becomes of them here.
    pub(super) how: How,
    /// What the folder is called on the screen.
    pub(super) title: SafeText,
    /// Who has them.
    pub(super) from: Outgoing<Request>,
    /// What came of it is told as theirs.
    pub(super) tell: Teller,
}

/// What becomes of letters that are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// They go once their copies are safe.
    Move,
    /// They stay.
    Copy,
}

impl Across {
    /// It can't be done.
    pub(super) fn refuse(&self) {
        let words = "letters go from one account to another where both are Maildirs of this host";
        self.tell.failed(self.job, words, "C or s to a folder of its own account");
    }
}
