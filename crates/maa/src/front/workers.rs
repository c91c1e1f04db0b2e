//! The processes that serve users who are logged in: one for each, started at the first login, ended when its last
//! session is gone for a while.
//!
//! ```text
//! Workers::hand ─▶ (spawn) ─▶ Handover, connection ─▶ Begun: Session, which ends with the worker's
//!                                                  └▶ Refused, or the worker dies: the connection is still here
//! ```
//! A worker's end ends its sessions and nobody else's; the next login starts another. Whether there are sessions, and
//! so whether a worker may go, is decided here, under one lock: none is handed to one that is going.

use std::collections::HashMap;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use postroad_accounts::UserName;
use postroad_net::Channel;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::handover::{Assignment, Event, Handover, Refusal, Report};
use crate::{events, limits};

/// All workers.
#[derive(Debug, Clone)]
pub(crate) struct Workers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: Settings,
    users: Mutex<Users>,
}

#[derive(Debug, Default)]
struct Users {
    workers: HashMap<UserName, Arc<Worker>>,
    /// All were asked to end, and no other is started.
    stopping: bool,
}

/// How workers are started, and how many.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Our own program.
    pub(crate) program: PathBuf,
    /// Users at once.
    pub(crate) workers_max: usize,
    /// Sessions of one user at once.
    pub(crate) sessions_max: usize,
}

/// One user's process.
#[derive(Debug)]
struct Worker {
    channel: Channel,
    sessions: Mutex<Sessions>,
}

#[derive(Debug, Default)]
struct Sessions {
    last: u64,
    here: HashMap<u64, Waiting>,
}

/// Who waits for what a worker says of a session; dropped, it has ended.
#[derive(Debug)]
struct Waiting {
    begun: Option<oneshot::Sender<Result<(), Refusal>>>,
    left: oneshot::Sender<Vec<u8>>,
}

/// A session that a worker has.
#[derive(Debug)]
pub(crate) struct Session(oneshot::Receiver<Vec<u8>>);

impl Session {
    /// Returns when it has ended, or its worker has; or gives what the client has sent ahead, where its user has left and
    /// the connection is ours again.
    pub(crate) async fn ended(self) -> Option<Vec<u8>> {
        self.0.await.ok()
    }
}

impl Workers {
    pub(crate) fn new(settings: Settings) -> Self {
        Self(Arc::new(Shared { settings, users: Mutex::default() }))
    }

    /// Hands a session to its user's worker. Where that refuses it the connection is as it was.
    pub(crate) async fn hand(
        &self,
        user: &UserName,
        assignment: impl FnOnce() -> Assignment,
        mut handover: Handover,
        unread: &[u8],
        connection: BorrowedFd<'_>,
    ) -> Result<Session, Refusal> {
        let (begun, has_begun) = oneshot::channel();
        let (left, has_left) = oneshot::channel();
        let waiting = Waiting { begun: Some(begun), left };
        let (worker, session) = self.worker(user, assignment, waiting)?;
        handover.session = session;
        let sent = match handover.to_octets(unread) {
            Ok(octets) => worker.channel.send(&octets, Some(connection)).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = sent {
            events::worker_unreachable(user, &error);
            worker.forget(session);
            return Err(Refusal::Unavailable);
        }
        match has_begun.await {
            Ok(Ok(())) => Ok(Session(has_left)),
            Ok(Err(refusal)) => Err(refusal),
            // It is gone, and said so.
            Err(_) => Err(Refusal::Unavailable),
        }
    }

    /// The user's worker, in which there is the session by now.
    fn worker(
        &self,
        user: &UserName,
        assignment: impl FnOnce() -> Assignment,
        waiting: Waiting,
    ) -> Result<(Arc<Worker>, u64), Refusal> {
        let settings = &self.0.settings;
        let mut users = self.0.lock();
        let worker = match users.workers.get(user) {
            _ if users.stopping => return Err(Refusal::Unavailable),
            Some(worker) => Arc::clone(worker),
            None if users.workers.len() >= settings.workers_max => {
                events::too_many_workers(user, settings.workers_max);
                return Err(Refusal::TooMany);
            }
            None => {
                let (worker, child) = settings.start(&assignment()).map_err(|error| {
                    events::worker_not_started(user, &error);
                    Refusal::Unavailable
                })?;
                users.workers.insert(user.clone(), Arc::clone(&worker));
                let ours = Arc::clone(&self.0);
                tokio::spawn(ours.attend(user.clone(), Arc::clone(&worker), child));
                worker
            }
        };
        let session = worker.begin(waiting, settings.sessions_max).ok_or_else(|| {
            events::too_many_sessions(user, settings.sessions_max);
            Refusal::TooMany
        })?;
        Ok((worker, session))
    }

    /// Asks all workers to end what waits for its client.
    pub(crate) fn stop(&self) {
        let mut users = self.0.lock();
        users.stopping = true;
        for worker in users.workers.values() {
            worker.channel.finish();
        }
    }
}

impl Settings {
    fn start(&self, assignment: &Assignment) -> io::Result<(Arc<Worker>, Child)> {
        let (channel, theirs) = Channel::pair()?;
        channel.send_at_once(&serde_json::to_vec(assignment)?)?;
        let mut command = Command::new(&self.program);
        command.arg0("postroad-maa").arg("worker").env_clear();
        // Whether standard error is the journal.
        command.envs(std::env::var_os("JOURNAL_STREAM").map(|stream| ("JOURNAL_STREAM", stream)));
        let child = command.stdin(Stdio::from(theirs)).stdout(Stdio::null()).spawn()?;
        Ok((Arc::new(Worker { channel, sessions: Mutex::default() }), child))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Users> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hears a worker to its end.
    async fn attend(self: Arc<Self>, user: UserName, worker: Arc<Worker>, mut child: Child) {
        let asked_to_end = self.listen(&user, &worker).await;
        self.let_go(&user, &worker);
        worker.channel.finish();
        let status = match timeout(limits::WORKER_END_TIMEOUT, child.wait()).await {
            Ok(status) => status,
            Err(_) => {
                events::worker_killed(&user);
                let _ = child.start_kill();
                child.wait().await
            }
        };
        // Before the sessions are told: whoever comes back at once finds another worker.
        let well = status.as_ref().is_ok_and(ExitStatus::success);
        if !(asked_to_end || self.lock().stopping) || !well {
            events::worker_died(&user, status, worker.lock().here.len());
        }
        worker.lock().here.clear();
    }

    /// Whether it was us who ended it.
    async fn listen(&self, user: &UserName, worker: &Arc<Worker>) -> bool {
        loop {
            tokio::select! {
                received = worker.channel.receive() => match received {
                    Ok(Some(octets)) => match serde_json::from_slice(&octets) {
                        Ok(report) => worker.hear(report),
                        Err(_) => return false,
                    },
                    Ok(None) | Err(_) => return false,
                },
                () = worker.lingered() => {
                    // From here on nobody is handed a session of this worker's.
                    if self.let_go_of_idle(user, worker) {
                        return true;
                    }
                }
            }
        }
    }

    fn let_go(&self, user: &UserName, worker: &Arc<Worker>) {
        let workers = &mut self.lock().workers;
        // It may be another one's by now.
        if workers.get(user).is_some_and(|current| Arc::ptr_eq(current, worker)) {
            workers.remove(user);
        }
    }

    fn let_go_of_idle(&self, user: &UserName, worker: &Arc<Worker>) -> bool {
        let mut users = self.lock();
        let is_idle = worker.is_idle();
        if is_idle {
            users.workers.remove(user);
        }
        is_idle
    }
}

impl Worker {
    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, waiting: Waiting, sessions_max: usize) -> Option<u64> {
        let mut sessions = self.lock();
        if sessions.here.len() >= sessions_max {
            return None;
        }
        sessions.last += 1;
        let session = sessions.last;
        sessions.here.insert(session, waiting);
        Some(session)
    }

    fn forget(&self, session: u64) {
        self.lock().here.remove(&session);
    }

    /// What it says of sessions that aren't its own is nothing to us.
    fn hear(&self, report: Report) {
        let begun = |result| {
            let mut sessions = self.lock();
            let waiting = sessions.here.get_mut(&report.session).and_then(|here| here.begun.take());
            // Whoever waits is there until it hears.
            waiting.is_some_and(|waiting| waiting.send(result).is_ok())
        };
        match report.event {
            Event::Begun => drop(begun(Ok(()))),
            Event::Refused(refusal) => {
                begun(Err(refusal));
                self.forget(report.session);
            }
            Event::Left(octets) => {
                if let Some(waiting) = self.lock().here.remove(&report.session) {
                    // Whoever waits is there until it hears.
                    let _ = waiting.left.send(octets);
                }
            }
            Event::Ended => self.forget(report.session),
        }
    }

    fn is_idle(&self) -> bool {
        self.lock().here.is_empty()
    }

    /// Returns a while after the last session is gone. Only what it reports takes one away, so whoever calls this again
    /// after each report misses none.
    async fn lingered(&self) {
        match self.is_idle() {
            true => sleep(limits::WORKER_LINGER).await,
            false => std::future::pending().await,
        }
    }
}
