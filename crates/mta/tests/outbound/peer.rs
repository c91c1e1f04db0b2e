//! Servers that say what their script says, whatever the client does, and write down what they hear. A
//! connection is a pair of unix sockets inside the test: what one end writes is at the other at once, so
//! tokio's paused time moves on only when everybody really waits.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postroad_mta::outbound::dns::BoxFuture;
use postroad_mta::outbound::network::{Network, Place};
use postroad_net::Io;
use postroad_net::tls::ServerTls;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

/// How a peer answers a command, given the number of the connection; `None` says nothing and waits. The
/// command is `CONNECT` for the greeting and `.` at the end of data; a reply that ends in `CLOSE` closes the
/// connection behind it, one that begins with `WAIT n ` comes n seconds late.
type Script = dyn Fn(&str, usize) -> Option<String> + Send + Sync;

/// A server at an address.
#[derive(Clone)]
pub(crate) struct Peer(Arc<Inner>);

struct Inner {
    script: Box<Script>,
    /// What a 220 to STARTTLS is followed by; without it the peer sends what is no handshake.
    tls: Option<ServerTls>,
    heard: Mutex<Vec<String>>,
    hears: tokio::sync::Notify,
    /// Where the last connection said that it comes from.
    source: Mutex<Option<IpAddr>>,
}

impl Peer {
    pub(crate) fn new(
        script: impl Fn(&str, usize) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self::with_tls(None, script)
    }

    pub(crate) fn with_tls(
        tls: Option<ServerTls>,
        script: impl Fn(&str, usize) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let (heard, hears) = (Mutex::default(), tokio::sync::Notify::new());
        let source = Mutex::default();
        Self(Arc::new(Inner { script: Box::new(script), tls, heard, hears, source }))
    }

    /// Answers everything well, and accepts everybody.
    pub(crate) fn good() -> Self {
        Self::new(|command, _| Some(good(command)))
    }

    /// All lines so far, content included.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.0.heard.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, prefix: &str) -> usize {
        self.heard().iter().filter(|line| line.starts_with(prefix)).count()
    }

    /// The address that the last connection was to come from.
    pub(crate) fn source(&self) -> Option<IpAddr> {
        *self.0.source.lock().unwrap()
    }

    fn note_source(&self, from: Option<IpAddr>) {
        *self.0.source.lock().unwrap() = from;
    }

    /// Messages that were sent to their end.
    pub(crate) fn messages(&self) -> usize {
        self.heard().iter().filter(|line| *line == ".").count()
    }

    /// Waits until it has heard so many messages to their end.
    pub(crate) async fn until_messages(&self, count: usize) {
        loop {
            let hears = self.0.hears.notified();
            if self.messages() >= count {
                return;
            }
            hears.await;
        }
    }

    async fn talk(self, stream: Io) {
        let Inner { script, tls, heard, hears, source: _ } = &*self.0;
        let connection = self.count("CONNECT");
        let mut stream = BufReader::new(stream);
        let mut in_data = false;
        let mut command = "CONNECT".to_owned();
        loop {
            heard.lock().unwrap().push(command.clone());
            hears.notify_waiters();
            let is_content = in_data && command != ".";
            if !is_content {
                let Some(reply) = script(&command, connection) else {
                    // Silence, until the client gives up.
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                    return;
                };
                let (late, reply) = late(&reply);
                tokio::time::sleep(late).await;
                let text = reply.strip_suffix("CLOSE").unwrap_or(reply);
                let written = stream.write_all(text.as_bytes()).await.is_ok();
                if !written || stream.flush().await.is_err() || reply.ends_with("CLOSE") {
                    return;
                }
                if command == "STARTTLS" && reply.starts_with("220") {
                    let Some(tls) = tls else { return };
                    let Ok(io) = stream.into_inner().accept_tls(tls).await else { return };
                    stream = BufReader::new(io);
                }
                in_data = command == "DATA" && reply.starts_with("354");
            }
            let mut line = Vec::new();
            match stream.read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    let line = String::from_utf8_lossy(&line);
                    command = line.trim_end_matches(['\r', '\n']).to_owned();
                }
            }
        }
    }
}

/// How late a reply comes, and the reply.
fn late(reply: &str) -> (Duration, &str) {
    let late = reply.strip_prefix("WAIT ").and_then(|rest| rest.split_once(' '));
    late.map_or((Duration::ZERO, reply), |(seconds, reply)| {
        (Duration::from_secs(seconds.parse().unwrap()), reply)
    })
}

/// The answers of a server with PIPELINING that likes everything.
pub(crate) fn good(command: &str) -> String {
    let verb = command.split([' ', ':']).next().unwrap_or_default();
    match verb {
        "CONNECT" => "220 mx.third.example ready\r\n".into(),
        "EHLO" | "LHLO" => "250-mx.third.example\r\n250 PIPELINING\r\n".into(),
        "DATA" => "354 go\r\n".into(),
        "QUIT" => "221 bye\r\nCLOSE".into(),
        "." => "250 2.0.0 queued\r\n".into(),
        _ => "250 2.0.0 Ok\r\n".into(),
    }
}

/// Who listens where. Elsewhere connections are refused.
#[derive(Default, Clone)]
pub(crate) struct Peers(HashMap<Place, Listener>);

/// What is behind an address.
#[derive(Clone)]
enum Listener {
    Peer(Peer),
    /// Nobody says that nobody is there: packets vanish.
    BlackHole,
}

impl Peers {
    /// One peer at 192.0.2.1, port 25, which is where [`crate::site::Table::one`] leads.
    pub(crate) fn one(peer: &Peer) -> Self {
        Self::default().at("192.0.2.1:25", peer)
    }

    pub(crate) fn at(mut self, address: &str, peer: &Peer) -> Self {
        let address: SocketAddr = address.parse().unwrap();
        self.0.insert(Place::Tcp(address), Listener::Peer(peer.clone()));
        self
    }

    pub(crate) fn black_hole(mut self, address: &str) -> Self {
        self.0.insert(Place::Tcp(address.parse().unwrap()), Listener::BlackHole);
        self
    }

    pub(crate) fn unix(mut self, path: &str, peer: &Peer) -> Self {
        self.0.insert(Place::Unix(path.into()), Listener::Peer(peer.clone()));
        self
    }

    /// The delivery agent of the site.
    pub(crate) fn local(self, peer: &Peer) -> Self {
        self.at("127.0.0.1:24", peer)
    }
}

impl Network for Peers {
    fn connect<'a>(
        &'a self,
        place: &'a Place,
        from: Option<IpAddr>,
    ) -> BoxFuture<'a, io::Result<Io>> {
        Box::pin(async move {
            let listener = self.0.get(place).ok_or(io::ErrorKind::ConnectionRefused)?;
            let Listener::Peer(peer) = listener else { return std::future::pending().await };
            peer.note_source(from);
            let (ours, theirs) = UnixStream::pair()?;
            tokio::spawn(peer.clone().talk(Io::unix(theirs)));
            Ok(Io::unix(ours))
        })
    }
}
