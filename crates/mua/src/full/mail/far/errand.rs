//! What the actor has the network's thread do, and what comes of it.

use std::path::PathBuf;

use postroad_imap::value::MailboxName;
use postroad_tui::data::Marks;

use super::view::{News, View};
use crate::imap::{Asked, Change, Folder, Header, Moved};
use crate::safe_text::SafeText;

/// What the network's thread is told.
#[derive(Debug)]
pub(super) enum Call {
    /// To do this, behind what it was told before.
    Errand(Errand),
    /// To watch this folder, in place of another.
    Watch(Box<View>),
    /// To watch none.
    Unwatch,
    /// Nobody waits for that any more.
    Cancel(u64),
    /// To try now to get a connection, where there is none.
    Hurry,
    /// To end, once all before it is done.
    End,
}

/// One thing to do.
#[derive(Debug)]
pub(super) struct Errand {
    /// Each has another one.
    pub(super) id: u64,
    pub(super) deed: Deed,
}

/// Letters of a folder, as long as their numbers count for the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letters {
    pub(super) folder: MailboxName,
    pub(super) validity: u32,
    pub(super) uids: Vec<u32>,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    /// List the folders.
    Folders,
    /// Look what is new in the folder that is watched.
    Look,
    /// Read what lists want.
    Headers(Letters),
    /// Read the first of these, into a file that is there when all of it has come.
    Letter(Letters, PathBuf),
    /// Mark.
    Mark {
        /// These.
        letters: Letters,
        /// With these.
        add: Marks,
        /// And without these.
        remove: Marks,
    },
    /// Move there.
    Move(Letters, MailboxName),
    /// Copy there.
    Copy(Letters, MailboxName),
    /// Remove for good.
    Remove(Letters),
    /// Change which folders there are; in this order.
    Folder(Vec<Change>),
    /// Look for letters, by each of these; of the folder's letters none are named.
    Search(Letters, Vec<Asked>),
    /// Look for letters of any folder, so many of the newest at most, and read what lists want of them.
    Hunt(MailboxName, Asked, usize),
}

/// What the network's thread tells.
#[derive(Debug)]
pub(super) enum Event {
    /// There is a connection.
    Up,
    /// It is lost, and made anew.
    Again,
    /// There is none, and why; it is tried again.
    Down(SafeText),
    /// What is in the folder that is watched.
    Folder {
        name: MailboxName,
        /// What its UIDs count for; another one than before: all is void.
        validity: u32,
        mod_seq: u64,
        news: News,
    },
    /// The folder that is watched can't be opened.
    NoFolder { name: MailboxName, words: SafeText },
    /// An errand is done.
    Done(u64, Result<Came, Failure>),
    /// Nothing is left to be done, and it ends.
    Ended,
}

/// What has come of an errand.
#[derive(Debug)]
pub(super) enum Came {
    Folders(Vec<Folder>),
    Looked,
    Headers(Vec<Header>),
    Letter,
    Marked,
    Moved(Moved),
    Removed,
    /// What each has found, sorted.
    Found(Vec<Vec<u32>>),
    /// What the folder's numbers count for, and its letters, the newest first.
    Hunted(u32, Vec<Header>),
}

/// Why nothing has come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The connection is cut: it can be done when there is another one.
    Lost,
    /// The letters' numbers count for nothing any more.
    Void,
    /// The server refuses, or what is wanted can't be had.
    Refused(SafeText),
}
