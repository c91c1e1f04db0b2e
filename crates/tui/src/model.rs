//! Everything that is shown, and nothing else: no handle, no clock, no channel.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use postroad_safetext::SafeText;
use regex::Regex;

use crate::canvas::Cell;
use crate::data::{Account, DraftRow, FolderRow, Order, OutboxRow, UndoLabel};
use crate::desk::Desk;
use crate::keys::{Key, On};
use crate::people::PersonRow;

pub use crate::data::Fields;
pub use crate::desk::ComposeState;
pub use crate::jobs::Jobs;
pub use crate::question::Question;
pub use crate::screens::{
    Choice, ComposeStage, Counts, Deed, Editor, EditorState, Ending, ExplainState, Finding,
    FolderFor, FolderOrder, FoldersState, FoundState, Headers, HelpState, Histories, IndexState,
    Leaving, Limit, ListState, Looked, Looking, Marking, Matches, Note, OneOf, PagerState, Pending,
    PeopleState, Place, Prompt, Pursued, Quotes, Reach, ReadFor, SaveState, Screen, Seek, Sought,
    TextSearch, Towards, Typing, Wanted, Which, Whom,
};

/// The whole screen.
#[derive(Debug, Clone)]
pub struct Model {
    /// Of the terminal.
    pub size: Size,
    /// What time it is.
    pub now: Now,
    /// What the user has set.
    pub look: Look,
    /// Whose letters.
    pub accounts: Vec<Account>,
    /// The folders, once they are known.
    pub folders: Vec<FolderRow>,
    /// The folder that is open.
    pub index: Option<IndexState>,
    /// What is shown, on top of what was shown before; never empty, the first is the index.
    pub stack: Vec<Screen>,
    /// Letters that are being written here, shown or not.
    pub desk: Desk,
    /// Whether the program is to end.
    pub ending: Ending,
    /// What is being typed in the last line.
    pub prompt: Option<Prompt>,
    /// The first of two keys.
    pub pending: Pending,
    /// Keys that were pressed while a letter is looked for: it is that one which they are for.
    pub ahead: VecDeque<Key>,
    /// Where and when a click has opened something, as the program's time counts.
    pub opened: Option<(Duration, Cell)>,
    /// The place of the folder in the first row beside the letters, where the wheel has moved them.
    pub beside: Option<usize>,
    /// What the next key is done to.
    pub reach: Reach,
    /// How letters are ordered.
    pub order: Order,
    /// The last line.
    pub note: Note,
    /// Letters on their way.
    pub outbox: Vec<OutboxRow>,
    /// Letters that are being written.
    pub drafts: Vec<DraftRow>,
    /// Whom the user knows, those first who are written to most.
    pub people: Arc<[PersonRow]>,
    /// The place of whom the user has gone to among those who fit what is being typed.
    pub picked: Option<usize>,
    /// Names of files that what is being typed may be, where Tab has found several.
    pub files: Vec<SafeText>,
    /// What was looked for last in a list, and which way; but for letters.
    pub sought: Option<(Regex, Towards)>,
    /// What was typed before.
    pub histories: Histories,
    /// What can be taken back, the last thing last.
    pub undo: Vec<UndoLabel>,
    /// What is being waited for.
    pub jobs: Jobs,
}

/// Columns and rows of a terminal; either may be 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

/// The time. It is handed in, never asked for.
#[derive(Debug, Clone)]
pub struct Now {
    /// How long the program has run.
    pub since_start: Duration,
    /// What the clock shows.
    pub wall: Timestamp,
    /// Where it shows that.
    pub zone: TimeZone,
}

/// What the user has set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// How many colours.
    pub colours: Colours,
    /// Whether keys are told at the foot.
    pub foot: FootLines,
    /// Whether folders stand beside the letters.
    pub sidebar: Sidebar,
    /// Which fields of a header are shown, until a key shows others.
    pub headers: Headers,
    /// Whether there is a screen at all.
    pub plain: Plain,
}

/// How many colours the terminal has, or the user wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colours {
    /// None: `NO_COLOR`.
    None,
    /// The usual ones.
    #[default]
    Sixteen,
    /// More.
    Many,
}

/// Whether keys are told at the foot of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FootLines {
    /// Where there is room.
    #[default]
    Shown,
    /// Never.
    Hidden,
}

/// Whether folders stand beside the letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sidebar {
    /// Where there is room.
    #[default]
    Auto,
    /// Always.
    Shown,
    /// Never.
    Hidden,
}

/// Whether there is a screen, or numbered lines in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Plain {
    /// A screen.
    #[default]
    Screen,
    /// Lines.
    Lines,
}

impl Model {
    /// An empty screen.
    pub fn new(size: Size, now: Now, look: Look) -> Self {
        Self {
            size,
            now,
            look,
            accounts: Vec::new(),
            folders: Vec::new(),
            index: None,
            stack: vec![Screen::Index],
            desk: Desk::default(),
            ending: Ending::Not,
            prompt: None,
            pending: Pending::Nothing,
            ahead: VecDeque::new(),
            opened: None,
            beside: None,
            reach: Reach::Selected,
            order: Order::default(),
            note: Note::Nothing,
            outbox: Vec::new(),
            drafts: Vec::new(),
            people: Arc::default(),
            picked: None,
            files: Vec::new(),
            sought: None,
            histories: Histories::default(),
            undo: Vec::new(),
            jobs: Jobs::default(),
        }
    }

    /// What is shown on top.
    pub fn screen(&self) -> &Screen {
        self.stack.last().unwrap_or(&Screen::Index)
    }

    /// What keys mean now.
    pub fn on(&self) -> On {
        match self.screen() {
            Screen::Folders(_) => On::Folders,
            Screen::Index => On::Index,
            Screen::Pager(_) => On::Pager,
            Screen::Compose(_) => On::Compose,
            Screen::Outbox(_) => On::Outbox,
            Screen::Help(_) => On::Help,
            Screen::Save(_) => On::Parts,
            Screen::Links(_) => On::Links,
            Screen::Explain(_) => On::Explain,
            Screen::Editor(_) => On::Editor,
            Screen::Found(_) => On::Found,
            Screen::People(_) => On::People,
        }
    }
}
