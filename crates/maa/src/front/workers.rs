//! The processes that serve users who are logged in: one for each, started at the first login, ended when its last
//! session is gone for a while.
//!
//! ```text
//! Workers::hand ─▶ (spawn) ─▶ Handover, connection ─▶ Begun: Session, which ends with the worker's
//!                                                  └▶ Refused, or the worker dies: the connection is still here
//! ```
//! A worker whose sessions all rest is asked for them (`nap`), and ends; so does one that has none for a while.
//!
//! A worker's end ends its sessions and nobody else's; the next login starts another. Whether there are sessions, and
//! so whether a worker may go, is decided here, under one lock: none is handed to one that is going.

use std::collections::HashMap;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use postroad_config::Config;
use postroad_net::Channel;
use postroad_net::channel::Message;
use tokio::process::Child;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::launch::{self, Charge};
use super::nap::{Nap, Sleeping};
use crate::handover::{Assignment, Event, Handover, PARK, Parked, Refusal, Report};
use crate::{events, limits};

/// All workers.
#[derive(Debug, Clone)]
pub(crate) struct Workers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Our own program.
    program: PathBuf,
    users: Mutex<Users>,
}

#[derive(Debug)]
struct Users {
    limits: Limits,
    workers: HashMap<Charge, Arc<Worker>>,
    /// Of users who have no worker, but sessions.
    naps: HashMap<Charge, Nap>,
    /// All were asked to end, and no other is started.
    stopping: bool,
}

/// How many there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Users at once; those of the host count twice who have rules open, too.
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
    /// It was asked for those that rest.
    nap: Option<Nap>,
}

/// Who waits for what a worker says of a session; dropped, it has ended.
#[derive(Debug)]
struct Waiting {
    begun: Option<oneshot::Sender<Result<(), Refusal>>>,
    left: oneshot::Sender<After>,
}

/// A session that a worker has.
#[derive(Debug)]
pub(super) struct Session(oneshot::Receiver<After>);

/// A session that its worker has let go of, and its connection is ours again.
#[derive(Debug)]
pub(super) enum After {
    /// Its user has left; what the client has sent ahead.
    Left(Vec<u8>),
    Asleep(Asleep),
}

/// One that rests.
#[derive(Debug)]
pub(super) struct Asleep {
    pub(super) parked: Parked,
    pub(super) sleeping: Sleeping,
}

impl Session {
    /// Returns when the worker has let go of it; `None` where it has ended, or its worker has.
    pub(super) async fn left(self) -> Option<After> {
        self.0.await.ok()
    }
}

impl Limits {
    /// As the settings have them.
    pub(crate) fn of(config: &Config) -> Self {
        Self { workers_max: config.maa.users_max, sessions_max: config.maa.sessions_per_user_max }
    }
}

impl Workers {
    /// `program` is our own.
    pub(crate) fn new(program: PathBuf, limits: Limits) -> Self {
        let users =
            Users { limits, workers: HashMap::new(), naps: HashMap::new(), stopping: false };
        Self(Arc::new(Shared { program, users: Mutex::new(users) }))
    }

    /// Other limits from now on. Who is there stays.
    pub(crate) fn limit(&self, limits: Limits) {
        self.0.lock().limits = limits;
    }

    /// Hands a session to its user's worker. Where that refuses it the connection is as it was.
    pub(super) async fn hand(
        &self,
        charge: &Charge,
        assignment: impl Fn() -> Assignment,
        mut handover: Handover,
        unread: &[u8],
        connection: BorrowedFd<'_>,
    ) -> Result<Session, Refusal> {
        let first = self.hand_once(charge, &assignment, &mut handover, unread, connection).await;
        match first {
            // That one ends: the next finds the Maildir that is there now.
            Err(Refusal::Replaced) => {
                self.hand_once(charge, &assignment, &mut handover, unread, connection).await
            }
            first => first,
        }
    }

    async fn hand_once(
        &self,
        charge: &Charge,
        assignment: impl Fn() -> Assignment,
        handover: &mut Handover,
        unread: &[u8],
        connection: BorrowedFd<'_>,
    ) -> Result<Session, Refusal> {
        let (begun, has_begun) = oneshot::channel();
        let (left, has_left) = oneshot::channel();
        let waiting = Waiting { begun: Some(begun), left };
        // One that was parked has its place already.
        let sessions_max = match handover.parked {
            Some(_) => usize::MAX,
            None => self.0.lock().limits.sessions_max,
        };
        let (worker, session) = self.worker(charge, assignment, waiting, sessions_max)?;
        handover.session = session;
        let sent = match handover.to_octets(unread) {
            Ok(octets) => worker.channel.send(&octets, Some(connection)).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = sent {
            events::worker_unreachable(&charge.user, &error);
            worker.forget(session);
            return Err(Refusal::Unavailable);
        }
        match has_begun.await {
            Ok(Ok(())) => Ok(Session(has_left)),
            Ok(Err(refusal)) => {
                if refusal == Refusal::Replaced {
                    self.0.lock().let_go(charge, &worker);
                }
                Err(refusal)
            }
            // It is gone, and said so.
            Err(_) => Err(Refusal::Unavailable),
        }
    }

    /// The user's worker, in which there is the session by now.
    fn worker(
        &self,
        charge: &Charge,
        assignment: impl Fn() -> Assignment,
        waiting: Waiting,
        sessions_max: usize,
    ) -> Result<(Arc<Worker>, u64), Refusal> {
        let mut users = self.0.lock();
        let workers_max = users.limits.workers_max;
        let asleep = users.naps.get(charge).map_or(0, Nap::sleeping);
        if asleep >= sessions_max {
            events::too_many_sessions(&charge.user, sessions_max);
            return Err(Refusal::TooMany);
        }
        let worker = match users.workers.get(charge) {
            _ if users.stopping => return Err(Refusal::Unavailable),
            Some(worker) => Arc::clone(worker),
            None if users.workers.len() >= workers_max => {
                events::too_many_workers(&charge.user, workers_max);
                return Err(Refusal::TooMany);
            }
            None => {
                let (worker, child) = self.0.start(charge, &assignment()).map_err(|error| {
                    events::worker_not_started(&charge.user, &error);
                    Refusal::Unavailable
                })?;
                users.workers.insert(charge.clone(), Arc::clone(&worker));
                // All sessions of a user are in one worker.
                users.naps.remove(charge).iter().for_each(Nap::end);
                let ours = Arc::clone(&self.0);
                tokio::spawn(ours.attend(charge.clone(), Arc::clone(&worker), child));
                worker
            }
        };
        let session = worker.begin(waiting, sessions_max).ok_or_else(|| {
            events::too_many_sessions(&charge.user, sessions_max);
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

impl Shared {
    fn start(&self, charge: &Charge, assignment: &Assignment) -> io::Result<(Arc<Worker>, Child)> {
        let (channel, theirs) = Channel::pair()?;
        channel.send_at_once(&serde_json::to_vec(assignment)?)?;
        let child = charge.start(&self.program, theirs)?;
        Ok((Arc::new(Worker { channel, sessions: Mutex::default() }), child))
    }

    fn lock(&self) -> MutexGuard<'_, Users> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hears a worker to its end.
    async fn attend(self: Arc<Self>, charge: Charge, worker: Arc<Worker>, mut child: Child) {
        let said = child.stderr.take();
        let said = said.map(|said| tokio::spawn(launch::listen(charge.user.clone(), said)));
        let asked_to_end = self.listen(&charge, &worker).await;
        self.lock().let_go(&charge, &worker);
        worker.channel.finish();
        let status = match timeout(limits::WORKER_END_TIMEOUT, child.wait()).await {
            Ok(status) => status,
            Err(_) => {
                match child.start_kill() {
                    Ok(()) => events::worker_killed(&charge.user),
                    Err(error) => {
                        events::worker_not_killed(&charge.user, child.id(), &error);
                        // Who knows when it ends.
                        worker.lock().here.clear();
                    }
                }
                child.wait().await
            }
        };
        if let Some(mut said) = said {
            // What it has said last says why it has ended.
            if timeout(limits::SAID_WAIT, &mut said).await.is_err() {
                said.abort();
            }
        }
        // Before the sessions are told: whoever comes back at once finds another worker.
        let well = status.as_ref().is_ok_and(ExitStatus::success);
        if !(asked_to_end || self.lock().stopping) || !well {
            events::worker_died(&charge.user, status, worker.lock().here.len());
        }
        worker.lock().here.clear();
    }

    /// Whether it was us who ended it.
    async fn listen(&self, charge: &Charge, worker: &Arc<Worker>) -> bool {
        loop {
            tokio::select! {
                received = worker.channel.receive_with_descriptor() => match received {
                    Ok(Some(Message { octets, descriptor })) => {
                        let shows = match descriptor {
                            Some(other) if !launch::is_harmless(&other) => {
                                events::worker_not_believed(&charge.user);
                                launch::close_aside(other);
                                return false;
                            }
                            shows => shows,
                        };
                        match serde_json::from_slice(&octets) {
                            Ok(Report { event: Event::AllRest, .. }) => {
                                self.park(charge, worker, shows);
                            }
                            Ok(Report { event: Event::Homeless, .. }) => return true,
                            Ok(report) => worker.hear(report),
                            Err(_) => return false,
                        }
                    }
                    Ok(None) | Err(_) => return false,
                },
                () = worker.lingered() => {
                    // From here on nobody is handed a session of this worker's.
                    if self.let_go_of_idle(charge, worker) {
                        return true;
                    }
                }
            }
        }
    }

    fn let_go_of_idle(&self, charge: &Charge, worker: &Arc<Worker>) -> bool {
        let mut users = self.lock();
        let is_idle = worker.is_idle();
        if is_idle {
            users.let_go(charge, worker);
        }
        is_idle
    }

    /// Asks a worker for its sessions, which all rest. `shows` becomes readable when one of them is to be told something.
    fn park(&self, charge: &Charge, worker: &Arc<Worker>, shows: Option<OwnedFd>) {
        let mut users = self.lock();
        let Some(shows) = shows.filter(|_| !users.stopping && worker.all_begun()) else { return };
        // From here on nobody is handed a session of this worker's.
        users.let_go(charge, worker);
        let nap = match users.workers.contains_key(charge) {
            // Since some of its sessions didn't rest: they go to the one that there is.
            true => Nap::over(),
            false => {
                let nap = users.naps.entry(charge.clone()).or_default();
                if nap.is_over() {
                    *nap = Nap::default();
                }
                nap.clone()
            }
        };
        if !nap.watch(shows) {
            return;
        }
        let mut sessions = worker.lock();
        sessions.nap = Some(nap);
        events::parked(&charge.user, sessions.here.len());
        // Where it doesn't hear that, it keeps them.
        let _ = worker.channel.send_at_once(PARK);
    }
}

impl Users {
    fn let_go(&mut self, charge: &Charge, worker: &Arc<Worker>) {
        // It may be another one's by now.
        if self.workers.get(charge).is_some_and(|current| Arc::ptr_eq(current, worker)) {
            self.workers.remove(charge);
        }
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
                    let _ = waiting.left.send(After::Left(octets));
                }
            }
            Event::Parked(parked) => {
                let mut sessions = self.lock();
                let waiting = sessions.here.remove(&report.session);
                // One that wasn't asked for it has ended.
                if let (Some(waiting), Some(nap)) = (waiting, &sessions.nap) {
                    let asleep = Asleep { parked, sleeping: nap.sleep() };
                    let _ = waiting.left.send(After::Asleep(asleep));
                }
            }
            // That isn't about one.
            Event::AllRest | Event::Homeless => {}
            Event::Ended => self.forget(report.session),
        }
    }

    fn is_idle(&self) -> bool {
        self.lock().here.is_empty()
    }

    /// Whether it has all that it was handed.
    fn all_begun(&self) -> bool {
        self.lock().here.values().all(|waiting| waiting.begun.is_none())
    }

    /// Returns a while after the last session is gone, at once where no other comes. Only what it reports takes one away, so whoever calls this again
    /// after each report misses none.
    async fn lingered(&self) {
        match self.is_idle() {
            true if self.lock().nap.is_some() => {}
            true => sleep(limits::WORKER_LINGER).await,
            false => std::future::pending().await,
        }
    }
}
