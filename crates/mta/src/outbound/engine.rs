//! The delivery engine: takes accepted messages to their next hops until each recipient is settled.
//!
//! ```text
//! submit ─▶ Flight, cut into Jobs ─▶ Lane (one per destination) ─▶ Worker (one per connection)
//!    ▲                                                                  │ verdicts
//! scheduler ◀── due times ◀── queue (outcomes, durable) ◀───────────────┘ and notices
//! ```
//! A message is *claimed* from the moment that it is started until its outcomes are durable, so it is
//! never under way twice. Deferred ones leave an id and a time in memory, nothing else; they are read from
//! the queue again when they are due. At start the whole queue is walked once.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use bytes::Bytes;
use postroad_accounts::Accounts;
use postroad_config::Config;
use postroad_observe::trace::Journal;
use postroad_protocol::address::Domain;
use postroad_protocol::envelope::Recipient;
use postroad_queue::spool::{OwnedShard, QueueId, QueueRow};
use tokio::time::{sleep_until, timeout};

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
        tokio::spawn(schedule(Arc::clone(&shared)));
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
        self.shared.invalidate();
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move { shared.walk().await });
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

    /// Starts nothing new, and waits a while for deliveries under way and their outcomes.
    pub async fn shutdown(&self) {
        self.shared.stop.cancel();
        self.shared.workers.close();
        if timeout(limits::DRAIN, self.shared.workers.wait()).await.is_err() {
            events::left_behind();
        }
    }
}

/// Starts what is due, for ever.
async fn schedule(shared: Arc<Shared>) {
    shared.walk().await;
    loop {
        if shared.stop.is_cancelled() {
            return;
        }
        shared.start_due().await;
        let next = shared.next_due().filter(|_| shared.has_room());
        let due = next.map(|due| shared.clock.instant(due));
        // Without anything due there is still the wake-up; the sleep is as good as none.
        let due = due.unwrap_or_else(|| tokio::time::Instant::now() + Duration::from_secs(60 * 60));
        tokio::select! {
            () = sleep_until(due) => {}
            () = shared.wake.notified() => {}
            () = shared.stop.cancelled() => return,
        }
    }
}
