//! SMTP over a socket: a blocking shell around the protocol crate's client session.
//!
//! Blocking, since both who file letters by LMTP and who file one from standard input have a thread that
//! waits for the outcome, and the second has no runtime. No TLS and no login: this is for a transfer agent on
//! this host.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use postroad_protocol::address::Domain;
use postroad_protocol::client::{
    ClearTextLogin, Dialogue, Encryption, End, Offer, Protocol, Purpose, Session, Settings,
    StartTls, Step, Transaction, Verdict,
};
use postroad_protocol::envelope::Body;
use postroad_protocol::reply::Reply;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::{Kind, Outgoing, SubmitError};
use crate::line_ends::with_crlf;

/// Octets that are read at once.
const READ_OCTETS: usize = 4 * 1024;

/// Where letters are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Server {
    Unix(PathBuf),
    Tcp { host: String, port: u16 },
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp { host, port } => write!(f, "{host} port {port}"),
        }
    }
}

/// Hands letters over on one connection. With several recipients it asks for all of them first: whoever took
/// one letter and not the next would get the first one again.
pub(super) fn send(
    server: &Server,
    name: &str,
    letters: &[Outgoing],
    deadline: Instant,
) -> Result<Offer, SubmitError> {
    let stream = Stream::connect(server, deadline)
        .map_err(|source| SubmitError::Connect { at: server.to_string(), source })?;
    let session = Session::new(settings(name)?, Instant::now());
    let mut connection = Connection { stream, session, deadline };
    let not_taken = |reply| SubmitError::NotTaken { at: server.to_string(), reply };
    connection.open().map_err(not_taken)?;
    let dsn = connection.session.capabilities().dsn;
    let recipients: usize = letters.iter().map(|letter| letter.envelope.recipients.len()).sum();
    if recipients > 1 {
        for letter in letters {
            connection.transact(letter, Purpose::Probe).map_err(not_taken)?;
        }
    }
    for letter in letters {
        let content = Bytes::from(with_crlf(&letter.content));
        connection.transact(letter, Purpose::Deliver(content)).map_err(not_taken)?;
    }
    connection.session.quit(Instant::now());
    // What is said to that changes nothing: the letters are taken.
    let _ = connection.next_event();
    Ok(dsn)
}

fn settings(name: &str) -> Result<Settings, SubmitError> {
    let name = Domain::parse(name).map_err(|error| {
        let source = io::Error::new(io::ErrorKind::InvalidInput, error);
        SubmitError::Connect { at: format!("anybody as \"{name}\""), source }
    })?;
    Ok(Settings {
        protocol: Protocol::Smtp,
        name,
        encryption: Encryption::Clear,
        start_tls: StartTls::Never,
        login: None,
        clear_text_login: ClearTextLogin::Refused,
        dialogue: Dialogue::Dropped,
    })
}

struct Connection {
    stream: Stream,
    session: Session,
    /// Of all of it together.
    deadline: Instant,
}

/// What the session came to.
enum Event {
    Idle,
    Done(Vec<Verdict>),
    Closed(End),
}

impl Connection {
    /// Goes to the first transaction; gives the reply that stands in the way of it.
    fn open(&mut self) -> Result<(), Reply> {
        match self.next_event() {
            Event::Idle => Ok(()),
            Event::Closed(End::Failed(failure)) => Err(failure.reply()),
            Event::Closed(End::Quit) | Event::Done(_) => Err(ended()),
        }
    }

    fn transact(&mut self, letter: &Outgoing, purpose: Purpose) -> Result<(), Reply> {
        let mut envelope = letter.envelope.clone();
        envelope.body = match letter.content.is_ascii() {
            true => Body::SevenBit,
            false => Body::EightBitMime,
        };
        let transaction = Transaction {
            recipients: (0..envelope.recipients.len()).collect(),
            envelope: Arc::new(envelope),
            purpose,
        };
        self.session.deliver(transaction, Instant::now());
        let Event::Done(verdicts) = self.next_event() else { return Err(ended()) };
        for verdict in verdicts {
            match (verdict, letter.kind) {
                (Verdict::Accepted(_), _) | (Verdict::Refused(_), Kind::Answer) => {}
                (Verdict::Refused(reply), Kind::Redirect) | (Verdict::Deferred(reply), _) => {
                    return Err(reply);
                }
            }
        }
        // Whether there can be a next one.
        self.open()
    }

    fn next_event(&mut self) -> Event {
        loop {
            match self.session.step(Instant::now()) {
                Step::Send(pieces) => {
                    let deadline = self.session.deadline().min(self.deadline);
                    let result = pieces
                        .iter()
                        .try_for_each(|piece| self.stream.write_all_before(piece, deadline));
                    self.note(result);
                }
                Step::NeedInput => {
                    let mut block = [0; READ_OCTETS];
                    let deadline = self.session.deadline().min(self.deadline);
                    match self.stream.read_before(&mut block, deadline) {
                        Ok(0) => self.session.closed(),
                        Ok(octets) => self.session.push(block.get(..octets).unwrap_or_default()),
                        Err(error) => self.note(Err(error)),
                    }
                }
                // Neither is asked for: see `settings`.
                Step::StartTls | Step::LogIn => self.session.closed(),
                Step::Idle => return Event::Idle,
                Step::Done(verdicts) => return Event::Done(verdicts),
                Step::Close(end) => return Event::Closed(end),
            }
        }
    }

    fn note(&mut self, result: io::Result<()>) {
        match result {
            Ok(()) => {}
            Err(error)
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
            {
                self.session.timed_out();
            }
            Err(_) => self.session.closed(),
        }
    }
}

fn ended() -> Reply {
    Reply::new(451, (4, 4, 2), "the session ended too early")
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    fn connect(server: &Server, deadline: Instant) -> io::Result<Self> {
        match server {
            Server::Unix(path) => connect_unix(path, left(deadline)?).map(Self::Unix),
            Server::Tcp { host, port } => {
                let mut last = io::Error::from(io::ErrorKind::NotFound);
                for address in (host.as_str(), *port).to_socket_addrs()? {
                    match TcpStream::connect_timeout(&address, left(deadline)?) {
                        Ok(stream) => return Ok(Self::Tcp(stream)),
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }

    fn write_all_before(&mut self, mut octets: &[u8], deadline: Instant) -> io::Result<()> {
        while !octets.is_empty() {
            let left = Some(left(deadline)?);
            let written = match self {
                Self::Unix(stream) => {
                    stream.set_write_timeout(left)?;
                    stream.write(octets)
                }
                Self::Tcp(stream) => {
                    stream.set_write_timeout(left)?;
                    stream.write(octets)
                }
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => octets = octets.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read_before(&mut self, block: &mut [u8], deadline: Instant) -> io::Result<usize> {
        loop {
            let left = Some(left(deadline)?);
            let read = match self {
                Self::Unix(stream) => {
                    stream.set_read_timeout(left)?;
                    stream.read(block)
                }
                Self::Tcp(stream) => {
                    stream.set_read_timeout(left)?;
                    stream.read(block)
                }
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

/// A connection to a unix socket waits where too many others do; the standard library would wait for ever.
fn connect_unix(path: &Path, time_max: Duration) -> io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(time_max))?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(UnixStream::from(socket))
}

/// The time until then; never none, which would mean "for ever" to a socket.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(io::ErrorKind::TimedOut.into()),
        false => Ok(left),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use postroad_protocol::address::{Address, ReversePath};
    use postroad_protocol::envelope::{Envelope, Recipient};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// Sends one letter to a server that does this.
    fn send_to(
        time_max: Duration,
        serve: impl FnOnce(UnixListener) + Send + 'static,
    ) -> SubmitError {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        std::thread::spawn(move || serve(listener));
        let letter = Outgoing {
            envelope: Envelope::new(
                ReversePath::Null,
                vec![Recipient::new(Address::parse("a@b.example").unwrap())],
            ),
            kind: Kind::Redirect,
            content: Bytes::from_static(b"A: b\r\n\r\n"),
        };
        let deadline = Instant::now() + time_max;
        send(&Server::Unix(socket), "mx.our.example", &[letter], deadline).unwrap_err()
    }

    #[test]
    fn who_says_nothing_or_goes_away_has_not_taken_it() {
        let (release, hold) = std::sync::mpsc::channel::<()>();
        let silent = send_to(Duration::from_millis(100), move |listener| {
            let connection = listener.accept();
            // Until the test is over.
            let _ = hold.recv();
            drop(connection);
        });
        assert!(silent.to_string().contains("did not take"), "{silent}");
        drop(release);
        let gone = send_to(LONG, |listener| drop(listener.accept()));
        assert!(gone.to_string().contains("did not take"), "{gone}");
        let rude = send_to(LONG, |listener| {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.write_all(b"554 5.7.1 go away\r\n");
            let _ = stream.read(&mut [0; 100]);
        });
        assert!(rude.to_string().contains("go away"), "{rude}");
        let nobody = send_to(LONG, drop);
        assert!(matches!(nobody, SubmitError::Connect { .. } | SubmitError::NotTaken { .. }));
    }
}
