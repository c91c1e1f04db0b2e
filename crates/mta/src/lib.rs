//! The transfer agent: SMTP and submission in, a durable queue, SMTP and LMTP out.
//!
//! | looking for | it is in |
//! |---|---|
//! | sessions, policy, submission, acceptance | `inbound` |
//! | routing, DNS, deliveries, bounces | [`outbound`] |
//! | the socket that the operator's commands ask | `control` |
//! | every line that is logged about incoming mail | `events` |
//! | the answer to `postroad explain` | `explain` |
//! | the settings in force, and their reload | `live` |
//!
//! [`Mta::start`] opens the queue, the engine and the sockets; [`Mta::serve`] runs until it is asked to
//! stop, then lets sessions and deliveries finish. A message is answered 250 only when the queue has
//! made it durable; then it is handed to the engine, which reads the queue again after a crash.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use postroad_accounts::{Accounts, AccountsError, Sources};
use postroad_config::{Config, Loaded};
use postroad_disk::OsDisk;
use postroad_logins::{Logins, TokensError};
use postroad_net::listen::{Handed, ListenError};
use postroad_net::process::{self, Reload};
use postroad_net::tls::{ServerTls, TlsError};
use postroad_net::{Listener, Shutdown, Slots};
use postroad_observe::trace::Journal;
use postroad_queue::ages::Ages;
use postroad_queue::{Embedded, Guarantee, OpenError, OwnedShard, ShardId, Spool};
use tokio_util::task::TaskTracker;

mod control;
mod events;
mod explain;
mod inbound;
mod live;
pub mod outbound;

pub use control::{StandInError, stand_in};

use control::Control;
use inbound::{Door, Inbound, allowance::Allowances, limits};
use live::Live;
use outbound::{Chance, Engine, Parts, Probe, TimeSource};

/// Mode of the socket for local callers: everybody on this host may submit.
const LOCAL_SOCKET_MODE: u32 = 0o666;
/// Mode of the operator's socket.
const CONTROL_SOCKET_MODE: u32 = 0o600;

/// Why the agent can't start, or can't go on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The queue.
    #[error(transparent)]
    Queue(#[from] OpenError),
    /// Users, aliases.
    #[error("cannot read the accounts")]
    Accounts(#[from] AccountsError),
    /// The keys of the issuer of tokens.
    #[error("cannot take the issuer's tokens")]
    Tokens(#[source] TokensError),
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
    /// The folder that everything is in.
    #[error("cannot create {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The delivery engine.
    #[error("cannot start the delivery engine")]
    Engine(#[source] anyhow::Error),
    /// Signals.
    #[error("cannot catch signals")]
    Signals(#[source] std::io::Error),
    /// The queue has ended by a fault of ours.
    #[error(
        "the queue has ended by a fault of ours (see the log); all that was answered 250 is in it; start the agent anew"
    )]
    QueueFailed,
}

/// The agent, started.
pub struct Mta {
    live: Arc<Live>,
    doors: Vec<(Door, Listener)>,
    control: Vec<Listener>,
    guarantee: Guarantee,
}

/// Runs the agent in this process until SIGTERM or SIGINT; tells the service manager when it is ready.
///
/// # Errors
/// [`StartError`]; once it runs, nothing ends it but a signal or [`StartError::QueueFailed`].
pub async fn run(loaded: Loaded, handed: Handed) -> Result<(), StartError> {
    let (_trigger, shutdown) = Shutdown::on_signals().map_err(StartError::Signals)?;
    let reload = Reload::on_hangup().map_err(StartError::Signals)?;
    let mta = Mta::start(loaded.config, Some(loaded.path), handed, shutdown).await?;
    process::ready();
    let shard = Arc::clone(&mta.live.inbound().shard);
    while_it_lasts(shard.as_ref(), mta.serve(Some(reload))).await
}

/// Serves for as long as the queue does. Without it there is nothing to wait for: whoever was not answered yet
/// comes again, and the supervisor starts the agent anew.
async fn while_it_lasts(
    shard: &dyn OwnedShard,
    serve: impl Future<Output = ()>,
) -> Result<(), StartError> {
    tokio::select! {
        () = serve => Ok(()),
        () = shard.failed() => Err(StartError::QueueFailed),
    }
}

impl Mta {
    /// Opens queue, engine and sockets. Mail is taken when [`Mta::serve`] runs. A reload reads `file`.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        config: Config,
        file: Option<PathBuf>,
        mut handed: Handed,
        shutdown: Shutdown,
    ) -> Result<Self, StartError> {
        let config = Arc::new(config);
        let tls = live::server_tls(&config)?;
        if tls.is_none() {
            events::no_certificate();
        }
        // The sockets come first: a start that fails has then touched nothing.
        let doors = open_doors(&config, tls.as_ref(), &mut handed)?;
        let control =
            handed.take_or_bind_unix("control", &config.mta.control, CONTROL_SOCKET_MODE)?;
        let accounts = Arc::new(Accounts::open(Sources::of(&config))?);
        accounts.tell_wrong_lines();
        let journal = Journal::open(&config.trace.dir, "mta", config.trace.size_max)
            .map_err(|source| StartError::Trace { path: config.trace.dir.clone(), source })?;
        let (shard, guarantee) = open_queue(&config).await?;
        // Only now is it ours.
        let ages = Ages::open(Arc::new(OsDisk), &config.mta.queue).map_err(OpenError::from)?;
        let time = TimeSource { ages: Arc::new(ages), ..TimeSource::default() };
        let parts = Parts {
            config: Arc::clone(&config),
            hostname: hostname(&config),
            shard: Arc::clone(&shard),
            accounts: Arc::clone(&accounts),
            journal: journal.clone(),
            time,
            chance: Chance::default(),
        };
        let engine = Engine::start(parts.clone()).map_err(StartError::Engine)?;
        let probe = Probe::new(&engine);
        let slots =
            Slots::new(live::connections_max(&config), config.mta.connections_per_client_max);
        let logins = Arc::new(Logins::new(Arc::clone(&accounts)));
        logins.adopt(Logins::prepare(&config.accounts).map_err(StartError::Tokens)?);
        let inbound = Inbound {
            hostname: parts.hostname.into(),
            config,
            shard,
            accounts,
            engine,
            probe,
            journal,
            tls,
            slots,
            allowances: Allowances::default(),
            logins,
            shutdown,
        };
        Ok(Self { live: Arc::new(Live::new(inbound, file)), doors, control, guarantee })
    }

    /// The addresses that a service listens on: `smtp`, `submission`, `submissions`.
    pub fn addresses(&self, service: &str) -> Vec<SocketAddr> {
        let of_service = self.doors.iter().filter(|(door, _)| door.name() == service);
        of_service.filter_map(|(_, listener)| listener.address()).collect()
    }

    /// Takes mail until the stop is asked for, then lets what is under way finish.
    pub async fn serve(self, reload: Option<Reload>) {
        let Self { live, doors, control, guarantee } = self;
        let inbound = live.inbound();
        let control_parts = Arc::new(Control {
            inbound: Arc::clone(&inbound),
            live: Arc::clone(&live),
            started: SystemTime::now(),
            listeners: doors.iter().map(described).collect(),
            guarantee: in_words(&guarantee),
        });
        let (sessions, listeners) = (TaskTracker::new(), TaskTracker::new());
        for (door, listener) in doors {
            events::listening(door, &address_of(&listener));
            let (live, sessions) = (Arc::clone(&live), sessions.clone());
            listeners.spawn(inbound::service::listen(live, door, listener, sessions));
        }
        for listener in control {
            listeners.spawn(control::listen(Arc::clone(&control_parts), listener));
        }
        reload_until_stopped(&live, &inbound.shutdown, reload).await;
        process::stopping();
        events::draining(inbound.slots.taken());
        listeners.close();
        listeners.wait().await;
        sessions.close();
        // What sessions take now waits in the queue for the next start. Who still says nothing after the last
        // words was answered nothing, and keeps its message.
        let drain = limits::DRAIN_TIMEOUT + limits::LAST_WORDS_TIMEOUT;
        let sessions = tokio::time::timeout(drain, sessions.wait());
        let _ = tokio::join!(sessions, inbound.engine.shutdown());
        inbound.shard.release().await;
        inbound.journal.flush();
    }
}

/// SIGHUP, again and again.
async fn reload_until_stopped(live: &Arc<Live>, shutdown: &Shutdown, mut reload: Option<Reload>) {
    loop {
        let hangup = async {
            match &mut reload {
                Some(reload) => reload.requested().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shutdown.requested() => return,
            () = hangup => drop(live.reload().await), // the log says what became of it
        }
    }
}

/// Submissions is nothing without a certificate: it stays closed.
fn open_doors(
    config: &Config,
    tls: Option<&ServerTls>,
    handed: &mut Handed,
) -> Result<Vec<(Door, Listener)>, ListenError> {
    let mta = &config.mta;
    let submissions = tls.map_or(&[][..], |_| mta.submissions.as_slice());
    let mut doors = Vec::new();
    for (door, addresses) in [
        (Door::Smtp, mta.smtp.as_slice()),
        (Door::Submission, &mta.submission),
        (Door::Submissions, submissions),
    ] {
        let listeners = handed.take_or_bind(door.name(), addresses)?;
        doors.extend(listeners.into_iter().map(|listener| (door, listener)));
    }
    let local = handed.take_or_bind_unix("submit", &mta.socket, LOCAL_SOCKET_MODE)?;
    doors.extend(local.into_iter().map(|listener| (Door::Local, listener)));
    Ok(doors)
}

async fn open_queue(config: &Config) -> Result<(Arc<dyn OwnedShard>, Guarantee), StartError> {
    let dir = config.mta.queue.clone();
    if let Some(parent) = dir.parent() {
        std::fs::create_dir_all(parent)
            .map_err(|source| StartError::Folder { path: parent.to_owned(), source })?;
    }
    let spool = Embedded::new(Arc::new(OsDisk), dir);
    Ok((spool.open(ShardId(0)).await?, spool.guarantee()))
}

/// Our name: as configured, or the system's.
fn hostname(config: &Config) -> String {
    match config.hostname.as_str() {
        "" => rustix::system::uname().nodename().to_string_lossy().into_owned(),
        name => name.to_owned(),
    }
}

fn described((door, listener): &(Door, Listener)) -> String {
    format!("{} {}", door.name(), address_of(listener))
}

fn address_of(listener: &Listener) -> String {
    listener.address().map_or_else(|| "unix socket".to_owned(), |address| address.to_string())
}

/// As `1 copy, survives a crash of the process`.
fn in_words(guarantee: &Guarantee) -> String {
    let copies = match guarantee.copies {
        1 => "1 copy".to_owned(),
        several => format!("{several} copies"),
    };
    format!("{copies}, survives {}", guarantee.survives)
}

#[cfg(test)]
mod tests {
    use postroad_protocol::address::ReversePath;
    use postroad_protocol::envelope::Envelope;
    use postroad_queue::{Content, NewMessage};
    use postroad_testkit::{FaultyDisk, Plan};

    use super::*;

    #[tokio::test]
    async fn the_agent_ends_with_an_error_where_its_queue_does() {
        let disk = FaultyDisk::new();
        let spool = Embedded::new(Arc::new(disk.clone()), PathBuf::from("/queue"));
        let shard = spool.open(ShardId(0)).await.unwrap();
        while_it_lasts(shard.as_ref(), std::future::ready(())).await.unwrap();
        disk.plan(Plan::PanicNext { operation: "write" });
        let message = NewMessage {
            id: shard.new_id(),
            arrived: SystemTime::UNIX_EPOCH,
            envelope: Envelope::new(ReversePath::Null, Vec::new()),
            content: Content::Memory("text".into()),
        };
        let serve = async {
            shard.accept(vec![message]).await;
            std::future::pending().await
        };
        let ended = while_it_lasts(shard.as_ref(), serve).await;
        assert!(matches!(ended, Err(StartError::QueueFailed)), "{ended:?}");
    }
}
