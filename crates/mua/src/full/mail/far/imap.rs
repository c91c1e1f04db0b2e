//! The thread that has the connection: errands one after the other, and in between it waits for what the server tells.
//!
//! A connection that is cut is made anew by itself, after a wait that grows; at once where somebody asks for something, where
//! the system has slept, or where the network is another one.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::thread;
use std::time::{Duration, SystemTime};

use postroad_imap::command::{Change, Command, Extension};
use postroad_imap::response::Data;
use postroad_imap::value::MailboxName;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep, sleep_until};

use super::errand::{Call, Came, Deed, Errand, Event, Failure, Letters};
use super::view::View;
use crate::account::{Account, Server};
use crate::full::limits::{
    CANCEL_GRACE, CONNECT_AGAIN_FIRST, CONNECT_AGAIN_LONGEST, HEADERS_AT_ONCE, IDLE_AGAIN,
    NETWORK_LOOK_EVERY, POLL_EVERY, SERVED_WELL, SLEPT_AT_LEAST,
};
use crate::full::wake::Outgoing;
use crate::imap::{Asked, Counting, Heard, ImapError, Session};
use crate::limits;
use crate::mailbox::Missing;
use crate::password::Terminal;
use crate::safe_text::SafeText;

/// Starts the thread.
///
/// # Errors
/// Where the system has no threads left.
pub(super) fn start(
    account: Account,
    server: Server,
    tell: Outgoing<Event>,
) -> io::Result<UnboundedSender<Call>> {
    let (calls, called) = unbounded_channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("net".into()).spawn(move || {
        let todo =
            Todo { called, errands: VecDeque::new(), watch: Watch::Nothing, state: State::Open };
        let weather = Weather::now();
        let mut net = Net { account, server, tell, todo, weather, selected: None, given_up: false };
        runtime.block_on(net.run());
        // A password command, or a name that is looked up, may hang: nobody waits for it.
        runtime.shutdown_background();
    })?;
    Ok(calls)
}

struct Net {
    account: Account,
    server: Server,
    tell: Outgoing<Event>,
    todo: Todo,
    weather: Weather,
    /// The folder that the server has open for us, and what its UIDs count for.
    selected: Option<(MailboxName, u32)>,
    /// The connection was given up for a letter that nobody waits for.
    given_up: bool,
}

/// What is to be done.
struct Todo {
    called: UnboundedReceiver<Call>,
    errands: VecDeque<Errand>,
    watch: Watch,
    state: State,
}

/// Which folder is watched.
enum Watch {
    /// None, or one that can't be opened.
    Nothing,
    /// As far as was known when it was selected last, or it is selected.
    Folder(Box<View>),
    /// Somebody is at work with it.
    Lent,
}

impl Watch {
    /// The server has another folder open from now on.
    fn leave(&mut self) {
        if let Self::Folder(view) = self {
            view.is_selected = false;
        }
    }

    /// Tells the folder, if the server has it open.
    fn hear(&mut self, data: &Data) {
        if let Self::Folder(view) = self
            && view.is_selected
        {
            view.hear(data);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Somebody waits for a connection.
    Hurried,
    Ended,
}

impl Todo {
    fn take(&mut self, call: Option<Call>) {
        match call {
            Some(Call::Errand(errand)) => self.errands.push_back(errand),
            Some(Call::Watch(view)) => self.watch = Watch::Folder(view),
            Some(Call::Unwatch) => self.watch = Watch::Nothing,
            Some(Call::Cancel(id)) => self.errands.retain(|errand| errand.id != id),
            Some(Call::Hurry) if self.state == State::Open => self.state = State::Hurried,
            Some(Call::Hurry) => {}
            Some(Call::End) | None => self.state = State::Ended,
        }
    }

    fn take_all(&mut self) {
        while let Ok(call) = self.called.try_recv() {
            self.take(Some(call));
        }
        if self.called.is_closed() && self.called.is_empty() {
            self.state = State::Ended;
        }
    }

    async fn next(&mut self) {
        let call = self.called.recv().await;
        self.take(call);
    }
}

impl Net {
    async fn run(&mut self) {
        let mut wait = CONNECT_AGAIN_FIRST;
        loop {
            let error = match self.connect().await {
                Connected::Session(session) => {
                    self.tell.send(Event::Up);
                    let began = Instant::now();
                    self.selected = None;
                    self.todo.watch.leave();
                    let Err(error) = self.serve(session).await else { break };
                    if std::mem::take(&mut self.given_up) || began.elapsed() > SERVED_WELL {
                        // It was good once: it may be at once.
                        wait = CONNECT_AGAIN_FIRST;
                        tracing::info!(%error, "the connection to the IMAP server is lost");
                        self.lose_all();
                        self.tell.send(Event::Again);
                        continue;
                    }
                    error
                }
                Connected::Failed(error) => error,
                Connected::Ended => break,
            };
            tracing::info!(%error, "no connection to the IMAP server");
            self.lose_all();
            if self.wait_to_connect(&error, wait).await == State::Ended {
                break;
            }
            wait = (wait * 2).min(CONNECT_AGAIN_LONGEST);
        }
        self.tell.send(Event::Ended);
    }

    /// All that waits is told that it is lost: whoever wants it asks again.
    fn lose_all(&mut self) {
        self.todo.take_all();
        for errand in self.todo.errands.drain(..) {
            self.tell.send(Event::Done(errand.id, Err(Failure::Lost)));
        }
    }

    async fn connect(&mut self) -> Connected {
        let opened = Session::open(&self.account, &self.server, Terminal::Taken);
        let mut opened = std::pin::pin!(opened);
        loop {
            if self.todo.state == State::Ended {
                return Connected::Ended;
            }
            tokio::select! {
                opened = &mut opened => return match opened {
                    Ok(session) => Connected::Session(Box::new(session)),
                    Err(error) => Connected::Failed(error),
                },
                () = self.todo.next() => {}
            }
        }
    }

    async fn wait_to_connect(&mut self, error: &ImapError, wait: Duration) -> State {
        self.tell.send(Event::Down(SafeText::line(&error.to_string())));
        self.todo.state = match self.todo.state {
            State::Ended => return State::Ended,
            State::Open | State::Hurried => State::Open,
        };
        // Nothing gets better by itself.
        let wait = if error.is_for_people() { CONNECT_AGAIN_LONGEST } else { wait };
        let (began, until) = (Instant::now(), Instant::now() + wait);
        loop {
            tokio::select! {
                () = sleep_until(until) => return State::Open,
                () = self.todo.next() => match self.todo.state {
                    State::Ended => return State::Ended,
                    // Not more often than that, whoever asks.
                    State::Hurried if began.elapsed() >= CONNECT_AGAIN_FIRST => return State::Open,
                    State::Hurried => {
                        sleep(CONNECT_AGAIN_FIRST.saturating_sub(began.elapsed())).await;
                        return State::Open;
                    }
                    State::Open => {
                        // It would wait for a connection that isn't there.
                        self.lose_all();
                    }
                },
                () = sleep(NETWORK_LOOK_EVERY) => {
                    if self.weather.has_changed() {
                        return State::Open;
                    }
                }
            }
        }
    }

    /// Does what there is to do, until the connection is of use no more; `Ok` at the end of all.
    async fn serve(&mut self, mut session: Box<Session>) -> Result<(), ImapError> {
        loop {
            self.todo.take_all();
            if let Some(errand) = self.todo.errands.pop_front() {
                self.carry_out(&mut session, errand).await?;
                continue;
            }
            if self.todo.state == State::Ended {
                session.log_out().await;
                return Ok(());
            }
            self.todo.state = State::Open;
            if self.bring_up(&mut session).await? == Progress::Made {
                continue;
            }
            self.listen(&mut session).await?;
        }
    }

    /// Carries out one, and tells what has come of it. Who waits for a letter no longer has the connection cut, if the letter
    /// doesn't end soon.
    async fn carry_out(&mut self, session: &mut Session, errand: Errand) -> Result<(), ImapError> {
        let Self { todo, selected, given_up, .. } = self;
        let is_letter = matches!(errand.deed, Deed::Letter(..));
        // The folder isn't told of while it is at work: others' calls are heard meanwhile.
        let mut watch = std::mem::replace(&mut todo.watch, Watch::Lent);
        let mut work = Work { session, selected, watch: &mut watch };
        let done = {
            let mut done = std::pin::pin!(work.act(&errand.deed));
            let mut cut: Option<Instant> = None;
            loop {
                let over = async {
                    match cut {
                        Some(at) => sleep_until(at).await,
                        None => pending().await,
                    }
                };
                tokio::select! {
                    done = &mut done => break done,
                    call = todo.called.recv() => {
                        if is_letter && matches!(call, Some(Call::Cancel(id)) if id == errand.id) {
                            cut = Some(Instant::now() + CANCEL_GRACE);
                        }
                        let is_end = call.is_none();
                        todo.take(call);
                        if is_end {
                            break done.await;
                        }
                    }
                    () = over => {
                        *given_up = true;
                        break Err(Stop::Over(ImapError::Gone));
                    }
                }
            }
        };
        // Where somebody watches another folder by now, that one counts.
        if matches!(todo.watch, Watch::Lent) {
            todo.watch = watch;
        }
        self.tell_news();
        let (id, tell) = (errand.id, &self.tell);
        match done {
            Ok(came) => tell.send(Event::Done(id, Ok(came))),
            Err(Stop::Void) => tell.send(Event::Done(id, Err(Failure::Void))),
            Err(Stop::Refused(error)) => {
                let words = SafeText::line(&error.to_string());
                tell.send(Event::Done(id, Err(Failure::Refused(words))));
            }
            Err(Stop::Over(error)) => {
                tell.send(Event::Done(id, Err(Failure::Lost)));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Selects the folder that is watched, and learns what isn't known of it.
    async fn bring_up(&mut self, session: &mut Session) -> Result<Progress, ImapError> {
        let Watch::Folder(view) = &mut self.todo.watch else { return Ok(Progress::Nothing) };
        let is_open = view.is_selected;
        if is_open && !view.lacks_some() && !view.is_confused() {
            return Ok(Progress::Nothing);
        }
        let done = if is_open { catch_up(session, view).await } else { open(session, view).await };
        match done {
            Ok(()) => self.selected = Some((view.name.clone(), view.validity)),
            Err(error) if error.is_over() => return Err(error),
            Err(error) => {
                self.selected = None;
                let words = SafeText::line(&error.to_string());
                self.tell.send(Event::NoFolder { name: view.name.clone(), words });
                self.todo.watch = Watch::Nothing;
                return Ok(Progress::Made);
            }
        }
        self.tell_view();
        Ok(Progress::Made)
    }

    /// Tells the folder, even where nothing has changed: it is up to date.
    fn tell_view(&mut self) {
        let Watch::Folder(view) = &mut self.todo.watch else { return };
        self.tell.send(Event::Folder {
            name: view.name.clone(),
            validity: view.validity,
            mod_seq: view.mod_seq,
            news: view.take_news(),
        });
    }

    fn tell_news(&mut self) {
        let Watch::Folder(view) = &mut self.todo.watch else { return };
        let news = view.take_news();
        if !news.is_nothing() {
            let (name, validity, mod_seq) = (view.name.clone(), view.validity, view.mod_seq);
            self.tell.send(Event::Folder { name, validity, mod_seq, news });
        }
    }

    /// Waits for what the server tells, or for something to do.
    async fn listen(&mut self, session: &mut Session) -> Result<(), ImapError> {
        let Self { todo, weather, .. } = self;
        let mut watch = std::mem::replace(&mut todo.watch, Watch::Lent);
        let can_idle = session.can("IDLE") && matches!(watch, Watch::Folder(_));
        let until = Instant::now() + if can_idle { IDLE_AGAIN } else { POLL_EVERY };
        let mut is_doubtful = false;
        let calls = async {
            loop {
                tokio::select! {
                    () = todo.next() => return,
                    () = sleep_until(until) => return,
                    () = sleep(NETWORK_LOOK_EVERY) => {
                        if weather.has_changed() {
                            is_doubtful = true;
                            return;
                        }
                    }
                }
            }
        };
        let mut hear = |heard: Heard| {
            if let Heard::Data(data) = &heard {
                watch.hear(data);
            }
            Ok(())
        };
        let listened = if can_idle {
            session.idle(calls, &mut hear).await.map(drop)
        } else {
            calls.await;
            Ok(())
        };
        if matches!(todo.watch, Watch::Lent) {
            todo.watch = watch;
        }
        self.tell_news();
        listened?;
        // Without IDLE somebody has to ask; and who has slept doesn't know whether the other end is still there.
        if is_doubtful || !can_idle && Instant::now() >= until {
            self.look(session).await?;
        }
        Ok(())
    }

    async fn look(&mut self, session: &mut Session) -> Result<(), ImapError> {
        let Self { todo, selected, .. } = self;
        let mut work = Work { session, selected, watch: &mut todo.watch };
        let looked = tokio::time::timeout(limits::IMAP_ALIVE, work.look()).await;
        self.tell_news();
        match looked {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if !error.is_over() => Ok(()),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                let (at, seconds) = (session.at().to_owned(), limits::IMAP_ALIVE.as_secs());
                Err(ImapError::Silent { at, seconds })
            }
        }
    }
}

enum Connected {
    Session(Box<Session>),
    Failed(ImapError),
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Made,
    Nothing,
}

/// Why an errand came to nothing.
enum Stop {
    Void,
    Refused(ImapError),
    Over(ImapError),
}

impl From<ImapError> for Stop {
    fn from(error: ImapError) -> Self {
        if error.is_over() { Self::Over(error) } else { Self::Refused(error) }
    }
}

/// What an errand has at hand.
struct Work<'a> {
    session: &'a mut Session,
    selected: &'a mut Option<(MailboxName, u32)>,
    watch: &'a mut Watch,
}

impl Work<'_> {
    async fn act(&mut self, deed: &Deed) -> Result<Came, Stop> {
        match deed {
            Deed::Folders => {
                return Ok(Came::Folders(self.session.folders(Counting::Wanted).await?));
            }
            Deed::Look => {
                self.look().await?;
                return Ok(Came::Looked);
            }
            Deed::Folder(changes) => {
                for change in changes {
                    self.session.change(change.clone()).await?;
                }
                // It may have been one of those.
                *self.selected = None;
                self.watch.leave();
                return Ok(Came::Looked);
            }
            Deed::Hunt(name, asked, most) => return self.hunt(name, asked, *most).await,
            Deed::Headers(letters)
            | Deed::Search(letters, _)
            | Deed::Letter(letters, _)
            | Deed::Mark { letters, .. }
            | Deed::Move(letters, _)
            | Deed::Copy(letters, _)
            | Deed::Remove(letters) => self.select(letters).await?,
        }
        let Self { session, watch, .. } = self;
        let mut ear = |data: Data| {
            watch.hear(&data);
            Ok(())
        };
        Ok(match deed {
            Deed::Folders | Deed::Look | Deed::Folder(_) | Deed::Hunt(..) => Came::Looked,
            Deed::Search(_, all) => {
                let mut found = Vec::new();
                for asked in all {
                    found.push(session.search(asked, &mut ear).await?);
                }
                Came::Found(found)
            }
            Deed::Headers(letters) => {
                Came::Headers(session.headers(&letters.uids, &mut ear).await?)
            }
            Deed::Letter(letters, path) => {
                let uid = letters.uids.first().copied().ok_or(ImapError::Gone)?;
                keep(session, uid, path, &mut ear).await?;
                Came::Letter
            }
            Deed::Mark { letters, add, remove } => {
                session.mark(&letters.uids, Change::Add, *add, &mut ear).await?;
                session.mark(&letters.uids, Change::Remove, *remove, &mut ear).await?;
                Came::Marked
            }
            Deed::Move(letters, to) => {
                Came::Moved(session.move_to(&letters.uids, to, Missing::Made, &mut ear).await?)
            }
            Deed::Copy(letters, to) => {
                session.copy_to(&letters.uids, to, &mut ear).await?;
                Came::Marked
            }
            Deed::Remove(letters) => {
                session.remove(&letters.uids, &mut ear).await?;
                Came::Removed
            }
        })
    }

    /// Looks for letters of another folder.
    async fn hunt(&mut self, name: &MailboxName, asked: &Asked, most: usize) -> Result<Came, Stop> {
        let is_watched = matches!(&*self.watch, Watch::Folder(view) if view.name == *name);
        let validity = if is_watched {
            let Watch::Folder(view) = &mut *self.watch else { return Ok(Came::Looked) };
            if !view.is_selected {
                open(self.session, view).await?;
            }
            view.validity
        } else {
            *self.selected = None;
            self.watch.leave();
            self.session.select(name, None, &mut |_| Ok(())).await?.validity
        };
        *self.selected = Some((name.clone(), validity));
        let Self { session, watch, .. } = self;
        let mut ear = |data: Data| {
            watch.hear(&data);
            Ok(())
        };
        let found = session.search(asked, &mut ear).await?;
        let newest: Vec<u32> = found.into_iter().rev().take(most).collect();
        let mut headers = Vec::new();
        for some in newest.chunks(HEADERS_AT_ONCE) {
            let mut read = session.headers(some, &mut ear).await?;
            read.sort_by_key(|header| std::cmp::Reverse(header.uid));
            headers.extend(read);
        }
        Ok(Came::Hunted(validity, headers))
    }

    /// Has the letters' folder open.
    async fn select(&mut self, letters: &Letters) -> Result<(), Stop> {
        let counts_for = |validity: u32| {
            if validity == letters.validity { Ok(()) } else { Err(Stop::Void) }
        };
        if let Watch::Folder(view) = &mut *self.watch
            && view.name == letters.folder
        {
            if !view.is_selected {
                *self.selected = None;
                open(self.session, view).await?;
                *self.selected = Some((view.name.clone(), view.validity));
            }
            return counts_for(view.validity);
        }
        if let Some((name, validity)) = &self.selected
            && *name == letters.folder
        {
            return counts_for(*validity);
        }
        *self.selected = None;
        self.watch.leave();
        let opened = self.session.select(&letters.folder, None, &mut |_| Ok(())).await?;
        *self.selected = Some((letters.folder.clone(), opened.validity));
        counts_for(opened.validity)
    }

    async fn look(&mut self) -> Result<(), ImapError> {
        let watch = &mut *self.watch;
        let mut hear = |heard: Heard| {
            if let Heard::Data(data) = &heard {
                watch.hear(data);
            }
            Ok(())
        };
        self.session.run(&Command::Noop, &mut hear).await.map(drop)
    }
}

/// Opens the folder, and learns what has changed since it was open last.
pub(super) async fn open(session: &mut Session, view: &mut View) -> Result<(), ImapError> {
    let resumed = view.resumed();
    view.is_selected = false;
    let opened = session
        .select(&view.name.clone(), resumed, &mut |data| {
            view.hear(&data);
            Ok(())
        })
        .await?;
    if opened.validity != view.validity {
        view.forget(opened.validity);
    } else if resumed.is_some() && !session.has(&Extension::QResync) {
        // RFC 7162 §3.1.4.1: flags; that letters are gone shows by their number.
        let since = resumed.map(|resumed| resumed.mod_seq);
        if since != Some(opened.mod_seq) {
            session.marks(1, since, &mut hears(view)).await?;
        }
    } else if resumed.is_none() {
        view.forget(opened.validity);
    }
    catch_up(session, view).await?;
    view.mod_seq = opened.mod_seq;
    view.is_selected = true;
    Ok(())
}

/// Learns of letters that came; of all, where what is known isn't what the server says.
async fn catch_up(session: &mut Session, view: &mut View) -> Result<(), ImapError> {
    if view.lacks_some() && !view.is_confused() {
        session.marks(view.next_uid(), None, &mut hears(view)).await?;
    }
    if view.lacks_some() || view.is_confused() {
        view.forget(view.validity);
        session.marks(1, None, &mut hears(view)).await?;
        // A server that counts wrong isn't asked for ever.
        view.settle();
    }
    Ok(())
}

fn hears(view: &mut View) -> impl FnMut(Data) -> Result<(), ImapError> + '_ {
    |data| {
        view.hear(&data);
        Ok(())
    }
}

/// Reads a letter into a file, which is there when all of it has come.
async fn keep(
    session: &mut Session,
    uid: u32,
    path: &std::path::Path,
    ear: &mut dyn FnMut(Data) -> Result<(), ImapError>,
) -> Result<(), ImapError> {
    let part = path.with_extension(format!("part{}", std::process::id()));
    let kept = async {
        let file = std::fs::File::create(&part).map_err(ImapError::Kept)?;
        let mut file = io::BufWriter::new(file);
        session.letter(uid, limits::LETTER_OCTETS_MAX, &mut file, ear).await?;
        io::Write::flush(&mut file).map_err(ImapError::Kept)?;
        std::fs::rename(&part, path).map_err(ImapError::Kept)
    };
    let kept = kept.await;
    if kept.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    kept
}

/// What the connection goes through: it may be gone without anybody having said so.
struct Weather {
    at: (Instant, SystemTime),
    routes: Vec<u8>,
}

impl Weather {
    fn now() -> Self {
        Self { at: (Instant::now(), SystemTime::now()), routes: routes() }
    }

    /// Whether the system has slept since it was asked last, or the network is another one.
    fn has_changed(&mut self) -> bool {
        let before = std::mem::replace(self, Self::now());
        let awake = self.at.0.saturating_duration_since(before.at.0);
        let passed = self.at.1.duration_since(before.at.1).unwrap_or_default();
        passed.saturating_sub(awake) >= SLEPT_AT_LEAST || self.routes != before.routes
    }
}

/// The system's ways out, as text of its own; empty where it doesn't tell.
fn routes() -> Vec<u8> {
    let read = |path: &str| std::fs::read(path).unwrap_or_default();
    let mut routes = read("/proc/net/route");
    // Without counters: they change by themselves.
    let lines: Vec<Vec<u8>> = routes
        .split(|octet| *octet == b'\n')
        .map(|line| {
            let words: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).take(4).collect();
            words.join(&b' ')
        })
        .collect();
    routes = lines.join(&b'\n');
    routes
}
