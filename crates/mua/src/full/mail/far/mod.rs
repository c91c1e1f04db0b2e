//! The actor of an account whose letters aren't in a Maildir: it answers out of what is known, has the rest fetched, and never waits for the network.
//!
//! ```text
//!  requests ─► actor (this) ─ calls ─► network's thread ◄─► server
//!                 ▲  └ what is known, on disk: `mirror`, `pending`        │
//!                 └────────────────────── events ─────────────────────────┘
//! ```
//! | looking for | it is in |
//! |---|---|
//! | what is asked, what comes of it | here |
//! | what the server has done | `events` |
//! | marks, moves, taking them back | `deeds` |
//! | letters that are looked for | `finding` |
//! | what the network's thread is asked | `errand` |
//! | that of IMAP: errands one by one, watching, connecting again | `imap` |
//! | sequence numbers, and what others change | `view` |
//! | that of POP3 and of mailbox files; their letters' numbers | `maildrop`, `numbers` |
//! | a folder as it is known; what is to be done | `mirror`, `pending` |
//! | a folder as it is known, for commands | `known` |
//! | names of files | `places` |

use std::collections::{BTreeMap, HashMap};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use postroad_disk::OsDisk;
use postroad_imap::value::MailboxName;
use postroad_store::LetterFile;
use postroad_tui::data::{FolderId, FolderRow, LetterId, Listing, Marks, Order, Stage};
use postroad_tui::effect::{self as tui, Ask, FlagEdit, Job, PeopleAsk};
use postroad_tui::msg::What;
use tokio::sync::mpsc::UnboundedSender;

use super::{Request, mapped};
use crate::account::{Account, AccountError, Server};
use crate::error::Error;
use crate::full::limits::{
    FAR_FOLDERS_EVERY, FAR_QUIT_WAIT, FILL_SHOWN_EVERY, HEADERS_AT_ONCE, KEPT_LETTERS_OCTETS_MAX,
    MIRROR_KEPT_EVERY,
};
use crate::full::page::{self, ToLayOut};
use crate::full::pipe::{self, Piped};
use crate::full::post::ToPost;
use crate::full::wake::{Farewell, Incoming, Outgoing, Teller, channel};
use crate::imap::Folder;
use crate::safe_line;
use crate::safe_text::SafeText;
use crate::trust::Trusted;

mod deeds;
mod errand;
mod events;
mod finding;
mod imap;
pub(crate) mod known;
pub(in crate::full) mod maildrop;
mod mirror;
mod numbers;
mod pending;
mod places;
mod view;

use deeds::Done;
use errand::{Call, Deed, Errand, Event, Letters};
use mirror::{AtOnce, Mirror};
use pending::Pending;

/// What the actor begins with.
#[derive(Debug)]
pub(in crate::full) struct Start {
    /// Whose letters.
    pub(in crate::full) account: Account,
    /// Where they are.
    pub(in crate::full) place: Place,
    /// The folder that is shown first; its number is 0.
    pub(in crate::full) first: MailboxName,
    /// Who begins letters with others.
    pub(in crate::full) post: Outgoing<ToPost>,
}

/// Where the letters of an account are.
#[derive(Debug, Clone)]
pub(in crate::full) enum Place {
    /// At an IMAP server.
    Imap(Server),
    /// Where they have names and nothing else.
    Maildrop(maildrop::Place),
}

/// Starts it.
///
/// # Errors
/// Where the system has no threads or sockets left, or there is nowhere to keep letters.
pub(in crate::full) fn start(start: Start, tell: Teller) -> Result<Outgoing<Request>, Error> {
    let home = home(&start.account, &start.place)?;
    let (ask, asked) = channel()?;
    let (event, happened) = channel()?;
    let account = start.account.clone();
    let net = match start.place.clone() {
        Place::Imap(server) => imap::start(account, server, event)?,
        Place::Maildrop(place) => maildrop::start(account, place, &home, event)?,
    };
    let pages = page::start(tell.clone(), Trusted::of(&start.account), None)?;
    thread::Builder::new().name("mail-0".into()).spawn(move || {
        let _farewell = Farewell(tell.clone());
        Actor::new(start, home, tell, pages, net).run(&asked, &happened);
    })?;
    Ok(ask)
}

/// The folder of what is known of an account.
fn home(account: &Account, place: &Place) -> Result<PathBuf, Error> {
    let state = account.state.as_ref().ok_or(AccountError::NO_OUTBOX)?;
    let user = account.login.as_ref().map_or("", |login| login.user.as_str());
    let (kind, name) = match place {
        Place::Imap(Server { host, port, .. }) => ("imap", format!("{user}@{host}_{port}")),
        Place::Maildrop(maildrop::Place::Pop3 { host, port, .. }) => {
            ("pop3", format!("{user}@{host}_{port}"))
        }
        Place::Maildrop(maildrop::Place::Mbox(path)) => ("mbox", path.display().to_string()),
    };
    let home = state.join(kind).join(places::file_name(&name));
    places::make(&home)?;
    Ok(home)
}

/// The folder that is shown.
struct Opened {
    id: FolderId,
    mirror: Mirror,
    /// Who waits for all of it.
    job: Job,
    stage: Stage,
    /// When its list was sent last.
    shown: Instant,
    /// Whether the server has told of it since it was opened.
    is_told: bool,
}

/// How the connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    /// It is being made.
    Connecting,
    Up,
    /// There is none, and why.
    Down(SafeText),
}

/// Who waits for an errand.
#[derive(Debug, Clone)]
enum Waits {
    /// For the list of folders.
    Folders(Job),
    /// For news of the folder.
    Look(Job),
    /// For headers: of rows that are in sight, or just so.
    Headers(Wanted),
    /// For a letter.
    Letter(Job, LetterId, Then),
    /// For a folder that is changed, and what to say then.
    Folder(Job, SafeText),
    /// For what a server finds.
    Found(Job),
    /// For what it finds in one of all folders.
    Hunted(Job, MailboxName),
    /// Something that is to be done.
    Change,
}

/// For what headers are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Rows(FolderId),
    Fill,
}

/// What is to be done with a letter once it is here.
#[derive(Debug, Clone)]
enum Then {
    Show(page::Wanted),
    Begin(tui::Start),
    /// Sent on as it is, to whom was typed.
    Bounce(String),
    /// Its author gets this short name.
    CallAuthor(String),
    /// Given to a program, with all of these, once they are here.
    Pipe(Vec<LetterId>, String),
}

struct Actor {
    start: Start,
    home: PathBuf,
    /// By number.
    names: Vec<MailboxName>,
    folders: Vec<Folder>,
    /// The list of folders as it was told last, once somebody has asked.
    told: Option<Vec<FolderRow>>,
    /// When the server was asked for it last.
    asked: Option<Instant>,
    opened: Option<Opened>,
    pending: Pending,
    /// By their numbers.
    errands: BTreeMap<u64, (Deed, Waits)>,
    /// Those that were lost with a connection, for the next one.
    again: Vec<(Deed, Waits)>,
    last_id: u64,
    done: Vec<Done>,
    /// Where letters are now that were moved, by errands.
    moved: HashMap<u64, crate::imap::Moved>,
    line: Line,
    net: UnboundedSender<Call>,
    tell: Teller,
    pages: Outgoing<ToLayOut>,
    generation: u64,
    /// How letters are ordered.
    order: Order,
    /// Whether the letters that are kept were looked through.
    is_tidy: bool,
    /// What is looked for.
    finding: Option<finding::Finding>,
    /// The same in all folders.
    hunt: Option<finding::Hunt>,
}

impl Actor {
    fn new(
        start: Start,
        home: PathBuf,
        tell: Teller,
        pages: Outgoing<ToLayOut>,
        net: UnboundedSender<Call>,
    ) -> Self {
        let mut last_id = 0;
        let pending = Pending::open(&home, &mut || {
            last_id += 1;
            last_id
        });
        Self {
            names: vec![start.first.clone()],
            start,
            home,
            folders: Vec::new(),
            told: None,
            asked: None,
            opened: None,
            pending,
            errands: BTreeMap::new(),
            again: Vec::new(),
            last_id,
            done: Vec::new(),
            moved: HashMap::new(),
            line: Line::Connecting,
            net,
            tell,
            pages,
            generation: 0,
            order: Order::default(),
            is_tidy: false,
            finding: None,
            hunt: None,
        }
    }

    fn run(mut self, asked: &Incoming<Request>, happened: &Incoming<Event>) {
        loop {
            asked.wait(Some(happened.as_fd()), Some(MIRROR_KEPT_EVERY));
            for event in happened.drain() {
                self.take(event);
            }
            for request in asked.drain() {
                match request {
                    Request::Ask(job, ask) => self.answer(job, ask),
                    Request::Mark(letter, marks) => {
                        let edit = FlagEdit { add: marks, remove: Marks::NONE };
                        self.change_marks(&[letter], edit);
                    }
                    Request::Where(_, across) | Request::Across(across, _) => across.refuse(),
                    Request::Cancel(job) => self.cancel(job),
                    Request::End => return self.end(happened),
                }
            }
            if asked.is_closed() {
                return self.end(happened);
            }
            if let Some(opened) = &mut self.opened {
                opened.mirror.keep(AtOnce::No);
            }
            let is_due = self.asked.is_none_or(|asked| asked.elapsed() >= FAR_FOLDERS_EVERY);
            if self.line == Line::Up && self.told.is_some() && is_due {
                self.ask_folders(Job::NONE);
            }
        }
    }

    /// What is under way may come to an end; what doesn't is kept for the next start.
    fn end(mut self, happened: &Incoming<Event>) {
        if let Some(opened) = &mut self.opened {
            opened.mirror.keep(AtOnce::Yes);
        }
        let _ = self.net.send(Call::End);
        let until = Instant::now() + FAR_QUIT_WAIT;
        while !self.pending.changes.is_empty() && self.line == Line::Up {
            let left = until.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return;
            }
            happened.wait(None, Some(left));
            for event in happened.drain() {
                if matches!(event, Event::Ended) {
                    return;
                }
                self.take(event);
            }
        }
    }

    fn answer(&mut self, job: Job, ask: Ask) {
        match ask {
            Ask::Folders => self.list_folders(job),
            Ask::Open(id) => self.open(job, id),
            Ask::Close(id) => {
                if self.opened.take_if(|opened| opened.id == id).is_some() {
                    self.call(Call::Unwatch);
                }
                self.tell.tell(job, What::Ended);
            }
            Ask::Rows { folder, uids } => self.rows(job, folder, &uids),
            Ask::Read(letter) => self.read(job, letter, Then::Show(page::Wanted::Letter)),
            Ask::Explain(letter) => self.read(job, letter, Then::Show(page::Wanted::Explained)),
            Ask::Check(letter) => self.read(job, letter, Then::Show(page::Wanted::Checked)),
            Ask::Part { letter, part } => {
                self.read(job, letter, Then::Show(page::Wanted::Part(part)));
            }
            Ask::View { letter, part } => {
                self.read(job, letter, Then::Show(page::Wanted::Viewed(part)));
            }
            Ask::PipePart { letter, part, command } => {
                self.read(job, letter, Then::Show(page::Wanted::Piped(part, command)));
            }
            Ask::Print { letter, part } => {
                self.read(job, letter, Then::Show(page::Wanted::Printed(part)));
            }
            Ask::Save { letter, part, into } => {
                self.read(job, letter, Then::Show(page::Wanted::Saved(part, into)));
            }
            Ask::NewDraft(start) => match start {
                tui::Start::Reply(letter, _)
                | tui::Start::Attend(letter, _)
                | tui::Start::Forward(letter)
                | tui::Start::Inside(letter, ..)
                | tui::Start::Resend(letter) => self.read(job, letter, Then::Begin(start)),
                tui::Start::Empty | tui::Start::To(_) | tui::Start::Recall(_) => {
                    self.start.post.send(ToPost::Ask(job, Ask::NewDraft(start)));
                }
            },
            Ask::Refresh(_) => self.look(job),
            Ask::Flag { letters, edit } => self.flag(job, &letters, edit),
            Ask::Move { letters, to } => self.move_letters(job, &letters, to),
            Ask::Copy { letters, to } => self.copy_letters(job, &letters, to),
            Ask::Bounce { letter, to } => self.read(job, letter, Then::Bounce(to)),
            Ask::People(PeopleAsk::CallAuthor { alias, letter }) => {
                self.read(job, letter, Then::CallAuthor(alias));
            }
            Ask::Pipe { letters, command } => match letters.first() {
                Some(first) => self.read(job, *first, Then::Pipe(letters.clone(), command)),
                None => self.tell.tell(job, What::Ended),
            },
            Ask::Arrange(order) => {
                self.order = order;
                self.show(Job::NONE);
                self.tell.tell(job, What::Ended);
            }
            Ask::Folder(ask) => self.change_folder(job, &ask),
            Ask::Search(search) => self.find(job, search),
            Ask::SearchAll(pattern) => self.hunt(job, &pattern),
            Ask::Undo => self.undo(job),
            Ask::Sync(_) => {
                if let Some(opened) = &mut self.opened {
                    opened.mirror.take_in();
                    opened.mirror.keep(AtOnce::Yes);
                }
                self.show(Job::NONE);
                self.tell.tell(job, What::Ended);
            }
            Ask::Conversation(_) => {
                let words = "whole conversations are shown of letters in a Maildir alone";
                self.tell.failed(job, words, "ot: order letters by conversations");
            }
            _ => self.tell.failed(job, "this works for letters in a Maildir alone, as yet", ""),
        }
    }

    /// Nobody waits for that any more.
    fn cancel(&mut self, job: Job) {
        self.pages.send(ToLayOut::Cancel(job));
        self.finding.take_if(|finding| finding.job == job);
        self.hunt.take_if(|hunt| hunt.job == job);
        self.again.retain(|(_, waits)| waits.job() != Some(job));
        let found = self.errands.iter().find(|(_, (_, waits))| waits.job() == Some(job));
        if let Some(id) = found.map(|(id, _)| *id) {
            self.errands.remove(&id);
            self.call(Call::Cancel(id));
        }
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn call(&self, call: Call) {
        // It ends when we do.
        let _ = self.net.send(call);
    }

    /// Has something done, if there is a connection, or one may come.
    fn send(&mut self, deed: Deed, waits: Waits) {
        let id = self.next_id();
        self.call(Call::Errand(Errand { id, deed: deed.clone() }));
        self.errands.insert(id, (deed, waits));
    }

    /// Says that something can't be had now; and has the connection tried at once.
    fn offline(&self, job: Job, words: &SafeText) {
        self.call(Call::Hurry);
        self.tell.failed(job, safe_line!("not connected: {}", words.as_str()), "");
    }

    fn id_of(&mut self, name: &MailboxName) -> FolderId {
        let place = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.clone());
            self.names.len() - 1
        });
        FolderId(u32::try_from(place).unwrap_or(u32::MAX))
    }

    fn name_of(&self, id: FolderId) -> MailboxName {
        let name = usize::try_from(id.0).ok().and_then(|place| self.names.get(place));
        name.unwrap_or(&self.start.first).clone()
    }

    fn list_folders(&mut self, job: Job) {
        if self.folders.is_empty() {
            self.folders = events::known_folders(&self.home);
        }
        match &self.line {
            // What is known is shown at once, and what the server says when it comes.
            _ if !self.folders.is_empty() => {
                self.tell_folders(job);
                if self.line == Line::Up {
                    self.ask_folders(Job::NONE);
                }
            }
            Line::Down(words) => self.offline(job, &words.clone()),
            Line::Up | Line::Connecting => {
                self.told = Some(Vec::new());
                self.ask_folders(job);
            }
        }
    }

    fn ask_folders(&mut self, job: Job) {
        self.asked = Some(Instant::now());
        self.send(Deed::Folders, Waits::Folders(job));
    }

    fn tell_folders(&mut self, job: Job) {
        let rows = self.folder_rows();
        self.told = Some(rows.clone());
        self.tell.tell(job, What::Folders(rows));
    }

    /// The list of folders again, where it has changed and somebody has it.
    fn folders_again(&mut self) {
        if self.told.is_none() || self.folders.is_empty() {
            return;
        }
        let rows = self.folder_rows();
        if self.told.as_ref() != Some(&rows) {
            self.tell_folders(Job::NONE);
        }
    }

    fn folder_rows(&mut self) -> Vec<FolderRow> {
        let mut rows = Vec::new();
        for folder in self.folders.clone() {
            let id = self.id_of(&folder.name);
            let opened = self.opened.as_ref().filter(|it| it.id == id && it.mirror.validity != 0);
            let counts = match opened {
                Some(Opened { mirror, .. }) => {
                    Some(mirror.counts(&self.pending.overlay(&mirror.name, mirror.validity)))
                }
                None => folder.counts,
            };
            let name = SafeText::line(folder.name.as_str());
            rows.push(FolderRow { id, name, role: folder.role, counts });
        }
        rows
    }

    fn open(&mut self, job: Job, id: FolderId) {
        // What is known of the one before is written down.
        self.opened = None;
        let mirror = Mirror::open(&self.home, self.name_of(id));
        self.call(Call::Watch(Box::new(mirror.view())));
        let (stage, shown, is_known) = (Stage::Known, Instant::now(), mirror.validity != 0);
        self.opened = Some(Opened { id, mirror, job, stage, shown, is_told: false });
        if is_known {
            self.show(Job::NONE);
        }
        if let Line::Down(words) = self.line.clone() {
            self.give_up_opening(&words);
        }
    }

    /// There is no connection: what is known is all there is for now.
    fn give_up_opening(&mut self, words: &SafeText) {
        let Some(opened) = self.opened.as_mut().filter(|opened| opened.job != Job::NONE) else {
            return;
        };
        let job = std::mem::replace(&mut opened.job, Job::NONE);
        if opened.mirror.validity == 0 {
            self.offline(job, words);
        } else {
            opened.stage = Stage::Complete;
            self.call(Call::Hurry);
            self.show(job);
        }
    }

    /// Sends the list.
    fn show(&mut self, job: Job) {
        let Some(opened) = &mut self.opened else { return };
        self.generation += 1;
        opened.shown = Instant::now();
        let overlay = self.pending.overlay(&opened.mirror.name, opened.mirror.validity);
        let listing = Listing {
            folder: opened.id,
            validity: opened.mirror.validity,
            generation: self.generation,
            stage: opened.stage,
            order: self.order,
            heads: opened.mirror.heads(&overlay, self.order),
        };
        self.tell.tell(job, What::Listing(Arc::new(listing)));
    }

    fn rows(&mut self, job: Job, id: FolderId, uids: &[u32]) {
        let (known, missing) = self.known_rows(id, uids);
        self.tell.tell(job, What::Rows { folder: id, rows: known });
        for some in missing.chunks(HEADERS_AT_ONCE) {
            if let Some(letters) = self.letters_here(some) {
                self.send(Deed::Headers(letters), Waits::Headers(Wanted::Rows(id)));
            }
        }
    }

    /// Rows that are known, and letters whose aren't.
    fn known_rows(
        &mut self,
        id: FolderId,
        uids: &[u32],
    ) -> (Vec<(u32, postroad_tui::data::Row)>, Vec<u32>) {
        let me = self.start.account.address.to_string();
        let (mut known, mut missing) = (Vec::new(), Vec::new());
        if let Some(opened) = self.opened.as_mut().filter(|opened| opened.id == id) {
            for uid in uids {
                match opened.mirror.row(*uid) {
                    Some(raw) => known.push((*uid, mapped::row(&raw, &me))),
                    None => missing.push(*uid),
                }
            }
        }
        (known, missing)
    }

    /// Letters of the folder that is open.
    fn letters_here(&self, uids: &[u32]) -> Option<Letters> {
        let mirror = &self.opened.as_ref()?.mirror;
        let (folder, validity) = (mirror.name.clone(), mirror.validity);
        Some(Letters { folder, validity, uids: uids.to_vec() })
    }

    /// Asks for headers of some letters of which nothing is known; where there are none the list is whole.
    fn fill(&mut self) {
        let is_filling = |(_, waits): &(Deed, Waits)| matches!(waits, Waits::Headers(Wanted::Fill));
        let Some(opened) = &mut self.opened else { return };
        if !opened.is_told || self.errands.values().any(is_filling) {
            return;
        }
        let unknown = opened.mirror.unknown(HEADERS_AT_ONCE);
        if unknown.is_empty() {
            if opened.stage != Stage::Complete || opened.job != Job::NONE {
                opened.stage = Stage::Complete;
                let job = std::mem::replace(&mut opened.job, Job::NONE);
                self.show(job);
                self.folders_again();
                self.tidy();
            }
            return;
        }
        if opened.shown.elapsed() >= FILL_SHOWN_EVERY {
            self.show(Job::NONE);
        }
        if let Some(letters) = self.letters_here(&unknown) {
            self.send(Deed::Headers(letters), Waits::Headers(Wanted::Fill));
        }
    }

    /// Once there is nothing better to do: letters that were read long ago are let go of.
    fn tidy(&mut self) {
        if !std::mem::replace(&mut self.is_tidy, true)
            && let Err(error) = places::tidy(&self.home, KEPT_LETTERS_OCTETS_MAX)
        {
            tracing::warn!(%error, "letters that were kept can't be removed");
        }
    }

    fn path_of(&self, letter: LetterId) -> PathBuf {
        let name = self.name_of(letter.folder);
        Mirror::letter_path(&self.home, &name, letter.validity, letter.uid)
    }

    fn read(&mut self, job: Job, letter: LetterId, then: Then) {
        let path = self.path_of(letter);
        if path.exists() {
            return self.go_on(job, letter, then, &path);
        }
        if let Line::Down(words) = &self.line {
            let words = safe_line!("{}; letters that were read once can be read", words.as_str());
            return self.offline(job, &words);
        }
        if let Some(Err(error)) = path.parent().map(places::make) {
            return self.tell.failed(job, safe_line!("cannot keep the letter: {error}"), "");
        }
        let folder = self.name_of(letter.folder);
        let letters = Letters { folder, validity: letter.validity, uids: vec![letter.uid] };
        self.send(Deed::Letter(letters, path), Waits::Letter(job, letter, then));
    }

    /// The letter is here.
    fn go_on(&mut self, job: Job, letter: LetterId, then: Then, path: &Path) {
        let file = LetterFile::at(Arc::new(OsDisk), letter.uid, path.to_owned()).open();
        match (file, then) {
            (Ok(file), Then::Show(wanted)) => {
                self.pages.send(ToLayOut::Letter { job, letter, file, wanted });
            }
            (Ok(file), Then::Begin(start)) => {
                let name = format!("{}.{}", letter.validity, letter.uid);
                self.start.post.send(ToPost::Begin { job, start, file, name });
            }
            (Ok(file), Then::Bounce(to)) => {
                self.start.post.send(ToPost::Bounce { job, file, to });
            }
            (Ok(file), Then::CallAuthor(alias)) => {
                self.start.post.send(ToPost::CallAuthor { job, file, alias });
            }
            (Ok(_), Then::Pipe(letters, command)) => self.pipe(job, letters, command),
            (Err(error), _) => {
                self.tell.failed(job, safe_line!("cannot read the letter: {error}"), "");
            }
        }
    }

    /// Has letters given to a program, once all of them are here.
    fn pipe(&mut self, job: Job, letters: Vec<LetterId>, command: String) {
        let missing = letters.iter().find(|letter| !self.path_of(**letter).exists()).copied();
        if let Some(letter) = missing {
            return self.read(job, letter, Then::Pipe(letters, command));
        }
        let Some(first) = letters.first().copied() else { return };
        let file = |letter: &LetterId| {
            let file = LetterFile::at(Arc::new(OsDisk), letter.uid, self.path_of(*letter));
            postroad_catalog::LetterFile::at(file)
        };
        let piped = Piped { job, first, letters: letters.iter().map(file).collect(), command };
        if let Err(error) = pipe::start(piped, self.tell.clone()) {
            self.tell.failed(job, safe_line!("cannot start a thread: {error}"), "");
        }
    }

    fn look(&mut self, job: Job) {
        match self.line.clone() {
            Line::Down(words) => self.offline(job, &words),
            Line::Up | Line::Connecting => self.send(Deed::Look, Waits::Look(job)),
        }
    }
}

impl Waits {
    /// Whose it is.
    fn job(&self) -> Option<Job> {
        match self {
            Self::Folders(job)
            | Self::Look(job)
            | Self::Letter(job, ..)
            | Self::Folder(job, _)
            | Self::Found(job)
            | Self::Hunted(job, _) => Some(*job),
            Self::Headers(_) | Self::Change => None,
        }
        .filter(|job| *job != Job::NONE)
    }
}
