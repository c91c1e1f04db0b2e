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
    ClearTextLogin, Dialogue, Encryption, End, Protocol, Purpose, Session, Settings, StartTls,
    Step, Transaction, Verdict,
};
use postroad_protocol::envelope::Envelope;
use postroad_protocol::reply::Reply;
use postroad_protocol::sasl::Credentials;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::account::{Account, Submission, TlsStart, is_loopback};
use crate::connect::{self, ConnectError, Tls};
use crate::limits;

/// Octets that are read at once.
const READ_OCTETS: usize = 16 * 1024;

/// Why there is no connection on which letters can be handed over. All of it may pass: letters wait.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// There is no way there.
    #[error(transparent)]
    Connect(#[from] ConnectError),
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
        let mut connection = match &account.submission {
            Submission::Socket(path) => {
                let io = connect::unix(path).await?;
                let settings = settings(Encryption::Clear, StartTls::Never, None);
                Self::new(io, path.display().to_string(), None, settings)
            }
            Submission::Server { host, port, tls } => {
                Self::connect(account, host, *port, *tls).await?
            }
        };
        match connection.next_event().await? {
            Event::Idle => Ok(connection),
            Event::Closed(End::Failed(failure)) => {
                Err(connection.ended(failure.reply().to_string()))
            }
            Event::Closed(End::Quit) | Event::Done(_) => {
                Err(connection.ended("the session ended too early".to_owned()))
            }
        }
    }

    async fn connect(
        account: &Account,
        host: &str,
        port: u16,
        start: TlsStart,
    ) -> Result<Self, SubmitError> {
        let at = format!("{host}:{port}");
        let login = match &account.login {
            Some(login) => Some(Credentials {
                name: login.user.clone(),
                password: login.password.read().map_err(ConnectError::from)?.expose().into(),
            }),
            None => None,
        };
        let tls = Tls::to(account, host)?;
        let mut io = connect::tcp(host, port).await?;
        let (encryption, start_tls) = match start {
            TlsStart::AtOnce => {
                io = tls.clone().start(&at, io).await?;
                (Encryption::Tls, StartTls::Never)
            }
            TlsStart::ByCommand if is_loopback(host) => {
                (Encryption::Clear, StartTls::Opportunistic)
            }
            TlsStart::ByCommand => (Encryption::Clear, StartTls::Required),
        };
        let mut settings = settings(encryption, start_tls, login);
        if is_loopback(host) {
            settings.clear_text_login = ClearTextLogin::Allowed;
        }
        Ok(Self::new(io, at, Some(tls), settings))
    }

    fn new(io: Io, at: String, tls: Option<Tls>, settings: Settings) -> Self {
        Self { session: Session::new(settings, Instant::now()), io: Some(io), tls, at }
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

fn settings(encryption: Encryption, start_tls: StartTls, login: Option<Credentials>) -> Settings {
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
