//! What the shell is to do. Nothing of it waits: what takes time is a [`Job`], and its end a
//! [`crate::msg::Report`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use postroad_safetext::SafeText;

use crate::data::{
    DraftId, Fields, FolderId, HeldId, LetterId, Marks, Order, OutboxId, PartContent, Role, Way,
};
use crate::desk::AllKept;

/// What was asked for and goes on; each number is used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Job(pub u64);

impl Job {
    /// Nobody's: what the shell tells unasked.
    pub const NONE: Self = Self(0);
}

/// One thing for the shell to do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Have an actor do this, with a deadline; its reports bear the number.
    Ask(Job, Ask),
    /// Nobody waits for it any more; it may go on to a safe point.
    Cancel(Job),
    /// Leave the screen to the user's editor, on the draft's text. When it has ended: save the draft
    /// (synced), report it as [`crate::msg::What::Draft`], draw anew. Where there is none, or it can't be started: report
    /// the text as [`crate::msg::What::Text`], to be changed here.
    Edit(DraftId),
    /// Send [`crate::msg::Msg::Tick`] when the program has run for so long, as
    /// [`crate::model::Now::since_start`] counts; the earliest one that is still to come counts.
    TickAt(Duration),
    /// Leave the screen to a program that looks for mistakes in the draft's text. Then as after `Edit`.
    Spell(DraftId),
    /// Leave the screen to this command of the user's shell, and wait for a key when it has ended.
    Shell(String),
    /// Leave the screen to the program that mailcap files name for a part, which has the terminal meanwhile.
    View(Arc<PartContent>),
    /// Stop, as `^Z` does, with the terminal as it was.
    Suspend,
    /// Draw everything anew: another program wrote onto the screen.
    Redraw,
    /// End, once what was asked for before is done, or after a short wait.
    Quit(AllKept),
}

/// What is asked of an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The list of folders, again whenever it changes. Answered by `Folders`.
    Folders,
    /// A folder's letters, and from then on all changes. Answered by `Listing`s, the last `Complete`.
    Open(FolderId),
    /// It is no longer shown. Answered by `Ended`.
    Close(FolderId),
    /// What lists show of these letters. Answered by `Rows`; what is left out isn't asked for again.
    Rows {
        /// Where.
        folder: FolderId,
        /// Which.
        uids: Vec<u32>,
    },
    /// A letter. Answered by `Page`.
    Read(LetterId),
    /// A letter with all that it answers and that answer it, in other folders, too. Answered by `Conversation`.
    Conversation(LetterId),
    /// What is known of a letter beside what stands in it. Answered by `Page`, of which who it is from counts, or `Ended`.
    Explain(LetterId),
    /// Check a letter's signatures, for which the DNS is asked. Answered by `Page`, of which who it is from counts.
    Check(LetterId),
    /// One part of a letter, as text. Answered by `Page`.
    Part {
        /// Of which.
        letter: LetterId,
        /// The part's number.
        part: usize,
    },
    /// The letter of the user's that another one is about. Answered by `Original`.
    Original {
        /// The other one.
        letter: LetterId,
        /// Its Message-ID.
        id: SafeText,
    },
    /// Look whether anything has changed. Answered by a `Listing`.
    Refresh(FolderId),
    /// Change marks. Answered by `Done`, and by a `Listing` nobody asked for.
    Flag {
        /// On these.
        letters: Vec<LetterId>,
        /// How.
        edit: FlagEdit,
    },
    /// Move letters. Answered as `Flag` is. A letter that is in the trash already and goes there is
    /// removed for good.
    Move {
        /// These.
        letters: Vec<LetterId>,
        /// There.
        to: Target,
    },
    /// Put copies of letters into a folder. Answered as `Move` is.
    Copy {
        /// Of these.
        letters: Vec<LetterId>,
        /// There.
        to: Target,
    },
    /// Show letters in this order, of all folders from now on. Answered by a `Listing` nobody asked for, and `Ended`.
    Arrange(Order),
    /// Give letters to a program, one after the other, as they are on disk. Answered by `Output`.
    Pipe {
        /// These.
        letters: Vec<LetterId>,
        /// For the user's shell.
        command: String,
    },
    /// Give one part of a letter, decoded, to a program. Answered by `Output`.
    PipePart {
        /// Of which.
        letter: LetterId,
        /// The part's number.
        part: usize,
        /// For the user's shell.
        command: String,
    },
    /// Print a letter as it is read, or one part of it. Answered by `Told`.
    Print {
        /// Which.
        letter: LetterId,
        /// The part's number, where not all of it is wanted.
        part: Option<usize>,
    },
    /// Take the last thing back. Answered by `Undone`.
    Undo,
    /// Write down that the folder's letters have been looked at. Answered by `Ended`.
    Sync(FolderId),
    /// Begin a letter, on disk. Answered by `Draft`.
    NewDraft(Start),
    /// Write its fields to disk. Answered by `Draft`.
    SaveDraft(DraftId, Fields),
    /// Write its text to disk. Answered by `Draft`.
    SaveText(DraftId, Arc<str>),
    /// Show what goes with a draft, by its place: 0 is its text. Answered by `Output`; where another program shows it, as `View`
    /// is.
    ViewDraft(DraftId, usize),
    /// Which files begin as what was typed. Answered by `Files`.
    Files(String),
    /// Let a file go with it. Answered by `Draft`.
    Attach(DraftId, PathBuf),
    /// Let the attachment with this place, from 0, not go with it. Answered by `Draft`.
    Detach(DraftId, usize),
    /// Send it. Answered by `Queued` or `DraftWrong`.
    Queue(DraftId, Fields),
    /// Send a letter on as it is (RFC 5322 §3.6.6). Answered by `Queued`.
    Bounce {
        /// Which.
        letter: LetterId,
        /// To whom, as it was typed.
        to: String,
    },
    /// Have a letter back that is still held. Answered by `Draft`; by `Undone`
    /// where there is none of it.
    TakeBack(HeldId),
    /// Throw the draft away. Answered by `Ended`.
    Discard(DraftId),
    /// The letters that are being written. Answered by `Drafts`.
    Drafts,
    /// The outbox. Answered by `Outbox`.
    Outbox(OutboxAsk),
    /// Whom the user knows.
    People(PeopleAsk),
    /// Save a part as a file that isn't there yet. Answered by `Saved`.
    Save {
        /// Of which letter.
        letter: LetterId,
        /// The part's number.
        part: usize,
        /// Into which folder of the disk.
        into: PathBuf,
    },
    /// Leave a mailing list by one request (RFC 8058). Answered by `Told`.
    Unsubscribe(SafeText),
    /// Have a part shown by a program of the user's. Answered by `Told`, by `Output` where the program writes what it shows,
    /// or by `NeedsTerminal`.
    View {
        /// Of which letter.
        letter: LetterId,
        /// The part's number.
        part: usize,
    },
    /// Have a page of the web opened by the user's browser. Answered by `Told`.
    OpenLink(SafeText),
    /// Change which folders there are. Answered by `Told`, and by a `Folders` nobody asked for.
    Folder(FolderAsk),
    /// Find letters. Answered by `Found`s.
    Search(Search),
    /// Find letters in all folders. Answered by `FoundAll`s.
    SearchAll(String),
}

/// What changes on letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlagEdit {
    /// Marks that they get.
    pub add: Marks,
    /// Marks that they lose.
    pub remove: Marks,
}

/// How a letter begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// With nothing.
    Empty,
    /// As an answer.
    Reply(LetterId, Audience),
    /// With another one in it.
    Forward(LetterId),
    /// As another one was: its recipients, subject, text and parts.
    Resend(LetterId),
    /// From one part of another one.
    Inside(LetterId, usize, Inside),
    /// As an answer to the invitation in it.
    Attend(LetterId, Attendance),
    /// As a `mailto:` link asks for.
    To(SafeText),
    /// As it was left.
    Recall(DraftId),
}

/// How a letter begins with a part of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// As an answer: to the letter that the part is, else to the one that it is a part of.
    Reply(Audience),
    /// With that part alone in it; of a part that is a letter, as that is sent on.
    Forward,
    /// As the letter that the part is.
    Resend,
}

/// How an invitation is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attendance {
    /// The user comes.
    Accepted,
    /// Doesn't.
    Declined,
    /// Perhaps.
    Tentative,
}

/// Who gets an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Who wrote.
    Sender,
    /// And all who got it.
    All,
    /// The mailing list.
    List,
}

/// Where letters go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A folder of the list.
    Folder(FolderId),
    /// The folder that is for this; made where there is none.
    Role(Role),
    /// The folder of this name; made where there is none.
    Named(String),
}

/// What is asked of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutboxAsk {
    /// What is in it.
    List,
    /// Try this one now.
    Retry(OutboxId),
    /// Throw this one away.
    Discard(OutboxId),
}

/// What is to become of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderAsk {
    /// One is made, in the account of another one.
    Make {
        /// The other one.
        beside: FolderId,
        /// What it is to be called, as it was typed.
        name: String,
    },
    /// It is called otherwise, as do those below it.
    Rename {
        /// Which.
        folder: FolderId,
        /// What it is to be called, as it was typed.
        to: String,
    },
    /// It goes for good, with all that is in it.
    Remove(FolderId),
    /// It is subscribed to.
    Subscribe(FolderId),
    /// It isn't any more.
    Unsubscribe(FolderId),
}

impl FolderAsk {
    /// The folder that it is about, or of whose account one is made.
    pub fn folder_mut(&mut self) -> &mut FolderId {
        match self {
            Self::Make { beside: folder, .. }
            | Self::Rename { folder, .. }
            | Self::Remove(folder)
            | Self::Subscribe(folder)
            | Self::Unsubscribe(folder) => folder,
        }
    }
}

/// What is asked of the address book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeopleAsk {
    /// All of it. Answered by `People`.
    List,
    /// Give this short name to a list of addresses. Answered by `Told`, and by a `People` nobody asked for; so are the
    /// others.
    Call {
        /// The name.
        alias: String,
        /// What it stands for, as it was typed.
        to: String,
    },
    /// Give it to the author of a letter.
    CallAuthor {
        /// The name.
        alias: String,
        /// Whose.
        letter: LetterId,
    },
    /// Remove an address, or a short name.
    Forget(String),
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Where; everywhere if there is none.
    pub folder: Option<FolderId>,
    /// What was typed.
    pub pattern: String,
    /// The letters that are looked at, in the order in which they are to be found.
    pub letters: Arc<[u32]>,
    /// Where the first of them stands in the list, from 0; the others stand behind it or before it, round the end.
    pub first: usize,
    /// Whether they do so behind it.
    pub way: Way,
    /// Letters whose marks are others than on disk.
    pub marks: Vec<(u32, Marks)>,
    /// Letters that are tagged, sorted.
    pub tagged: Vec<u32>,
}
