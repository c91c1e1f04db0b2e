//! The access agent: POP3 (RFC 1939) over users' Maildirs. IMAP comes later.
//!
//! | looking for | it is in |
//! |---|---|
//! | a connection, from its greeting to its end | `session` |
//! | what a command is answered | `postroad_pop3::server` |
//! | who may log in, and how guessing is slowed | `login`, `guessing` |
//! | the lock, the snapshot, reading and deleting letters | `maildrop` |
//! | each log line | `events` |
//! | every limit and timeout | [`limits`] |
//!
//! [`Maa::start`] opens accounts and sockets; [`Maa::serve`] runs until it is asked to stop, ends the
//! sessions that wait for their client, and lets the others finish what they are doing. An agent that
//! was killed leaves nothing behind: locks end with the process, and only QUIT deletes.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use postroad_accounts::{Accounts, AccountsError, Sources};
use postroad_config::{ClearTextLogin, Config, Loaded, Mda};
use postroad_net::listen::{Handed, ListenError};
use postroad_net::process::{self, Reload};
use postroad_net::slots::Client;
use postroad_net::tls::{ServerTls, TlsError};
use postroad_net::{Io, Listener, Peer, Shutdown, Slots};
use postroad_observe::trace::Journal;
use postroad_protocol::address::Domain;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

mod events;
mod guessing;
pub mod limits;
mod login;
mod maildrop;
mod session;

use login::Logins;
use maildrop::Sizes;

/// Why the agent can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Users, aliases.
    #[error("cannot read the accounts")]
    Accounts(#[from] AccountsError),
    /// Certificate or key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A socket.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The trace folder.
    #[error("cannot open the trace folder {}", path.display())]
    Trace {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The host's name.
    #[error("\"{0}\" is no host name: set \"hostname\" in the settings")]
    Hostname(String),
    /// Signals.
    #[error("cannot catch signals")]
    Signals(#[source] std::io::Error),
}

/// The agent, started.
#[derive(Debug)]
pub struct Maa {
    doors: Vec<(Door, Listener)>,
    site: Arc<Site>,
}

/// A service of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// POP3 in clear, with STLS where there is a certificate (port 110).
    Pop3,
    /// POP3 inside TLS (port 995).
    Pop3s,
}

impl Door {
    /// Its name, in the settings and for the service manager.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pop3 => "pop3",
            Self::Pop3s => "pop3s",
        }
    }
}

/// What all sessions share.
#[derive(Debug)]
struct Site {
    name: Domain,
    tls: Option<ServerTls>,
    clear_text_login: ClearTextLogin,
    logins: Logins,
    mda: Mda,
    sizes: Sizes,
    journal: Journal,
    slots: Slots,
    /// Bounds the threads that wait for the disk.
    disk: Arc<Semaphore>,
}

/// Runs the agent in this process until SIGTERM or SIGINT; tells the service manager when it is ready.
///
/// # Errors
/// [`StartError`]; once it runs, nothing ends it but a signal.
pub async fn run(loaded: Loaded, handed: Handed) -> Result<(), StartError> {
    let (_trigger, shutdown) = Shutdown::on_signals().map_err(StartError::Signals)?;
    process::raise_file_limit();
    let mut hangup = Reload::on_hangup().map_err(StartError::Signals)?;
    let maa = Maa::start(&loaded.config, handed)?;
    let site = Arc::clone(&maa.site);
    // SIGHUP would end a process that doesn't catch it.
    tokio::spawn(async move {
        loop {
            hangup.requested().await;
            match site.reload() {
                Ok(()) => events::reloaded(),
                Err(error) => events::reload_failed(&error),
            }
        }
    });
    process::ready();
    maa.serve(shutdown).await;
    Ok(())
}

/// Why users and certificate stay as they are.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot read the accounts")]
    Accounts(#[from] AccountsError),
}

impl Site {
    /// Reads certificate, users and aliases again, all or nothing. Sessions go on as they began.
    fn reload(&self) -> Result<(), ReloadError> {
        let tls = self.tls.as_ref().map(|tls| Ok::<_, TlsError>((tls, tls.prepare()?)));
        let tls = tls.transpose()?;
        self.logins.reload()?;
        if let Some((tls, prepared)) = tls {
            tls.adopt(prepared);
        }
        Ok(())
    }
}

impl Maa {
    /// Opens accounts and sockets. Must be called inside a tokio runtime; clients are served when
    /// [`Maa::serve`] runs.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(config: &Config, mut handed: Handed) -> Result<Self, StartError> {
        let name = Domain::parse(&config.hostname)
            .map_err(|_| StartError::Hostname(config.hostname.clone()))?;
        let tls = match (&config.tls.certificate, &config.tls.key) {
            (Some(certificate), Some(key)) => Some(ServerTls::load(certificate, key)?),
            (None, _) | (_, None) => None,
        };
        let pop3 = handed.take_or_bind(Door::Pop3.name(), &config.maa.pop3)?;
        let pop3s = match tls {
            Some(_) => handed.take_or_bind(Door::Pop3s.name(), &config.maa.pop3s)?,
            None => {
                events::no_certificate();
                Vec::new()
            }
        };
        let doors = pop3.into_iter().map(|listener| (Door::Pop3, listener));
        let doors = doors.chain(pop3s.into_iter().map(|listener| (Door::Pop3s, listener)));
        let accounts = Accounts::open(Sources::of(config))?;
        let journal = Journal::open(&config.trace.dir, "maa", config.trace.size_max)
            .map_err(|source| StartError::Trace { path: config.trace.dir.clone(), source })?;
        let maa = &config.maa;
        let site = Site {
            name,
            tls,
            clear_text_login: maa.clear_text_login,
            logins: Logins::new(accounts),
            mda: config.mda.clone(),
            sizes: Sizes::default(),
            journal,
            slots: Slots::new(maa.connections_max, maa.connections_per_client_max),
            disk: Arc::new(Semaphore::new(limits::DISK_THREADS_MAX)),
        };
        Ok(Self { doors: doors.collect(), site: Arc::new(site) })
    }

    /// Where a service is served.
    pub fn addresses(&self, door: Door) -> Vec<SocketAddr> {
        let of_door = self.doors.iter().filter(|(of, _)| *of == door);
        of_door.filter_map(|(_, listener)| listener.address()).collect()
    }

    /// Serves until the stop is asked for, then lets sessions end.
    pub async fn serve(self, shutdown: Shutdown) {
        let sessions = TaskTracker::new();
        let accepting = TaskTracker::new();
        for (door, listener) in self.doors {
            events::listening(door, listener.address());
            let (site, sessions) = (Arc::clone(&self.site), sessions.clone());
            accepting.spawn(accept(site, door, listener, sessions, shutdown.clone()));
        }
        accepting.close();
        accepting.wait().await;
        process::stopping();
        sessions.close();
        if tokio::time::timeout(limits::DRAIN_TIMEOUT, sessions.wait()).await.is_err() {
            events::drain_incomplete(sessions.len());
        }
    }
}

/// Takes connections of one service until the stop is asked for.
async fn accept(
    site: Arc<Site>,
    door: Door,
    listener: Listener,
    sessions: TaskTracker,
    shutdown: Shutdown,
) {
    loop {
        let (io, peer) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.requested() => return,
        };
        sessions.spawn(admit(Arc::clone(&site), door, io, peer, shutdown.clone()));
    }
}

/// Serves a connection, where there is a place for it.
async fn admit(site: Arc<Site>, door: Door, io: Io, peer: Peer, shutdown: Shutdown) {
    let client = match peer.ip() {
        Some(ip) if !peer.is_this_host() => Client::Counted(ip),
        Some(_) | None => Client::Exempt,
    };
    match site.slots.take(client) {
        Ok(slot) => {
            session::serve(&site, door, io, peer, shutdown).await;
            drop(slot);
        }
        Err(full) => {
            events::no_place(door, peer, full);
            session::turn_away(door, io).await;
        }
    }
}
