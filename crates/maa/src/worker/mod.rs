//! A user's own process: all sessions of one user who is logged in, and nobody else's.
//!
//! The front starts it as `postroad-maa worker`, with one end of a channel as standard input, and hands it sessions
//! ([`crate::handover`]). Before it reads an octet from a client it confines itself to the user's Maildir and the traces
//! (Landlock): it has no other mailbox, no network, no accounts, and never sees a password. It ends when the channel
//! does, as soon as its sessions have. Where they all rest ([`Rest`]) the front takes them back, and it ends too;
//! so it does where a session comes and another directory is in the mailbox's place ([`Home`]).
//!
//! A user of the host is served so as well, by a process that `postroad-as` has made the user's own ([`ground`]).

mod ground;
mod home;
mod rest;

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use postroad_disk::BOOT_ID;
use postroad_net::channel::{self, Channel, Message};
use postroad_net::confine::{self, Confined, Listed, Reach};
use postroad_net::{Io, Shutdown};
use postroad_observe::log::{self, LogError};
use postroad_observe::trace::Journal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::handover::{Assignment, Event, Format, Handover, PARK, Parked, Refusal, Report};
use crate::imap::{Extensions, Shared};
use crate::pop3::{Deleted, Sizes};
use crate::{Door, events, imap, limits, pop3, rules};

use ground::Ground;
pub use ground::{Part, Whose};
use home::Home;
pub(crate) use rest::Rest;

/// Why a worker can't do its work.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// It was started by somebody else.
    #[error(
        "a worker is started by postroad-maa itself, of the same build, and for a user who is logged in"
    )]
    NotOurs,
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Something of the system.
    #[error("cannot {what}")]
    System {
        /// The verb and what to.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// What all sessions of the user share.
#[derive(Debug)]
pub(crate) struct Ward {
    pub(crate) user: String,
    /// The folder of the user's rules.
    pub(crate) scripts: Option<PathBuf>,
    /// Our name.
    pub(crate) host: String,
    pub(crate) journal: Journal,
    pub(crate) sizes: Sizes,
    pub(crate) pop3_deleted: Deleted,
    /// Mailboxes that are open.
    pub(crate) shared: Arc<Shared>,
    /// What IMAP offers.
    pub(crate) extensions: Extensions,
    pub(crate) rest: Rest,
}

/// A session as it came from the front.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) about: Handover,
    /// What the front has read and not used: it comes before what `io` gives.
    pub(crate) unread: Vec<u8>,
    pub(crate) io: Io,
    /// Whether the session is to end when it waits for its client.
    pub(crate) shutdown: Shutdown,
    reports: Arc<Channel>,
}

impl Session {
    /// Tells the front that the connection is the worker's from here on.
    pub(crate) async fn begin(&self) -> io::Result<()> {
        self.report(Event::Begun).await
    }

    /// Leaves the connection to the front.
    pub(crate) async fn refuse(self, refusal: Refusal) {
        // A front that is gone needs no telling.
        let _ = self.report(Event::Refused(refusal)).await;
    }

    /// Gives the connection back to the front, with what was read and not used.
    pub(crate) async fn leave(mut self, unread: &[u8]) -> io::Result<()> {
        let mut octets = unread.to_vec();
        // Inside TLS the front passes octets on: those that are on their way to us are the client's next ones. It stops when
        // it sees our end of it, and closes its own.
        if self.about.tls.is_some() {
            self.io.shutdown().await?;
            let most = limits::SENT_AHEAD_OCTETS_MAX as u64;
            (&mut self.io).take(most + 1).read_to_end(&mut octets).await?;
        }
        if octets.len() > limits::SENT_AHEAD_OCTETS_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.report(Event::Left(octets)).await
    }

    async fn report(&self, event: Event) -> io::Result<()> {
        report(&self.reports, self.about.session, event).await
    }
}

async fn report(reports: &Channel, session: u64, event: Event) -> io::Result<()> {
    reports.send(&serde_json::to_vec(&Report { session, event })?, None).await
}

/// Tells the front that no session needs us; the last that began to rest.
async fn report_rest(ward: &Ward, reports: &Channel, seen: u64) -> u64 {
    let rest::AllRest { last, watched } = ward.rest.all(seen).await;
    let shared = Arc::clone(&ward.shared);
    let watching = tokio::task::spawn_blocking(move || shared.watch_for(&watched)).await;
    // Where nobody would tell them of news they stay.
    if let Ok(Some(shows)) = watching {
        let report = Report { session: 0, event: Event::AllRest };
        if let Ok(octets) = serde_json::to_vec(&report) {
            // A front that is gone is seen elsewhere.
            let _ = reports.send(&octets, Some(shows.as_fd())).await;
        }
    }
    last
}

/// Runs a worker in this process, which has one thread by now; returns when it is done.
///
/// # Errors
/// [`WorkerError`].
pub fn run(whose: Whose) -> Result<(), WorkerError> {
    let socket = io::stdin().as_fd().try_clone_to_owned().map_err(|_| WorkerError::NotOurs)?;
    let assignment = assignment(&socket)?;
    let Assignment {
        user,
        places,
        quota,
        imap_extensions,
        host,
        log,
        full_text,
        pop3_deleted,
        park_after,
    } = assignment;
    let ground = Ground::find(whose, places)?;
    // Where it can't be made there is nothing to read, and whoever looks is told so.
    let made = ground.make(whose);
    let home = Arc::new(Home::at(&ground.home));
    let confined = confine(ground.written.clone());
    // Threads of their own: they are behind the wall as well.
    let format = match log.format {
        Format::Text => log::Format::Text,
        Format::Json => log::Format::Json,
    };
    let _log = log::start(format, &log.level)?;
    events::are_of(&user);
    events::worker_started(&user, &confined);
    if let Err(error) = made {
        events::mailbox_not_made(&user, &error);
    }
    let journal = ground.journal(&user);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(limits::DISK_THREADS_MAX)
        .thread_keep_alive(limits::DISK_THREAD_LINGER)
        .build()
        .map_err(system("start the runtime"))?;
    let limits = quota.map(|(octets, letters)| postroad_store::Limits::of(octets, letters));
    let shared = Shared::new(ground.maildir, &host).with_limits(limits);
    let shared = Arc::new(if full_text { shared.indexing() } else { shared });
    let ward = Ward {
        user,
        scripts: ground.scripts,
        host,
        journal,
        sizes: Sizes::default(),
        pop3_deleted,
        shared,
        extensions: Extensions::of(&imap_extensions),
        rest: Rest::new(park_after),
    };
    runtime.block_on(serve(Arc::new(ward), home, socket))
}

fn assignment(socket: &OwnedFd) -> Result<Assignment, WorkerError> {
    match channel::receive_blocking(socket.as_fd()) {
        Ok(Some(Message { octets, .. })) => {
            serde_json::from_slice(&octets).map_err(|_| WorkerError::NotOurs)
        }
        Ok(None) | Err(_) => Err(WorkerError::NotOurs),
    }
}

fn confine(written: Vec<PathBuf>) -> Confined {
    // Registers are to know that they were written in this boot.
    let read = vec![PathBuf::from(BOOT_ID)];
    let (listed, reach) = (Listed::Beneath, Reach::Nothing);
    confine::Ground { written, read, listed, reach, ..confine::Ground::default() }.confine()
}

/// Serves sessions until the front has no more of them, or is gone.
async fn serve(ward: Arc<Ward>, home: Arc<Home>, socket: OwnedFd) -> Result<(), WorkerError> {
    let _deaf = ignore_signals().map_err(system("catch signals"))?;
    let reports = Arc::new(Channel::over(socket).map_err(system("use the channel"))?);
    let (trigger, shutdown) = Shutdown::manual();
    let sessions = TaskTracker::new();
    tokio::spawn(Arc::clone(&ward.shared).watch());
    tokio::spawn(Arc::clone(&ward.shared).index());
    let mut seen = 0;
    loop {
        let message = tokio::select! {
            received = reports.receive_with_descriptor() => match received {
                Ok(Some(message)) => message,
                Ok(None) | Err(_) => break,
            },
            last = report_rest(&ward, &reports, seen) => {
                seen = last;
                continue;
            }
        };
        match message {
            Message { octets, descriptor: Some(descriptor) } => {
                if is_replaced(&home).await {
                    events::mailbox_replaced(&ward.user, home.path());
                    homeless(&reports, &octets).await;
                    break;
                }
                if let Some(session) = taken(&ward, &reports, &shutdown, &octets, descriptor).await
                {
                    sessions.spawn(serve_one(Arc::clone(&ward), session));
                }
            }
            Message { octets, descriptor: None } if octets == PARK => ward.rest.ask(seen),
            Message { .. } => {}
        }
    }
    end_in_any_case();
    trigger.stop();
    sessions.close();
    if timeout(limits::DRAIN_TIMEOUT, sessions.wait()).await.is_err() {
        events::drain_incomplete(sessions.len());
    }
    Ok(())
}

async fn is_replaced(home: &Arc<Home>) -> bool {
    let home = Arc::clone(home);
    // One that can't tell goes on.
    tokio::task::spawn_blocking(move || home.is_replaced()).await.unwrap_or(false)
}

/// Gives a session back, which is for another worker, and says that we end. A front that is gone needs no telling.
async fn homeless(reports: &Channel, handed: &[u8]) {
    if let Ok((about, _)) = Handover::parse(handed) {
        let _ = report(reports, about.session, Event::Refused(Refusal::Replaced)).await;
    }
    let _ = report(reports, 0, Event::Homeless).await;
}

/// A session, as the front hands it over.
async fn taken(
    ward: &Ward,
    reports: &Arc<Channel>,
    shutdown: &Shutdown,
    octets: &[u8],
    descriptor: OwnedFd,
) -> Option<Session> {
    let (about, unread) = Handover::parse(octets).ok()?;
    match Io::handed(descriptor) {
        Ok(io) => {
            let (unread, shutdown) = (unread.to_vec(), shutdown.clone());
            Some(Session { about, unread, io, shutdown, reports: Arc::clone(reports) })
        }
        Err(error) => {
            events::connection_unusable(&ward.user, &error);
            let refused = Event::Refused(Refusal::Unavailable);
            let _ = report(reports, about.session, refused).await;
            None
        }
    }
}

async fn serve_one(ward: Arc<Ward>, session: Session) {
    let (number, reports) = (session.about.session, Arc::clone(&session.reports));
    let here = ward.rest.come();
    // In a task of its own: one that panics ends with a report, too.
    let served = tokio::spawn(attend(Arc::clone(&ward), session));
    let left = match served.await {
        Ok(Some(parked)) => Event::Parked(parked),
        Ok(None) | Err(_) => Event::Ended,
    };
    let _ = report(&reports, number, left).await;
    drop(here);
}

/// Serves a session to its end, or until it rests.
async fn attend(ward: Arc<Ward>, session: Session) -> Option<Parked> {
    match session.about.door {
        Door::Imap | Door::Imaps => return imap::serve(ward, session).await,
        Door::Pop3 | Door::Pop3s => pop3::serve(ward, session).await,
        Door::ManageSieve => rules::serve(ward, session).await,
        // Nobody logs in there.
        Door::Http | Door::Https => {}
    }
    None
}

/// A file system that doesn't answer may hold a thread for good, and the front can't kill who is a user of the host.
fn end_in_any_case() {
    let ending = std::thread::Builder::new().name("ending".to_owned()).spawn(|| {
        std::thread::sleep(limits::WORKER_END_TIMEOUT);
        std::process::exit(1);
    });
    // Without it we end when all have.
    drop(ending);
}

/// It is the front that is asked to stop, by a terminal or a service manager that signals us all.
fn ignore_signals() -> io::Result<Vec<Signal>> {
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    kinds.into_iter().map(signal).collect()
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> WorkerError {
    move |source| WorkerError::System { what, source }
}
