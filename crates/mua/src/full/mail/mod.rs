//! Actors that have the letters of an account: one thread each, which takes requests and sends reports.
//!
//! | letters are | it is in |
//! |---|---|
//! | in a Maildir of this host | `maildir`; what was done there and can be taken back: `deeds` |
//! | at an IMAP or POP3 server, in a mailbox file | `far` |

mod deeds;
pub(super) mod far;
mod maildir;
mod mapped;

use postroad_tui::data::{LetterId, Marks};
use postroad_tui::effect::{Ask, Job};

pub(super) use maildir::{Start, start};

/// What an actor is asked.
#[derive(Debug)]
pub(super) enum Request {
    /// To do this.
    Ask(Job, Ask),
    /// To mark a letter that was answered or sent on: nobody waits for that, or takes it back.
    Mark(LetterId, Marks),
    /// Not to go on with that; what is half done is brought to a safe point.
    Cancel(Job),
    /// To end, once all before it is done.
    End,
}
