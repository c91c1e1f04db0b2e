//! The hosts that take mail for a domain, walked in the order that RFC 5321 §5.1 asks for.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use postroad_config::{Family, LoopbackHosts, Source};
use postroad_protocol::address::Domain;
use postroad_protocol::reply::Reply;

use super::super::chance::Chance;
use super::{DnsError, Mx, Resolver};

/// Hosts of one domain that are tried in one go; who has more is hiding something (row D03).
pub const MX_HOSTS_MAX: usize = 10;
/// Addresses of one host that are tried.
pub const ADDRESSES_MAX: usize = 4;

/// A host to be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// What a certificate would have to show, and what a notice says.
    pub name: String,
    /// Where, the first to be tried in front; never empty when it is given out.
    pub addresses: VecDeque<SocketAddr>,
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
    /// Which addresses are asked for.
    pub family: Family,
    /// Where connections to them come from.
    pub source: Source,
    /// In which order equals are tried.
    pub chance: Chance,
}

/// The hosts that take mail for a domain, in the order in which they are tried; their addresses are
/// asked for one host at a time.
pub struct Candidates {
    hosts: VecDeque<Entry>,
    /// What stands against the hosts that gave no address; the most hopeful counts at the end.
    obstacle: Option<Obstacle>,
    /// Why this host couldn't ask, where it couldn't.
    short: Option<String>,
}

/// A host of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Mx(Mx),
    /// The domain itself.
    ImplicitMx(String),
    Literal(IpAddr),
}

impl Entry {
    fn name(&self) -> (u16, String) {
        match self {
            Self::Mx(mx) => (mx.preference, mx.host.clone()),
            Self::ImplicitMx(host) => (0, host.clone()),
            Self::Literal(ip) => (0, ip.to_string()),
        }
    }
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
            return Ok(Self::of([Entry::Literal(ip)]));
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
                Ok(Self::of([Entry::ImplicitMx(domain.as_str().to_owned())]))
            }
            Err(DnsError::NoSuchName) => {
                Err(Reply::new(550, (5, 1, 2), format!("the domain {domain} does not exist")))
            }
            Err(DnsError::Temporary(words)) => Err(cannot_ask(domain, &words)),
            Err(DnsError::Shortage(words)) => {
                let mut unknown = Self::of([]);
                unknown.fell_short(words);
                Ok(unknown)
            }
        }
    }

    fn of(hosts: impl IntoIterator<Item = Entry>) -> Self {
        Self { hosts: hosts.into_iter().collect(), obstacle: None, short: None }
    }

    fn of_records(records: Vec<Mx>, domain: &Domain, site: &Site) -> Result<Self, Reply> {
        // RFC 7505 §3: a lone "." says that the domain takes no mail. Among others it says nothing.
        if records.iter().all(|mx| mx.host.is_empty()) {
            let text = format!("the domain {domain} takes no mail (null MX)");
            return Err(Reply::new(556, (5, 1, 10), text));
        }
        let mut hosts: Vec<Mx> = records.into_iter().filter(|mx| !mx.host.is_empty()).collect();
        // RFC 5321 §5.1: equal preferences are tried in random order, to spread the load.
        let turn = site.chance.turn();
        hosts.sort_by_cached_key(|mx| (mx.preference, site.chance.number((turn, &mx.host))));
        // RFC 5321 §5.1: "If it finds itself in the list, it MUST drop all MXs of the same or a greater
        // preference number", or two hosts would pass the message to and fro.
        let ourselves = hosts.iter().find(|mx| mx.host == site.hostname).map(|mx| mx.preference);
        if let Some(own) = ourselves {
            hosts.retain(|mx| mx.preference < own);
        }
        if hosts.is_empty() {
            return Err(looped(domain));
        }
        let beyond = hosts.len().saturating_sub(MX_HOSTS_MAX);
        hosts.truncate(MX_HOSTS_MAX);
        let mut candidates = Self::of(hosts.into_iter().map(Entry::Mx));
        if beyond > 0 {
            // One that wasn't looked at may be the one with an address: that is nothing to bounce for.
            candidates.hindered(Obstacle::Temporary(format!("{beyond} of its MX were left out")));
        }
        Ok(candidates)
    }

    /// The hosts' names, the same text for the same hosts in the same order of preference.
    pub fn names(&self) -> String {
        let mut names: Vec<(u16, String)> = self.hosts.iter().map(Entry::name).collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name).collect::<Vec<_>>().join(" ")
    }

    /// Whether there is more to try.
    pub fn has_more(&self) -> bool {
        !self.hosts.is_empty()
    }

    /// The next host to connect to; `None` when all were given.
    pub async fn next(
        &mut self,
        resolver: &dyn Resolver,
        site: &Site,
        asked: &mut Vec<Asked>,
    ) -> Option<Host> {
        while let Some(entry) = self.hosts.pop_front() {
            let (name, why) = match entry {
                Entry::Mx(Mx { preference, host }) => (host, format!("MX {preference}")),
                Entry::ImplicitMx(domain) => (domain, "implicit MX".to_owned()),
                Entry::Literal(ip) => {
                    let name = ip.to_string();
                    return self.usable(name, "address literal".to_owned(), &[ip], site);
                }
            };
            let started = Instant::now();
            let found = resolver.addresses(&name, site.family).await;
            let kinds = match site.family {
                Family::Any => "A AAAA",
                Family::Ipv4 => "A",
                Family::Ipv6 => "AAAA",
            };
            asked.push(Asked {
                question: format!("{name} {kinds}"),
                answer: match &found {
                    Ok(addresses) => list(addresses.iter()),
                    Err(error) => error.to_string(),
                },
                took: started.elapsed(),
            });
            match found {
                Ok(addresses) => {
                    let host = self.usable(name, why, &addresses, site);
                    if host.is_some() {
                        return host;
                    }
                }
                Err(DnsError::NoSuchName | DnsError::NoSuchRecord) => {
                    self.hindered(Obstacle::NoAddress);
                }
                Err(DnsError::Temporary(words)) => self.hindered(Obstacle::Temporary(words)),
                Err(DnsError::Shortage(words)) => self.fell_short(words),
            }
        }
        None
    }

    /// The host with those of its addresses that may be connected to, where there are any.
    fn usable(
        &mut self,
        name: String,
        why: String,
        addresses: &[IpAddr],
        site: &Site,
    ) -> Option<Host> {
        let ours = addresses.iter().copied().filter(|ip| site.family.has(*ip));
        let (inward, outward): (Vec<IpAddr>, Vec<IpAddr>) =
            ours.partition(|ip| leads_back(*ip, site.loopback));
        let addresses = by_turns(&outward, site.port);
        if addresses.is_empty() {
            self.hindered(if inward.is_empty() { Obstacle::NoAddress } else { Obstacle::Loop });
            return None;
        }
        Some(Host { name, why, addresses })
    }

    /// The host that was given last is ourselves under another name: it and all behind it don't count
    /// (RFC 5321 §5.1).
    pub fn end_at_ourselves(&mut self) {
        self.hosts.clear();
        self.hindered(Obstacle::Loop);
    }

    fn hindered(&mut self, obstacle: Obstacle) {
        if self.obstacle.as_ref().is_none_or(|known| *known < obstacle) {
            self.obstacle = Some(obstacle);
        }
    }

    fn fell_short(&mut self, words: String) {
        self.short = Some(words.clone());
        self.hindered(Obstacle::Temporary(words));
    }

    /// What this host lacked when it asked; then the list says little.
    pub fn shortage(&self) -> Option<&str> {
        self.short.as_deref()
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
                format!("no host that takes mail for {domain} has an address that we connect to"),
            ),
        }
    }
}

/// IPv6 and IPv4 by turns (RFC 8305 §4), so that a host without one of them costs one try only.
fn by_turns(addresses: &[IpAddr], port: u16) -> VecDeque<SocketAddr> {
    let (v6, v4): (Vec<&IpAddr>, Vec<&IpAddr>) = addresses.iter().partition(|ip| ip.is_ipv6());
    let turns = (0..v6.len().max(v4.len())).flat_map(|n| [v6.get(n), v4.get(n)]);
    turns.flatten().map(|ip| SocketAddr::new(**ip, port)).take(ADDRESSES_MAX).collect()
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
