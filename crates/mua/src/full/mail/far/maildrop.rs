//! The thread that reads letters from where they have names and nothing else: a POP3 server, a mailbox file.
//!
//! There are no folders there, and no marks: those are ours. A server is left as soon as nothing is to be done, for nobody else
//! gets into a maildrop that is open (RFC 1939 §8), and asked again now and then; a file is looked at each second.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use postroad_imap::value::MailboxName;
use postroad_tui::data::{Marks, Role};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};

use super::errand::{Call, Came, Deed, Errand, Event, Failure, Letters};
use super::numbers::Numbers;
use super::places;
use super::view::{News, View};
use crate::account::{Account, TlsStart};
use crate::full::limits::{
    CONNECT_AGAIN_FIRST, CONNECT_AGAIN_LONGEST, FILE_LOOK_EVERY, MAILDROP_LEFT_AFTER,
    MAILDROP_LOOK_EVERY,
};
use crate::full::wake::Outgoing;
use crate::imap::{Folder, Header};
use crate::mailbox::mbox::Mbox;
use crate::mailbox::pop3::Maildrop;
use crate::mailbox::{Entry, MailboxError};
use crate::password::Terminal;
use crate::safe_text::SafeText;

/// What letters' numbers count for: they are ours, for ever.
const VALIDITY: u32 = 1;

/// Where letters are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::full) enum Place {
    /// At a POP3 server.
    Pop3 {
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
        /// When TLS starts.
        tls: TlsStart,
    },
    /// In a mailbox file.
    Mbox(PathBuf),
}

/// Starts the thread; `home` is the account's folder of what is known.
///
/// # Errors
/// Where the system has no threads left.
pub(super) fn start(
    account: Account,
    place: Place,
    home: &Path,
    tell: Outgoing<Event>,
) -> io::Result<UnboundedSender<Call>> {
    let (calls, called) = unbounded_channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = home.join(places::file_name(MailboxName::inbox().as_str()));
    places::make(&folder)?;
    thread::Builder::new().name("net".into()).spawn(move || {
        let numbers = Numbers::open(&folder);
        let (names, view, errands) = (HashMap::new(), None, VecDeque::new());
        let mut reader =
            Reader { account, place, tell, called, numbers, names, view, errands, is_ended: false };
        runtime.block_on(reader.run());
        runtime.shutdown_background();
    })?;
    Ok(calls)
}

struct Reader {
    account: Account,
    place: Place,
    tell: Outgoing<Event>,
    called: UnboundedReceiver<Call>,
    numbers: Numbers,
    /// What letters are called there, and how long they are.
    names: HashMap<u32, Entry>,
    /// The inbox, if somebody looks at it.
    view: Option<Box<View>>,
    errands: VecDeque<Errand>,
    is_ended: bool,
}

/// As of when letters are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AsOf {
    Now,
    LastLook,
}

/// What is open.
enum Open {
    Pop3(Box<Maildrop>),
    Mbox(Mbox),
}

impl Open {
    fn entries(&self) -> &[Entry] {
        match self {
            Self::Pop3(maildrop) => maildrop.entries(),
            Self::Mbox(mbox) => mbox.entries(),
        }
    }

    async fn header(&mut self, entry: &Entry) -> Result<Vec<u8>, MailboxError> {
        match self {
            Self::Pop3(maildrop) => Ok(maildrop.header(entry).await?),
            Self::Mbox(mbox) => mbox.header(entry),
        }
    }

    async fn message(&mut self, entry: &Entry) -> Result<Vec<u8>, MailboxError> {
        match self {
            Self::Pop3(maildrop) => Ok(maildrop.message(entry).await?),
            Self::Mbox(mbox) => mbox.message(entry),
        }
    }
}

impl Reader {
    async fn run(&mut self) {
        let mut wait = CONNECT_AGAIN_FIRST;
        let mut open: Option<Open> = None;
        let mut is_up = false;
        // The first look is at once.
        let mut look = Instant::now();
        loop {
            let as_of = if Instant::now() >= look { AsOf::Now } else { AsOf::LastLook };
            if as_of == AsOf::Now || self.needs_open() {
                match self.brought(&mut open, as_of).await {
                    Ok(()) => {
                        if !std::mem::replace(&mut is_up, true) {
                            self.tell.send(Event::Up);
                            self.tell_folder();
                        }
                        wait = CONNECT_AGAIN_FIRST;
                        look = Instant::now() + self.look_every();
                    }
                    Err(error) => {
                        (open, is_up) = (None, false);
                        self.lose_all();
                        self.tell.send(Event::Down(SafeText::line(&words(&error))));
                        look = Instant::now() + wait;
                        wait = (wait * 2).min(CONNECT_AGAIN_LONGEST);
                    }
                }
            }
            if let Some(errand) = self.errands.pop_front() {
                if self.carry_out(&mut open, errand).await.is_err() {
                    open = None;
                }
                continue;
            }
            if self.is_ended {
                break;
            }
            let left = match &open {
                Some(Open::Pop3(_)) => Some(Instant::now() + MAILDROP_LEFT_AFTER),
                Some(Open::Mbox(_)) | None => None,
            };
            tokio::select! {
                call = self.called.recv() => {
                    if matches!(call, Some(Call::Hurry)) && !is_up {
                        look = look.min(Instant::now() + CONNECT_AGAIN_FIRST);
                    }
                    self.take(call);
                }
                () = sleep_until(look.min(left.unwrap_or(look))) => {
                    if left.is_some_and(|left| Instant::now() >= left) {
                        close(open.take()).await;
                    }
                }
            }
        }
        close(open).await;
        self.tell.send(Event::Ended);
    }

    fn look_every(&self) -> Duration {
        match self.place {
            Place::Pop3 { .. } => MAILDROP_LOOK_EVERY,
            Place::Mbox(_) => FILE_LOOK_EVERY,
        }
    }

    /// Whether the next thing to do asks for the letters themselves.
    fn needs_open(&self) -> bool {
        self.errands
            .front()
            .is_some_and(|errand| !matches!(errand.deed, Deed::Mark { .. } | Deed::Folders))
    }

    fn take(&mut self, call: Option<Call>) {
        match call {
            Some(Call::Errand(errand)) => self.errands.push_back(errand),
            Some(Call::Watch(view)) => {
                self.view = Some(view).filter(|view| view.name.is_inbox());
                if !self.names.is_empty() {
                    self.tell_folder();
                }
            }
            Some(Call::Unwatch) => self.view = None,
            Some(Call::Cancel(id)) => self.errands.retain(|errand| errand.id != id),
            Some(Call::Hurry) => {}
            Some(Call::End) | None => self.is_ended = true,
        }
    }

    fn lose_all(&mut self) {
        for errand in self.errands.drain(..) {
            self.tell.send(Event::Done(errand.id, Err(Failure::Lost)));
        }
    }

    /// Has the letters at hand.
    async fn brought(&mut self, open: &mut Option<Open>, as_of: AsOf) -> Result<(), MailboxError> {
        if let Some(Open::Mbox(mbox)) = open {
            if mbox.refresh()? {
                self.list(mbox.entries());
                self.tell_folder();
            }
            return Ok(());
        }
        if as_of == AsOf::Now {
            // A session shows what was there when it began.
            close(open.take()).await;
        }
        if open.is_some() {
            return Ok(());
        }
        let opened = match &self.place {
            Place::Pop3 { host, port, tls } => {
                let terminal = Terminal::Taken;
                let maildrop = Maildrop::open_beside(&self.account, host, *port, *tls, terminal);
                Open::Pop3(Box::new(maildrop.await?))
            }
            Place::Mbox(path) => Open::Mbox(Mbox::open(path)?),
        };
        self.list(opened.entries());
        self.tell_folder();
        *open = Some(opened);
        Ok(())
    }

    fn list(&mut self, entries: &[Entry]) {
        let by_name: HashMap<&str, &Entry> =
            entries.iter().map(|entry| (entry.name.as_str(), entry)).collect();
        match self.numbers.of(entries.iter().map(|entry| entry.name.as_str())) {
            Ok(numbered) => {
                let entry = |(number, name): (u32, String)| {
                    Some((number, (*by_name.get(name.as_str())?).clone()))
                };
                self.names = numbered.into_iter().filter_map(entry).collect();
            }
            Err(error) => tracing::warn!(%error, "letters have no numbers"),
        }
    }

    /// Tells what has changed in the inbox.
    fn tell_folder(&mut self) {
        let Some(view) = &mut self.view else { return };
        let mut news = News::default();
        if view.validity != VALIDITY {
            view.forget(VALIDITY);
            news.whole = true;
        }
        news.gone =
            view.uids().iter().copied().filter(|uid| !self.names.contains_key(uid)).collect();
        let mut came: Vec<(u32, Marks)> = self
            .names
            .iter()
            .filter(|(uid, _)| view.uids().binary_search(uid).is_err())
            // To who has seen the list they are new no more.
            .map(|(uid, entry)| (*uid, marks(&entry.flags).with(Marks::RECENT)))
            .collect();
        came.sort_unstable_by_key(|(uid, _)| *uid);
        news.letters = came;
        let mut uids: Vec<u32> = self.names.keys().copied().collect();
        uids.sort_unstable();
        **view = View::new(view.name.clone(), VALIDITY, 0, uids);
        let name = view.name.clone();
        self.tell.send(Event::Folder { name, validity: VALIDITY, mod_seq: 0, news });
    }

    /// Does one thing, and tells what has come of it. An error ends the session.
    async fn carry_out(
        &mut self,
        open: &mut Option<Open>,
        errand: Errand,
    ) -> Result<(), MailboxError> {
        let id = errand.id;
        let done = self.act(open, errand.deed).await;
        let (told, ended) = match done {
            Ok(came) => (Ok(came), Ok(())),
            Err(Stop::Refused(words)) => (Err(Failure::Refused(words)), Ok(())),
            Err(Stop::Over(error)) => {
                let is_lost = matches!(error, MailboxError::Pop3(_));
                let failure = match is_lost {
                    true => Failure::Lost,
                    false => Failure::Refused(SafeText::line(&words(&error))),
                };
                (Err(failure), if is_lost { Err(error) } else { Ok(()) })
            }
        };
        self.tell.send(Event::Done(id, told));
        ended
    }

    async fn act(&mut self, open: &mut Option<Open>, deed: Deed) -> Result<Came, Stop> {
        match deed {
            Deed::Folders => {
                let (name, role) = (MailboxName::inbox(), Some(Role::Inbox));
                let is_subscribed = false;
                let inbox = Folder { name, separator: None, role, is_subscribed, counts: None };
                return Ok(Came::Folders(vec![inbox]));
            }
            // They are ours, and kept by who asks.
            Deed::Mark { .. } => return Ok(Came::Marked),
            Deed::Look => {
                self.brought(open, AsOf::Now).await.map_err(Stop::Over)?;
                return Ok(Came::Looked);
            }
            Deed::Move(..) | Deed::Copy(..) | Deed::Folder(_) => {
                return Err(Stop::Refused("there are no folders here".into()));
            }
            Deed::Search(..) | Deed::Hunt(..) => {
                return Err(Stop::Refused("texts of letters can't be looked for here".into()));
            }
            Deed::Headers(_) | Deed::Letter(..) | Deed::Remove(_) => {}
        }
        let Some(at_hand) = open else {
            return Err(Stop::Refused("the letters aren't at hand".into()));
        };
        match deed {
            Deed::Headers(letters) => {
                let mut headers = Vec::new();
                for (uid, entry) in self.entries(&letters) {
                    let fields = at_hand.header(&entry).await.map_err(Stop::Over)?;
                    let (marks, size) = (marks(&entry.flags), entry.octets);
                    let keywords = Vec::new();
                    headers.push(Header { uid, marks, keywords, arrived: 0, size, fields });
                }
                Ok(Came::Headers(headers))
            }
            Deed::Letter(letters, path) => {
                let (_, entry) = self.entries(&letters).pop().ok_or_else(gone)?;
                let raw = at_hand.message(&entry).await.map_err(Stop::Over)?;
                let words = |error| SafeText::line(&format!("cannot keep the letter: {error}"));
                places::write(&path, &raw).map_err(|error| Stop::Refused(words(error)))?;
                Ok(Came::Letter)
            }
            Deed::Remove(letters) => {
                let Open::Pop3(_) = at_hand else {
                    return Err(Stop::Over(MailboxError::OnlyRead));
                };
                let entries = self.entries(&letters);
                let Some(Open::Pop3(mut maildrop)) = open.take() else {
                    return Err(Stop::Over(MailboxError::OnlyRead));
                };
                for (_, entry) in entries {
                    maildrop.delete(&entry).await.map_err(|it| Stop::Over(it.into()))?;
                }
                // RFC 1939 §6: only now are they gone.
                maildrop.close().await.map_err(|it| Stop::Over(it.into()))?;
                for uid in &letters.uids {
                    self.names.remove(uid);
                }
                self.tell_folder();
                Ok(Came::Removed)
            }
            _ => Err(gone()),
        }
    }

    fn entries(&self, letters: &Letters) -> Vec<(u32, Entry)> {
        if letters.validity != VALIDITY || !letters.folder.is_inbox() {
            return Vec::new();
        }
        let entry = |uid: &u32| Some((*uid, self.names.get(uid)?.clone()));
        letters.uids.iter().filter_map(entry).collect()
    }
}

/// Why an errand came to nothing.
enum Stop {
    Refused(SafeText),
    Over(MailboxError),
}

fn gone() -> Stop {
    Stop::Refused("the letter is gone".into())
}

async fn close(open: Option<Open>) {
    if let Some(Open::Pop3(maildrop)) = open
        && let Err(error) = maildrop.close().await
    {
        tracing::info!(%error, "the POP3 server didn't say goodbye");
    }
}

fn marks(flags: &str) -> Marks {
    const MARKS: [(char, Marks); 6] = [
        ('S', Marks::SEEN),
        ('R', Marks::ANSWERED),
        ('F', Marks::FLAGGED),
        ('T', Marks::DELETED),
        ('D', Marks::DRAFT),
        ('P', Marks::FORWARDED),
    ];
    let there = MARKS.iter().filter(|(letter, _)| flags.contains(*letter));
    there.fold(Marks::NONE, |all, (_, mark)| all.with(*mark))
}

/// The error and its causes, each once.
fn words(error: &MailboxError) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.ends_with(&text) {
            words = format!("{words}: {text}");
        }
        cause = error.source();
    }
    words
}
