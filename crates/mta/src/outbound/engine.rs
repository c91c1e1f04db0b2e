//! The delivery engine: takes accepted messages to their next hops until each recipient is settled.
//!
//! ```text
//! submit ─▶ Flight (a message) ─▶ Job ─▶ Lane, one per destination ─▶ Worker, one per connection
//!                                          │ ▲                          │ verdicts and notices
//!            walk of the queue ──ids──▶ Backlog, a lane's own ◀──due──── queue (outcomes, durable)
//!
//! Agenda: which lane is looked at when        Gate: connections of the hosts behind a lane
//! Budget: connections altogether              Turns: whose letter is next
//! ```
//! Each destination is scheduled by itself, so that one which is dead, slow or has a million letters
//! waiting delays no other. What waits is an id and a time in its lane's backlog, nothing else; it is read
//! from the queue, a page at a time, when a worker has room for it. A letter is in its lane's backlog, in its
//! line, or in a worker's hands until its outcome is durable, so it is never under way twice. After a reload
//! that may be another lane's; so recipients in hand are known across lanes. At start the whole queue is walked
//! once, while deliveries begin.
//!
//! | looking for | it is in |
//! |---|---|
//! | how messages find their lanes | `dispatch.rs` |
//! | who is in somebody's hands | `under_way.rs` |
//! | what a lane does: line, staff, back-off | `lane/` |
//! | ids that wait; whose turn it is | `backlog.rs`, `turns.rs` |
//! | how many connections at once | `gate.rs`, `pace.rs` (per next hop), `budget.rs` (all) |
//! | who is given up, or told, without being tried | `roll_call.rs` |

use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use bytes::Bytes;
use postroad_accounts::Accounts;
use postroad_config::Config;
use postroad_observe::trace::Journal;
use postroad_protocol::address::Domain;
use postroad_protocol::envelope::Recipient;
use postroad_protocol::reply::Reply;
use postroad_queue::ages::MARK_INTERVAL;
use postroad_queue::spool::{OwnedShard, QueueId, QueueRow};
use tokio::time::{sleep, timeout};

use super::chance::Chance;
use super::clock::TimeSource;
use super::dispatch::Hurry;
use super::dns::{Hickory, Resolver};
use super::events;
use super::limits;
use super::network::{Network, Os};
use super::notice;
use super::shared::Shared;
use super::why::{self, Why};

/// What the engine works with.
#[derive(Clone)]
pub struct Parts {
    /// All settings.
    pub config: Arc<Config>,
    /// Our name in EHLO and in notices: `config.hostname`, or the system's.
    pub hostname: String,
    /// The queue.
    pub shard: Arc<dyn OwnedShard>,
    /// Who is local.
    pub accounts: Arc<Accounts>,
    /// Trace records.
    pub journal: Journal,
    /// Clock and ages.
    pub time: TimeSource,
    /// How waits are spread.
    pub chance: Chance,
}

/// What the engine holds in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// Destinations.
    pub lanes: usize,
    /// Ids in backlogs; a message counts once for each of its destinations.
    pub letters: usize,
    /// Jobs that are loaded.
    pub jobs: usize,
    /// Tasks with a connection, or about to have one.
    pub workers: usize,
    /// Connections counted.
    pub connections: usize,
    /// Lanes in line for a connection.
    pub asking: usize,
    /// Lanes that wait for a time.
    pub timers: usize,
}

/// The running engine; clones are handles to the same one.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

impl Engine {
    /// Starts it inside the current tokio runtime; it begins by walking the queue.
    ///
    /// # Errors
    /// Where DNS or TLS can't be set up, or a route's password file can't be read.
    pub fn start(parts: Parts) -> anyhow::Result<Self> {
        let resolver = Hickory::new(&parts.config.mta.dns).context(
            "cannot set up DNS; name the servers in mta.dns.servers or write /etc/resolv.conf",
        )?;
        Self::start_with(parts, Arc::new(resolver), Arc::new(Os))
    }

    /// Starts it with a resolver and connections of the caller's.
    ///
    /// # Errors
    /// As [`Engine::start`], DNS aside.
    pub fn start_with(
        parts: Parts,
        resolver: Arc<dyn Resolver>,
        network: Arc<dyn Network>,
    ) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared::new(parts, resolver, network)?);
        tokio::spawn(Arc::clone(&shared).schedule());
        tokio::spawn(Arc::clone(&shared).keep_ages());
        let walking = Arc::clone(&shared);
        tokio::spawn(async move { walking.walk(Hurry::No).await });
        Ok(Self { shared })
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// The time of arrival of a message that is about to be stored.
    pub fn arrival(&self) -> SystemTime {
        self.shared.clock.arrival()
    }

    /// Takes a message that was stored just now. `content` spares reading it back from disk; `None`
    /// where it is too large to be kept in memory. Never blocks.
    pub fn submit(&self, row: QueueRow, content: Option<Bytes>) {
        self.shared.submit(row, content);
    }

    /// Tells the sender of aliases that were expanded, where that was asked for (RFC 3461 §5.2.7.3). It is safe
    /// when this returns; where the queue doesn't take it, the log says so.
    pub async fn tell_of_expansion(
        &self,
        row: &QueueRow,
        aliases: &[Recipient],
        content: Option<&Bytes>,
    ) {
        notice::expansion(&self.shared, row, aliases, content).await;
    }

    /// Looks through the queue again: an operator has changed it.
    pub fn refresh(&self) {
        self.look_through(Hurry::No);
    }

    /// The same where letters are to be tried now: next hops that were left alone are tried as well.
    pub fn retry(&self) {
        self.look_through(Hurry::Yes);
    }

    fn look_through(&self, hurry: Hurry) {
        self.shared.invalidate();
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move { shared.walk(hurry).await });
    }

    /// How much the engine holds at this moment.
    pub fn census(&self) -> Census {
        let (connections, asking) = self.shared.budget.census();
        let lanes = self.shared.lanes.all();
        let mut census = Census { lanes: lanes.len(), connections, asking, ..Census::default() };
        for lane in lanes {
            let (letters, jobs, workers) = lane.census();
            census.letters += letters;
            census.jobs += jobs;
            census.workers += workers;
        }
        census.timers = self.shared.agenda.len();
        census
    }

    /// Takes over other routes, retry schedules and limits; what waits is sorted anew. The name servers and
    /// our own name stay as they were.
    ///
    /// # Errors
    /// Where a route's password file can't be read; then all stays as it was.
    pub fn reload(&self, config: &Config) -> anyhow::Result<()> {
        self.shared.reroute(config)?;
        self.refresh();
        Ok(())
    }

    /// What stands in the way of a message, one entry for recipients in the same position; none where the
    /// message isn't in the queue (any more).
    pub async fn why(&self, id: QueueId) -> Vec<Why> {
        why::of(&self.shared, id).await
    }

    /// The next hop of mail for a domain as [`Why::next_hop`] names it: the URL of a route, or the domain
    /// whose MX hosts are asked.
    pub fn next_hop(&self, domain: &Domain) -> String {
        let router = self.shared.router();
        router.shown(&router.destination(domain))
    }

    /// Until when the next hop of mail for a domain is left alone as a whole, and for which failure.
    pub fn left_alone(&self, domain: &Domain) -> Option<(SystemTime, Reply)> {
        let destination = self.shared.router().destination(domain);
        self.shared.lanes.get(&destination)?.left_alone(self.shared.clock.now())
    }

    /// Starts nothing new, and waits a while for deliveries under way and their outcomes.
    pub async fn shutdown(&self) {
        self.shared.stop.cancel();
        self.shared.workers.close();
        if timeout(limits::DRAIN, self.shared.workers.wait()).await.is_err() {
            events::left_behind();
        }
        self.shared.mark_ages().await;
    }
}

impl Shared {
    /// Writes down now and then for how long the queue has been served.
    async fn keep_ages(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = sleep(MARK_INTERVAL) => self.mark_ages().await,
                () = self.stop.cancelled() => return,
            }
        }
    }

    async fn mark_ages(&self) {
        self.clock.mark(self.shard.new_id());
        // Where nothing waits nothing has an age.
        if self.lanes.all().is_empty() {
            return;
        }
        if let Err(error) = self.clock.save().await {
            events::ages_not_saved(&error);
        }
    }
}
