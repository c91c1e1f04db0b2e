//! What happens to the screen: keys, the clock, and what the shell has to tell.

use std::sync::Arc;

use jiff::Timestamp;
use postroad_safetext::SafeText;

use crate::canvas::Cell;
use crate::data::{
    DraftId, DraftRow, Field, FolderId, FolderRow, Found, FoundRow, HeldId, LetterId, Listing,
    OutboxRow, Page, PartContent, Row, UndoLabel,
};
use crate::effect::Job;
use crate::keys::Key;
use crate::model::{Now, Size};
use crate::people::PersonRow;

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Msg {
    /// A key.
    Key(Key),
    /// Text that was pasted; never keys.
    Paste(String),
    /// The mouse.
    Mouse(Mouse),
    /// The terminal has another size.
    Resized(Size),
    /// What time it is. The shell says so before each batch of other messages, and when
    /// [`crate::effect::Effect::TickAt`] asked for it.
    Tick(Now),
    /// What an actor of the shell has to say.
    Report(Report),
}

/// What the mouse did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mouse {
    /// Where.
    pub at: Cell,
    /// What.
    pub does: MouseDoes,
}

/// What a mouse can do here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseDoes {
    /// Its left button.
    Click,
    /// The wheel, away from the user.
    ScrollUp,
    /// The wheel, towards the user.
    ScrollDown,
}

/// What has come of a job. One of a job that was cancelled changes nothing.
#[derive(Debug, Clone)]
pub struct Report {
    /// Which job; [`Job::NONE`] where nobody asked: a letter has come, the sender is further.
    pub job: Job,
    /// What.
    pub what: What,
}

/// What has come of a job.
#[derive(Debug, Clone)]
pub enum What {
    /// The folders, in the order in which they are shown.
    Folders(Vec<FolderRow>),
    /// A folder's letters. Ends a job at [`crate::data::Stage::Complete`].
    Listing(Arc<Listing>),
    /// What lists show of some letters.
    Rows {
        /// Of which folder.
        folder: FolderId,
        /// By their numbers.
        rows: Vec<(u32, Row)>,
    },
    /// A letter, laid out.
    Page(Arc<Page>),
    /// A conversation, laid out as one page, and the letters that it has.
    Conversation {
        /// The page; its letter is the one that was asked for.
        page: Arc<Page>,
        /// All of them.
        letters: Vec<LetterId>,
    },
    /// A letter that is being written, as it is on disk now.
    Draft(Box<DraftRow>),
    /// The text of a letter that is being written, to be changed here.
    Text {
        /// Of which.
        draft: DraftId,
        /// All of it.
        text: Arc<str>,
    },
    /// All letters that are being written.
    Drafts(Vec<DraftRow>),
    /// The letter can't leave like that.
    DraftWrong {
        /// Which.
        draft: DraftId,
        /// Where it is wrong.
        field: Field,
        /// How.
        words: SafeText,
    },
    /// The letter is safe on disk, and leaves by itself.
    Queued {
        /// What to call it by when it is taken back.
        letter: HeldId,
        /// Until when that works.
        until: Timestamp,
    },
    /// The outbox.
    Outbox(Vec<OutboxRow>),
    /// Whom the user knows, those first who are written to most.
    People(Arc<[PersonRow]>),
    /// Something was done that can be taken back.
    Done(UndoLabel),
    /// What was done before the program was started and can be taken back, the last thing last.
    Undoable(Vec<UndoLabel>),
    /// What was taken back.
    Undone(SafeText),
    /// What a search has found.
    Found(Found),
    /// What a search of all folders has found since it told last.
    FoundAll {
        /// The letters.
        rows: Vec<FoundRow>,
        /// Whether all have been looked at.
        complete: bool,
    },
    /// Files that begin as what was typed.
    Files {
        /// That.
        typed: String,
        /// With as much behind it as all of them have.
        whole: String,
        /// Their names, where there are several.
        names: Vec<SafeText>,
    },
    /// Where a part was saved.
    Saved(SafeText),
    /// What was done, in words.
    Told(SafeText),
    /// A letter of another folder, laid out; it is shown on top of the one that is about it.
    Original(Arc<Page>),
    /// What a program has said of a letter, as its page; without lines where it said nothing.
    Output(Arc<Page>),
    /// A part whose program shows it on the terminal.
    NeedsTerminal(Arc<PartContent>),
    /// How far a long job is; it goes on.
    Progress {
        /// Done.
        done: u64,
        /// Of how many.
        of: u64,
    },
    /// It is done, and there is nothing to be shown of it.
    Ended,
    /// It came to nothing.
    Failed {
        /// What was being done, to what, and what went wrong.
        words: SafeText,
        /// What to do about it; or empty.
        hint: SafeText,
    },
}

impl What {
    /// Whether nothing more will come of the job.
    pub fn is_last(&self) -> bool {
        match self {
            Self::Listing(listing) => listing.stage == crate::data::Stage::Complete,
            Self::Found(found) => found.complete,
            Self::FoundAll { complete, .. } => *complete,
            Self::Progress { .. } => false,
            Self::Folders(_)
            | Self::Rows { .. }
            | Self::Page(_)
            | Self::Conversation { .. }
            | Self::Draft(_)
            | Self::Text { .. }
            | Self::Drafts(_)
            | Self::DraftWrong { .. }
            | Self::Queued { .. }
            | Self::Outbox(_)
            | Self::People(_)
            | Self::Done(_)
            | Self::Undoable(_)
            | Self::Undone(_)
            | Self::Files { .. }
            | Self::Saved(_)
            | Self::Told(_)
            | Self::Original(_)
            | Self::Output(_)
            | Self::NeedsTerminal(_)
            | Self::Ended
            | Self::Failed { .. } => true,
        }
    }
}
