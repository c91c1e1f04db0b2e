//! The access agent: IMAP (RFC 9051) and POP3 (RFC 1939) over users' Maildirs, ManageSieve (RFC 5804) over their rules.
//!
//! | looking for | it is in |
//! |---|---|
//! | sockets, TLS, logins: all that comes before a user | `front` |
//! | a user's own process | `worker` |
//! | what the two say to each other | `handover` |
//! | POP3, IMAP and ManageSieve of a user who is logged in | `pop3`, `imap`, `rules` |
//! | what operators call by hand | [`tools`] |
//! | the socket that the operator's commands ask | `control` |
//! | each log line | `events` |
//! | every limit and timeout | [`limits`] |
//!
//! [`Maa::start`] opens accounts and sockets; [`Maa::serve`] runs until it is asked to stop, ends the
//! sessions that wait for their client, and lets the others finish what they are doing. An agent that
//! was killed leaves nothing behind: locks end with the process, and only QUIT deletes.
//! [`worker`] is what the agent's program does when it was started by itself for one user.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use postroad_accounts::{Accounts, AccountsError, Sources};
use postroad_config::{Config, Loaded};
use postroad_logins::{Logins, TokensError};
use postroad_net::listen::{Handed, ListenError};
use postroad_net::process::{self, Reload};
use postroad_net::tls::TlsError;
use postroad_net::{Listener, Shutdown, Slots};
use postroad_observe::trace::Journal;
use postroad_protocol::address::Domain;
use serde::{Deserialize, Serialize};
use tokio_util::task::TaskTracker;

mod control;
mod events;
mod front;
mod handover;
mod imap;
pub mod limits;
mod pop3;
mod rules;
pub mod tools;
mod worker;

pub use worker::{Part, Whose, WorkerError, run as worker};

use front::Site;
use front::live::{self, Lasting, Live};
use front::workers::{Limits, Workers};

/// This process's own program, also where its file was replaced meanwhile: front and workers are of one build.
pub const OURSELVES: &str = "/proc/self/exe";

/// Mode of the operator's socket.
const CONTROL_SOCKET_MODE: u32 = 0o600;

/// Why the agent can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Users, aliases.
    #[error("cannot read the accounts")]
    Accounts(#[from] AccountsError),
    /// The keys of the issuer of tokens.
    #[error("cannot take the issuer's tokens")]
    Tokens(#[from] TokensError),
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
    control: Vec<Listener>,
    live: Arc<Live>,
}

/// A service of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Door {
    /// IMAP in clear, with STARTTLS where there is a certificate (port 143).
    Imap,
    /// IMAP inside TLS (port 993).
    Imaps,
    /// POP3 in clear, with STLS where there is a certificate (port 110).
    Pop3,
    /// POP3 inside TLS (port 995).
    Pop3s,
    /// ManageSieve in clear, with STARTTLS where there is a certificate (port 4190).
    ManageSieve,
    /// Settings for mail programs, over HTTP (port 80).
    Http,
    /// The same over HTTPS (port 443).
    Https,
}

impl Door {
    const ALL: [Self; 7] = [
        Self::Imap,
        Self::Imaps,
        Self::Pop3,
        Self::Pop3s,
        Self::ManageSieve,
        Self::Http,
        Self::Https,
    ];

    /// Where the settings have it.
    fn addresses(self, config: &Config) -> &[SocketAddr] {
        match self {
            Self::Imap => &config.maa.imap,
            Self::Imaps => &config.maa.imaps,
            Self::Pop3 => &config.maa.pop3,
            Self::Pop3s => &config.maa.pop3s,
            // Nobody has rules.
            Self::ManageSieve if config.mda.sieve.is_empty() => &[],
            Self::ManageSieve => &config.maa.managesieve,
            Self::Http => &config.maa.autoconfig.http,
            Self::Https => &config.maa.autoconfig.https,
        }
    }

    /// Its name, in the settings and for the service manager.
    pub fn name(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Imaps => "imaps",
            Self::Pop3 => "pop3",
            Self::Pop3s => "pop3s",
            Self::ManageSieve => "managesieve",
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Its addresses' key in the settings.
    fn key(self) -> &'static str {
        match self {
            Self::Imap => "maa.imap",
            Self::Imaps => "maa.imaps",
            Self::Pop3 => "maa.pop3",
            Self::Pop3s => "maa.pop3s",
            Self::ManageSieve => "maa.managesieve",
            Self::Http => "maa.autoconfig.http",
            Self::Https => "maa.autoconfig.https",
        }
    }

    /// Whether TLS comes before the first octet.
    fn is_inside_tls(self) -> bool {
        match self {
            Self::Imap | Self::Pop3 | Self::ManageSieve | Self::Http => false,
            Self::Imaps | Self::Pop3s | Self::Https => true,
        }
    }

    /// Whether there is nothing to serve without a certificate: mail programs are told of services inside TLS alone.
    fn needs_certificate(self) -> bool {
        self.is_inside_tls() || self == Self::Http
    }
}

/// Runs the agent in this process until SIGTERM or SIGINT; tells the service manager when it is ready.
///
/// # Errors
/// [`StartError`]; once it runs, nothing ends it but a signal.
pub async fn run(loaded: Loaded, handed: Handed) -> Result<(), StartError> {
    let (_trigger, shutdown) = Shutdown::on_signals().map_err(StartError::Signals)?;
    process::raise_file_limit();
    let mut hangup = Reload::on_hangup().map_err(StartError::Signals)?;
    let maa = Maa::start(&loaded.config, handed, Path::new(OURSELVES))?.with_file(loaded.path);
    let live = Arc::clone(&maa.live);
    // SIGHUP would end a process that doesn't catch it.
    tokio::spawn(async move {
        loop {
            hangup.requested().await;
            // The log says what became of it.
            let _ = live.reload().await;
        }
    });
    process::ready();
    maa.serve(shutdown).await;
    Ok(())
}

impl Maa {
    /// Opens accounts and sockets. Must be called inside a tokio runtime; clients are served when
    /// [`Maa::serve`] runs. `program` is what serves a user: with the argument `worker`, it calls [`worker`].
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(config: &Config, mut handed: Handed, program: &Path) -> Result<Self, StartError> {
        let name = Domain::parse(&config.hostname)
            .map_err(|_| StartError::Hostname(config.hostname.clone()))?;
        let tls = live::server_tls(config)?;
        let mut doors = Vec::new();
        for (door, addresses) in Door::ALL.map(|door| (door, door.addresses(config))) {
            if door.needs_certificate() && tls.is_none() {
                continue;
            }
            let listeners = handed.take_or_bind(door.name(), addresses)?;
            doors.extend(listeners.into_iter().map(|listener| (door, listener)));
        }
        if tls.is_none() {
            events::no_certificate();
        }
        let accounts = Accounts::open(Sources::of(config))?;
        accounts.tell_wrong_lines();
        // The workers write it; here it is made, and whether that goes is known at the start.
        Journal::open(&config.trace.dir, "maa", config.trace.size_max)
            .map_err(|source| StartError::Trace { path: config.trace.dir.clone(), source })?;
        let logins = Arc::new(Logins::new(Arc::new(accounts)));
        logins.adopt(Logins::prepare(&config.accounts)?);
        let maa = &config.maa;
        let address = |(door, listener): &(Door, Listener)| Some((*door, listener.address()?));
        let lasting = Lasting {
            logins,
            slots: Slots::new(maa.connections_max, maa.connections_per_client_max),
            workers: Workers::new(program.to_owned(), Limits::of(config)),
            doors: doors.iter().filter_map(address).collect(),
        };
        let site = Site::of(config, name, tls, &lasting);
        let live = Arc::new(Live::new(config, site, lasting));
        // Mail is read without it, and an older installation hands over none.
        let control = handed
            .take_or_bind_unix("control", &maa.control, CONTROL_SOCKET_MODE)
            .inspect_err(|error| events::no_control(error))
            .unwrap_or_default();
        Ok(Self { doors, control, live })
    }

    /// A reload reads this file, which the settings came from.
    #[must_use]
    pub fn with_file(self, file: PathBuf) -> Self {
        self.live.read_from(file);
        self
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
            let (live, sessions) = (Arc::clone(&self.live), sessions.clone());
            accepting.spawn(front::accept(live, door, listener, sessions, shutdown.clone()));
        }
        for listener in self.control {
            accepting.spawn(control::listen(Arc::clone(&self.live), listener, shutdown.clone()));
        }
        accepting.close();
        accepting.wait().await;
        process::stopping();
        self.live.site().workers.stop();
        sessions.close();
        if tokio::time::timeout(limits::DRAIN_TIMEOUT, sessions.wait()).await.is_err() {
            events::drain_incomplete(sessions.len());
        }
    }
}
