//! Questions to DNS: which hosts take mail for a domain, and what their addresses are (RFC 5321 §5.1).
//!
//! [`Resolver`] asks, [`Candidates`] makes the list out of the answers and walks it. Only two answers are
//! final: the name doesn't exist, or it has no record of the kind. Everything else, be it SERVFAIL,
//! REFUSED, a time-out or nonsense, is temporary and never bounces a message (rows D01, D02).

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::{DnsError as HickoryDnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use postroad_config::LoopbackHosts;
use postroad_protocol::address::Domain;
use postroad_protocol::reply::Reply;

/// Hosts of one domain that are tried in one go; who has more is hiding something (row D03).
pub const MX_HOSTS_MAX: usize = 10;
/// Addresses of one host that are tried.
pub const ADDRESSES_MAX: usize = 4;
/// How long an absence is believed where the zone says nothing or less: a message that was just refused is
/// often followed by another.
const NEGATIVE_TTL: Duration = Duration::from_secs(10);

/// A future that an object-safe trait gives back.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One MX record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mx {
    /// The lower, the sooner.
    pub preference: u16,
    /// The host, lower case, without the final dot; empty in a null MX (RFC 7505).
    pub host: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DnsError {
    /// The name doesn't exist.
    NoSuchName,
    /// The name exists and has no such record.
    NoSuchRecord,
    /// Nobody knows now; the words are for trace and log.
    Temporary(String),
}

impl std::fmt::Display for DnsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoSuchName => f.write_str("no such name (NXDOMAIN)"),
            Self::NoSuchRecord => f.write_str("no such record"),
            Self::Temporary(words) => f.write_str(words),
        }
    }
}

/// Asks DNS. Every question ends within a deadline of its own.
pub trait Resolver: Send + Sync {
    /// The MX records of a domain, in no order.
    fn mx<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, Result<Vec<Mx>, DnsError>>;
    /// A and AAAA of a host, through CNAMEs.
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, DnsError>>;
}

/// hickory as a stub resolver in front of the name servers that were configured.
pub struct Hickory {
    resolver: TokioResolver,
    timeout: Duration,
}

impl Hickory {
    /// Uses these name servers, or those of /etc/resolv.conf where there are none; without that file the
    /// one on this host, as resolv.conf(5) has it.
    ///
    /// # Errors
    /// Where hickory can't be set up.
    pub fn new(settings: &postroad_config::Dns) -> Result<Self, NetError> {
        let mut builder = match (settings.servers.as_slice(), TokioResolver::builder_tokio()) {
            ([], Ok(builder)) => builder,
            ([], Err(_)) => {
                let this_host = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 53);
                TokioResolver::builder_with_config(ask_only(&[this_host]), Default::default())
            }
            (servers, _) => {
                TokioResolver::builder_with_config(ask_only(servers), Default::default())
            }
        };
        let options = builder.options_mut();
        options.negative_min_ttl = Some(NEGATIVE_TTL);
        // Two tries of a third each: one server that is down doesn't use up the deadline.
        options.timeout = (settings.timeout / 3).max(Duration::from_millis(100));
        options.attempts = 1;
        Ok(Self { resolver: builder.build()?, timeout: settings.timeout })
    }

    async fn ask(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, DnsError> {
        // The final dot keeps the search list of /etc/resolv.conf out of it.
        let name = Name::from_ascii(format!("{name}."))
            .map_err(|_| DnsError::Temporary(format!("{name} is no name that DNS could know")))?;
        let asked = self.resolver.lookup(name, kind);
        match tokio::time::timeout(self.timeout, asked).await {
            Err(_) => Err(DnsError::Temporary("the name servers didn't answer in time".into())),
            Ok(Err(error)) => Err(classify(&error)),
            Ok(Ok(found)) => {
                // Other kinds are CNAMEs on the way.
                let fits = |data: &RData| data.record_type() == kind;
                Ok(found.answers().iter().map(|r| r.data.clone()).filter(fits).collect())
            }
        }
    }
}

/// These name servers over UDP and TCP, and no search list.
fn ask_only(servers: &[SocketAddr]) -> ResolverConfig {
    let servers = servers.iter().map(|server| {
        let mut connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
        connections.iter_mut().for_each(|connection| connection.port = server.port());
        NameServerConfig::new(server.ip(), true, connections.into())
    });
    ResolverConfig::from_parts(None, Vec::new(), servers.collect())
}

/// Only NXDOMAIN and an empty answer say that there is nothing.
fn classify(error: &NetError) -> DnsError {
    if let NetError::Dns(HickoryDnsError::NoRecordsFound(nothing)) = error {
        match nothing.response_code {
            ResponseCode::NXDomain => return DnsError::NoSuchName,
            ResponseCode::NoError => return DnsError::NoSuchRecord,
            _ => {}
        }
    }
    DnsError::Temporary(error.to_string())
}

impl Resolver for Hickory {
    fn mx<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, Result<Vec<Mx>, DnsError>> {
        Box::pin(async move {
            let found = self.ask(domain, RecordType::MX).await?;
            let records = found.into_iter().filter_map(|data| match data {
                RData::MX(mx) => {
                    let host = mx.exchange.to_ascii().to_ascii_lowercase();
                    let host = host.trim_end_matches('.').to_owned();
                    Some(Mx { preference: mx.preference, host })
                }
                _ => None,
            });
            let records: Vec<Mx> = records.collect();
            if records.is_empty() { Err(DnsError::NoSuchRecord) } else { Ok(records) }
        })
    }

    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, DnsError>> {
        Box::pin(async move {
            let (v6, v4) =
                tokio::join!(self.ask(host, RecordType::AAAA), self.ask(host, RecordType::A));
            let address = |data: RData| match data {
                RData::A(a) => Some(IpAddr::V4(a.0)),
                RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
                _ => None,
            };
            let found: Vec<IpAddr> =
                [&v6, &v4].into_iter().flatten().flatten().cloned().filter_map(address).collect();
            match (found.is_empty(), v6, v4) {
                (false, _, _) => Ok(found),
                (true, Err(error @ DnsError::Temporary(_)), _)
                | (true, _, Err(error @ DnsError::Temporary(_)))
                | (true, _, Err(error @ DnsError::NoSuchName)) => Err(error),
                (true, _, _) => Err(DnsError::NoSuchRecord),
            }
        })
    }
}

/// A host and one of its addresses, to be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name; what a certificate would have to show, and what a notice says.
    pub host: String,
    /// Where.
    pub address: SocketAddr,
    /// As in `MX 10`, for the trace.
    pub why: String,
}

/// A question that was asked, for the trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// As in `example.org MX`.
    pub question: String,
    /// As in `10 mx.example.org`, or what went wrong.
    pub answer: String,
    /// How long it took.
    pub took: Duration,
}

/// What the walk must know of ourselves.
#[derive(Debug, Clone)]
pub struct Site {
    /// Our name: an MX of this name is a loop.
    pub hostname: String,
    /// The port at hosts found by DNS.
    pub port: u16,
    /// Whether loopback addresses found in DNS are connected to.
    pub loopback: LoopbackHosts,
}

/// The hosts that take mail for a domain, in the order in which they are tried; their addresses are
/// asked for one host at a time.
pub struct Candidates {
    hosts: VecDeque<Mx>,
    why: Why,
    endpoints: VecDeque<Endpoint>,
    /// What stands against the hosts that gave no address; the most hopeful counts at the end.
    obstacle: Option<Obstacle>,
}

/// How the list came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Mx,
    ImplicitMx,
    Literal,
}

/// Why hosts could not even be connected to, the most hopeful last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Obstacle {
    /// It is ourselves, or an address that only this host could mean.
    Loop,
    NoAddress,
    Temporary(String),
}

impl Candidates {
    /// Asks for the domain's MX records.
    ///
    /// # Errors
    /// The reply that its recipients get: 5.1.2, 5.1.10, 5.4.6, or a temporary 4.4.3.
    pub async fn find(
        resolver: &dyn Resolver,
        domain: &Domain,
        site: &Site,
        asked: &mut Vec<Asked>,
    ) -> Result<Self, Reply> {
        if let Some(ip) = domain.literal() {
            // RFC 5321 §4.1.3: an address literal names the host itself.
            let mut candidates = Self::of(VecDeque::new(), Why::Literal);
            candidates.add(domain.as_str(), "address literal", &[ip], site);
            return Ok(candidates);
        }
        let started = Instant::now();
        let records = resolver.mx(domain.as_str()).await;
        asked.push(Asked {
            question: format!("{domain} MX"),
            answer: match &records {
                Ok(records) => {
                    list(records.iter().map(|mx| format!("{} {}", mx.preference, mx.host)))
                }
                Err(error) => error.to_string(),
            },
            took: started.elapsed(),
        });
        match records {
            Ok(records) => Self::of_records(records, domain, site),
            // RFC 5321 §5.1: with no MX at all the domain's own address counts, and only then.
            Err(DnsError::NoSuchRecord) => {
                let own = Mx { preference: 0, host: domain.as_str().to_owned() };
                Ok(Self::of([own].into(), Why::ImplicitMx))
            }
            Err(DnsError::NoSuchName) => {
                Err(Reply::new(550, (5, 1, 2), format!("the domain {domain} does not exist")))
            }
            Err(DnsError::Temporary(words)) => Err(cannot_ask(domain, &words)),
        }
    }

    fn of(hosts: VecDeque<Mx>, why: Why) -> Self {
        Self { hosts, why, endpoints: VecDeque::new(), obstacle: None }
    }

    fn of_records(records: Vec<Mx>, domain: &Domain, site: &Site) -> Result<Self, Reply> {
        // RFC 7505 §3: a lone "." says that the domain takes no mail. Among others it says nothing.
        if records.iter().all(|mx| mx.host.is_empty()) {
            let text = format!("the domain {domain} takes no mail (null MX)");
            return Err(Reply::new(556, (5, 1, 10), text));
        }
        let mut hosts: Vec<Mx> = records.into_iter().filter(|mx| !mx.host.is_empty()).collect();
        // RFC 5321 §5.1: equal preferences are tried in random order, to spread the load.
        let random = RandomState::new();
        hosts.sort_by_cached_key(|mx| (mx.preference, random.hash_one(&mx.host)));
        // RFC 5321 §5.1: "If it finds itself in the list, it MUST drop all MXs of the same or a greater
        // preference number", or two hosts would pass the message to and fro.
        let ourselves = hosts.iter().find(|mx| mx.host == site.hostname).map(|mx| mx.preference);
        if let Some(own) = ourselves {
            hosts.retain(|mx| mx.preference < own);
        }
        if hosts.is_empty() {
            return Err(looped(domain));
        }
        hosts.truncate(MX_HOSTS_MAX);
        Ok(Self::of(hosts.into(), Why::Mx))
    }

    /// Whether there is more to try.
    pub fn has_more(&self) -> bool {
        !self.hosts.is_empty() || !self.endpoints.is_empty()
    }

    /// The next address to connect to; `None` when all were given.
    pub async fn next(
        &mut self,
        resolver: &dyn Resolver,
        site: &Site,
        asked: &mut Vec<Asked>,
    ) -> Option<Endpoint> {
        loop {
            if let Some(endpoint) = self.endpoints.pop_front() {
                return Some(endpoint);
            }
            let Mx { preference, host } = self.hosts.pop_front()?;
            let why = match self.why {
                Why::Mx => format!("MX {preference}"),
                Why::ImplicitMx => "implicit MX".to_owned(),
                Why::Literal => "address literal".to_owned(),
            };
            let started = Instant::now();
            let found = resolver.addresses(&host).await;
            asked.push(Asked {
                question: format!("{host} A AAAA"),
                answer: match &found {
                    Ok(addresses) => list(addresses.iter()),
                    Err(error) => error.to_string(),
                },
                took: started.elapsed(),
            });
            match found {
                Ok(addresses) => self.add(&host, &why, &addresses, site),
                Err(DnsError::NoSuchName | DnsError::NoSuchRecord) => {
                    self.hindered(Obstacle::NoAddress);
                }
                Err(DnsError::Temporary(words)) => self.hindered(Obstacle::Temporary(words)),
            }
        }
    }

    /// IPv6 and IPv4 by turns, so that a host without one of them costs one try only.
    fn add(&mut self, host: &str, why: &str, addresses: &[IpAddr], site: &Site) {
        let (v6, v4): (Vec<&IpAddr>, Vec<&IpAddr>) = addresses.iter().partition(|ip| ip.is_ipv6());
        let mut by_turns = Vec::with_capacity(addresses.len());
        for n in 0..v6.len().max(v4.len()) {
            by_turns.extend([v6.get(n), v4.get(n)].into_iter().flatten().map(|ip| **ip));
        }
        for ip in by_turns.into_iter().take(ADDRESSES_MAX) {
            if leads_back(ip, site.loopback) {
                self.hindered(Obstacle::Loop);
                continue;
            }
            let address = SocketAddr::new(ip, site.port);
            self.endpoints.push_back(Endpoint {
                host: host.to_owned(),
                address,
                why: why.to_owned(),
            });
        }
    }

    /// The host that was given last is ourselves under another name: it and all behind it don't count
    /// (RFC 5321 §5.1).
    pub fn end_at_ourselves(&mut self) {
        self.hosts.clear();
        self.endpoints.clear();
        self.hindered(Obstacle::Loop);
    }

    fn hindered(&mut self, obstacle: Obstacle) {
        if self.obstacle.as_ref().is_none_or(|known| *known < obstacle) {
            self.obstacle = Some(obstacle);
        }
    }

    /// What the recipients are told where no host could even be connected to.
    pub fn refusal(&self, domain: &Domain) -> Reply {
        match &self.obstacle {
            Some(Obstacle::Temporary(words)) => cannot_ask(domain, words),
            Some(Obstacle::Loop) => looped(domain),
            // RFC 5321 §5.1: MX records that lead to no usable host are an error, not a reason to fall
            // back on the domain's own address.
            Some(Obstacle::NoAddress) | None => Reply::new(
                550,
                (5, 4, 4),
                format!("no host that takes mail for {domain} has an address"),
            ),
        }
    }
}

/// Whether a connection there would end at this host or at nobody's (row C11).
fn leads_back(ip: IpAddr, loopback: LoopbackHosts) -> bool {
    match ip.to_canonical() {
        ip if ip.is_loopback() => loopback == LoopbackHosts::Refused,
        IpAddr::V4(v4) => {
            v4.is_unspecified() || v4.is_link_local() || v4.is_multicast() || v4.is_broadcast()
        }
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_unicast_link_local() || v6.is_multicast(),
    }
}

/// RFC 3463 §3.5: X.4.6 is a routing loop.
pub(super) fn looped(domain: &Domain) -> Reply {
    Reply::new(554, (5, 4, 6), format!("mail for {domain} would loop back to this host"))
}

/// RFC 3463 §3.5: X.4.3 is a directory server failure.
fn cannot_ask(domain: &Domain, words: &str) -> Reply {
    Reply::new(451, (4, 4, 3), format!("DNS doesn't say where mail for {domain} goes: {words}"))
}

/// As in `a, b, c`.
fn list(items: impl Iterator<Item = impl std::fmt::Display>) -> String {
    let mut text = String::new();
    for item in items.take(MX_HOSTS_MAX) {
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{separator}{item}");
    }
    text
}
