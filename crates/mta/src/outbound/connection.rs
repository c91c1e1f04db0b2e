//! One connection to a next hop: moves octets and time for the client's session machine.

use std::io::{self, IoSlice};
use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use postroad_net::Io;
use postroad_protocol::client::{
    End, Failure, Line, Phase, Session, Settings, StartTls, Step, Transaction, Verdict,
};
use postroad_protocol::limits;
use postroad_protocol::reply::Reply;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout, timeout_at};

use super::shortage::Shortage;

/// Octets that are read at once; a whole pipelined group of replies fits.
const READ_OCTETS: usize = 4 * 1024;

/// How to shake hands.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    pub(crate) config: Arc<ClientConfig>,
    /// Who the certificate has to name.
    pub(crate) name: ServerName<'static>,
}

/// Why a connection isn't open.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// TLS failed, and nobody demanded it: another try in clear may do.
    TlsOptional(Reply),
    /// This host couldn't even begin.
    Short(Shortage),
    /// All else.
    Failed(Reply),
}

impl OpenError {
    pub(crate) fn reply(self) -> Reply {
        match self {
            Self::TlsOptional(reply) | Self::Failed(reply) => reply,
            Self::Short(shortage) => shortage.reply(),
        }
    }
}

impl From<Reply> for OpenError {
    fn from(reply: Reply) -> Self {
        Self::Failed(reply)
    }
}

/// An open session.
#[derive(Debug)]
pub(crate) struct Connection {
    /// `None` after a handshake that failed.
    io: Option<Io>,
    session: Session,
    input: BytesMut,
    tls: Option<Tls>,
    handshake_error: Option<io::Error>,
    /// Transactions so far.
    pub(crate) transactions: usize,
}

/// An open connection as it goes from lane to lane.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    /// Since when.
    pub(crate) since: Instant,
    /// The host that it is to, in the log's words and in a notice's.
    pub(crate) shown: String,
    pub(crate) remote: String,
}

/// Where a run of the machine stopped.
#[derive(Debug)]
enum Stop {
    Idle,
    Done(Vec<Verdict>),
    Closed(End),
}

/// What became of a transaction.
#[derive(Debug)]
pub(crate) struct Delivered {
    /// One for each recipient.
    pub(crate) verdicts: Vec<Verdict>,
    /// Why the connection is of no more use, where it isn't.
    pub(crate) failure: Option<Failure>,
}

impl Connection {
    /// Goes from the connection to the first transaction: greeting, EHLO, STARTTLS, AUTH.
    pub(crate) async fn open(
        mut io: Io,
        settings: Settings,
        tls: Option<Tls>,
        implicit: Implicit,
    ) -> Result<Self, OpenError> {
        let start_tls = settings.start_tls;
        if let (Implicit::Tls, Some(tls)) = (implicit, &tls) {
            let deadline = Instant::now() + limits::CLIENT_HANDSHAKE_TIMEOUT;
            let shaken = io.connect_tls(Arc::clone(&tls.config), tls.name.clone());
            io = match timeout_at(deadline, shaken).await {
                Ok(Ok(io)) => io,
                Ok(Err(error)) => return Err(OpenError::Failed(handshake_failed(&error))),
                Err(_) => return Err(OpenError::Failed(handshake_failed(&late()))),
            };
        }
        let session = Session::new(settings, now());
        let input = BytesMut::with_capacity(READ_OCTETS);
        let mut connection =
            Self { io: Some(io), session, input, tls, handshake_error: None, transactions: 0 };
        match connection.run().await {
            Stop::Idle => Ok(connection),
            Stop::Done(_) => Err(OpenError::Failed(not_open())),
            Stop::Closed(End::Quit) => Err(OpenError::Failed(not_open())),
            Stop::Closed(End::Failed(failure)) => {
                let handshake = matches!(
                    failure,
                    Failure::Closed { phase: Phase::Handshake }
                        | Failure::TimedOut { phase: Phase::Handshake }
                );
                let reply = match &connection.handshake_error {
                    Some(error) => handshake_failed(error),
                    None => failure.reply(),
                };
                Err(match (handshake, start_tls) {
                    (true, StartTls::Opportunistic) => OpenError::TlsOptional(reply),
                    _ => OpenError::Failed(reply),
                })
            }
        }
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Version and cipher suite, inside TLS.
    pub(crate) fn tls_info(&self) -> Option<String> {
        self.io.as_ref()?.tls().map(|info| info.to_string())
    }

    pub(crate) fn take_dialogue(&mut self) -> Vec<Line> {
        self.session.take_dialogue()
    }

    /// One transaction.
    pub(crate) async fn deliver(&mut self, transaction: Transaction) -> Delivered {
        let recipients = transaction.recipients.len();
        self.transactions += 1;
        self.session.deliver(transaction, now());
        let verdicts = match self.run().await {
            Stop::Done(verdicts) => verdicts,
            // The machine gives verdicts before it ends.
            Stop::Idle | Stop::Closed(_) => vec![Verdict::Deferred(not_open()); recipients],
        };
        let failure = match self.session.step(now()) {
            Step::Close(End::Failed(failure)) => Some(failure),
            Step::Idle => None,
            _ => Some(Failure::OutOfStep { phase: Phase::Idle, reply: None }),
        };
        Delivered { verdicts, failure }
    }

    /// Ends when the peer says something unasked or closes: the connection is of no more use then.
    pub(crate) async fn broken(&mut self) {
        let Some(io) = &mut self.io else { return };
        self.input.clear();
        let _ = io.read_buf(&mut self.input).await;
    }

    /// Says QUIT and waits a moment for the answer (RFC 5321 §4.1.1.10).
    pub(crate) async fn quit(mut self) {
        self.session.quit(now());
        let _ = self.run().await;
        if let Some(mut io) = self.io {
            // The farewell of TLS is octets, too, and may find nobody who reads.
            let _ = timeout(limits::CLIENT_QUIT_TIMEOUT, io.shutdown()).await;
        }
    }

    async fn run(&mut self) -> Stop {
        loop {
            match self.session.step(now()) {
                Step::Send(pieces) => self.send(pieces).await,
                Step::NeedInput => self.receive().await,
                Step::StartTls => {
                    if let Err(error) = self.shake_hands().await {
                        self.handshake_error = Some(error);
                        self.session.closed();
                    }
                }
                // Hops of ours have a password, or none: see `Login`.
                Step::LogIn => self.session.log_in(None, now()),
                Step::Idle => return Stop::Idle,
                Step::Done(verdicts) => return Stop::Done(verdicts),
                Step::Close(end) => return Stop::Closed(end),
            }
        }
    }

    async fn send(&mut self, pieces: Vec<Bytes>) {
        let deadline = Instant::from_std(self.session.deadline());
        let Some(io) = &mut self.io else { return self.session.closed() };
        match timeout_at(deadline, write_all(io, pieces)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => self.session.closed(),
            Err(_) => self.session.timed_out(),
        }
    }

    async fn receive(&mut self) {
        let deadline = Instant::from_std(self.session.deadline());
        let Some(io) = &mut self.io else { return self.session.closed() };
        self.input.clear();
        self.input.reserve(READ_OCTETS);
        match timeout_at(deadline, io.read_buf(&mut self.input)).await {
            Ok(Ok(0) | Err(_)) => self.session.closed(),
            Ok(Ok(_)) => self.session.push(&self.input),
            Err(_) => self.session.timed_out(),
        }
    }

    async fn shake_hands(&mut self) -> io::Result<()> {
        let tls = self.tls.clone().ok_or_else(|| io::Error::other("no name to ask for"))?;
        let io = self.io.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?;
        let deadline = Instant::from_std(self.session.deadline());
        let shaken = timeout_at(deadline, io.connect_tls(tls.config, tls.name)).await;
        self.io = Some(shaken.map_err(|_| late())??);
        self.session.tls_started(now());
        Ok(())
    }
}

/// Whether TLS comes before the first octet of SMTP (RFC 8314).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Implicit {
    Clear,
    Tls,
}

/// Tokio's clock, so that a test may pause it.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// One gathering write for commands and one for each block of content; nothing is copied.
async fn write_all(io: &mut Io, pieces: Vec<Bytes>) -> io::Result<()> {
    let mut pieces = std::collections::VecDeque::from(pieces);
    while !pieces.is_empty() {
        let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut written = io.write_vectored(&slices).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        while let Some(first) = pieces.front_mut() {
            if written < first.len() {
                first.advance(written);
                break;
            }
            written -= first.len();
            pieces.pop_front();
        }
    }
    io.flush().await // TLS holds back records otherwise.
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer in time")
}

/// RFC 3463 §3.8: X.7.5 is a cryptographic failure.
fn handshake_failed(error: &io::Error) -> Reply {
    Reply::new(451, (4, 7, 5), format!("the TLS handshake with the next hop failed: {error}"))
}

fn not_open() -> Reply {
    Reply::new(451, (4, 4, 2), "the session with the next hop could not be opened")
}
