//! The access agent as a process by itself: what a connection costs before a login (row I01), and what the log says.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use postroad_tests::imap;
use postroad_tests::peers::PASSWORD;
use postroad_tests::process::{PATIENCE, Process, until};
use postroad_tests::suite::{Settings, Site, heavy};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Connections at once.
const CONNECTIONS: u64 = 1_000;
/// Connections before that: what is made once is there then.
const EARLIER: u64 = 20;
/// KiB that each may cost.
const KIB_MAX: u64 = 64;
/// Octets of a line that doesn't end; more are refused.
const LINE: usize = 16_000;
/// Octets of a literal that is announced; more are refused.
const LITERAL: usize = 8 * 1024;
/// Octets of a TLS record, and of the header in front of it (RFC 8446 §5.1).
const RECORD: usize = 16 * 1024;

/// Octets of a handshake's first message that rustls would wait for.
const HELLO: usize = 60_000;

/// What clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    /// They say nothing.
    Silent,
    /// They send a line and don't end it.
    Line,
    /// They announce a literal, and don't send its last octet.
    Literal,
    /// They send a line that doesn't end, and a record behind it that doesn't, either.
    LineAndRecord,
    /// They send records of a handshake's first message, and never its end.
    Hello,
}

#[test]
fn the_log_says_whose_mailbox_it_is_that_cannot_be_used() -> Result<()> {
    let site = Site::new(&Settings::default())?;
    let maa = site.maa()?;
    let mut client = imap::Client::log_in(site.imap, "alice", PASSWORD)?;
    client.command("CREATE Broken")?;
    // Root may read anything, so a folder in its place stands for a register that can't be read.
    let register = site.path("mail/alice/.Broken/postroad-register");
    fs::remove_file(&register).ok();
    fs::create_dir(&register)?;
    ensure!(client.command("SELECT Broken").is_err());
    let says = |line: &str| line.contains("mailbox can't be used") && line.contains("user=alice");
    until("the log says whose it is", || maa.log().lines().any(says)).with_context(|| maa.log())?;
    Ok(())
}

#[test]
fn i01_a_connection_in_clear_text_costs_little_before_a_login() -> Result<()> {
    for client in [Client::Silent, Client::Line, Client::Literal] {
        costs_little(client, |site| site.imap, |stream, _| Ok(Box::new(stream)))?;
    }
    Ok(())
}

#[test]
fn i01_a_connection_inside_tls_costs_little_before_a_login() -> Result<()> {
    for client in [Client::Silent, Client::Line, Client::Literal, Client::LineAndRecord] {
        costs_little(
            client,
            |site| site.imaps,
            |stream, tls| {
                let server = ServerName::try_from("localhost")?;
                let session = ClientConnection::new(Arc::clone(tls), server)?;
                Ok(Box::new(StreamOwned::new(session, stream)))
            },
        )?;
    }
    Ok(())
}

#[test]
fn i01_a_handshake_that_does_not_end_costs_little() -> Result<()> {
    costs_little(Client::Hello, |site| site.imaps, |stream, _| Ok(Box::new(stream)))?;
    let site = Site::new(&Settings::default())?;
    let _maa = site.maa()?;
    let mut stream = TcpStream::connect(site.imaps)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // It may be gone before all is sent.
    stream.write_all(&hello(HELLO)).ok();
    // An alert may come first.
    let ended = stream.read_to_end(&mut Vec::new()).map_err(|error| error.kind());
    let is_over = matches!(ended, Ok(_) | Err(std::io::ErrorKind::ConnectionReset));
    ensure!(is_over, "a handshake goes on: {ended:?}");
    Ok(())
}

/// So much of a first message of [`HELLO`] octets, in records (RFC 8446 §4, §5.1).
fn hello(octets: usize) -> Vec<u8> {
    let length = (HELLO as u32).to_be_bytes();
    let message = [&[1], &length[1..], &vec![0; octets - 4]].concat();
    let record = |piece: &[u8]| {
        let length = (piece.len() as u16).to_be_bytes();
        [&[22, 3, 1], &length[..], piece].concat()
    };
    message.chunks(RECORD).flat_map(record).collect()
}

/// What a client sends through.
trait Wire: Read + Write {
    /// The connection below it.
    fn tcp(&mut self) -> &mut TcpStream;
}

impl Wire for TcpStream {
    fn tcp(&mut self) -> &mut TcpStream {
        self
    }
}

impl Wire for StreamOwned<ClientConnection, TcpStream> {
    fn tcp(&mut self) -> &mut TcpStream {
        &mut self.sock
    }
}

type Wires = Vec<Box<dyn Wire>>;

fn costs_little(
    client: Client,
    door: impl Fn(&Site) -> SocketAddr,
    wire: impl Fn(TcpStream, &Arc<ClientConfig>) -> Result<Box<dyn Wire>>,
) -> Result<()> {
    let _alone = heavy()?;
    // These stand in [maa].
    let site = Site::new(&Settings::tables("connections_per_client_max = 2000\n"))?;
    let mut maa = site.maa()?;
    let (address, tls) = (door(&site), Arc::new(trusting(&site)?));
    let connect = |count: u64| -> Result<Wires> {
        let one = |_| {
            let stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let mut wire = wire(stream, &tls)?;
            speak(client, wire.as_mut()).with_context(|| format!("{client:?}"))?;
            Ok(wire)
        };
        (0..count).map(one).collect()
    };
    let mut wires = connect(EARLIER)?;
    all_is_read(&mut maa, address, EARLIER)?;
    let before = pss_kib(&maa)?;
    wires.extend(connect(CONNECTIONS)?);
    all_is_read(&mut maa, address, EARLIER + CONNECTIONS)?;
    let more = pss_kib(&maa)?.saturating_sub(before);
    let octets = more * 1024 / CONNECTIONS;
    println!("{client:?} at {address}: {octets} octets a connection");
    ensure!(more <= KIB_MAX * CONNECTIONS, "{client:?}: {octets} octets a connection");
    // None was sent away meanwhile.
    let is_there = |wire: &mut Box<dyn Wire>| -> Result<bool> {
        let tcp = wire.tcp();
        tcp.set_nonblocking(true)?;
        let end = tcp.peek(&mut [0]).map_err(|error| error.kind());
        Ok(matches!(end, Err(std::io::ErrorKind::WouldBlock)))
    };
    for wire in &mut wires {
        ensure!(is_there(wire)?, "{client:?}: a connection has ended");
    }
    Ok(())
}

fn speak(client: Client, wire: &mut dyn Wire) -> Result<()> {
    if client == Client::Hello {
        // As much as is taken.
        return Ok(wire.write_all(&hello(30_000))?);
    }
    let greeting = line(wire)?;
    ensure!(greeting.starts_with("* OK"), "{greeting}");
    match client {
        Client::Silent | Client::Hello => {}
        Client::Line | Client::LineAndRecord => {
            wire.write_all(&[b"a LOGIN ", vec![b'x'; LINE].as_slice()].concat())?;
        }
        Client::Literal => {
            write!(wire, "a LOGIN {{{LITERAL}}}\r\n")?;
            let reply = line(wire)?;
            ensure!(reply.starts_with('+'), "{reply}");
            wire.write_all(&vec![b'x'; LITERAL - 1])?;
        }
    }
    wire.flush()?;
    if client == Client::LineAndRecord {
        let length = (RECORD as u16).to_be_bytes();
        let record = [&[23, 3, 3], &length[..], &vec![0; RECORD - 1]].concat();
        wire.tcp().write_all(&record)?;
    }
    Ok(())
}

/// The next line, octet by octet: what comes behind it stays where it is.
fn line(wire: &mut dyn Wire) -> Result<String> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut octet = [0];
        wire.read_exact(&mut octet)?;
        line.push(octet[0]);
    }
    Ok(String::from_utf8(line)?)
}

/// Waits until the agent has so many connections at its address and has taken all that came on them.
fn all_is_read(maa: &mut Process, address: SocketAddr, connections: u64) -> Result<()> {
    maa.until("had read all", || {
        let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        let port = format!(":{:04X}", address.port());
        let mut taken = 0;
        for connection in table.lines() {
            // Our address, the other one, the state (1: there is a connection), octets unsent and unread.
            let mut columns = connection.split_whitespace().skip(1);
            let own = columns.next().is_some_and(|own| own.ends_with(&port));
            let established = columns.nth(1) == Some("01");
            let is_read = columns.next().is_some_and(|queues| queues.ends_with(":00000000"));
            taken += u64::from(own && established && is_read);
        }
        taken == connections
    })
}

/// Its memory, what it shares with others counted in part.
fn pss_kib(process: &Process) -> Result<u64> {
    let path = format!("/proc/{}/smaps_rollup", process.id());
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
    Ok(line.split_whitespace().next().context("no number")?.parse()?)
}

fn trusting(site: &Site) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&site.certificates.ca)?)?;
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}
