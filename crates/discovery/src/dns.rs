//! Questions to DNS.

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{RData, RecordType};
use postroad_resolver::{absolute, address, builder, host};
use tokio::time::timeout;

use crate::limits::PATIENCE;
use crate::srv::Record;

pub(crate) struct Dns(TokioResolver);

impl Dns {
    /// These name servers, or those of this host.
    pub(crate) fn at(servers: &[SocketAddr]) -> Result<Self, String> {
        Ok(Self(builder(servers).build().map_err(|error| error.to_string())?))
    }

    async fn ask(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, String> {
        let fqdn = absolute(name).map_err(|error| error.to_string())?;
        match timeout(PATIENCE, self.0.lookup(fqdn, kind)).await {
            Err(_) => Err("the name servers don't answer".to_owned()),
            Ok(Err(error)) if error.is_no_records_found() => Ok(Vec::new()),
            Ok(Err(error)) => Err(error.to_string()),
            Ok(Ok(found)) => Ok(found.answers().iter().map(|record| record.data.clone()).collect()),
        }
    }

    pub(crate) async fn srv(&self, name: &str) -> Result<Vec<Record>, String> {
        let records = self.ask(name, RecordType::SRV).await?;
        let record = |data| match data {
            RData::SRV(srv) => Some(Record {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                target: host(&srv.target),
            }),
            _ => None,
        };
        Ok(records.into_iter().filter_map(record).collect())
    }

    /// The host that takes a domain's mail first.
    pub(crate) async fn mx(&self, domain: &str) -> Result<Option<String>, String> {
        let records = self.ask(domain, RecordType::MX).await?;
        let hosts = records.into_iter().filter_map(|data| match data {
            RData::MX(mx) => Some((mx.preference, host(&mx.exchange))),
            _ => None,
        });
        Ok(hosts.min().map(|(_, host)| host).filter(|host| !host.is_empty()))
    }

    pub(crate) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        let (v6, v4) =
            tokio::join!(self.ask(host, RecordType::AAAA), self.ask(host, RecordType::A));
        let all = match (v6, v4) {
            (Ok(v6), Ok(v4)) => [v6, v4].concat(),
            (Ok(some), Err(_)) | (Err(_), Ok(some)) => some,
            (Err(error), Err(_)) => return Err(error),
        };
        Ok(all.iter().filter_map(address).collect())
    }
}
