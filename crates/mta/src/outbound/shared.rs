//! What all parts of the running engine share: settings, the queue, and what connections are counted by.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use anyhow::Context as _;
use postroad_accounts::Accounts;
use postroad_config::Config;
use postroad_observe::trace::Journal;
use postroad_protocol::address::Domain;
use postroad_queue::spool::{OwnedShard, QueueId};
use rustls::ClientConfig;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::agenda::Agenda;
use super::budget::Budget;
use super::chance::Chance;
use super::clock::Clock;
use super::dispatch::Lanes;
use super::dns::{Resolver, Site};
use super::engine::Parts;
use super::flight::Flight;
use super::gate::Gate;
use super::limits;
use super::network::Network;
use super::route::{RouteSettings, Router};
use super::shortage::Shortage;
use super::under_way::UnderWay;

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
    pub(crate) postmaster: Option<Domain>,
    pub(crate) agenda: Arc<Agenda>,
    /// Connections at once, all next hops together.
    pub(crate) budget: Arc<Budget>,
    pub(crate) lanes: Lanes,
    /// By the hosts behind them.
    gates: Mutex<HashMap<String, Weak<Gate>>>,
    /// Messages in memory that more than one lane may want.
    flights: Mutex<HashMap<QueueId, Weak<Flight>>>,
    /// How often a message's delivery has panicked, or the message couldn't be read.
    mishaps: Mutex<HashMap<QueueId, u32>>,
    pub(crate) under_way: Arc<UnderWay>,
    /// What the log has said that this host is short of, and when.
    shortage: Mutex<Option<(Instant, Shortage)>>,
    pub(crate) stop: CancellationToken,
    pub(crate) workers: TaskTracker,
    memory: AtomicUsize,
    generation: AtomicU64,
    chance: Chance,
    /// Messages with a lower id may have been stored before the last edit.
    edited_below: AtomicU64,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked with the lock left whole values behind.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(
        parts: Parts,
        resolver: Arc<dyn Resolver>,
        network: Arc<dyn Network>,
    ) -> anyhow::Result<Self> {
        let Parts { config, hostname, shard, accounts, journal, time, chance } = parts;
        let hostname = Domain::parse(&hostname)
            .with_context(|| format!("\"{hostname}\" is no host name; set hostname"))?;
        let trust = config.tls.trust.as_deref();
        let agenda = Arc::<Agenda>::default();
        Ok(Self {
            site: Site {
                hostname: hostname.as_str().to_owned(),
                port: config.mta.dns.smtp_port,
                loopback: config.mta.dns.loopback,
                family: config.mta.family,
                source: config.mta.source,
                chance: chance.clone(),
            },
            hostname,
            clock: Clock::start(time, shard.new_id()),
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
            postmaster: config.domains.first().cloned(),
            budget: Budget::new(config.mta.deliveries_max, Arc::clone(&agenda)),
            agenda,
            lanes: Lanes::default(),
            gates: Mutex::default(),
            flights: Mutex::default(),
            mishaps: Mutex::default(),
            under_way: Arc::default(),
            shortage: Mutex::default(),
            stop: CancellationToken::new(),
            workers: TaskTracker::new(),
            memory: AtomicUsize::new(0),
            chance,
            generation: AtomicU64::new(1),
            edited_below: AtomicU64::new(0),
        })
    }

    /// The routes as they are now.
    pub(crate) fn router(&self) -> Arc<Router> {
        Arc::clone(&self.router.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Other routes and limits from now on. What waits has to be sorted anew.
    pub(crate) fn reroute(&self, config: &Config) -> anyhow::Result<()> {
        let router = Arc::new(Router::new(config, Arc::clone(&self.accounts))?);
        *self.router.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&router);
        self.invalidate();
        self.budget.limit(config.mta.deliveries_max);
        self.lanes.start_anew(&router);
        Ok(())
    }

    /// The gate of these hosts.
    pub(crate) fn gate(&self, hosts: &str, settings: &RouteSettings) -> Arc<Gate> {
        let mut gates = lock(&self.gates);
        if let Some(gate) = gates.get(hosts).and_then(Weak::upgrade) {
            return gate;
        }
        if gates.len() == gates.capacity() {
            gates.retain(|_, gate| gate.strong_count() > 0);
        }
        let (first, most) = (settings.connections_first, settings.connections_max);
        let gate = Arc::new(Gate::new(first, most, Arc::clone(&self.agenda)));
        gates.insert(hosts.to_owned(), Arc::downgrade(&gate));
        gate
    }

    pub(super) fn flights(&self) -> MutexGuard<'_, HashMap<QueueId, Weak<Flight>>> {
        lock(&self.flights)
    }

    /// Nobody holds it any more, unless it was read anew meanwhile.
    pub(super) fn forget_flight(&self, id: QueueId) {
        let mut flights = self.flights();
        if flights.get(&id).is_some_and(|flight| flight.strong_count() == 0) {
            flights.remove(&id);
        }
    }

    /// Counts one more mishap of a message; gives how many there were.
    pub(crate) fn mishap(&self, id: QueueId) -> u32 {
        let mut mishaps = lock(&self.mishaps);
        if mishaps.len() >= limits::MISHAPS_COUNTED {
            mishaps.clear();
        }
        let count = mishaps.entry(id).or_default();
        *count += 1;
        *count
    }

    /// Whether the log hasn't said this lately.
    pub(crate) fn is_news(&self, shortage: &Shortage) -> bool {
        let (mut told, now) = (lock(&self.shortage), Instant::now());
        let is_known = told
            .as_ref()
            .is_some_and(|(at, what)| what == shortage && now - *at < limits::SHORTAGE_NEWS);
        if !is_known {
            *told = Some((now, shortage.clone()));
        }
        !is_known
    }

    /// An operator has changed the queue: rows read before are stale.
    pub(crate) fn invalidate(&self) {
        // An id says when its message came; this one stays unused.
        self.edited_below.fetch_max(self.shard.new_id().number(), Ordering::AcqRel);
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The generation of a row whose message was stored just now; an edit since then makes it stale.
    pub(crate) fn generation_before(&self, id: QueueId) -> u64 {
        let generation = self.generation();
        match id.number() < self.edited_below.load(Ordering::Acquire) {
            true => 0,
            false => generation,
        }
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

    /// A number that nobody can guess, from what makes the occasion.
    pub(crate) fn random(&self, occasion: impl Hash) -> u32 {
        (self.chance.number(occasion) >> 32) as u32
    }
}
