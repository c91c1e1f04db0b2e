//! The actor of a Maildir: it has the open folder, and does what is asked of it, one thing after the other.
//!
//! A folder is shown as it was known, then looked at, then what its list lacks is read, newest letters first, a few at
//! a time: between two of these it hears what else is asked. Nothing in it takes longer than a listing.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use postroad_catalog::read::Extent;
use postroad_catalog::{Catalog, CatalogError, Folder, read_some};
use postroad_disk::OsDisk;
use postroad_store::{
    Counts, Courier, FlagChange, Letter, MailboxError, MailboxName, Maildir, Times,
};
use postroad_tui::data::{By, FolderId, FolderRow, LetterId, Listing, Marks, Order, Stage, Way};
use postroad_tui::effect::{self as tui, Ask, FolderAsk, Job, PeopleAsk};
use postroad_tui::msg::What;

use self::finding::{Finding, Indexing};
use self::hunting::Hunt;
use super::Request;
use super::deeds::Deeds;
use super::mapped;
use crate::bounce::original::SentFolder;
use crate::full::limits::{
    FILL_LETTERS, FILL_SHOWN_EVERY, FOLDERS_EVERY, INDEX_LOOK_EVERY, LOOK_EVERY, ROWS_ASKED_WITHIN,
};
use crate::full::page::{self, ToLayOut};
use crate::full::pipe::{self, Piped};
use crate::full::post::ToPost;
use crate::full::wake::{Farewell, Incoming, Other, Outgoing, Teller, channel};
use crate::safe_line;
use crate::safe_text::SafeText;
use crate::trust::Trusted;
use crate::undo::Journal;

mod conversation;
mod finding;
mod folders;
mod hunting;
mod letters;
#[cfg(test)]
mod tests;

/// What the actor begins with.
#[derive(Debug)]
pub(in crate::full) struct Start {
    /// The inbox.
    pub(in crate::full) inbox: Maildir,
    /// The folder that is shown first; its number is 0.
    pub(in crate::full) first: MailboxName,
    /// The address of who reads here.
    pub(in crate::full) me: String,
    /// Whose judgement of letters counts.
    pub(in crate::full) trusted: Trusted,
    /// Where letters that were sent are.
    pub(in crate::full) sent: Option<SentFolder>,
    /// What was done and can be taken back.
    pub(in crate::full) journal: Option<Journal>,
    /// Who begins letters with others.
    pub(in crate::full) post: Outgoing<ToPost>,
}

/// Starts it.
///
/// # Errors
/// Where the system has no threads or sockets left.
pub(in crate::full) fn start(start: Start, tell: Teller) -> io::Result<Outgoing<Request>> {
    let (ask, asked) = channel()?;
    let pages = page::start(tell.clone(), start.trusted.clone(), start.sent.clone())?;
    thread::Builder::new().name("mail-0".into()).spawn(move || {
        let _farewell = Farewell(tell.clone());
        Actor::new(start, tell, pages).run(&asked);
    })?;
    Ok(ask)
}

/// The folder that is shown.
struct Opened {
    id: FolderId,
    folder: Folder,
    /// Who waits for all of it.
    job: Job,
    stage: Stage,
    /// When its list was sent last while it is being read.
    shown: Instant,
    /// Rows of that list were asked for.
    is_seen: bool,
    /// Of a folder of which the system tells nothing.
    times: Option<Times>,
    indexing: Indexing,
}

impl Opened {
    fn new(id: FolderId, folder: Folder, job: Job, stage: Stage) -> Self {
        let (shown, indexing) = (Instant::now(), Indexing::default());
        Self { id, folder, job, stage, shown, is_seen: false, times: None, indexing }
    }
}

struct Actor {
    catalog: Catalog,
    courier: Courier,
    start: Start,
    /// By number.
    names: Vec<MailboxName>,
    opened: Option<Opened>,
    /// What is looked for.
    finding: Option<Finding>,
    /// What is looked for in all folders.
    hunt: Option<Hunt>,
    deeds: Deeds,
    /// Of all folders.
    order: Order,
    generation: u64,
    tell: Teller,
    pages: Outgoing<ToLayOut>,
    /// The list of folders as it was told last, once somebody has asked.
    folders: Option<Vec<FolderRow>>,
    /// When folders were looked at last, to see whether there are others, or other letters in them.
    looked: Instant,
    /// Counts that were made here, and the folders' times then: of folders that nobody else remembers counts of.
    counted: HashMap<MailboxName, (Times, Counts)>,
    /// Folders whose letters are to be counted.
    uncounted: Vec<MailboxName>,
}

/// What became of a request.
type Done = Result<(), CatalogError>;

impl Actor {
    fn new(start: Start, tell: Teller, pages: Outgoing<ToLayOut>) -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let disk = Arc::new(OsDisk);
        Self {
            catalog: Catalog::watching(disk.clone(), start.inbox.clone(), &host),
            courier: Courier::new(disk, &host),
            names: vec![start.first.clone()],
            deeds: Deeds::new(start.journal.clone()),
            start,
            opened: None,
            finding: None,
            hunt: None,
            order: Order::default(),
            generation: 0,
            tell,
            pages,
            folders: None,
            looked: Instant::now(),
            counted: HashMap::new(),
            uncounted: Vec::new(),
        }
    }

    fn run(mut self, asked: &Incoming<Request>) {
        self.tell.tell(Job::NONE, What::Undoable(self.deeds.labels()));
        loop {
            let is_reading = self.opened.as_ref().is_some_and(|it| it.stage == Stage::Named);
            let is_busy = is_reading
                || !self.uncounted.is_empty()
                || self.finding.is_some()
                || self.hunt.is_some();
            let most = match &self.opened {
                _ if is_busy => self.threads_wait().unwrap_or_default(),
                Some(opened) if opened.indexing.goes_on() => INDEX_LOOK_EVERY,
                _ => LOOK_EVERY,
            };
            let noticed = asked.wait(self.catalog.readable(), Some(most));
            for request in asked.drain() {
                match request {
                    Request::Ask(job, ask) => self.answer(job, ask),
                    Request::Mark(letter, marks) => {
                        if let Err(error) = self.mark(letter, marks) {
                            tracing::warn!(%error, "a letter that was answered isn't marked");
                        }
                    }
                    Request::Where(folder, across) => self.tell_where(folder, across),
                    Request::Across(across, to) => self.put_across(&across, &to),
                    Request::Cancel(job) => {
                        self.finding.take_if(|finding| finding.job == job);
                        self.hunt.take_if(|hunt| hunt.job == job);
                        self.pages.send(ToLayOut::Cancel(job));
                    }
                    Request::End => return self.catalog.keep_counts(),
                }
            }
            if asked.is_closed() {
                return self.catalog.keep_counts();
            }
            self.look(noticed);
            self.find_on();
            self.hunt_on();
            self.read_on();
            self.index_on();
            if self.looked.elapsed() >= FOLDERS_EVERY {
                self.looked = Instant::now();
                self.folders_again();
            }
        }
    }

    fn answer(&mut self, job: Job, ask: Ask) {
        let doing = doing(&ask);
        let done = match ask {
            Ask::Folders => self.list_folders(job),
            Ask::Open(id) => self.open(job, id),
            Ask::Close(id) => {
                self.opened.take_if(|opened| opened.id == id);
                self.ended(job)
            }
            Ask::Rows { folder, uids } => self.rows(job, folder, &uids),
            Ask::Read(letter) => self.read(job, letter, page::Wanted::Letter),
            Ask::Conversation(letter) => self.conversation(job, letter),
            Ask::Explain(letter) => self.read(job, letter, page::Wanted::Explained),
            Ask::Check(letter) => self.read(job, letter, page::Wanted::Checked),
            Ask::Part { letter, part } => self.read(job, letter, page::Wanted::Part(part)),
            Ask::View { letter, part } => self.read(job, letter, page::Wanted::Viewed(part)),
            Ask::PipePart { letter, part, command } => {
                self.read(job, letter, page::Wanted::Piped(part, command))
            }
            Ask::Print { letter, part } => self.read(job, letter, page::Wanted::Printed(part)),
            Ask::Save { letter, part, into } => {
                self.read(job, letter, page::Wanted::Saved(part, into))
            }
            Ask::NewDraft(start) => self.begin(job, start),
            Ask::Bounce { letter, to } => self.bounce(job, letter, to),
            Ask::People(PeopleAsk::CallAuthor { alias, letter }) => {
                self.call_author(job, letter, alias)
            }
            Ask::Original { id, .. } => self.original(job, id.as_str()),
            Ask::Refresh(id) => self.refresh(job, id),
            Ask::Flag { letters, edit } => self.flag(job, &letters, edit),
            Ask::Move { letters, to } => self.move_letters(job, &letters, to),
            Ask::Copy { letters, to } => self.copy_letters(job, &letters, to),
            Ask::Pipe { letters, command } => self.pipe(job, &letters, command),
            Ask::Arrange(order) => {
                self.order = order;
                self.show(Job::NONE);
                self.ended(job)
            }
            Ask::Search(search) => self.find(job, search),
            Ask::SearchAll(pattern) => self.hunt(job, &pattern),
            Ask::Undo => self.undo(job),
            Ask::Sync(id) => self.take_in(job, id),
            Ask::Folder(ask) => self.change_folder(job, &ask),
            _ => {
                self.tell.failed(job, "that isn't built yet", "");
                Ok(())
            }
        };
        if let Err(error) = done {
            self.failed(job, doing, &error);
        }
    }

    fn failed(&self, job: Job, doing: &str, error: &CatalogError) {
        let words = safe_line!("cannot {doing}: {}", words(error));
        let hint = if error.is_gone() { "$: look at the folder again" } else { "" };
        self.tell.failed(job, words, hint);
    }

    fn ended(&self, job: Job) -> Done {
        self.tell.tell(job, What::Ended);
        Ok(())
    }

    fn open(&mut self, job: Job, id: FolderId) -> Done {
        let folder = self.catalog.open(&self.name_of(id))?;
        let why = folder.why_plain().map(ToString::to_string);
        if let Some(why) = why {
            tracing::info!(why, "nothing is remembered in this folder");
        }
        self.opened = Some(Opened::new(id, folder, job, Stage::Known));
        self.show(Job::NONE);
        if let Some(opened) = &mut self.opened {
            opened.folder.refresh()?;
            // What its list lacks is read next; where that is nothing, it is whole.
            opened.stage = Stage::Named;
        }
        Ok(())
    }

    /// Sends the list.
    fn show(&mut self, job: Job) {
        let Some(opened) = &mut self.opened else { return };
        self.generation += 1;
        opened.shown = Instant::now();
        // Flat first: threads when all is known.
        let is_flat = self.order.by == By::Threads && opened.stage != Stage::Complete;
        let order = if is_flat { Order { by: By::Sent, ..self.order } } else { self.order };
        let mut heads: Vec<_> =
            opened.folder.heads(mapped::order(order)).iter().map(mapped::head).collect();
        if self.order.way == Way::Down {
            heads = mapped::upside_down(&heads);
        }
        let listing = Listing {
            folder: opened.id,
            validity: opened.folder.validity(),
            generation: self.generation,
            stage: opened.stage,
            order,
            heads,
        };
        self.tell.tell(job, What::Listing(Arc::new(listing)));
    }

    /// Threads take a while: until when the flat list waits for whoever shows it to ask for its rows, so that the first screen
    /// doesn't wait for threads.
    fn threads_wait(&self) -> Option<Duration> {
        let opened = self.opened.as_ref().filter(|it| it.stage == Stage::Named && !it.is_seen)?;
        let is_alone = self.order.by == By::Threads && self.uncounted.is_empty();
        let left = ROWS_ASKED_WITHIN.checked_sub(opened.shown.elapsed())?;
        (is_alone && self.finding.is_none() && self.hunt.is_none()).then_some(left)
    }

    /// Reads some letters of which nothing is known; else counts letters of another folder.
    fn read_on(&mut self) {
        let waits = self.threads_wait().is_some();
        let Some(opened) = self.opened.as_mut().filter(|it| it.stage == Stage::Named) else {
            return self.count_on();
        };
        let uids = opened.folder.unknown(FILL_LETTERS);
        if uids.is_empty() {
            if waits {
                return;
            }
            opened.stage = Stage::Complete;
            opened.indexing.wanted = true;
            let job = std::mem::replace(&mut opened.job, Job::NONE);
            self.show(job);
            return self.folders_again();
        }
        read_into(&mut opened.folder, &uids);
        if opened.shown.elapsed() >= FILL_SHOWN_EVERY {
            self.show(Job::NONE);
        }
    }

    /// Looks at what others have changed, where the system has told of it, or can't.
    fn look(&mut self, noticed: Other) {
        let is_told = match noticed {
            Other::Quiet => false,
            // An error may mean any folder.
            Other::Readable | Other::Gone => {
                self.catalog.noticed().map_or(true, |places| !places.is_empty())
            }
        };
        let Some(opened) = &mut self.opened else { return };
        let is_plain = opened.folder.why_plain().is_some() || self.catalog.readable().is_none();
        let times = is_plain.then(|| Times::of(&OsDisk, opened.folder.place()).unwrap_or_default());
        if times != opened.times {
            opened.times = times;
        } else if !is_told {
            return;
        }
        self.look_again(Job::NONE);
    }

    /// Looks at the folder, and shows it where something has changed, or somebody waits for it.
    fn look_again(&mut self, job: Job) {
        let Some(opened) = &mut self.opened else { return };
        match opened.folder.refresh() {
            Ok(changed) if changed.is_nothing() && job == Job::NONE => {}
            Ok(changed) => {
                if !changed.added.is_empty() || changed.renumbered {
                    let uids = opened.folder.unknown(FILL_LETTERS);
                    read_into(&mut opened.folder, &uids);
                    opened.indexing.wanted = true;
                }
                self.show(job);
                self.folders_again();
            }
            Err(error) => self.failed(job, "look at the folder", &error),
        }
    }

    fn refresh(&mut self, job: Job, id: FolderId) -> Done {
        self.shown(id)?;
        self.look_again(Job::NONE);
        self.ended(job)
    }

    /// The folder, which is shown.
    fn shown(&mut self, id: FolderId) -> Result<&mut Folder, CatalogError> {
        if self.opened.as_ref().is_none_or(|opened| opened.id != id) {
            let folder = self.catalog.open(&self.name_of(id))?;
            self.opened = Some(Opened::new(id, folder, Job::NONE, Stage::Named));
        }
        let opened = self.opened.as_mut().map(|opened| &mut opened.folder);
        opened.ok_or_else(|| MailboxError::Gone { uid: 0 }.into())
    }

    /// The folder, where the letters are still called so.
    fn of_letters(
        &mut self,
        letters: &[LetterId],
    ) -> Result<(&mut Folder, Vec<u32>), CatalogError> {
        let gone = || MailboxError::Gone { uid: 0 };
        let first = *letters.first().ok_or_else(gone)?;
        let folder = self.shown(first.folder)?;
        if folder.validity() != first.validity {
            return Err(gone().into());
        }
        Ok((folder, letters.iter().map(|letter| letter.uid).collect()))
    }

    fn rows(&mut self, job: Job, id: FolderId, uids: &[u32]) -> Done {
        let me = self.start.me.clone();
        let opened = self.opened.as_mut().filter(|opened| opened.id == id);
        let mut rows = Vec::new();
        if let Some(Opened { folder, is_seen, .. }) = opened {
            *is_seen = true;
            let mut of = |folder: &mut Folder, uid: u32| {
                let raw = folder.row(uid)?;
                rows.push((uid, mapped::row_in(folder, uid, &raw, &me)));
                Some(())
            };
            let missing: Vec<u32> =
                uids.iter().copied().filter(|uid| of(folder, *uid).is_none()).collect();
            read_into(folder, &missing);
            for uid in missing {
                let _ = of(folder, uid);
            }
        }
        self.tell.tell(job, What::Rows { folder: id, rows });
        Ok(())
    }

    fn read(&mut self, job: Job, letter: LetterId, wanted: page::Wanted) -> Done {
        let (file, _) = self.letter(letter)?;
        self.pages.send(ToLayOut::Letter { job, letter, file, wanted });
        Ok(())
    }

    /// The file of a letter, and what stays of its name; whichever folder is shown, that stays so.
    fn letter(&mut self, letter: LetterId) -> Result<(Letter, String), CatalogError> {
        let is_shown = self.opened.as_ref().is_some_and(|opened| opened.id == letter.folder);
        let mut other = match is_shown {
            true => None,
            false => Some(self.catalog.open(&self.name_of(letter.folder))?),
        };
        let folder = match &mut other {
            Some(folder) if folder.validity() == letter.validity => folder,
            Some(_) => return Err(MailboxError::Gone { uid: letter.uid }.into()),
            None => self.of_letters(&[letter])?.0,
        };
        let file = folder.open_letter(letter.uid)?;
        let name = folder.identity(letter.uid).unwrap_or_default();
        Ok((file, String::from_utf8_lossy(&name).into_owned()))
    }

    /// Has the letter of the user's laid out that another one is about.
    fn original(&mut self, job: Job, id: &str) -> Done {
        let sent = self.start.sent.clone();
        let found = sent.as_ref().map(|sent| sent.find(&self.catalog, id)).transpose()?;
        let (Some(sent), Some(Some(mut found))) = (sent, found) else {
            self.tell.failed(job, "that letter isn't where sent letters are any more", "");
            return Ok(());
        };
        let folder = self.id_of(sent.name());
        let letter = LetterId { folder, validity: found.folder.validity(), uid: found.uid };
        let file = found.folder.open_letter(found.uid)?;
        let wanted = page::Wanted::Original;
        self.pages.send(ToLayOut::Letter { job, letter, file, wanted });
        Ok(())
    }

    /// Has letters given to a program.
    fn pipe(&mut self, job: Job, letters: &[LetterId], command: String) -> Done {
        let (folder, uids) = self.of_letters(letters)?;
        let files = folder.letter_files(&uids);
        let Some(first) = letters.first().copied() else { return self.ended(job) };
        let piped = Piped { job, first, letters: files, command };
        if let Err(error) = pipe::start(piped, self.tell.clone()) {
            self.tell.failed(job, safe_line!("cannot start a thread: {error}"), "");
        }
        Ok(())
    }

    /// Has a letter begun with one of these.
    fn begin(&mut self, job: Job, start: tui::Start) -> Done {
        let (tui::Start::Reply(letter, _)
        | tui::Start::Attend(letter, _)
        | tui::Start::Forward(letter)
        | tui::Start::Inside(letter, ..)
        | tui::Start::Resend(letter)) = start
        else {
            self.start.post.send(ToPost::Ask(job, Ask::NewDraft(start)));
            return Ok(());
        };
        let (file, name) = self.letter(letter)?;
        self.start.post.send(ToPost::Begin { job, start, file, name });
        Ok(())
    }

    /// Has one of these sent on as it is.
    fn bounce(&mut self, job: Job, letter: LetterId, to: String) -> Done {
        let (file, _) = self.letter(letter)?;
        self.start.post.send(ToPost::Bounce { job, file, to });
        Ok(())
    }

    /// Has its author get a short name.
    fn call_author(&mut self, job: Job, letter: LetterId, alias: String) -> Done {
        let (file, _) = self.letter(letter)?;
        self.start.post.send(ToPost::CallAuthor { job, file, alias });
        Ok(())
    }

    /// Marks a letter, whichever folder is shown.
    fn mark(&mut self, letter: LetterId, marks: Marks) -> Done {
        let change = FlagChange::Add(mapped::flags(marks));
        match self.opened.as_mut().filter(|opened| opened.id == letter.folder) {
            Some(opened) if opened.folder.validity() == letter.validity => {
                opened.folder.set_flags(&[letter.uid], change)?;
                self.show(Job::NONE);
            }
            Some(_) => {}
            None => {
                let mut folder = self.catalog.open(&self.name_of(letter.folder))?;
                if folder.validity() == letter.validity {
                    folder.set_flags(&[letter.uid], change)?;
                }
            }
        }
        Ok(())
    }
}

/// Reads letters and has the folder remember them; what can't be read is shown without.
fn read_into(folder: &mut Folder, uids: &[u32]) {
    let read = read_some(&folder.letter_files(uids), Extent::Header);
    let some: Vec<_> = read.into_iter().filter_map(|(uid, read)| Some((uid, read.ok()?))).collect();
    folder.remember(&some);
}

/// The error and its causes, each once.
fn words(error: &CatalogError) -> SafeText {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.ends_with(&text) {
            words = format!("{words}: {text}");
        }
        cause = error.source();
    }
    SafeText::line(&words)
}

/// What is being done, for who hears that it went wrong.
fn doing(ask: &Ask) -> &'static str {
    match ask {
        Ask::Folders => "list the folders",
        Ask::Open(_) | Ask::Close(_) | Ask::Refresh(_) => "open the folder",
        Ask::Rows { .. } => "list the letters",
        Ask::Read(_)
        | Ask::Part { .. }
        | Ask::Original { .. }
        | Ask::Check(_)
        | Ask::Explain(_) => "read the letter",
        Ask::Conversation(_) => "read the conversation",
        Ask::Save { .. } => "save it",
        Ask::PipePart { .. } => "give it to a program",
        Ask::Print { .. } => "print it",
        Ask::Flag { .. } => "mark the letters",
        Ask::Move { .. } => "move the letters",
        Ask::Copy { .. } => "copy the letters",
        Ask::Pipe { .. } => "give the letters to a program",
        Ask::Undo => "take it back",
        Ask::NewDraft(_) => "begin a letter",
        Ask::Bounce { .. } => "send the letter on",
        Ask::Search(_) | Ask::SearchAll(_) => "look for letters",
        Ask::Sync(_) => "bring the folder up to date",
        Ask::Folder(FolderAsk::Make { .. }) => "make the folder",
        Ask::Folder(FolderAsk::Rename { .. }) => "rename the folder",
        Ask::Folder(FolderAsk::Remove(_)) => "remove the folder",
        Ask::Folder(_) => "subscribe to the folder, or no more",
        _ => "do that",
    }
}
