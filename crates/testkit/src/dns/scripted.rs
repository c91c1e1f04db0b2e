//! Answers that no decent name server gives, written octet by octet (RFC 1035 §4).

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

/// Record types (RFC 1035 §3.2.2, RFC 3596).
pub mod kind {
    /// A host's IPv4 address.
    pub const A: u16 = 1;
    /// A name server.
    pub const NS: u16 = 2;
    /// An alias.
    pub const CNAME: u16 = 5;
    /// The start of a zone.
    pub const SOA: u16 = 6;
    /// Where mail goes.
    pub const MX: u16 = 15;
    /// A host's IPv6 address.
    pub const AAAA: u16 = 28;
}

/// How a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// In one datagram.
    Udp,
    /// Over a connection.
    Tcp,
}

/// A question as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The number that the answer has to bear.
    pub id: u16,
    /// Lower case, without the final dot.
    pub name: String,
    /// One of [`kind`].
    pub kind: u16,
    /// UDP or TCP.
    pub over: Over,
    /// Who asks.
    pub from: SocketAddr,
}

/// What is said to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Not a word; a connection is closed.
    Silence,
    /// This response code and nothing else: 1 is FORMERR, 2 SERVFAIL, 3 NXDOMAIN, 4 NOTIMP, 5 REFUSED.
    Code(u8),
    /// TC: ask again over TCP.
    Truncated,
    /// These records.
    Records(Vec<Record>),
    /// No such record, with a SOA that vouches for it (RFC 2308 §2.2).
    NoData,
    /// Go and ask others.
    Referral,
    /// These octets behind the id, be they an answer or not.
    Octets(Vec<u8>),
    /// These records, to another question or with another id.
    Misdirected(Wrong, Vec<Record>),
}

/// What doesn't fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// The id.
    Id,
    /// The name that was asked for.
    Name,
}

/// A record of the name that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// One of [`kind`].
    pub kind: u16,
    /// Seconds.
    pub ttl: u32,
    /// RDATA.
    pub data: Vec<u8>,
}

impl Record {
    /// MX.
    pub fn mx(preference: u16, host: &str) -> Self {
        Self::new(kind::MX, [preference.to_be_bytes().to_vec(), name(host)].concat())
    }

    /// A.
    pub fn a(octets: [u8; 4]) -> Self {
        Self::new(kind::A, octets.to_vec())
    }

    /// AAAA.
    pub fn aaaa(ip: std::net::Ipv6Addr) -> Self {
        Self::new(kind::AAAA, ip.octets().to_vec())
    }

    /// CNAME.
    pub fn cname(target: &str) -> Self {
        Self::new(kind::CNAME, name(target))
    }

    /// Any.
    pub fn new(kind: u16, data: Vec<u8>) -> Self {
        Self { kind, ttl: 60, data }
    }
}

/// A name on the wire, not compressed; `.` alone is the root.
pub fn name(text: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).unwrap_or(63).min(63));
        wire.extend(label.bytes().take(63));
    }
    wire.push(0);
    wire
}

pub(super) type Script = dyn Fn(&Question) -> Reply + Send + Sync;

/// What a server remembers.
pub(super) type Asked = Arc<Mutex<Vec<Question>>>;

pub(super) async fn serve(udp: UdpSocket, tcp: TcpListener, script: Arc<Script>, asked: Asked) {
    let mut connections = JoinSet::new();
    let mut octets = [0; 4_096];
    loop {
        tokio::select! {
            Ok((length, from)) = udp.recv_from(&mut octets) => {
                let query = octets.get(..length).unwrap_or_default();
                if let Some(answer) = answer(query, Over::Udp, from, &*script, &asked) {
                    let _ = udp.send_to(&answer, from).await;
                }
            }
            Ok((stream, from)) = tcp.accept() => {
                connections.spawn(talk(stream, from, Arc::clone(&script), Arc::clone(&asked)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// RFC 1035 §4.2.2: two octets of length before each message.
async fn talk(
    mut stream: TcpStream,
    from: SocketAddr,
    script: Arc<Script>,
    asked: Asked,
) -> io::Result<()> {
    loop {
        let mut query = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut query).await?;
        let Some(answer) = answer(&query, Over::Tcp, from, &*script, &asked) else {
            return Ok(());
        };
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        stream.write_u16(length).await?;
        stream.write_all(&answer).await?;
    }
}

fn answer(
    query: &[u8],
    over: Over,
    from: SocketAddr,
    script: &Script,
    asked: &Asked,
) -> Option<Vec<u8>> {
    let question = parse(query, over, from)?;
    if let Ok(mut asked) = asked.lock() {
        asked.push(question.clone());
    }
    let end = HEADER + name_length(query.get(HEADER..)?)? + 4;
    let section = query.get(HEADER..end)?;
    let id = question.id;
    match script(&question) {
        Reply::Silence => None,
        Reply::Code(code) => Some(message(id, code, section, &[], &[])),
        Reply::Truncated => {
            let mut answer = message(id, 0, section, &[], &[]);
            *answer.get_mut(2)? |= 0x02;
            Some(answer)
        }
        Reply::Records(records) => Some(message(id, 0, section, &records, &[])),
        Reply::NoData => {
            let numbers = [1_u32, 60, 60, 60, 60].map(u32::to_be_bytes).concat();
            let soa = [name("ns.example"), name("root.example"), numbers].concat();
            Some(message(id, 0, section, &[], &[Record::new(kind::SOA, soa)]))
        }
        Reply::Referral => {
            let elsewhere = Record::new(kind::NS, name("ns.elsewhere.example"));
            Some(message(id, 0, section, &[], &[elsewhere]))
        }
        Reply::Octets(octets) => Some([id.to_be_bytes().to_vec(), octets].concat()),
        Reply::Misdirected(Wrong::Id, records) => {
            Some(message(id.wrapping_add(1), 0, section, &records, &[]))
        }
        Reply::Misdirected(Wrong::Name, records) => {
            let other = [name("other.example"), question.kind.to_be_bytes().to_vec(), vec![0, 1]];
            Some(message(id, 0, &other.concat(), &records, &[]))
        }
    }
}

/// Octets of the header (RFC 1035 §4.1.1).
const HEADER: usize = 12;

fn parse(query: &[u8], over: Over, from: SocketAddr) -> Option<Question> {
    let id = u16::from_be_bytes([*query.first()?, *query.get(1)?]);
    let body = query.get(HEADER..)?;
    let length = name_length(body)?;
    let (mut labels, mut at) = (Vec::new(), 0);
    while let Some(octets) = body.get(at).filter(|octets| **octets > 0) {
        let label = body.get(at + 1..at + 1 + usize::from(*octets))?;
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        at += 1 + usize::from(*octets);
    }
    let kind = u16::from_be_bytes([*body.get(length)?, *body.get(length + 1)?]);
    Some(Question { id, name: labels.join("."), kind, over, from })
}

fn name_length(wire: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match *wire.get(at)? {
            0 => return Some(at + 1),
            octets => at += 1 + usize::from(octets),
        }
    }
}

/// A response with this question; all records are of its name.
fn message(
    id: u16,
    code: u8,
    question: &[u8],
    answers: &[Record],
    authorities: &[Record],
) -> Vec<u8> {
    let count = |records: &[Record]| u16::try_from(records.len()).unwrap_or(u16::MAX);
    let mut wire = id.to_be_bytes().to_vec();
    wire.extend([0x81, 0x80 | (code & 0x0f)]); // QR, RD, RA
    for count in [1, count(answers), count(authorities), 0] {
        wire.extend(count.to_be_bytes());
    }
    wire.extend(question);
    for record in answers.iter().chain(authorities) {
        wire.extend([0xc0, 0x0c]); // RFC 1035 §4.1.4: the name at octet 12
        wire.extend(record.kind.to_be_bytes());
        wire.extend([0, 1]); // IN
        wire.extend(record.ttl.to_be_bytes());
        wire.extend(u16::try_from(record.data.len()).unwrap_or(u16::MAX).to_be_bytes());
        wire.extend(&record.data);
    }
    wire
}
