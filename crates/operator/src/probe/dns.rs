//! Questions to DNS, and the answers record by record: what `host -t mx` would show.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};
use postroad_config::Family;
use postroad_resolver::{absolute, address, host, name_servers};
use serde::Serialize;

use super::report::Event;

/// How long one name server may take; a person waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// The name servers, each asked by itself so that it is known which of them answered.
pub(super) struct Dns(Vec<Server>);

struct Server {
    shown: String,
    resolver: TokioResolver,
}

/// One MX record: the lower the preference, the sooner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mx {
    pub(super) preference: u16,
    /// Lower case, without the final dot; empty in a null MX.
    pub(super) host: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Absence {
    #[error("no such name (NXDOMAIN)")]
    NoSuchName,
    #[error("no such record")]
    NoSuchRecord,
    #[error("{0}")]
    Temporary(String),
}

/// A record as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Record {
    name: String,
    ttl: u32,
    pub(super) kind: String,
    pub(super) data: String,
}

impl Record {
    #[cfg(test)]
    pub(super) fn of(name: &str, ttl: u32, kind: &str, data: &str) -> Self {
        Self { name: name.into(), ttl, kind: kind.into(), data: data.into() }
    }

    /// As in a zone file, without the class.
    pub(super) fn shown(&self) -> String {
        format!("{} {} {} {}", self.name, self.ttl, self.kind, self.data)
    }
}

/// A question, and what came of it.
pub(super) struct Asked<T> {
    question: String,
    server: Option<String>,
    records: Vec<Record>,
    took: Duration,
    pub(super) found: Result<Vec<T>, Absence>,
}

impl<T> Asked<T> {
    pub(super) fn event(&self) -> Event {
        Event::Question {
            question: self.question.clone(),
            server: self.server.clone(),
            records: self.records.clone(),
            problem: self.found.as_ref().err().map(ToString::to_string),
            took_ms: millis(self.took),
        }
    }

    fn map<U>(self, read: impl Fn(&RData) -> Option<U>) -> Asked<U>
    where
        T: AsRef<RData>,
    {
        let Self { question, server, records, took, found } = self;
        let found = found.and_then(|found| {
            let found: Vec<U> = found.iter().filter_map(|data| read(data.as_ref())).collect();
            if found.is_empty() { Err(Absence::NoSuchRecord) } else { Ok(found) }
        });
        Asked { question, server, records, took, found }
    }
}

/// A host's addresses by the system's own resolver, so that /etc/hosts counts.
pub(super) struct BySystem {
    host: String,
    took: Duration,
    problem: Option<String>,
    pub(super) addresses: Vec<SocketAddr>,
}

impl BySystem {
    pub(super) fn event(&self) -> Event {
        let record = |address: &SocketAddr| Record {
            name: self.host.clone(),
            ttl: 0,
            kind: if address.is_ipv6() { "AAAA" } else { "A" }.to_owned(),
            data: address.ip().to_string(),
        };
        Event::Question {
            question: format!("{} A AAAA", self.host),
            server: Some("the system, /etc/hosts included".to_owned()),
            records: self.addresses.iter().map(record).collect(),
            problem: self.problem.clone(),
            took_ms: millis(self.took),
        }
    }
}

/// As routes are resolved: a name has addresses of that kind, and an address is what it is.
pub(super) async fn by_system(host: &str, port: u16, family: Family) -> BySystem {
    let started = Instant::now();
    let found = match host.parse::<IpAddr>() {
        Ok(ip) => Ok(vec![SocketAddr::new(ip, port)]),
        Err(_) => match tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host, port))).await
        {
            Ok(Ok(found)) => Ok(found.filter(|at| family.has(at.ip())).collect()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        },
    };
    let (addresses, problem) = match found {
        Ok(addresses) => (addresses, None),
        Err(problem) => (Vec::new(), Some(problem)),
    };
    BySystem { host: host.to_owned(), took: started.elapsed(), problem, addresses }
}

impl Dns {
    /// The name servers of the settings, or those of /etc/resolv.conf.
    pub(super) fn new(settings: &postroad_config::Dns) -> Result<Self> {
        let configs = name_servers(&settings.servers);
        let servers = configs.into_iter().map(Server::new).collect::<Result<_>>()?;
        Ok(Self(servers))
    }

    /// The MX records of a domain, in no order.
    pub(super) async fn mx(&self, domain: &str) -> Asked<Mx> {
        let asked = self.ask(domain, RecordType::MX).await;
        asked.map(|data| match data {
            RData::MX(mx) => Some(Mx { preference: mx.preference, host: host(&mx.exchange) }),
            _ => None,
        })
    }

    /// AAAA and A of a host; the one of them that is connected to.
    pub(super) async fn addresses(&self, host: &str, family: Family) -> Vec<Asked<IpAddr>> {
        let (v6, v4) = match family {
            Family::Any => {
                let (v6, v4) =
                    tokio::join!(self.ask(host, RecordType::AAAA), self.ask(host, RecordType::A));
                (Some(v6), Some(v4))
            }
            Family::Ipv6 => (Some(self.ask(host, RecordType::AAAA).await), None),
            Family::Ipv4 => (None, Some(self.ask(host, RecordType::A).await)),
        };
        [v6, v4].into_iter().flatten().map(|asked| asked.map(address)).collect()
    }

    /// One server after the other, until one knows.
    async fn ask(&self, name: &str, kind: RecordType) -> Asked<Data> {
        let started = Instant::now();
        let mut asked = Asked {
            question: format!("{name} {kind}"),
            server: None,
            records: Vec::new(),
            took: Duration::ZERO,
            found: Err(Absence::Temporary("there is no name server to ask".to_owned())),
        };
        let Ok(fqdn) = absolute(name) else {
            asked.found = Err(Absence::Temporary("no name that DNS could know".to_owned()));
            return asked;
        };
        for server in &self.0 {
            asked.server = Some(server.shown.clone());
            let lookup = server.resolver.lookup(fqdn.clone(), kind);
            asked.found = match tokio::time::timeout(PATIENCE, lookup).await {
                Err(_) => Err(Absence::Temporary("no answer in time".to_owned())),
                Ok(Err(error)) => Err(absence(&error)),
                Ok(Ok(found)) => {
                    asked.records = found.answers().iter().map(record).collect();
                    Ok(found.answers().iter().map(|record| Data(record.data.clone())).collect())
                }
            };
            if !matches!(asked.found, Err(Absence::Temporary(_))) {
                break;
            }
        }
        asked.took = started.elapsed();
        asked
    }
}

/// What a record holds.
struct Data(RData);

impl AsRef<RData> for Data {
    fn as_ref(&self) -> &RData {
        &self.0
    }
}

fn record(record: &hickory_resolver::proto::rr::Record) -> Record {
    Record {
        name: record.name.to_ascii(),
        ttl: record.ttl,
        kind: record.record_type().to_string(),
        data: record.data.to_string(),
    }
}

impl Server {
    fn new(config: NameServerConfig) -> Result<Self> {
        let port = config.connections.first().map_or(53, |connection| connection.port);
        let shown = SocketAddr::new(config.ip, port).to_string();
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![config]);
        let mut builder = TokioResolver::builder_with_config(config, Default::default());
        builder.options_mut().attempts = 1;
        builder.options_mut().timeout = PATIENCE / 2;
        let resolver = builder.build().context("cannot set up DNS")?;
        Ok(Self { shown, resolver })
    }
}

/// Only NXDOMAIN and an empty answer say that there is nothing.
fn absence(error: &NetError) -> Absence {
    if let NetError::Dns(DnsError::NoRecordsFound(nothing)) = error {
        match nothing.response_code {
            ResponseCode::NXDomain => return Absence::NoSuchName,
            ResponseCode::NoError => return Absence::NoSuchRecord,
            _ => {}
        }
    }
    Absence::Temporary(error.to_string())
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
