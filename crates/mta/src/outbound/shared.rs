//! What all parts of the running engine share: settings, the queue, claims and the schedule.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::SystemTime;

use anyhow::Context as _;
use bytes::Bytes;
use postroad_accounts::Accounts;
use postroad_config::Config;
use postroad_observe::trace::Journal;
use postroad_protocol::address::Domain;
use postroad_queue::retry;
use postroad_queue::spool::{Cursor, Filter, OwnedShard, QueueId, QueueRow};
use rustls::ClientConfig;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clock::Clock;
use super::dns::{Resolver, Site};
use super::engine::Parts;
use super::flight::{Flight, Job};
use super::lane::Lane;
use super::limits;
use super::network::Network;
use super::route::{Destination, Distance, Router};
use super::schedule::{self, Schedule};

/// Client TLS: for hops whose certificate must be right, and for those where any will do.
pub(crate) struct ClientTls {
    pub(crate) verifying: Arc<ClientConfig>,
    pub(crate) opportunistic: Arc<ClientConfig>,
}

pub(crate) struct Shared {
    pub(crate) hostname: Domain,
    pub(crate) shard: Arc<dyn OwnedShard>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) journal: Journal,
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) network: Arc<dyn Network>,
    router: RwLock<Arc<Router>>,
    pub(crate) site: Site,
    pub(crate) tls: ClientTls,
    pub(crate) clock: Clock,
    pub(crate) retry: postroad_config::Retry,
    pub(crate) postmaster: Option<Domain>,
    /// Connections at once, all next hops together.
    pub(crate) deliveries: Arc<Semaphore>,
    pub(crate) stop: CancellationToken,
    pub(crate) workers: TaskTracker,
    /// Wakes the scheduler: something is due sooner, or there is room again.
    pub(crate) wake: Notify,
    claims: Mutex<HashSet<QueueId>>,
    lanes: Mutex<HashMap<Destination, Arc<Lane>>>,
    schedule: Mutex<Schedule>,
    memory: AtomicUsize,
    generation: AtomicU64,
    random: RandomState,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked with the lock left whole values behind.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(
        parts: Parts,
        resolver: Arc<dyn Resolver>,
        network: Arc<dyn Network>,
    ) -> anyhow::Result<Self> {
        let Parts { config, hostname, shard, accounts, journal } = parts;
        let hostname = Domain::parse(&hostname)
            .with_context(|| format!("\"{hostname}\" is no host name; set hostname"))?;
        let trust = config.tls.trust.as_deref();
        Ok(Self {
            site: Site {
                hostname: hostname.as_str().to_owned(),
                port: config.mta.dns.smtp_port,
                loopback: config.mta.dns.loopback,
                family: config.mta.family,
                source: config.mta.source,
            },
            hostname,
            shard,
            router: RwLock::new(Arc::new(Router::new(&config, Arc::clone(&accounts))?)),
            accounts,
            journal,
            resolver,
            network,
            tls: ClientTls {
                verifying: postroad_net::tls::verifying(trust)?,
                opportunistic: postroad_net::tls::opportunistic()?,
            },
            clock: Clock::start(),
            retry: config.mta.retry.clone(),
            postmaster: config.domains.first().cloned(),
            deliveries: Arc::new(Semaphore::new(config.mta.deliveries_max.max(1))),
            stop: CancellationToken::new(),
            workers: TaskTracker::new(),
            wake: Notify::new(),
            claims: Mutex::default(),
            lanes: Mutex::default(),
            schedule: Mutex::default(),
            memory: AtomicUsize::new(0),
            generation: AtomicU64::new(0),
            random: RandomState::new(),
        })
    }

    /// Takes a fresh message: straight to its next hops, or to the schedule where too much is active.
    pub(crate) fn submit(self: &Arc<Self>, row: QueueRow, content: Option<Bytes>) {
        let now = self.clock.now();
        {
            let mut claims = lock(&self.claims);
            if claims.len() >= limits::ACTIVE_MESSAGES_MAX {
                drop(claims);
                return self.put_off(row.id, now);
            }
            if !claims.insert(row.id) {
                return; // A walk through the queue has found it already.
            }
        }
        self.start(row, content, now);
    }

    /// Reads what is due from the queue and starts it.
    pub(crate) async fn start_due(self: &Arc<Self>) {
        loop {
            let room = limits::ACTIVE_MESSAGES_MAX.saturating_sub(lock(&self.claims).len());
            let now = self.clock.now();
            let due = lock(&self.schedule).take_due(now, room.min(limits::PAGE));
            // The claim comes before the look: what is delivered meanwhile can't be started again.
            let claimed: Vec<QueueId> = {
                let mut claims = lock(&self.claims);
                due.into_iter().filter(|id| claims.insert(*id)).collect()
            };
            if claimed.is_empty() {
                return;
            }
            let filter = Filter { ids: Some(claimed.clone()), ..Filter::default() };
            let page = self.shard.find(&filter, Cursor::default(), claimed.len()).await;
            let mut missing: HashSet<QueueId> = claimed.into_iter().collect();
            for row in page.rows {
                missing.remove(&row.id);
                self.start(row, None, now);
            }
            // Gone: an operator has deleted them.
            missing.into_iter().for_each(|id| self.release(id, None));
        }
    }

    /// Cuts a claimed message into jobs and puts them into their lanes.
    fn start(self: &Arc<Self>, row: QueueRow, content: Option<Bytes>, now: SystemTime) {
        let router = self.router();
        let mut groups: Vec<(Destination, Vec<usize>)> = Vec::new();
        let mut later: Option<SystemTime> = None;
        for (index, (recipient, state)) in
            row.envelope.recipients.iter().zip(&row.states).enumerate()
        {
            match schedule::due(state, now, self.retry.longest) {
                Some(due) if due > now => later = later.into_iter().chain([due]).min(),
                Some(_) => {
                    let destination = router.destination(&recipient.address.domain);
                    match groups.iter_mut().find(|(known, _)| *known == destination) {
                        Some((_, recipients)) => recipients.push(index),
                        None => groups.push((destination, vec![index])),
                    }
                }
                None => {}
            }
        }
        if groups.is_empty() {
            return self.release(row.id, later);
        }
        let flight = Flight::new(self, row, content, groups.len(), later);
        for (destination, recipients) in groups {
            self.enqueue(destination, Job { flight: Arc::clone(&flight), recipients });
        }
    }

    fn enqueue(self: &Arc<Self>, destination: Destination, job: Job) {
        let mut lanes = lock(&self.lanes);
        let lane = lanes
            .entry(destination)
            .or_insert_with_key(|destination| Arc::new(Lane::new(destination.clone())));
        // Under the lock of the table, so that the lane isn't taken out of it meanwhile.
        lane.push(self, job);
    }

    /// Takes a lane out of the table where nothing is left in it.
    pub(crate) fn forget(&self, lane: &Lane) {
        let mut lanes = lock(&self.lanes);
        if lane.is_deserted() {
            lanes.remove(&lane.destination);
        }
    }

    /// Ends a claim; the message is due again then, if ever.
    pub(crate) fn release(&self, id: QueueId, due: Option<SystemTime>) {
        let full = {
            let mut claims = lock(&self.claims);
            claims.remove(&id);
            claims.len() + 1 >= limits::ACTIVE_MESSAGES_MAX
        };
        if let Some(due) = due {
            self.put_off(id, due);
        } else if full {
            self.wake.notify_one();
        }
    }

    fn put_off(&self, id: QueueId, due: SystemTime) {
        let sooner = {
            let mut schedule = lock(&self.schedule);
            let before = schedule.next();
            schedule.set(id, due);
            before.is_none_or(|before| due < before)
        };
        if sooner {
            self.wake.notify_one();
        }
    }

    /// Walks the whole queue and schedules what waits.
    pub(crate) async fn walk(&self) {
        let mut cursor = Cursor::default();
        loop {
            let page = self.shard.find(&Filter::default(), cursor, limits::PAGE).await;
            for row in &page.rows {
                let claimed = lock(&self.claims).contains(&row.id);
                let due = schedule::first_due(row, self.clock.now(), self.retry.longest);
                if let (false, Some(due)) = (claimed, due) {
                    self.put_off(row.id, due);
                }
            }
            match page.next {
                Some(next) => cursor = next,
                None => return,
            }
        }
    }

    /// Connections at once that a destination may be given.
    pub(crate) fn connections_to(&self, destination: &Destination) -> usize {
        self.router().settings(destination).connections_max
    }

    /// The routes as they are now.
    pub(crate) fn router(&self) -> Arc<Router> {
        Arc::clone(&self.router.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Other routes from now on. What waits is sorted anew.
    pub(crate) fn reroute(&self, config: &Config) -> anyhow::Result<()> {
        let router = Arc::new(Router::new(config, Arc::clone(&self.accounts))?);
        *self.router.write().unwrap_or_else(PoisonError::into_inner) = router;
        self.invalidate();
        Ok(())
    }

    pub(crate) fn next_due(&self) -> Option<SystemTime> {
        lock(&self.schedule).next()
    }

    pub(crate) fn has_room(&self) -> bool {
        lock(&self.claims).len() < limits::ACTIVE_MESSAGES_MAX
    }

    /// An operator has changed the queue: rows read before are stale.
    pub(crate) fn invalidate(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn take_memory(&self, octets: usize) -> bool {
        let before = self.memory.fetch_add(octets, Ordering::AcqRel);
        if before + octets > limits::CONTENT_OCTETS_MAX {
            self.give_memory_back(octets);
            return false;
        }
        true
    }

    pub(crate) fn give_memory_back(&self, octets: usize) {
        self.memory.fetch_sub(octets, Ordering::AcqRel);
    }

    /// When to try again after so many attempts.
    pub(crate) fn next_attempt(
        &self,
        attempts: u32,
        row: &QueueRow,
        near: Distance,
    ) -> retry::Next {
        let first = match near {
            Distance::ThisHost => self.retry.first.min(limits::LOCAL_RETRY_FIRST),
            Distance::Elsewhere => self.retry.first,
        };
        let schedule = retry::Schedule {
            first,
            longest: self.retry.longest,
            give_up_after: self.retry.give_up_after,
        };
        let now = self.clock.now();
        let random = self.random.hash_one((row.id, attempts, now));
        schedule.next(attempts, row.arrived, now, (random >> 32) as u32)
    }
}
