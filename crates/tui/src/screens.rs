//! What is known of each screen: where the user is, and what is shown there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use postroad_safetext::SafeText;
use regex::Regex;

use crate::data::{
    DraftId, Field, FolderId, FoundRow, LetterId, Listing, OutboxId, Page, Rows, Way,
};
use crate::desk::WritingId;
use crate::effect::{FlagEdit, Job};
use crate::keys::On;
use crate::line_edit::LineEdit;
use crate::people::PersonRow;
use crate::text_edit::TextEdit;

/// What is shown.
#[derive(Debug, Clone)]
pub enum Screen {
    /// The folders, to choose one.
    Folders(FoldersState),
    /// The letters of a folder; what is known of them is in [`index`](crate::Model::index).
    Index,
    /// A letter.
    Pager(PagerState),
    /// A letter that is being written, of the [`desk`](crate::Model::desk).
    Compose(WritingId),
    /// Letters that are on their way, or being written.
    Outbox(ListState),
    /// The keys.
    Help(HelpState),
    /// The parts of a letter.
    Save(SaveState),
    /// The links of a letter.
    Links(SaveState),
    /// Whether a letter is from whom it says, and how it travelled.
    Explain(ExplainState),
    /// Whom the user knows.
    People(PeopleState),
    /// The text of such a letter.
    Editor(WritingId),
    /// Letters of all folders.
    Found(FoundState),
}

/// Where the user is in a list, and what is at its top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListState {
    /// The place of what is selected.
    pub selected: usize,
    /// The place of what is in the first row.
    pub top: usize,
}

/// Letters of a folder.
#[derive(Debug, Clone)]
pub struct IndexState {
    /// Which.
    pub folder: FolderId,
    /// Its name.
    pub name: SafeText,
    /// The letters, once they are known.
    pub listing: Option<Arc<Listing>>,
    /// Threads of which the first letter alone is shown, by its number.
    pub collapsed: BTreeSet<u32>,
    /// How many letters are hidden below each of those.
    pub hidden: BTreeMap<u32, usize>,
    /// What is shown of the letters, where that isn't all.
    pub shown: Option<Arc<Listing>>,
    /// Where the user is, in what is shown.
    pub list: ListState,
    /// What is shown of letters near the window.
    pub rows: Rows,
    /// Letters whose rows were asked for, and came or not.
    pub asked: BTreeSet<u32>,
    /// Marks that the user has changed, and that aren't on disk yet.
    pub edits: BTreeMap<u32, FlagEdit>,
    /// Letters that go to the trash with `$` or when the folder is left.
    pub struck: BTreeSet<u32>,
    /// Letters that `;` has a key done to.
    pub tagged: BTreeSet<u32>,
    /// Counts, with the user's changes.
    pub counts: Counts,
    /// What the list is limited to.
    pub limit: Option<Limit>,
    /// What is looked for.
    pub finding: Finding,
}

/// A list that has but letters that are like a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// What they are like, as it was typed.
    pub pattern: String,
    /// They, and others that aren't there any more.
    pub found: BTreeSet<u32>,
}

/// What is looked for, and was.
#[derive(Debug, Clone, Default)]
pub struct Finding {
    /// What `n` looks for.
    pub last: Option<(String, Seek)>,
    /// Where the user was when it was asked for.
    pub origin: ListState,
    /// The letter that was selected there.
    pub letter: Option<u32>,
    /// What the list was limited to then.
    pub limit_before: Option<Limit>,
    /// What is looked for now, or was found as it was typed.
    pub looking: Option<Looking>,
    /// What is to be done to all letters that are like a pattern, while they are looked for.
    pub pursued: Option<Pursued>,
}

/// Letters that are looked for to have something done to all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pursued {
    /// Who looks for them.
    pub job: Job,
    /// What is to be done.
    pub deed: Deed,
    /// Those that were found.
    pub found: Vec<u32>,
}

/// What is done to all letters that are like a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// They go to the trash.
    Strike,
    /// They don't.
    Unstrike,
    /// `;` has a key done to them.
    Tag,
    /// It doesn't.
    Untag,
}

/// A search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looking {
    /// Who is at it.
    pub job: Job,
    /// What it looks for.
    pub pattern: String,
    /// What for.
    pub seek: Seek,
    /// How many it has found.
    pub found: usize,
    /// Whether it has ended.
    pub is_over: bool,
    /// Why it can't be looked for.
    pub wrong: Option<SafeText>,
}

/// What letters are looked for for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seek {
    /// To go to the next one.
    Forward,
    /// To go to the one before.
    Back,
    /// To show them alone.
    Limit,
}

/// Counts of a folder for the status line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Unread, and never looked at.
    pub new: usize,
    /// Unread.
    pub old: usize,
    /// Important.
    pub flagged: usize,
}

/// The list of folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FoldersState {
    /// Where the user is.
    pub list: ListState,
    /// What the folder is wanted for.
    pub wanted: FolderFor,
    /// In which order.
    pub order: FolderOrder,
}

/// What a folder is chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FolderFor {
    /// To look into it.
    #[default]
    Open,
    /// To move letters there.
    Move(Which),
    /// To put copies of letters there.
    Copy(Which),
}

/// What is done to letters is done to these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// One.
    One(LetterId),
    /// Those that are tagged.
    Tagged,
}

/// What the next key is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// What is selected.
    #[default]
    Selected,
    /// All that is tagged: `;` was pressed.
    Tagged,
}

/// The order of folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FolderOrder {
    /// By name.
    #[default]
    Name,
    /// Those with unread letters first.
    Unread,
    /// Those with most letters first.
    Letters,
}

/// A letter that is read.
#[derive(Debug, Clone)]
pub struct PagerState {
    /// Which.
    pub letter: LetterId,
    /// The letter, once it has come.
    pub page: Option<Arc<Page>>,
    /// The line at the top, and the row of it.
    pub at: Place,
    /// Which fields of the header are shown.
    pub headers: Headers,
    /// Whether quotes are.
    pub quotes: Quotes,
    /// What it was fetched for.
    pub wanted: ReadFor,
    /// What was looked for in it, or in the letter before.
    pub looked: Option<Looked>,
}

/// What a letter is fetched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadFor {
    /// To be read.
    #[default]
    Reading,
    /// For the list of its parts.
    Parts,
    /// To see whether it is from whom it says.
    Explain,
    /// To leave the list that it came by.
    Leave,
    /// To say who wrote it.
    Address,
}

/// What was looked for in a letter.
#[derive(Debug, Clone)]
pub struct Looked {
    /// What the words are like.
    pub pattern: Regex,
    /// Which way `n` goes.
    pub towards: Towards,
    /// Where it was found last: the line, as it is shown, and how many octets of it come before.
    pub at: Option<(usize, usize)>,
    /// Whether all that is like it is marked.
    pub matches: Matches,
}

/// Where to look for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Towards {
    /// Behind this one.
    End,
    /// Before it.
    Beginning,
}

/// Whether words are marked that are like what was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matches {
    /// They are.
    Shown,
    /// They aren't.
    Hidden,
}

/// A line, counted from 0 with the header's, and a row of the line where it is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The row.
    pub row: usize,
}

/// Which fields of a header are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Headers {
    /// Who, to whom, when, what about.
    #[default]
    Brief,
    /// All.
    All,
}

/// Whether quotes are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quotes {
    /// As they stand there.
    #[default]
    Shown,
    /// Each as one line that says how long it is.
    Folded,
}

/// Letters of all folders that are like a pattern, the newest first.
#[derive(Debug, Clone)]
pub struct FoundState {
    /// What they are like, as it was typed.
    pub pattern: String,
    /// They.
    pub rows: Vec<FoundRow>,
    /// Where the user is.
    pub list: ListState,
    /// Who looks for more.
    pub job: Option<Job>,
    /// Why they can't be looked for.
    pub wrong: Option<SafeText>,
    /// What is known while the pattern is still being typed.
    pub typing: Option<Typing>,
}

/// A pattern for letters of all folders that is being typed.
#[derive(Debug, Clone)]
pub struct Typing {
    /// When they are looked for, as the program's time counts, unless another key is pressed before that.
    pub due: Option<Duration>,
    /// What was listed before.
    pub before: Option<Box<FoundState>>,
}

/// The text of a letter that is being written.
#[derive(Debug, Clone)]
pub struct EditorState {
    /// Of which.
    pub draft: DraftId,
    /// The text.
    pub text: TextEdit,
    /// The line at the top of the window.
    pub top: usize,
    /// Rows of it that are above the window.
    pub left: usize,
    /// Since when it is other than on disk, as the program's time counts.
    pub changed: Option<Duration>,
    /// What was looked for last.
    pub search: Option<TextSearch>,
}

/// What is looked for in a text.
#[derive(Debug, Clone)]
pub struct TextSearch {
    /// The words.
    pub words: Regex,
    /// What comes in their place, while that is asked.
    pub by: Option<String>,
    /// Octets of those that the caret stands on, while it is asked about them.
    pub found: Option<usize>,
    /// How many were replaced.
    pub replaced: usize,
}

/// How far a letter is that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComposeStage {
    /// Its draft is being made; then the editor is to be started, or not.
    Beginning(Editor),
    /// It can be changed.
    Open,
    /// It is being queued.
    Queueing(Job),
}

/// Whether the user's editor is to be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Editor {
    /// As soon as the draft is there.
    Wanted,
    /// When the user has typed what was asked for first.
    Later,
    /// No: the letter has been written.
    Not,
}

/// The list of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelpState {
    /// Of which screen.
    pub on: On,
    /// What was typed to find a key.
    pub filter: LineEdit,
    /// The place of the line at the top.
    pub top: usize,
}

/// A letter that is explained.
#[derive(Debug, Clone)]
pub struct ExplainState {
    /// The letter.
    pub page: Arc<Page>,
    /// The row at the top, counted as they are wrapped.
    pub top: usize,
}

/// The address book.
#[derive(Debug, Clone)]
pub struct PeopleState {
    /// The words that were looked for; empty for all.
    pub words: String,
    /// Those who fit them.
    pub rows: Vec<PersonRow>,
    /// Those who are chosen for a letter, as they are typed into a field.
    pub tagged: BTreeSet<String>,
    /// Where the user is.
    pub list: ListState,
}

/// The parts of a letter, or its links.
#[derive(Debug, Clone)]
pub struct SaveState {
    /// The letter.
    pub page: Arc<Page>,
    /// Where the user is.
    pub list: ListState,
    /// Those that `;` has a key done to, by their places.
    pub tagged: BTreeSet<usize>,
}

/// What is asked for in the last line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// A line of text.
    Line {
        /// What for, in words.
        label: SafeText,
        /// What was typed.
        edit: LineEdit,
        /// What for.
        wanted: Wanted,
    },
    /// One of two letters, or Enter for the usual one of them.
    Choice {
        /// The question, without the answers.
        words: SafeText,
        /// What for.
        wanted: Choice,
    },
    /// One of several letters.
    Letter {
        /// The question, with all letters in it.
        words: SafeText,
        /// What for.
        wanted: OneOf,
    },
}

/// What one of several letters is pressed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OneOf {
    /// The order of the letters.
    Order(Way),
    /// How a letter is sealed.
    Seal,
    /// The order of the folders.
    Folders,
    /// Whether words of the text that is typed are replaced.
    Replace,
    /// A mark.
    Mark(Marking, Which),
    /// The answer to an invitation.
    Attendance(LetterId),
}

/// Whether a mark is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marking {
    /// It is.
    Set,
    /// It is not.
    Clear,
}

/// What words are looked for for, in the text that is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sought {
    /// To go there.
    Found,
    /// To have others in their place.
    Replaced,
}

/// What was typed in the last line before, each kind by itself, the last thing last.
#[derive(Debug, Clone, Default)]
pub struct Histories {
    /// By what it was typed for.
    pub(crate) typed: BTreeMap<History, Vec<String>>,
    /// Where the user is in one of them, and what was typed before that.
    pub(crate) recalled: Option<(usize, String)>,
}

/// What was typed for the same is had back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum History {
    /// Folders.
    Folder,
    /// What letters are like.
    Pattern,
    /// What words are like.
    Words,
    /// What is put in their place.
    Replacement,
    /// Programs.
    Program,
    /// Names of keys.
    Command,
    /// Files.
    File,
    /// Addresses.
    Address,
    /// What a letter is about.
    Subject,
    /// People.
    Query,
}

/// What a line is typed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The name of a folder to look into.
    OpenFolder,
    /// The name of a folder to move letters to.
    MoveTo(Which),
    /// The name of a folder to put copies of letters into.
    CopyTo(Which),
    /// A program that is to read letters.
    Pipe(Which),
    /// A program that is to read parts.
    PipeParts {
        /// Of which letter.
        letter: LetterId,
        /// The parts' numbers.
        parts: Vec<usize>,
    },
    /// A command for the user's shell.
    Shell,
    /// What a key is called that is to be pressed.
    Command,
    /// What letters are to be like.
    Find(Seek),
    /// What letters of all folders are to be like.
    FindAll,
    /// Words of the text that is typed.
    InText(Sought),
    /// What comes in the place of these words of it.
    ReplaceBy(String),
    /// What words of the letter are to be like.
    Within(Towards),
    /// What an entry of a list is to be like.
    InList(Towards),
    /// What letters are to be like that something is done to.
    Each(Deed),
    /// A field of the letter that is being written.
    Field(Field),
    /// The field of a letter that begins; then the next one, then the editor.
    First(Field),
    /// The number of an entry to go to.
    Jump,
    /// A file to go with it.
    Attach,
    /// Those whom the letter is sent on to.
    Bounce(LetterId),
    /// Words that people are looked for by.
    Query,
    /// A short name.
    Alias(Whom),
    /// What a folder is to be called that is made, in the account of this one.
    MakeFolder(FolderId),
    /// What this folder is to be called.
    RenameFolder(FolderId),
    /// A folder of the disk to save parts in.
    SaveParts {
        /// Of which letter.
        letter: LetterId,
        /// The parts' numbers.
        parts: Vec<usize>,
    },
}

/// Who gets a short name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// The author of a letter.
    Author(LetterId),
    /// Somebody whom the user knows, as typed into a field.
    Known(String),
}

/// An answer to a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
}

/// What becomes of what was struck and marked when the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// It is carried out.
    Quit,
    /// It isn't.
    Exit,
}

/// Whether the program is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// It isn't.
    #[default]
    Not,
    /// Once all letters that are being written are on disk.
    WhenKept,
}

/// What a choice is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Keep all letters that are being written, and end the program, or don't.
    Leave(Leaving),
    /// Keep the draft, or throw it away.
    KeepDraft,
    /// Don't send it without a subject, or do.
    NoSubject,
    /// Throw this draft of the list away, or don't.
    DiscardDraft(DraftId),
    /// Throw this letter of the outbox away, or don't.
    DiscardQueued(OutboxId),
    /// Don't send it without what its text speaks of, or do.
    NoAttachment,
    /// Send the letter on to these, or don't.
    Bounce(LetterId, String),
    /// Remove this address or short name, or don't.
    Forget(String),
    /// Print letters, or don't.
    Print(Vec<LetterId>),
    /// Print these parts of a letter, or don't.
    PrintParts(LetterId, Vec<usize>),
    /// Leave the list by this request, or don't.
    Unsubscribe(SafeText),
    /// Have this page opened, or don't.
    OpenLink(SafeText),
    /// Make a folder of this name, and put letters there, or don't.
    MakeFolder(String, FolderFor),
    /// Remove this folder with all that is in it, or don't.
    RemoveFolder(FolderId),
}

/// The first of two keys that are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pending {
    /// There is none.
    #[default]
    Nothing,
    /// Esc, at this time since the start.
    Escape(Duration),
}

/// The last line, where nothing is typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Note {
    /// Nothing.
    #[default]
    Nothing,
    /// Something to know.
    Said(SafeText),
    /// Something went wrong: what, and what to do about it.
    Wrong(SafeText, SafeText),
    /// A letter was queued, and can be taken back: the last thing in [`undo`](crate::Model::undo).
    Queued,
    /// How far a long job is.
    Progress(Job, u64, u64),
}

impl IndexState {
    /// A folder of which nothing is known yet.
    pub fn new(folder: FolderId, name: SafeText) -> Self {
        Self {
            folder,
            name,
            listing: None,
            collapsed: BTreeSet::new(),
            hidden: BTreeMap::new(),
            shown: None,
            list: ListState::default(),
            rows: Rows::new(),
            asked: BTreeSet::new(),
            edits: BTreeMap::new(),
            struck: BTreeSet::new(),
            tagged: BTreeSet::new(),
            counts: Counts::default(),
            limit: None,
            finding: Finding::default(),
        }
    }
}
