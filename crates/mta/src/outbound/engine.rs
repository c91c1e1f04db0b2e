//! The delivery engine: takes accepted messages to their next hops until each recipient is settled.

use std::sync::Arc;

use bytes::Bytes;
use postroad_accounts::Accounts;
use postroad_config::Config;
use postroad_observe::trace::Journal;
use postroad_queue::spool::{OwnedShard, QueueRow};

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
pub struct Engine {}

impl Engine {
    /// Starts it inside the current tokio runtime; it begins by walking the queue.
    ///
    /// # Errors
    /// Where DNS or TLS can't be set up, or a route's password file can't be read.
    pub fn start(_parts: Parts) -> anyhow::Result<Self> {
        Ok(Self {})
    }

    /// Takes a message that was stored just now. `content` spares reading it back from disk; `None`
    /// where it is too large to be kept in memory. Never blocks.
    pub fn submit(&self, _row: QueueRow, _content: Option<Bytes>) {}

    /// Looks through the queue again: an operator has changed it.
    pub fn refresh(&self) {}

    /// Starts nothing new, waits for deliveries under way (a while), and has all outcomes settled.
    pub async fn shutdown(&self) {}
}
