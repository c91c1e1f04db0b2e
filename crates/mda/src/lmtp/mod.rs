//! The LMTP server (RFC 2033): a reply for each recipient, and only what is durable is answered 250.
//!
//! [`Lmtp::start`] opens the sockets, [`Lmtp::serve`] runs until it is asked to stop and then lets sessions
//! finish. A session moves octets between a connection and the protocol's machine (`session.rs`), keeps the
//! content (`content.rs`), asks whose an address is (`destination.rs`) and whether there is room (`room.rs`) and delivers to all recipients of a
//! transaction at once (`delivery.rs`), each by their own rules (`filing.rs`): one mailbox that hangs doesn't
//! hold up the others.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use postroad_accounts::{Accounts, AccountsError, Sources};
use postroad_config::Config;
use postroad_disk::{Disk, NoLinks};
use postroad_net::listen::{Handed, ListenError, bind_tcp, bind_unix};
use postroad_net::process::{self, Reload, Shutdown};
use postroad_net::slots::{Client, Slots};
use postroad_net::{Io, Listener, Peer};
use postroad_observe::trace::Journal;
use postroad_protocol::reply::Reply;
use postroad_protocol::server::{ClientLimits, Dsn, LoginRule, Server, Service, Settings, Tls};
use postroad_store::Courier;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use crate::dot_lock::DotLockFile;
use crate::quota::Quotas;
use crate::rules::Rules;
use crate::success::SuccessNotices;
use crate::{events, limits};

mod content;
mod delivery;
mod destination;
mod filing;
mod hanging;
mod host_users;
mod room;
mod session;
#[cfg(test)]
mod tests;

pub(crate) use content::scratch_folder;
use hanging::Hanging;
use session::Session;
pub(crate) use session::SessionError;

/// The name of handed-over sockets, and of the service in records.
const SERVICE: &str = "lmtp";
/// Mode of the unix socket: for those who share our group, as a transfer agent does.
const SOCKET_MODE: u32 = 0o660;

/// Why the server can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Users, aliases.
    #[error("cannot read the accounts")]
    Accounts(#[from] AccountsError),
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
}

/// What all sessions share.
#[derive(Debug)]
struct Shared {
    config: Config,
    hostname: Arc<str>,
    accounts: Accounts,
    courier: Courier,
    rules: Rules,
    quotas: Quotas,
    successes: SuccessNotices,
    /// Threads that look at mailboxes for RCPT.
    looks: Arc<Semaphore>,
    journal: Journal,
    hanging: Hanging,
    /// Letters for users of the host.
    by_users: AtomicUsize,
    /// Where large letters wait.
    scratch: PathBuf,
    slots: Slots,
    shutdown: Shutdown,
}

/// The server, its sockets open.
#[derive(Debug)]
pub struct Lmtp {
    shared: Arc<Shared>,
    listeners: Vec<Listener>,
}

impl Lmtp {
    /// Reads the accounts and opens the sockets: those that were handed over, else those of the settings.
    /// Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(
        config: Config,
        handed: &mut Handed,
        shutdown: Shutdown,
    ) -> Result<Self, StartError> {
        let mut listeners = handed.take(SERVICE)?;
        if listeners.is_empty() {
            listeners.push(bind_unix(&config.mda.socket, SOCKET_MODE)?);
            for address in &config.mda.lmtp {
                listeners.push(bind_tcp(*address)?);
            }
        }
        let shared = Arc::new(Shared::new(config, Arc::new(NoLinks), shutdown)?);
        Ok(Self { shared, listeners })
    }

    /// Reads users and aliases again whenever SIGHUP comes, which would else end the process.
    pub fn reload_on(&self, mut hangup: Reload) {
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            loop {
                hangup.requested().await;
                match shared.accounts.reload() {
                    Ok(()) => events::reloaded(),
                    Err(error) => events::reload_failed(&error),
                }
            }
        });
    }

    /// Serves until the stop is asked for; then no connection is taken any more, and transactions that are
    /// under way are finished, within [`limits::DRAIN_TIME_MAX`].
    pub async fn serve(self) {
        let sessions = TaskTracker::new();
        for listener in self.listeners {
            let address = listener.address().map_or_else(
                || self.shared.config.mda.socket.display().to_string(),
                |address| address.to_string(),
            );
            events::listening(&address);
            tokio::spawn(listen(Arc::clone(&self.shared), listener, sessions.clone()));
        }
        process::ready();
        self.shared.shutdown.requested().await;
        process::stopping();
        events::stopping(sessions.len());
        sessions.close();
        if timeout(limits::DRAIN_TIME_MAX, sessions.wait()).await.is_err() {
            events::sessions_left(sessions.len());
        }
        self.shared.finish().await;
    }

    /// Serves one session on any pair of streams, as sendmail's `postroad-mda -l` has it.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn serve_streams<R, W>(
        config: Config,
        read: R,
        write: W,
        shutdown: Shutdown,
    ) -> Result<(), StartError>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let shared = Arc::new(Shared::new(config, Arc::new(NoLinks), shutdown)?);
        let peer = Peer::Local { uid: rustix::process::getuid().as_raw() };
        converse(&shared, tokio::io::join(read, write), peer).await;
        shared.finish().await;
        Ok(())
    }
}

impl Shared {
    fn new(config: Config, disk: Arc<dyn Disk>, shutdown: Shutdown) -> Result<Self, StartError> {
        let accounts = Accounts::open(Sources::of(&config))?;
        let trace = &config.trace;
        let journal = Journal::open(&trace.dir, "mda", trace.size_max)
            .map_err(|source| StartError::Trace { path: trace.dir.clone(), source })?;
        let rules = Rules::of_settings(&config);
        Ok(Self {
            successes: SuccessNotices::new(&config, rules.submitter()),
            hostname: config.hostname.as_str().into(),
            courier: Courier::new(disk, &config.hostname)
                .with_dot_locker(Arc::new(DotLockFile::default())),
            rules,
            quotas: Quotas::new(config.mda.quota.clone()),
            looks: Arc::new(Semaphore::new(limits::QUOTA_LOOKS_MAX)),
            accounts,
            journal,
            hanging: Hanging::default(),
            by_users: AtomicUsize::new(0),
            scratch: scratch_folder(&config),
            slots: Slots::new(limits::CONNECTIONS_MAX, limits::CONNECTIONS_MAX),
            shutdown,
            config,
        })
    }

    /// What is left to do when there are no sessions any more.
    async fn finish(self: &Arc<Self>) {
        let shared = Arc::clone(self);
        let finish = move || shared.successes.finish(limits::SUCCESS_NOTICES_DRAIN);
        // Nothing else is to be told if that breaks down.
        let _ = tokio::task::spawn_blocking(finish).await;
        self.journal.flush();
    }
}

/// Accepts connections until the agent stops.
async fn listen(shared: Arc<Shared>, listener: Listener, sessions: TaskTracker) {
    loop {
        let (io, peer) = tokio::select! {
            connection = listener.accept() => connection,
            () = shared.shutdown.requested() => return,
        };
        let shared = Arc::clone(&shared);
        match shared.slots.take(Client::Exempt) {
            Ok(slot) => sessions.spawn(async move {
                converse(&shared, io, peer).await;
                drop(slot);
            }),
            Err(full) => {
                events::turned_away(&peer, &full);
                sessions.spawn(turn_away(io))
            }
        };
    }
}

async fn converse<S>(shared: &Arc<Shared>, io: S, peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let settings = Settings {
        hostname: Arc::clone(&shared.hostname),
        service: Service::Lmtp,
        tls: Tls::Unavailable,
        login: LoginRule::NotOffered,
        offer: postroad_protocol::sasl::Offer::default(),
        size_max: shared.config.mda.message_size_max,
        recipients_max: shared.config.mta.recipients_max,
        // A transfer agent probes recipients as often as it likes.
        client: match peer.is_this_host() {
            true => ClientLimits::Exempt,
            false => ClientLimits::Apply,
        },
        dsn: match shared.successes.can_leave() {
            true => Dsn::Offered,
            false => Dsn::Absent,
        },
        bare_recipients: shared.config.domains.first().cloned(),
    };
    events::connected(&peer);
    let server = Server::new(settings, Instant::now().into_std());
    let ended = Session::new(Arc::clone(shared), peer, server).run(io).await;
    events::disconnected(&peer, ended.err());
}

/// RFC 5321 §3.1: a server that can't serve says so.
async fn turn_away(mut io: Io) {
    let mut text = Vec::new();
    Reply::new(421, (4, 3, 2), "Too many connections, try again later").encode(&mut text);
    // Whether it is read doesn't matter.
    let _ = timeout(limits::TURN_AWAY_TIMEOUT, async {
        io.write_all(&text).await?;
        io.shutdown().await
    })
    .await;
}
