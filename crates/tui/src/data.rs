//! What the screen is given to show: mailboxes, letters, pages, letters on their way.
//!
//! Everything that others wrote comes as [`SafeText`]; numbers are what the shell calls things by.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use postroad_safetext::SafeText;

/// The shell's number for a folder; never shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderId(pub u32);

/// One letter of one folder, as long as the folder isn't numbered anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterId {
    /// Where it is.
    pub folder: FolderId,
    /// The folder's UIDVALIDITY; 0 where nothing is written down of it.
    pub validity: u32,
    /// Its number there.
    pub uid: u32,
}

/// A letter that is being written: the name of its draft.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DraftId(pub Arc<str>);

/// A letter that is held in the outbox before it leaves: its name there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeldId(pub Arc<str>);

/// A letter in the outbox, in whatever state: its name there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutboxId(pub Arc<str>);

/// What is marked on a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks(u8);

impl Marks {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// It was read.
    pub const SEEN: Self = Self(1);
    /// It was answered.
    pub const ANSWERED: Self = Self(2);
    /// It is important to the user.
    pub const FLAGGED: Self = Self(4);
    /// It is to be removed, says another program.
    pub const DELETED: Self = Self(8);
    /// It isn't finished.
    pub const DRAFT: Self = Self(16);
    /// It was sent on.
    pub const FORWARDED: Self = Self(32);
    /// It is about the same as the letter above it in its thread.
    pub const REPEATS: Self = Self(128);
    /// Nobody has looked at the folder since it came: mutt's `N`, where an unread letter without it is `O`.
    pub const RECENT: Self = Self(64);

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Without the other's.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of the other's are there.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The order of a folder's letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Order {
    /// By what.
    pub by: By,
    /// Which end is on top.
    pub way: Way,
}

/// What letters are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum By {
    /// When they were written.
    #[default]
    Sent,
    /// When they came.
    Arrived,
    /// Who wrote them.
    From,
    /// What they are about, `Re:` left out.
    Subject,
    /// Who they are for.
    To,
    /// How long they are.
    Octets,
    /// Their numbers.
    Number,
    /// Conversations, in the order in which they began.
    Threads,
}

/// Which end of an order is on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Way {
    /// What is least: the oldest.
    #[default]
    Up,
    /// What is most: the newest.
    Down,
}

impl By {
    /// All of them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Sent,
        Self::Arrived,
        Self::From,
        Self::Subject,
        Self::To,
        Self::Octets,
        Self::Number,
        Self::Threads,
    ];

    /// What mutt calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "date",
            Self::Arrived => "date-received",
            Self::From => "from",
            Self::Subject => "subject",
            Self::To => "to",
            Self::Octets => "size",
            Self::Number => "mailbox-order",
            Self::Threads => "threads",
        }
    }
}

/// What is known of each letter of a folder: 12 octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub uid: u32,
    /// When it was written or, where that isn't known yet, when it came: Unix seconds.
    pub sent: u32,
    /// What is marked on it.
    pub flags: Marks,
    /// How deep in its thread; 0 where threads aren't shown.
    pub depth: u8,
}

/// A folder's letters, in the order in which they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Whose.
    pub folder: FolderId,
    /// Its UIDVALIDITY.
    pub validity: u32,
    /// Larger with each listing of the folder.
    pub generation: u64,
    /// How much is known.
    pub stage: Stage,
    /// The order in which they are; while they are read it may be another one than was wanted.
    pub order: Order,
    /// The letters.
    pub heads: Vec<Head>,
}

/// How much of a folder is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// As it was when somebody last looked; it is being looked at.
    Known,
    /// As it is, in the order of file names: the letters are being read.
    Named,
    /// As it is.
    Complete,
}

/// What a list shows of a letter, beside its [`Head`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// Who wrote it; in a folder of sent letters, who it is for.
    pub from: SafeText,
    /// What it is about.
    pub subject: SafeText,
    /// Its length.
    pub octets: u64,
    /// Who it is for.
    pub cue: Cue,
    /// Its keywords.
    pub keywords: Vec<SafeText>,
}

impl Row {
    /// Its keywords in words: `#work #later `, with a blank behind them; or nothing.
    pub(crate) fn tags(&self) -> String {
        self.keywords.iter().map(|keyword| format!("#{} ", keyword.as_str())).collect()
    }
}

/// Who a letter is for: mutt's `to_chars`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cue {
    /// Nobody that we know.
    #[default]
    None,
    /// The user alone.
    OnlyMe,
    /// The user and others.
    Me,
    /// The user gets a copy.
    Copied,
    /// The user wrote it.
    Own,
    /// A mailing list.
    List,
}

/// A letter, laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Which.
    pub letter: LetterId,
    /// All fields of its header, decoded, in its own order.
    pub head: Vec<(SafeText, SafeText)>,
    /// Its text, lines as they were written: the screen wraps them.
    pub lines: Vec<PageLine>,
    /// What it consists of.
    pub parts: Vec<PartRow>,
    /// Its links; those of a page that was laid out have their numbers in the text, from 1.
    pub links: Vec<LinkRow>,
    /// How the list that it came by can be left.
    pub unsubscribe: Option<Unsubscribe>,
    /// The Message-ID of the user's letter that it is about, where it says what became of one.
    pub original: Option<SafeText>,
    /// Who is told where an invitation is answered: name and address, as the letter has them.
    pub invitation: Option<SafeText>,
    /// Whether it is from whom it says, in a line of its own outside the letter.
    pub trust: Option<TrustLine>,
    /// What its seal says, in another such line.
    pub seal: Option<TrustLine>,
    /// How that is known, and how the letter travelled.
    pub explained: Vec<SafeText>,
    /// Octets of text that were left out, because it is too long to be shown.
    pub cut: Option<u64>,
}

/// One line of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageLine {
    /// What it is.
    pub kind: LineKind,
    /// The line, without its end.
    pub text: SafeText,
}

/// What a line of a letter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// The author's words.
    Text,
    /// Another's, and how often they were quoted.
    Quote(u8),
    /// Behind `-- `.
    Signature,
    /// Where a link of the text above leads.
    Link,
    /// Ours: what follows is another part of the letter.
    Part,
    /// Ours: what follows is another letter of the conversation. Where a page has such a line, all others stand two columns in
    /// from it, so that no letter can write one.
    Heading,
}

/// What is in one part of a letter, for another program. Nothing of it is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PartContent {
    /// Its file name, as the letter has it.
    pub name: Option<String>,
    /// Its media type, as the letter has it.
    pub media_type: String,
    /// Its octets, decoded.
    pub octets: Arc<[u8]>,
}

impl fmt::Debug for PartContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartContent").field("octets", &self.octets.len()).finish_non_exhaustive()
    }
}

/// One part of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRow {
    /// What [`crate::effect::Ask::Save`] calls it by.
    pub number: usize,
    /// How deep it is enclosed.
    pub depth: u8,
    /// Its file name, if it has one.
    pub name: Option<SafeText>,
    /// Its media type.
    pub kind: SafeText,
    /// Its length, decoded.
    pub octets: u64,
}

/// Whether a letter is from whom it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustLine {
    /// How it is meant.
    pub level: Trust,
    /// In words.
    pub words: SafeText,
}

/// Whether a letter is from whom it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It is.
    Good,
    /// Nothing proves it.
    Open,
    /// Something contradicts it.
    Bad,
}

/// How a mailing list can be left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsubscribe {
    /// By one request (RFC 8058).
    Request {
        /// To whom.
        host: SafeText,
        /// What [`crate::effect::Ask::Unsubscribe`] is given.
        link: SafeText,
    },
    /// By a letter that this link asks for.
    Letter(SafeText),
    /// On a page.
    Page {
        /// Whose.
        host: SafeText,
        /// What [`crate::effect::Ask::OpenLink`] is given.
        link: SafeText,
    },
}

/// A link of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// The words that it stands on.
    pub words: SafeText,
    /// What it is.
    pub target: SafeText,
    /// The host or the mailbox that it leads to: the true one, whatever its words say.
    pub host: SafeText,
    /// To what.
    pub goes: LinkGoes,
    /// Why to look twice.
    pub warning: Option<SafeText>,
}

/// What a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkGoes {
    /// A page of the web.
    Web,
    /// A letter to somebody.
    Mail,
    /// Nothing that is opened.
    Nowhere,
}

/// What a folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Where letters come in.
    Inbox,
    /// The inboxes of all accounts.
    Inboxes,
    /// What was thrown away.
    Trash,
    /// What is kept out of sight.
    Archive,
    /// What was sent.
    Sent,
    /// What is being written.
    Drafts,
    /// What nobody wanted.
    Junk,
}

/// Who the letters are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// What the user calls it.
    pub name: SafeText,
    /// The address that letters are sent from.
    pub address: SafeText,
}

/// One folder of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderRow {
    /// Which.
    pub id: FolderId,
    /// Its whole name, as a person writes it.
    pub name: SafeText,
    /// What it is for.
    pub role: Option<Role>,
    /// How many letters are in it, and how many of them are unread, where that is known.
    pub counts: Option<FolderCounts>,
}

/// How much is in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FolderCounts {
    /// Letters.
    pub letters: u32,
    /// Those that nobody has read.
    pub unread: u32,
}

/// What the user has typed into the fields of a letter; the shell reads it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields {
    /// `To`.
    pub to: String,
    /// `Cc`.
    pub cc: String,
    /// `Bcc`.
    pub bcc: String,
    /// `Subject`.
    pub subject: String,
    /// `Reply-To`.
    pub reply_to: String,
    /// How it is to be sealed.
    pub sealing: Sealing,
}

/// How a letter is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sealing {
    /// It isn't.
    #[default]
    None,
    /// It is signed.
    Sign,
    /// It is signed and encrypted.
    Encrypt,
}

/// One of the fields of a letter that is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Who it is for.
    To,
    /// Who gets a copy.
    Cc,
    /// Who gets a copy that nobody sees.
    Bcc,
    /// What it is about.
    Subject,
    /// Where answers are to go.
    ReplyTo,
}

impl Fields {
    /// What was typed into one of them.
    pub fn of(&self, field: Field) -> &str {
        match field {
            Field::To => &self.to,
            Field::Cc => &self.cc,
            Field::Bcc => &self.bcc,
            Field::Subject => &self.subject,
            Field::ReplyTo => &self.reply_to,
        }
    }

    /// Types over one of them.
    pub fn set(&mut self, field: Field, text: String) {
        let place = match field {
            Field::To => &mut self.to,
            Field::Cc => &mut self.cc,
            Field::Bcc => &mut self.bcc,
            Field::Subject => &mut self.subject,
            Field::ReplyTo => &mut self.reply_to,
        };
        *place = text;
    }
}

/// A letter that is being written, as it is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftRow {
    /// Which.
    pub id: DraftId,
    /// Who writes it.
    pub from: SafeText,
    /// Its fields.
    pub fields: Fields,
    /// Lines of its text.
    pub text_lines: u32,
    /// Octets of its text.
    pub text_octets: u64,
    /// What goes with it, in order.
    pub attachments: Vec<AttachmentRow>,
    /// The word of its text that speaks of an attachment.
    pub speaks_of: Option<SafeText>,
    /// What speaks against the keys that it is to be encrypted to.
    pub doubt: Option<SafeText>,
    /// The letter that it answers.
    pub answers: Option<LetterId>,
    /// When it was last written to disk.
    pub saved: Timestamp,
}

/// A file that goes with a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentRow {
    /// Its name.
    pub name: SafeText,
    /// Its media type.
    pub kind: SafeText,
    /// Its length; `None` where it has gone from the disk.
    pub octets: Option<u64>,
}

/// A letter in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Which.
    pub id: OutboxId,
    /// Who it is for.
    pub to: SafeText,
    /// What it is about.
    pub subject: SafeText,
    /// How far it is.
    pub state: OutboxState,
    /// What the server said last, or nothing.
    pub words: SafeText,
}

/// How far a letter in the outbox is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutboxState {
    /// It can be taken back until then.
    Held(HeldId, Timestamp),
    /// It waits for the network, or for its next try.
    Waiting(Option<Timestamp>),
    /// It is being handed over.
    Sending,
    /// The server will not have it.
    Refused,
}

/// What an undo would take back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoLabel {
    /// What was done: "3 letters moved to Trash".
    pub words: SafeText,
    /// A letter that was queued, and until when it can be had back.
    pub held: Option<(HeldId, Timestamp)>,
}

/// A letter that was found in some folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRow {
    /// Which.
    pub letter: LetterId,
    /// What its folder is called.
    pub folder: SafeText,
    /// When it was written: Unix seconds.
    pub sent: u32,
    /// What is marked on it.
    pub flags: Marks,
    /// What a list shows of it.
    pub row: Row,
}

/// What a search has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The letters, newest first.
    pub letters: Vec<LetterId>,
    /// Whether all have been looked at.
    pub complete: bool,
}

/// Rows by number, no more than are near the window.
pub type Rows = BTreeMap<u32, Row>;
