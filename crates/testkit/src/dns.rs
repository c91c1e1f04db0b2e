//! A real DNS server on loopback: hickory's, over UDP and TCP, with one zone `example.` made of a table.
//!
//! A name that isn't in the table doesn't exist; a name outside `example.` is REFUSED. Servers that fail, keep
//! silent or say what no server should are here too ([`Dns::scripted`]). Each ends when its value is dropped, with
//! the runtime at the latest.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_server::Server;
use hickory_server::proto::rr::rdata::{A, AAAA, CNAME, MX, SOA, TXT};
use hickory_server::proto::rr::{Name, RData, Record};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

use scripted::{Question, Reply};

pub mod scripted;

const TTL: u32 = 60;
const SERIAL: u32 = 1;

/// What a name has.
#[derive(Debug, Clone)]
pub enum Data {
    /// MX: preference and host; the host `.` alone is a null MX (RFC 7505).
    Mx(u16, &'static str),
    /// A or AAAA.
    Address(IpAddr),
    /// CNAME.
    Alias(&'static str),
    /// TXT, in strings of 255 octets at most.
    Text(&'static str),
}

/// A server that runs.
#[derive(Debug)]
pub struct Dns {
    /// Where, for UDP and TCP.
    pub address: SocketAddr,
    task: JoinHandle<()>,
    asked: scripted::Asked,
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Dns {
    /// Serves a table of names below `example.`.
    ///
    /// # Errors
    /// Where no port is free, or a name in the table is none.
    pub async fn serve(table: &[(&str, Data)]) -> io::Result<Self> {
        Self::serve_zone("example.", table).await
    }

    /// Serves a table of names below another one.
    ///
    /// # Errors
    /// Where no port is free, or a name in the table is none.
    pub async fn serve_zone(origin: &str, table: &[(&str, Data)]) -> io::Result<Self> {
        let origin = name(origin)?;
        let mut zone: InMemoryZoneHandler =
            InMemoryZoneHandler::empty(origin.clone(), ZoneType::Primary, AxfrPolicy::Deny);
        let soa = SOA::new(name("ns.example.")?, name("root.example.")?, SERIAL, 60, 60, 60, 1);
        zone.upsert_mut(Record::from_rdata(origin.clone(), TTL, RData::SOA(soa)), SERIAL);
        for (owner, data) in table {
            let data = match data {
                Data::Mx(preference, host) => RData::MX(MX::new(*preference, name(host)?)),
                Data::Address(IpAddr::V4(ip)) => RData::A(A(*ip)),
                Data::Address(IpAddr::V6(ip)) => RData::AAAA(AAAA(*ip)),
                Data::Alias(target) => RData::CNAME(CNAME(name(target)?)),
                Data::Text(text) => {
                    let strings = text.as_bytes().chunks(255);
                    let strings = strings.map(|it| String::from_utf8_lossy(it).into_owned());
                    RData::TXT(TXT::new(strings.collect()))
                }
            };
            zone.upsert_mut(Record::from_rdata(name(owner)?, TTL, data), SERIAL);
        }
        let mut catalog = Catalog::new();
        catalog.upsert(origin.into(), vec![Arc::new(zone)]);
        let (udp, tcp) = sockets().await?;
        let address = udp.local_addr()?;
        let mut server = Server::new(catalog);
        server.register_socket(udp);
        server.register_listener(tcp, Duration::from_secs(5), 16);
        let task = tokio::spawn(async move {
            // It ends with an error only when it is told to stop.
            let _ = server.block_until_done().await;
        });
        Ok(Self { address, task, asked: scripted::Asked::default() })
    }

    /// Answers every question with this response code (RFC 1035 §4.1.1), as 2 for SERVFAIL, 5 for REFUSED.
    ///
    /// # Errors
    /// Where no port is free.
    pub async fn failing(code: u8) -> io::Result<Self> {
        Self::scripted(move |_| Reply::Code(code)).await
    }

    /// Takes questions and never says a word.
    ///
    /// # Errors
    /// Where no port is free.
    pub async fn silent() -> io::Result<Self> {
        Self::scripted(|_| Reply::Silence).await
    }

    /// Answers as it is told, be it right or not.
    ///
    /// # Errors
    /// Where no port is free.
    pub async fn scripted(
        script: impl Fn(&Question) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let (udp, tcp) = sockets().await?;
        let address = udp.local_addr()?;
        let asked = scripted::Asked::default();
        let task = tokio::spawn(scripted::serve(udp, tcp, Arc::new(script), Arc::clone(&asked)));
        Ok(Self { address, task, asked })
    }

    /// What a scripted server was asked so far.
    pub fn asked(&self) -> Vec<Question> {
        self.asked.lock().map(|asked| asked.clone()).unwrap_or_default()
    }
}

/// A free port for both: TCP may find the one that UDP was given taken.
async fn sockets() -> io::Result<(UdpSocket, TcpListener)> {
    let mut tries = 0;
    loop {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if tries == 20 => return Err(error),
            Err(_) => tries += 1,
        }
    }
}

fn name(text: &str) -> io::Result<Name> {
    let mut name = Name::from_ascii(text).map_err(io::Error::other)?;
    name.set_fqdn(true);
    Ok(name)
}
