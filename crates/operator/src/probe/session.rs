//! One session with a host, as the transfer agent would hold it, up to the reply to RCPT.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use postroad_config::{RouteTls, Source};
use postroad_net::Io;
use postroad_net::tls::Judge;
use postroad_protocol::address::Domain;
use postroad_protocol::client::{
    ClearTextLogin, Dialogue, Encryption, End, Protocol, Purpose, Said, Session, Settings,
    StartTls, Step, Transaction, Verdict,
};
use postroad_protocol::envelope::Envelope;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::certificate::Certificate;
use super::dns::millis;
use super::report::{Event, Report};

/// How long a connection may take: shorter than the transfer agent waits, since a person does.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// How long each reply and the handshake may take; hosts that tarpit strangers take up to 30 s to greet.
const REPLY_PATIENCE: Duration = Duration::from_secs(40);
/// Octets read at once.
const READ_OCTETS: usize = 4 * 1024;

/// Who asks, and what.
pub(super) struct Caller {
    pub(super) hello: Domain,
    pub(super) envelope: Arc<Envelope>,
    /// More authorities to trust.
    pub(super) trust: Option<PathBuf>,
}

/// Who is asked, and how.
pub(super) struct Call<'c> {
    pub(super) host: &'c str,
    pub(super) place: &'c Place,
    pub(super) why: &'c str,
    pub(super) protocol: Protocol,
    pub(super) implicit: Implicit,
    pub(super) tls: RouteTls,
    /// Our own addresses.
    pub(super) source: Source,
}

impl Call<'_> {
    /// From which address of ours; none where the system chooses.
    fn from(&self) -> Option<IpAddr> {
        match self.place {
            Place::Tcp(address) => self.source.towards(address.ip()),
            Place::Unix(_) => None,
        }
    }
}

/// Where a connection goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// Whether TLS comes before the first octet of SMTP (RFC 8314).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Implicit {
    Clear,
    Tls,
}

/// What became of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing was said about the recipient.
    Failed {
        host: String,
        reason: String,
    },
    Refused {
        host: String,
        reply: String,
    },
    Deferred {
        host: String,
        reply: String,
    },
    Accepted {
        host: String,
        reply: String,
    },
}

impl Outcome {
    /// The higher, the better for the letter.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Failed { .. } => 0,
            Self::Refused { .. } => 1,
            Self::Deferred { .. } => 2,
            Self::Accepted { .. } => 3,
        }
    }

    pub(super) fn event(&self) -> Event {
        let (outcome, host, reply) = match self {
            Self::Failed { host, reason } => ("failed", host, reason),
            Self::Refused { host, reply } => ("refused", host, reply),
            Self::Deferred { host, reply } => ("deferred", host, reply),
            Self::Accepted { host, reply } => ("accepted", host, reply),
        };
        Event::Verdict { host: host.clone(), outcome, reply: reply.clone() }
    }
}

/// Asks one host; a second time in clear where TLS failed and nobody demanded it (RFC 7435).
pub(super) async fn call(report: &mut Report, caller: &Caller, call: &Call<'_>) -> Result<Outcome> {
    let place = match call.place {
        Place::Tcp(address) => address.to_string(),
        Place::Unix(path) => path.display().to_string(),
    };
    let (host, why) = (call.host.to_owned(), call.why.to_owned());
    let source = call.from().map(|from| from.to_string());
    report.tell(&Event::Host { host, place, why, source })?;
    let failed = |reason| Outcome::Failed { host: call.host.to_owned(), reason };
    match Wire::open(report, caller, call, call.tls).await? {
        Err(reason) => Ok(failed(reason)),
        Ok(wire) => match wire.run(caller).await? {
            Ended::Outcome(outcome) => Ok(outcome),
            Ended::HandshakeFailed(reason) if call.tls == RouteTls::Opportunistic => {
                let text =
                    format!("TLS failed ({reason}); the transfer agent would go on in clear");
                report.tell(&Event::Note { text })?;
                match Wire::open(report, caller, call, RouteTls::Never).await? {
                    Err(reason) => Ok(failed(reason)),
                    Ok(wire) => match wire.run(caller).await? {
                        Ended::Outcome(outcome) => Ok(outcome),
                        Ended::HandshakeFailed(reason) => Ok(failed(reason)),
                    },
                }
            }
            Ended::HandshakeFailed(reason) => Ok(failed(format!("TLS failed: {reason}"))),
        },
    }
}

/// How a session ended.
enum Ended {
    Outcome(Outcome),
    HandshakeFailed(String),
}

/// A connection, its machine, and who is told about them.
struct Wire<'w> {
    report: &'w mut Report,
    host: String,
    io: Option<Io>,
    session: Session,
    judge: Arc<Judge>,
    tls: RouteTls,
    handshake_error: Option<String>,
    /// What came of a line that isn't whole yet.
    partial: Vec<u8>,
    verdict: Option<Verdict>,
}

impl<'w> Wire<'w> {
    /// Connects; the inner error is why that failed.
    async fn open(
        report: &'w mut Report,
        caller: &Caller,
        call: &Call<'_>,
        tls: RouteTls,
    ) -> Result<Result<Self, String>> {
        let judge = Judge::new(caller.trust.as_deref())?;
        let started = Instant::now();
        let connect = async {
            match (call.place, call.from()) {
                (Place::Tcp(address), Some(from)) => Io::connect_tcp_from(*address, from).await,
                (Place::Tcp(address), None) => Io::connect_tcp(*address).await,
                (Place::Unix(path), _) => Io::connect_unix(path).await,
            }
        };
        let mut io = match timeout(CONNECT_PATIENCE, connect).await {
            Ok(Ok(io)) => io,
            Ok(Err(error)) => return Ok(Err(format!("cannot connect: {error}"))),
            Err(_) => return Ok(Err("cannot connect: no answer in time".to_owned())),
        };
        report.tell(&Event::Connected { took_ms: millis(started.elapsed()) })?;
        if call.implicit == Implicit::Tls {
            io = match shake_hands(io, &judge, call.host).await {
                Ok(io) => io,
                Err(reason) => return Ok(Err(format!("TLS failed: {reason}"))),
            };
        }
        let settings = Settings {
            protocol: call.protocol,
            name: caller.hello.clone(),
            encryption: match call.implicit {
                Implicit::Tls => Encryption::Tls,
                Implicit::Clear => Encryption::Clear,
            },
            start_tls: match tls {
                RouteTls::Never => StartTls::Never,
                RouteTls::Opportunistic => StartTls::Opportunistic,
                RouteTls::Required => StartTls::Required,
            },
            login: None,
            clear_text_login: ClearTextLogin::Refused,
            dialogue: Dialogue::Kept,
        };
        let mut wire = Self {
            report,
            host: call.host.to_owned(),
            io: Some(io),
            session: Session::new(settings, Instant::now()),
            judge,
            tls,
            handshake_error: None,
            partial: Vec::new(),
            verdict: None,
        };
        wire.tell_tls()?;
        Ok(Ok(wire))
    }

    /// Greeting to QUIT.
    async fn run(mut self, caller: &Caller) -> Result<Ended> {
        let end = loop {
            match self.session.step(Instant::now()) {
                Step::Send(pieces) => {
                    self.tell_sent()?;
                    let octets: Vec<u8> = pieces.iter().flat_map(|piece| piece.to_vec()).collect();
                    self.send(&octets).await;
                }
                Step::NeedInput => self.receive().await?,
                Step::StartTls => self.start_tls().await?,
                Step::LogIn => self.session.log_in(None, Instant::now()),
                Step::Idle if self.verdict.is_none() => {
                    let envelope = Arc::clone(&caller.envelope);
                    let (recipients, purpose) = (vec![0], Purpose::Probe);
                    let transaction = Transaction { envelope, recipients, purpose };
                    self.session.deliver(transaction, Instant::now());
                }
                Step::Idle => self.session.quit(Instant::now()),
                Step::Done(verdicts) => self.verdict = verdicts.into_iter().next(),
                Step::Close(end) => break end,
            }
        };
        self.tell_rest()?;
        if let Some(reason) = self.handshake_error {
            return Ok(Ended::HandshakeFailed(reason));
        }
        Ok(Ended::Outcome(self.outcome(&end)))
    }

    fn outcome(self, end: &End) -> Outcome {
        let host = self.host;
        let trusted = self.judge.judged().is_some_and(|judged| judged.verdict.is_ok());
        match (self.verdict, end) {
            (Some(Verdict::Accepted(_)), _) if self.tls == RouteTls::Required && !trusted => {
                let reason = "the route demands a certificate that is trusted".to_owned();
                Outcome::Failed { host, reason }
            }
            (Some(Verdict::Accepted(reply)), _) => {
                Outcome::Accepted { host, reply: reply.to_string() }
            }
            (Some(Verdict::Refused(reply)), _) => {
                Outcome::Refused { host, reply: reply.to_string() }
            }
            (Some(Verdict::Deferred(reply)), _) => {
                Outcome::Deferred { host, reply: reply.to_string() }
            }
            (None, End::Failed(failure)) => {
                Outcome::Failed { host, reason: failure.reply().to_string() }
            }
            (None, End::Quit) => Outcome::Failed { host, reason: "nothing was asked".to_owned() },
        }
    }

    async fn send(&mut self, octets: &[u8]) {
        let Some(io) = &mut self.io else { return self.session.closed() };
        let write = async {
            io.write_all(octets).await?;
            io.flush().await
        };
        match timeout(REPLY_PATIENCE, write).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => self.session.closed(),
            Err(_) => self.session.timed_out(),
        }
    }

    async fn receive(&mut self) -> Result<()> {
        let Some(io) = &mut self.io else {
            self.session.closed();
            return Ok(());
        };
        let mut octets = [0; READ_OCTETS];
        let patience = self.session.deadline().saturating_duration_since(Instant::now());
        match timeout(patience.min(REPLY_PATIENCE), io.read(&mut octets)).await {
            Ok(Ok(0) | Err(_)) => self.session.closed(),
            Err(_) => self.session.timed_out(),
            Ok(Ok(count)) => {
                let came = octets.get(..count).unwrap_or_default();
                self.tell_received(came)?;
                self.session.push(came);
            }
        }
        Ok(())
    }

    async fn start_tls(&mut self) -> Result<()> {
        let Some(io) = self.io.take() else {
            self.session.closed();
            return Ok(());
        };
        match shake_hands(io, &self.judge, &self.host).await {
            Ok(io) => {
                self.io = Some(io);
                self.tell_tls()?;
                self.session.tls_started(Instant::now());
            }
            Err(reason) => {
                self.handshake_error = Some(reason);
                self.session.closed();
            }
        }
        Ok(())
    }

    fn tell_tls(&mut self) -> Result<()> {
        let Some(tls) = self.io.as_ref().and_then(Io::tls) else { return Ok(()) };
        let certificate = self.judge.judged().as_ref().and_then(Certificate::of);
        let (version, cipher) = (tls.version.to_owned(), tls.cipher);
        self.report.tell(&Event::Tls { version, cipher, certificate })
    }

    /// The commands that go out now. The machine's own record of them, which hides secrets.
    fn tell_sent(&mut self) -> Result<()> {
        for line in self.session.take_dialogue() {
            if let Said::Sent(commands) = line.said {
                for command in String::from_utf8_lossy(&commands).lines() {
                    self.report.tell(&Event::Sent { line: command.to_owned() })?;
                }
            }
        }
        Ok(())
    }

    /// What came, line by line as it stood on the wire, be it a reply or not.
    fn tell_received(&mut self, octets: &[u8]) -> Result<()> {
        for octet in octets {
            match octet {
                b'\n' => self.tell_rest()?,
                octet => self.partial.push(*octet),
            }
        }
        Ok(())
    }

    fn tell_rest(&mut self) -> Result<()> {
        if self.partial.is_empty() {
            return Ok(());
        }
        let line = std::mem::take(&mut self.partial);
        let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
        self.report.tell(&Event::Received { line })
    }
}

async fn shake_hands(io: Io, judge: &Arc<Judge>, host: &str) -> Result<Io, String> {
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        .map_err(|_| format!("{host} is no name that a certificate could have"))?;
    let config = judge.config().map_err(|error| error.to_string())?;
    match timeout(REPLY_PATIENCE, io.connect_tls(config, name)).await {
        Ok(shaken) => shaken.map_err(|error| error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}
