//! A connection to where letters leave: the tokio shell around the protocol crate's client session.
//!
//! STARTTLS is required but on loopback, certificates are always checked, and a password is sent in
//! clear to this host at most (row U11). Over the MTA's unix socket there is no TLS and no login: the
//! MTA knows the caller by its uid.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use postroad_net::Io;
use postroad_protocol::address::Domain;
use postroad_protocol::client::{
    self as protocol, ClearTextLogin, Dialogue, Encryption, End, Failure, Phase, Protocol, Purpose,
    Session, Settings, StartTls, Step, Transaction, Verdict,
};
use postroad_protocol::envelope::Envelope;
use postroad_protocol::reply::{Reply, Severity};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::account::{Account, Login, Submission, TlsStart, is_loopback};
use crate::connect::{self, ConnectError, Tls};
use crate::limits;
use crate::password::Terminal;
use crate::sasl::{Proof, Ways};

/// Octets that are read at once.
const READ_OCTETS: usize = 16 * 1024;

/// Why there is no connection on which letters can be handed over. All of it may pass: letters wait.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// There is no way there.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server refuses the login.
    #[error("{at}: {problem}; {hint}")]
    Login {
        /// Host and port.
        at: String,
        /// In the server's words.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// The session ended before a letter could be handed over.
    #[error("{at}: {problem}")]
    Session {
        /// Host and port, or the socket.
        at: String,
        /// In the server's words.
        problem: String,
    },
}

impl SubmitError {
    /// What is kept with letters that wait for this reason.
    pub fn reply(&self) -> Reply {
        Reply::new(451, (4, 4, 1), self.to_string())
    }
}

/// A session that takes letters.
pub struct Connection {
    session: Session,
    io: Option<Io>,
    tls: Option<Tls>,
    at: String,
    /// Where somebody logs in.
    ways: Option<Ways>,
}

/// What the session came to.
enum Event {
    Idle,
    Done(Vec<Verdict>),
    Closed(End),
}

impl Connection {
    /// Connects, greets, encrypts, logs in.
    ///
    /// # Errors
    /// Any [`SubmitError`]: the letters wait.
    pub async fn open(account: &Account) -> Result<Self, SubmitError> {
        let server = match &account.submission {
            Submission::Socket(path) => {
                let io = connect::unix(path).await?;
                let settings = settings(Encryption::Clear, StartTls::Never, None);
                let connection = Self::new(io, path.display().to_string(), None, settings);
                return connection.opened().await;
            }
            Submission::Server { host, port, tls } => (host.as_str(), *port, *tls),
        };
        let Some(login) = &account.login else {
            return Self::connect(account, server, None).await?.opened().await;
        };
        let proof = login.proof(account, Terminal::Ours).await?;
        let shown = Some((login, &proof));
        let refused = match Self::connect(account, server, shown).await?.opened().await {
            Err(refused @ SubmitError::Login { .. }) => refused,
            opened => return opened,
        };
        match login.another(account, &proof).await? {
            Some(proof) => {
                Self::connect(account, server, Some((login, &proof))).await?.opened().await
            }
            None => Err(refused),
        }
    }

    async fn connect(
        account: &Account,
        (host, port, start): (&str, u16, TlsStart),
        shown: Option<(&Login, &Proof)>,
    ) -> Result<Self, SubmitError> {
        let at = format!("{host}:{port}");
        let tls = Tls::to(account, host)?;
        // As with servers of mailboxes: one on this host that nobody vouches for is spoken to as it is.
        let in_clear = is_loopback(host) && account.trust.is_none();
        let mut io = connect::tcp(host, port).await?;
        let (encryption, start_tls) = match start {
            TlsStart::AtOnce => {
                io = tls.clone().start(&at, io).await?;
                (Encryption::Tls, StartTls::Never)
            }
            TlsStart::ByCommand if in_clear => (Encryption::Clear, StartTls::Opportunistic),
            TlsStart::ByCommand => (Encryption::Clear, StartTls::Required),
        };
        let login = shown.map(|_| protocol::Login::Chosen);
        let mut settings = settings(encryption, start_tls, login);
        if in_clear {
            settings.clear_text_login = ClearTextLogin::Allowed;
        }
        let ways =
            shown.map(|(login, proof)| Ways::new(login.clone(), proof.clone(), (host, port)));
        Ok(Self { ways, ..Self::new(io, at, Some(tls), settings) })
    }

    fn new(io: Io, at: String, tls: Option<Tls>, settings: Settings) -> Self {
        let session = Session::new(settings, Instant::now());
        Self { session, io: Some(io), tls, at, ways: None }
    }

    /// Goes on until it takes letters.
    async fn opened(mut self) -> Result<Self, SubmitError> {
        let failure = match self.next_event().await? {
            Event::Idle => return Ok(self),
            Event::Closed(End::Failed(failure)) => failure,
            Event::Closed(End::Quit) | Event::Done(_) => {
                return Err(self.ended("the session ended too early".to_owned()));
            }
        };
        let problem = failure.reply().to_string();
        match (&self.ways, &failure) {
            // RFC 4954 §6: 5yz is about who we are.
            (Some(ways), Failure::Refused { phase: Phase::Auth, reply })
                if reply.severity() == Severity::Permanent =>
            {
                Err(SubmitError::Login { at: self.at, problem, hint: ways.hint() })
            }
            _ => Err(self.ended(problem)),
        }
    }

    /// The next way to log in.
    fn log_in(&mut self) {
        let exporter = self.io.as_ref().and_then(|io| io.channel_bindings().exporter);
        let offered = self.session.capabilities().clone();
        let way =
            self.ways.as_mut().and_then(|ways| ways.next(|name| offered.offers(name), exporter));
        self.session.log_in(way, Instant::now());
    }

    /// Hands a letter over for some of its recipients; one verdict for each, in their order. Whatever
    /// goes wrong defers.
    pub async fn deliver(
        &mut self,
        envelope: Arc<Envelope>,
        recipients: Vec<usize>,
        content: Bytes,
    ) -> Vec<Verdict> {
        let count = recipients.len();
        let purpose = Purpose::Deliver(content);
        self.session.deliver(Transaction { envelope, recipients, purpose }, Instant::now());
        let problem = match self.next_event().await {
            Ok(Event::Done(verdicts)) if verdicts.len() == count => return verdicts,
            Ok(_) => self.ended("the session ended too early".to_owned()),
            Err(error) => error,
        };
        vec![Verdict::Deferred(problem.reply()); count]
    }

    /// Whether it takes another letter.
    pub async fn is_open(&mut self) -> bool {
        matches!(self.next_event().await, Ok(Event::Idle))
    }

    /// Says goodbye; what comes of it changes nothing.
    pub async fn quit(mut self) {
        self.session.quit(Instant::now());
        let _ = self.next_event().await;
    }

    fn ended(&self, problem: String) -> SubmitError {
        SubmitError::Session { at: self.at.clone(), problem }
    }

    /// Moves octets and time until the session wants a decision.
    async fn next_event(&mut self) -> Result<Event, SubmitError> {
        loop {
            match self.session.step(Instant::now()) {
                Step::Send(pieces) => self.send(&pieces).await,
                Step::NeedInput => self.read().await,
                Step::StartTls => self.start_tls().await?,
                Step::LogIn => self.log_in(),
                Step::Idle => return Ok(Event::Idle),
                Step::Done(verdicts) => return Ok(Event::Done(verdicts)),
                Step::Close(end) => return Ok(Event::Closed(end)),
            }
        }
    }

    /// The session's own patience, and ours where that is shorter.
    fn time_left(&self) -> Duration {
        let left = self.session.deadline().saturating_duration_since(Instant::now());
        left.min(limits::SUBMISSION_TIMEOUT)
    }

    async fn send(&mut self, pieces: &[Bytes]) {
        let left = self.time_left();
        let Some(io) = &mut self.io else { return self.session.closed() };
        let write = async {
            for piece in pieces {
                io.write_all(piece).await?;
            }
            io.flush().await
        };
        match tokio::time::timeout(left, write).await {
            Ok(Ok(())) => {}
            // What it said before it closed may still be there to be read.
            Ok(Err(_)) => self.read().await,
            Err(_) => self.session.timed_out(),
        }
    }

    async fn read(&mut self) {
        let left = self.time_left();
        let Some(io) = &mut self.io else { return self.session.closed() };
        let mut octets = vec![0; READ_OCTETS];
        match tokio::time::timeout(left, io.read(&mut octets)).await {
            Ok(Ok(0) | Err(_)) => self.session.closed(),
            Ok(Ok(count)) => self.session.push(octets.get(..count).unwrap_or_default()),
            Err(_) => self.session.timed_out(),
        }
    }

    async fn start_tls(&mut self) -> Result<(), SubmitError> {
        let (Some(io), Some(tls)) = (self.io.take(), self.tls.clone()) else {
            return Err(self.ended("TLS is not set up for this connection".to_owned()));
        };
        self.io = Some(tls.start(&self.at, io).await?);
        self.session.tls_started(Instant::now());
        Ok(())
    }
}

fn settings(
    encryption: Encryption,
    start_tls: StartTls,
    login: Option<protocol::Login>,
) -> Settings {
    Settings {
        protocol: Protocol::Smtp,
        name: our_name(),
        encryption,
        start_tls,
        login,
        clear_text_login: ClearTextLogin::Refused,
        dialogue: Dialogue::Dropped,
    }
}

/// What we call ourselves (RFC 5321 §4.1.4 asks for a literal where a host has no name).
#[expect(clippy::expect_used, reason = "the literal is an address")]
fn our_name() -> Domain {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Domain::parse(&host)
        .unwrap_or_else(|_| Domain::parse("[127.0.0.1]").expect("a literal of our own"))
}
