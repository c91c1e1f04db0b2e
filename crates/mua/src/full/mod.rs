//! The full screen: the shell around [`postroad_tui`]'s functions.
//!
//! ```text
//!  main:    poll(terminal, wake) ─► keys, news ─► update ─► effects ─► one drawing
//!              ▲                                              │
//!              │ Report                                       ▼ Request
//!  mail-0:  the open folder (`mail/maildir`)    page: one letter at a time (`page`)    signals: size, hang-up
//!  post:    drafts and the outbox (`post`)
//! ```
//!
//! | looking for | it is in |
//! |---|---|
//! | the loop, deadlines, the end | here |
//! | several accounts on one screen | `accounts` |
//! | a screen, or lines in its place (`--plain`) | `face`, `lines` |
//! | the terminal, taken and given back | `terminal` |
//! | octets as keys | `keys` |
//! | queues that wake a thread | `wake` |
//! | letters and folders | `mail` |
//! | a letter laid out | `page` |
//! | a link in a browser; a part in a program of the user's | `browser`, `viewer` |
//! | a list that is left by one request | `unsubscribing` |
//! | letters given to a program | `pipe` |
//! | letters that are written, and leave | `post` |
//! | how it looks, from the environment | `settings` |
//! | what is kept for the next start | `kept` |
//! | limits | `limits` |
//!
//! The main thread waits for keys and messages, and for nothing else; no runtime is around it.

use std::collections::BTreeMap;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use postroad_disk::OsDisk;
use postroad_store::{MailboxName, Maildir};
use postroad_tui::data::{self, DraftId, FolderId, PartContent};
use postroad_tui::effect::{Ask, Effect, Job, PeopleAsk, Start};
use postroad_tui::model::{Model, Now, Plain};
use postroad_tui::msg::{Report, What};
use postroad_tui::{Msg, update};

use self::accounts::{Accounts, Crossing, Whose};
use self::face::Face;
use self::mail::far::{self, maildrop};
use self::mail::{Across, Request};
use self::post::{SendsBy, ToPost};
use self::wake::{Incoming, News, Other, Outgoing, Teller, channel};
use crate::account::{Account, Inbox, Overrides};
use crate::bounce::original::SentFolder;
use crate::commands::text_input;
use crate::error::{Error, Exit};
use crate::front::Usage;
use crate::mailbox::MailboxError;
use crate::safe_line;
use crate::safe_text::SafeText;
use crate::trust::Trusted;
use crate::undo::Journal;

mod accounts;
pub(crate) mod browser;
mod face;
mod kept;
mod keys;
mod limits;
mod lines;
mod mail;
mod page;
mod pipe;
mod post;
mod programs;
mod settings;
mod signals;
mod terminal;
mod unsubscribing;
mod viewer;
mod wake;

pub(crate) use mail::far::known::Known;
pub(crate) use mail::mapped::marks as catalog_marks;
pub(crate) use page::page as laid_out;
pub(crate) use terminal::give_back;

/// Shows accounts' letters until the user has enough, on a screen or, where that is wanted or the terminal has none, in lines;
/// `folder` is opened first, else the inbox.
///
/// # Errors
/// Where there is no Maildir, or no such folder: nothing was shown then.
pub(crate) fn run(
    accounts: &[(Account, Overrides)],
    folder: Option<&str>,
    plain: Plain,
) -> Result<Exit, Error> {
    let (first, _) = accounts.first().ok_or_else(|| Usage("there is no account".into()))?;
    let mut beginnings = vec![beginning(first, folder)?];
    for (account, _) in accounts.iter().skip(1) {
        beginnings.push(beginning(account, None)?);
    }
    let names: Vec<SafeText> = accounts.iter().map(|(account, _)| account.label()).collect();
    let begins_with_inbox = folder.is_none_or(|it| it.eq_ignore_ascii_case("INBOX"));
    let all = Accounts::new(names, begins_with_inbox.then_some(FolderId(0)));
    let name = beginnings.first().map(Letters::first).unwrap_or_else(|| SafeText::line("INBOX"));
    let name = all.title(0, &name);
    let (news, heard) = channel()?;
    let mut served = Vec::new();
    for (place, (letters, (account, overrides))) in beginnings.into_iter().zip(accounts).enumerate()
    {
        let tell = Teller(news.clone(), place);
        let post = post::start(account, overrides, tell.clone(), SendsBy::Sender)?;
        let patience = letters.patience();
        let mail = letters.start(account, &post, &tell)?;
        post.send(ToPost::Mail(mail.clone()));
        if place > 0 {
            // That letters come there is to be seen beside those of the first.
            mail.send(Request::Ask(Job::NONE, Ask::Open(FolderId(0))));
        }
        served.push(Served { account: account.clone(), mail, post, patience });
    }
    signals::start(news.clone())?;
    let look = settings::look(plain, |name| std::env::var(name).ok());
    let face = Face::take(look.plain)?;
    let began = Instant::now();
    let mut model = Model::new(face.size(), now(began, &TimeZone::system()), look);
    model.accounts.extend(accounts.iter().map(|(account, _)| data::Account {
        name: SafeText::line(account.name.as_deref().unwrap_or_default()),
        address: SafeText::line(&account.address.to_string()),
    }));
    model.order = kept::order(first);
    let effects = postroad_tui::start(&mut model, FolderId(0), name);
    let mut shell = Shell {
        model,
        face,
        began,
        zone: TimeZone::system(),
        actors: 2 * served.len(),
        all,
        served,
        tell: Teller(news, 0),
        deadlines: BTreeMap::new(),
        ticks: Vec::new(),
        quit: None,
    };
    effects.into_iter().for_each(|effect| shell.carry_out(effect));
    shell.run(&heard)
}

/// Who serves an account.
struct Served {
    account: Account,
    mail: Outgoing<Request>,
    post: Outgoing<ToPost>,
    patience: Patience,
}

/// Where letters are read, and which folder is opened first.
enum Letters {
    Maildir(Maildir, MailboxName),
    Far(far::Place, postroad_imap::value::MailboxName),
}

/// What takes time where letters are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    Disk,
    Network,
}

impl Letters {
    fn first(&self) -> SafeText {
        match self {
            Self::Maildir(_, first) => SafeText::line(&first.to_utf8()),
            Self::Far(_, first) => SafeText::line(first.as_str()),
        }
    }

    fn patience(&self) -> Patience {
        match self {
            Self::Maildir(..) => Patience::Disk,
            Self::Far(..) => Patience::Network,
        }
    }

    /// Starts who has them.
    fn start(
        self,
        account: &Account,
        post: &Outgoing<ToPost>,
        tell: &Teller,
    ) -> Result<Outgoing<Request>, Error> {
        let (post, tell) = (post.clone(), tell.clone());
        match self {
            Self::Maildir(inbox, first) => {
                let me = account.address.to_string();
                let journal = Journal::of(account);
                let trusted = Trusted::of(account);
                let sent = SentFolder::of(account);
                Ok(mail::start(
                    mail::Start { inbox, first, me, trusted, sent, post, journal },
                    tell,
                )?)
            }
            Self::Far(place, first) => {
                let account = account.clone();
                far::start(far::Start { account, place, first, post }, tell)
            }
        }
    }
}

/// What is opened first; what isn't there is said before the screen is taken.
fn beginning(account: &Account, folder: Option<&str>) -> Result<Letters, Error> {
    let no_name = |text: &str, error: &dyn std::fmt::Display| {
        Error::from(Usage(format!("{text} is no folder's name: {error}")))
    };
    let root = match &account.inbox {
        Inbox::Maildir(root) => root,
        Inbox::Imap(server) => {
            use postroad_imap::NameEncoding::Utf8;
            use postroad_imap::value::MailboxName;
            let first = match folder {
                None => MailboxName::inbox(),
                Some(text) => MailboxName::parse(text.as_bytes(), Utf8)
                    .ok_or_else(|| no_name(text, &"it is too long, or has control characters"))?,
            };
            return Ok(Letters::Far(far::Place::Imap(server.clone()), first));
        }
        Inbox::Pop3 { host, port, tls } => {
            let (host, port, tls) = (host.clone(), *port, *tls);
            return only_inbox(maildrop::Place::Pop3 { host, port, tls }, folder);
        }
        Inbox::Mbox(path) => return only_inbox(maildrop::Place::Mbox(path.clone()), folder),
    };
    let inbox = Maildir::at(root);
    let is_there = |maildir: &Maildir| maildir.exists(&OsDisk).unwrap_or(true);
    if !is_there(&inbox) {
        return Err(MailboxError::NoMaildir { path: root.clone() }.into());
    }
    let first = match folder {
        None => MailboxName::Inbox,
        Some(text) => MailboxName::from_utf8(text).map_err(|error| no_name(text, &error))?,
    };
    if let MailboxName::Folder(name) = &first
        && !is_there(&inbox.folder(name))
    {
        return Err(Error::NoFolder(first.to_utf8()));
    }
    Ok(Letters::Maildir(inbox, first))
}

/// Where there is one folder alone.
fn only_inbox(place: maildrop::Place, folder: Option<&str>) -> Result<Letters, Error> {
    match folder {
        Some(name) if !name.eq_ignore_ascii_case("INBOX") => Err(Error::NoFolder(name.to_owned())),
        _ => {
            let inbox = postroad_imap::value::MailboxName::inbox();
            Ok(Letters::Far(far::Place::Maildrop(place), inbox))
        }
    }
}

fn now(began: Instant, zone: &TimeZone) -> Now {
    Now { since_start: began.elapsed(), wall: Timestamp::now(), zone: zone.clone() }
}

/// Whether it is asked of who writes letters, and not of who has them.
fn is_for_post(ask: &Ask) -> bool {
    match ask {
        Ask::NewDraft(start) => matches!(start, Start::Empty | Start::Recall(_) | Start::To(_)),
        Ask::SaveDraft(..)
        | Ask::SaveText(..)
        | Ask::Attach(..)
        | Ask::ViewDraft(..)
        | Ask::Files(_)
        | Ask::Detach(..)
        | Ask::Queue(..)
        | Ask::TakeBack(_)
        | Ask::Discard(_)
        | Ask::Drafts
        | Ask::Outbox(_) => true,
        Ask::People(ask) => !matches!(ask, PeopleAsk::CallAuthor { .. }),
        _ => false,
    }
}

/// How long it is waited for, and what that is called.
fn wait_for(ask: &Ask, slow: Patience) -> (Duration, &'static str) {
    match ask {
        _ if slow == Patience::Network => (limits::NETWORK_WAIT, "what the server has"),
        Ask::Rows { .. } => (limits::ROWS_WAIT, "the list of letters"),
        Ask::Search(_) | Ask::SearchAll(_) => (limits::SEARCH_WAIT, "all letters"),
        Ask::Folders => (limits::FOLDERS_WAIT, "the list of folders"),
        Ask::Read(_) | Ask::Part { .. } | Ask::Original { .. } | Ask::Conversation(_) => {
            (limits::READ_WAIT, "the letter")
        }
        Ask::Check(_) => (limits::CHECK_WAIT, "the name servers"),
        Ask::Queue(..) => (limits::QUEUE_WAIT, "the outbox, or a letter's seal,"),
        Ask::Pipe { .. }
        | Ask::PipePart { .. }
        | Ask::Print { .. }
        | Ask::View { .. }
        | Ask::ViewDraft(..) => (limits::PIPE_WAIT * 2, "the program's end"),
        _ => (limits::DISK_WAIT, "the mailbox"),
    }
}

const AGAIN: &str = "try again";
const ON_ITS_WAY: &str = "B: whether it is on its way";

/// Until when a job may take, and what it is called.
#[derive(Debug)]
struct Deadline {
    at: Instant,
    what: &'static str,
    /// What takes time there.
    slow: Patience,
    /// What to do when it is over.
    hint: &'static str,
}

struct Shell {
    model: Model,
    face: Face,
    began: Instant,
    zone: TimeZone,
    all: Accounts,
    served: Vec<Served>,
    /// For what is told by the screen's own thread.
    tell: Teller,
    deadlines: BTreeMap<Job, Deadline>,
    /// When the model wants to hear what time it is, since the start.
    ticks: Vec<Duration>,
    /// Until when the actors may finish, once the user has enough.
    quit: Option<Instant>,
    /// How many actors have not ended.
    actors: usize,
}

impl Shell {
    fn run(mut self, heard: &Incoming<News>) -> Result<Exit, Error> {
        loop {
            self.face.show(&self.model)?;
            let most = self.next_wake().map(|at| at.saturating_duration_since(Instant::now()));
            let stdin = std::io::stdin();
            let typed = match heard.wait(Some(stdin.as_fd()), most) {
                Other::Gone => return Ok(self.gone()),
                Other::Readable => self.face.read(),
                Other::Quiet => Ok(Vec::new()),
            };
            let Ok(typed) = typed else { return Ok(self.gone()) };
            self.take(Msg::Tick(now(self.began, &self.zone)));
            for msg in typed {
                self.take(msg);
            }
            for news in heard.drain() {
                match news {
                    News::Report(account, report) => {
                        if let Some(report) = self.all.outward(account, *report) {
                            if report.what.is_last() {
                                self.deadlines.remove(&report.job);
                            }
                            self.take(Msg::Report(report));
                        }
                    }
                    News::Resized => {
                        let size = self.face.fit()?;
                        self.take(Msg::Resized(size));
                    }
                    News::Interrupted => {
                        if let Some(lines) = self.face.lines() {
                            lines.interrupted();
                        }
                    }
                    News::End => return Ok(self.gone()),
                    News::Ended => self.ended(),
                }
            }
            self.take_line();
            self.expire();
            if let Some(until) = self.quit {
                if self.actors == 0 {
                    return Ok(Exit::Done);
                }
                if Instant::now() >= until {
                    drop(self);
                    return Err(Error::Unfinished);
                }
            }
        }
    }

    /// Does what the next line says that was typed; another one is looked at once it has been told what came of it.
    fn take_line(&mut self) {
        if self.quit.is_some() {
            return;
        }
        let effects = self.face.lines().and_then(|lines| lines.take(&mut self.model));
        if let Some(effects) = effects {
            effects.into_iter().for_each(|effect| self.carry_out(effect));
            // There may be more of them, that nothing else wakes us for.
            self.ticks.push(self.began.elapsed());
        }
    }

    /// When something is to be done without anybody asking.
    fn next_wake(&mut self) -> Option<Instant> {
        let waits = self.face.lines().and_then(|lines| lines.next_wake());
        let waits = waits.filter(|at| *at > self.began.elapsed());
        let tick = self.ticks.iter().copied().chain(waits).min().map(|since| self.began + since);
        let deadline = self.deadlines.values().map(|deadline| deadline.at).min();
        [tick, deadline, self.quit].into_iter().flatten().min()
    }

    fn take(&mut self, msg: Msg) {
        if let Msg::Tick(now) = &msg {
            self.ticks.retain(|at| *at > now.since_start);
        }
        // The user has left: what comes now is of no use, and what is typed is for the next program.
        if self.quit.is_some() && matches!(msg, Msg::Key(_) | Msg::Paste(_) | Msg::Mouse(_)) {
            return;
        }
        for effect in update(&mut self.model, msg) {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Ask(job, ask) => self.ask(job, ask),
            Effect::Cancel(job) => {
                self.deadlines.remove(&job);
                self.cancel(job);
            }
            Effect::TickAt(since_start) => self.ticks.push(since_start),
            Effect::Redraw => self.face.clear(),
            Effect::Suspend => {
                let _ = self.face.lend(signals::stop);
                let size = self.face.size();
                self.take(Msg::Resized(size));
            }
            Effect::Edit(id) => self.edit(&id),
            Effect::Spell(id) => self.edit_by(&id, programs::check),
            Effect::Shell(command) => self.shell(&command),
            Effect::View(part) => self.view(&part),
            Effect::Quit(_) => {
                for served in &self.served {
                    served.mail.send(Request::End);
                    served.post.send(ToPost::End);
                }
                self.quit = Some(Instant::now() + limits::QUIT_WAIT);
            }
        }
    }

    fn cancel(&mut self, job: Job) {
        self.all.cancelled(job);
        self.served.iter().for_each(|served| served.mail.send(Request::Cancel(job)));
    }

    fn ask(&mut self, job: Job, ask: Ask) {
        let whose = match self.all.inward(job, ask) {
            Ok(whose) => whose,
            Err(words) => return self.tell.failed(job, words, ""),
        };
        let (ask, slow) = match &whose {
            Whose::One(place, ask) => (ask, self.patience(*place)),
            Whose::All(ask) => (ask, self.patience(0)),
            Whose::Some(parts) => match parts.first() {
                Some((_, ask)) => {
                    let slow = |(place, _): &(usize, Ask)| self.patience(*place);
                    let is_slow = parts.iter().map(slow).any(|it| it == Patience::Network);
                    (ask, if is_slow { Patience::Network } else { Patience::Disk })
                }
                None => return self.tell.tell(job, What::Ended),
            },
            Whose::Across(crossings, own) => {
                let at = Instant::now() + limits::ACROSS_WAIT;
                let (what, hint) = ("the other account", AGAIN);
                let deadline = Deadline { at, what, slow: Patience::Disk, hint };
                self.deadlines.insert(job, deadline);
                crossings.iter().for_each(|crossing| self.put_across(job, crossing));
                own.iter().for_each(|(place, ask)| self.send(*place, job, ask.clone()));
                return;
            }
        };
        // A folder that is read for the first time may take long, and is shown meanwhile.
        if !matches!(ask, Ask::Open(_)) {
            let slow = if is_for_post(ask) { Patience::Disk } else { slow };
            let (wait, what) = wait_for(ask, slow);
            // It goes, or comes back, all the same.
            let hint = if matches!(ask, Ask::Queue(..)) { ON_ITS_WAY } else { AGAIN };
            self.deadlines.insert(job, Deadline { at: Instant::now() + wait, what, slow, hint });
        }
        match whose {
            Whose::One(_, Ask::OpenLink(link)) => browser::open(job, &link, &self.tell),
            Whose::One(place, Ask::Unsubscribe(link)) => {
                let Some(served) = self.served.get(place) else { return };
                unsubscribing::start(job, &link, &served.account, &self.tell);
            }
            Whose::One(place, ask) => self.send(place, job, ask),
            Whose::Some(parts) => {
                parts.into_iter().for_each(|(place, ask)| self.send(place, job, ask));
            }
            Whose::Across(..) => {}
            // One answer ends the job; others' lists come unasked.
            Whose::All(ask) => {
                if let (Ask::Arrange(order), Some(first)) = (&ask, self.served.first()) {
                    first.post.send(ToPost::Keep(*order));
                }
                for place in 0..self.served.len() {
                    self.send(place, if place == 0 { job } else { Job::NONE }, ask.clone());
                }
            }
        }
    }

    /// Letters go to another account: who has the folder says where it is to who has them.
    fn put_across(&self, job: Job, crossing: &Crossing) {
        let Crossing { from, letters, to, folder, title, how } = crossing.clone();
        let (Some(giver), Some(taker)) = (self.served.get(from), self.served.get(to)) else {
            return;
        };
        let tell = Teller(self.tell.0.clone(), from);
        let from = giver.mail.clone();
        taker.mail.send(Request::Where(folder, Across { job, letters, how, title, from, tell }));
    }

    fn send(&self, place: usize, job: Job, ask: Ask) {
        let Some(served) = self.served.get(place) else { return };
        if is_for_post(&ask) {
            served.post.send(ToPost::Ask(job, ask));
        } else {
            served.mail.send(Request::Ask(job, ask));
        }
    }

    /// What takes time there.
    fn patience(&self, place: usize) -> Patience {
        self.served.get(place).map_or(Patience::Disk, |served| served.patience)
    }

    /// Leaves the screen to the user's editor; what others have to tell waits in the queue meanwhile.
    fn edit(&mut self, id: &DraftId) {
        let Some(served) = self.served.get(self.all.of_draft(id)) else { return };
        let edit = match self.model.look.plain {
            Plain::Screen if text_input::named_editor().is_none() => {
                return served.post.send(ToPost::Text(id.clone()));
            }
            Plain::Screen => text_input::edit,
            Plain::Lines => lines::edit,
        };
        self.edit_by(id, edit);
    }

    /// Has the user's shell do something, with the screen's terminal.
    fn shell(&mut self, command: &str) {
        let stays = match self.model.look.plain {
            Plain::Screen => programs::Stays::UntilEnter,
            Plain::Lines => programs::Stays::ByItself,
        };
        if let Err(error) = self.face.lend(|| programs::shell(command, stays)) {
            self.tell.failed(Job::NONE, safe_line!("cannot leave the screen: {error}"), "");
        }
        let size = self.face.size();
        self.take(Msg::Resized(size));
    }

    /// Leaves the screen to a program that shows a part.
    fn view(&mut self, part: &PartContent) {
        let lent = self.face.lend(|| viewer::on_terminal(part));
        let shown = lent.map_err(|error| safe_line!("cannot leave the screen: {error}"));
        if let Err(words) = shown.flatten() {
            self.tell.failed(Job::NONE, words, "");
        }
        let size = self.face.size();
        self.take(Msg::Resized(size));
    }

    /// Leaves the screen to what changes a draft's text.
    fn edit_by(&mut self, id: &DraftId, edit: impl FnOnce(&Path) -> Result<(), Error>) {
        let Some(served) = self.served.get(self.all.of_draft(id)) else { return };
        let path = post::text_path(&served.account, id);
        let lent = path.and_then(|path| Ok(self.face.lend(|| edit(&path))?));
        if let Err(error) = lent.flatten() {
            let words = SafeText::line(&error.words());
            let is_missing = matches!(error, Error::NoEditor(_));
            if is_missing && self.model.look.plain == Plain::Screen {
                served.post.send(ToPost::Text(id.clone()));
                return self.tell.failed(Job::NONE, words, "the text is typed here");
            }
            self.tell.failed(Job::NONE, words, "e: try again");
        }
        // Whatever became of the editor: what it has left is kept.
        served.post.send(ToPost::Edited(id.clone()));
        let size = self.face.size();
        self.take(Msg::Resized(size));
    }

    /// Jobs that nobody waits for any more.
    fn expire(&mut self) {
        let now = Instant::now();
        let over: Vec<Job> =
            self.deadlines.iter().filter(|(_, it)| it.at <= now).map(|(job, _)| *job).collect();
        for job in over {
            let Some(deadline) = self.deadlines.remove(&job) else { continue };
            let slow = match deadline.slow {
                Patience::Disk => "the disk",
                Patience::Network => "the network or the server",
            };
            let words = safe_line!("{} doesn't come: {slow} is slow, or busy", deadline.what);
            let what = What::Failed { words, hint: deadline.hint.into() };
            self.cancel(job);
            self.take(Msg::Report(Report { job, what }));
        }
    }

    /// An actor has ended: as it was asked to, or by a fault.
    fn ended(&mut self) {
        self.actors = self.actors.saturating_sub(1);
        if self.quit.is_none() {
            let words = "a fault in this program: letters can't be read any more".into();
            let what = What::Failed { words, hint: "q, and start it again".into() };
            self.take(Msg::Report(Report { job: Job::NONE, what }));
        }
    }

    /// The terminal is gone, or somebody wants us to end: nothing is carried out that wasn't asked for.
    fn gone(self) -> Exit {
        drop(self.face);
        Exit::Done
    }
}
