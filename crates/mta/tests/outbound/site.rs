//! An engine with its queue, its settings and its DNS.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use postroad_accounts::{Accounts, Sources};
use postroad_config::Family;
use postroad_mta::outbound::dns::{BoxFuture, DnsError, Mx, Resolver};
use postroad_mta::outbound::network::Network;
use postroad_mta::outbound::{Chance, Engine, Parts, TimeSource};
use postroad_observe::trace::Journal;
use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::envelope::{Envelope, Recipient};
use postroad_queue::spool::*;

use crate::memory_shard::MemoryShard;
use crate::peer::Peers;

/// MX records as they stand in a table: preference and host.
type MxAnswer = Result<Vec<(u16, &'static str)>, DnsError>;

/// DNS as a table. Names that aren't in it don't exist; every address is loopback.
#[derive(Default, Clone)]
pub(crate) struct Table {
    pub(crate) mx: HashMap<&'static str, MxAnswer>,
    pub(crate) hosts: HashMap<&'static str, Result<Vec<IpAddr>, DnsError>>,
}

impl Table {
    /// One domain whose mail one host at 192.0.2.1 takes.
    pub(crate) fn one(domain: &'static str) -> Self {
        Self::default()
            .domain(domain, &[(10, "mx.third.example")])
            .host("mx.third.example", [192, 0, 2, 1])
    }

    pub(crate) fn domain(mut self, domain: &'static str, hosts: &[(u16, &'static str)]) -> Self {
        self.mx.insert(domain, Ok(hosts.to_vec()));
        self
    }

    pub(crate) fn host(mut self, host: &'static str, ip: [u8; 4]) -> Self {
        self.hosts.insert(host, Ok(vec![IpAddr::V4(Ipv4Addr::from(ip))]));
        self
    }

    /// A host of several addresses.
    pub(crate) fn addresses(mut self, host: &'static str, ips: &[&str]) -> Self {
        self.hosts.insert(host, Ok(ips.iter().map(|ip| ip.parse().unwrap()).collect()));
        self
    }

    pub(crate) fn no_mx(mut self, domain: &'static str, error: DnsError) -> Self {
        self.mx.insert(domain, Err(error));
        self
    }
}

impl Resolver for Table {
    fn mx<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, Result<Vec<Mx>, DnsError>> {
        let found = self.mx.get(domain).cloned().unwrap_or(Err(DnsError::NoSuchName));
        let mx = |(preference, host): (u16, &str)| Mx { preference, host: host.to_owned() };
        Box::pin(async move { found.map(|list| list.into_iter().map(mx).collect()) })
    }

    fn addresses<'a>(
        &'a self,
        host: &'a str,
        family: Family,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, DnsError>> {
        let mut found = self.hosts.get(host).cloned().unwrap_or(Err(DnsError::NoSuchName));
        if let Ok(addresses) = &mut found {
            addresses.retain(|ip| family.has(*ip));
        }
        Box::pin(async move { found })
    }
}

/// Beyond every retry schedule.
const PATIENCE: Duration = Duration::from_secs(60 * 24 * 60 * 60);

/// Nobody logs in here.
const USERS: &str = "alice:{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$\
    GpZ3sK/oH9p7VIiV56G/64Zo/8GaUw434IimaPqxwCo\n";

/// An engine under test.
pub(crate) struct Site {
    pub(crate) engine: Engine,
    pub(crate) shard: Arc<MemoryShard>,
    /// When all messages arrive, by the wall clock.
    pub(crate) arrived: SystemTime,
    dir: tempfile::TempDir,
}

/// What every site has: `our.example` with Alice, who is postmaster too, and a delivery agent.
fn settings(dir: &std::path::Path, more: &str) -> String {
    format!(
        "data = \"{}\"\nhostname = \"our.example\"\ndomains = [\"our.example\"]\n{more}\n{}",
        dir.display(),
        route("local", "lmtp://127.0.0.1:24")
    )
}

/// Writes them and reads them.
fn config(dir: &std::path::Path, more: &str) -> postroad_config::Config {
    let file = dir.join("postroad.toml");
    std::fs::write(&file, settings(dir, more)).unwrap();
    postroad_config::load(&file).unwrap_or_else(|e| panic!("{e}")).config
}

impl Site {
    /// Other settings beside the usual.
    pub(crate) fn reload(&self, more: &str) {
        self.engine.reload(&config(self.dir.path(), more)).unwrap();
    }

    /// `more` are settings beside the usual.
    pub(crate) fn start(network: impl Network + 'static, table: Table, more: &str) -> Self {
        Self::start_with(Arc::new(MemoryShard::default()), network, table, more)
    }

    /// With a file of aliases.
    pub(crate) fn with_aliases(aliases: &str, peers: Peers, table: Table) -> Self {
        let world = (Arc::new(peers) as Arc<dyn Network>, Arc::new(table) as Arc<dyn Resolver>);
        Self::make(Arc::default(), world, Default::default(), "", aliases)
    }

    pub(crate) fn start_with(
        shard: Arc<MemoryShard>,
        network: impl Network + 'static,
        resolver: impl Resolver + 'static,
        more: &str,
    ) -> Self {
        Self::start_by(Default::default(), shard, (network, resolver), more)
    }

    /// By another clock, and by chance that is no chance.
    pub(crate) fn start_by(
        nature: (TimeSource, Chance),
        shard: Arc<MemoryShard>,
        (network, resolver): (impl Network + 'static, impl Resolver + 'static),
        more: &str,
    ) -> Self {
        Self::make(shard, (Arc::new(network), Arc::new(resolver)), nature, more, "")
    }

    fn make(
        shard: Arc<MemoryShard>,
        (network, resolver): (Arc<dyn Network>, Arc<dyn Resolver>),
        (time, chance): (TimeSource, Chance),
        more: &str,
        aliases: &str,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path(), more);
        std::fs::write(dir.path().join("users"), USERS).unwrap();
        std::fs::write(dir.path().join("aliases"), aliases).unwrap();
        let accounts = Accounts::open(Sources {
            users: config.accounts.users.clone(),
            aliases: config.accounts.aliases.clone(),
            app_passwords: config.accounts.app_passwords.clone(),
            domains: config.domains.clone(),
            detail_separator: '+',
        });
        let parts = Parts {
            config: Arc::new(config),
            hostname: "our.example".into(),
            shard: Arc::clone(&shard) as Arc<dyn OwnedShard>,
            accounts: Arc::new(accounts.unwrap()),
            journal: Journal::none(),
            time: time.clone(),
            chance,
        };
        let engine = Engine::start_with(parts, resolver, network).unwrap();
        Self { engine, shard, arrived: (time.wall)(), dir }
    }

    /// Puts a message into the queue and hands it to the engine.
    pub(crate) async fn send(&self, from: &str, to: &[&str]) -> QueueId {
        self.send_as(envelope(from, to), "Subject: s\r\n\r\n.Body\r\n").await
    }

    pub(crate) async fn send_as(&self, envelope: Envelope, content: &str) -> QueueId {
        self.send_content(envelope, Bytes::copy_from_slice(content.as_bytes())).await
    }

    /// The same, and the engine has to read it from the queue.
    pub(crate) async fn store(&self, envelope: Envelope) -> QueueId {
        let id = self.shard.new_id();
        let content = Content::Memory("Subject: s\r\n\r\nBody\r\n".into());
        let message = NewMessage { id, arrived: self.arrived, envelope, content };
        assert!(matches!(self.shard.accept(vec![message]).await[..], [Accept::Stored]));
        id
    }

    pub(crate) async fn send_content(&self, envelope: Envelope, content: Bytes) -> QueueId {
        let id = self.shard.new_id();
        let message = NewMessage {
            id,
            arrived: self.arrived,
            envelope,
            content: Content::Memory(content.clone()),
        };
        assert!(matches!(self.shard.accept(vec![message]).await[..], [Accept::Stored]));
        let row = self.shard.row(id).unwrap();
        self.engine.submit(row, Some(content));
        id
    }

    /// Waits until nothing is in the queue.
    pub(crate) async fn until_empty(&self) {
        if tokio::time::timeout(PATIENCE, self.shard.until_empty()).await.is_err() {
            panic!("still in the queue: {:?}", self.shard.rows());
        }
    }

    /// Waits until the queue is as wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&[QueueRow]) -> bool) {
        let waiting = async {
            loop {
                let changed = self.shard.changed.notified();
                if wanted(&self.shard.rows()) {
                    return;
                }
                changed.await;
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            panic!("not so: {what}: {:?}", self.shard.rows());
        }
    }

    /// What was said last time about the only recipient there is.
    pub(crate) async fn deferral(&self) -> String {
        let waiting = |rows: &[QueueRow]| last_reply(rows).is_some();
        self.until("the message is deferred", waiting).await;
        last_reply(&self.shard.rows()).unwrap()
    }
}

fn last_reply(rows: &[QueueRow]) -> Option<String> {
    rows.iter().flat_map(|row| &row.states).find_map(|state| match state {
        RecipientState::Waiting { last: Some(reply), .. } => Some(reply.to_string()),
        _ => None,
    })
}

pub(crate) fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

pub(crate) fn envelope(from: &str, to: &[&str]) -> Envelope {
    let recipients = to.iter().map(|to| Recipient::new(address(to))).collect();
    Envelope::new(ReversePath::parse(from).unwrap(), recipients)
}

/// `[[route]]` for a domain.
pub(crate) fn route(domain: &str, next_hop: &str) -> String {
    format!("[[route]]\ndomain = \"{domain}\"\nnext_hop = \"{next_hop}\"\n")
}
