//! A POP3 server: the tokio shell around the pop3 crate's client session.
//!
//! The server isn't trusted (rows U11, U12, U13): what it sends is bounded, its unique ids are never
//! part of a path, its words are shown as others' words, and no password goes to it without TLS unless
//! it is this host. Deleting takes effect with QUIT alone, so every session is closed by it.

use std::collections::HashMap;
use std::time::Instant;

use postroad_net::Io;
use postroad_pop3::client::{
    ClearTextLogin, Encryption, End, Login as Shown, Outcome, Refusal, Request, Session, Settings,
    Step, Stls,
};
use postroad_pop3::command::MessageNumber;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Entry, short_id};
use crate::account::{Account, Login, TlsStart, is_loopback};
use crate::connect::{self, ConnectError, Tls};
use crate::limits;
use crate::password::Terminal;
use crate::sasl::{Proof, Ways, Who};

/// Octets that are read at once.
const READ_OCTETS: usize = 32 * 1024;

/// Why a server's mailbox can't be read.
#[derive(Debug, thiserror::Error)]
pub enum Pop3Error {
    /// There is no way there.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There is no login.
    #[error("a POP3 server wants a login; set user and password_file in the account file")]
    NoLogin,
    /// The session is over.
    #[error("{at}: {end}{}{}", said(end), hinted(end, hint))]
    Ended {
        /// Host and port.
        at: String,
        /// Why.
        end: End,
        /// What to do where the login was refused.
        hint: &'static str,
    },
    /// The server doesn't do what it was asked for.
    #[error("{at} refuses: {}", refusal.text)]
    Refused {
        /// Host and port.
        at: String,
        /// Its words.
        refusal: Refusal,
    },
    /// The server has no such message any more.
    #[error("letter {id} is gone from {at}")]
    Gone {
        /// Host and port.
        at: String,
        /// The letter's short id.
        id: String,
    },
}

/// The words of the server, where it had some.
fn said(end: &End) -> String {
    match end {
        End::NotDeleted(refusal) | End::Refused(refusal) | End::Login(refusal) => {
            format!(": {}", refusal.text)
        }
        End::Quit
        | End::NoTls
        | End::ClearText
        | End::Credentials
        | End::Unproven
        | End::TooLarge { .. }
        | End::Protocol(_)
        | End::NoMechanism
        | End::Lost => String::new(),
    }
}

fn hinted(end: &End, hint: &str) -> String {
    match end {
        End::Login(_) | End::NoMechanism if !hint.is_empty() => format!("; {hint}"),
        _ => String::new(),
    }
}

/// An open maildrop.
pub struct Maildrop {
    session: Session,
    io: Option<Io>,
    tls: Tls,
    at: String,
    ways: Ways,
    entries: Vec<Entry>,
    numbers: HashMap<String, MessageNumber>,
    /// Content of the message that is coming in.
    content: Vec<u8>,
}

impl Maildrop {
    /// Connects, encrypts, logs in and lists.
    ///
    /// # Errors
    /// Any [`Pop3Error`].
    pub async fn open(
        account: &Account,
        host: &str,
        port: u16,
        start: TlsStart,
    ) -> Result<Self, Pop3Error> {
        Self::open_beside(account, host, port, start, Terminal::Ours).await
    }

    /// The same, where somebody else may have the terminal.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) async fn open_beside(
        account: &Account,
        host: &str,
        port: u16,
        start: TlsStart,
        terminal: Terminal,
    ) -> Result<Self, Pop3Error> {
        let login = account.login.as_ref().ok_or(Pop3Error::NoLogin)?;
        let proof = login.proof(account, terminal).await?;
        let refused = match Self::open_with(account, (host, port), start, login, &proof).await {
            Err(refused @ Pop3Error::Ended { end: End::Login(_), .. }) => refused,
            opened => return opened,
        };
        match login.another(account, &proof).await? {
            Some(proof) => Self::open_with(account, (host, port), start, login, &proof).await,
            None => Err(refused),
        }
    }

    async fn open_with(
        account: &Account,
        (host, port): (&str, u16),
        start: TlsStart,
        login: &Login,
        proof: &Proof,
    ) -> Result<Self, Pop3Error> {
        let at = format!("{host}:{port}");
        let tls = Tls::to(account, host)?;
        let mut io = connect::tcp(host, port).await?;
        // A server on this host that nobody vouches for is spoken to as it is: nothing leaves the host.
        let in_clear = is_loopback(host) && account.trust.is_none();
        let (encryption, stls) = match start {
            TlsStart::AtOnce => {
                io = tls.clone().start(&at, io).await?;
                (Encryption::Tls, Stls::Never)
            }
            TlsStart::ByCommand if in_clear => (Encryption::Clear, Stls::Never),
            TlsStart::ByCommand => (Encryption::Clear, Stls::Required),
        };
        let who = Who { user: &login.user, proof, host, port };
        let settings = Settings {
            encryption,
            stls,
            // The best of what is offered; a token is never told as a password.
            login: Shown::Chosen(match proof {
                Proof::Password(password) => Some(who.credentials(password)),
                Proof::Token(_) => None,
            }),
            clear_text_login: match in_clear {
                true => ClearTextLogin::Allowed,
                false => ClearTextLogin::Refused,
            },
            message_octets_max: limits::MESSAGE_OCTETS_MAX,
        };
        let session = Session::new(settings, Instant::now());
        let (entries, numbers) = (Vec::new(), HashMap::new());
        let ways = Ways::new(login.clone(), proof.clone(), (host, port));
        let (io, content) = (Some(io), Vec::new());
        let mut maildrop = Self { session, io, tls, at, ways, entries, numbers, content };
        maildrop.list().await?;
        Ok(maildrop)
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    async fn list(&mut self) -> Result<(), Pop3Error> {
        self.until_idle().await?;
        let Outcome::Sizes(sizes) = self.ask(Request::Sizes).await? else {
            return Err(self.ended(End::Protocol("LIST was answered by something else")));
        };
        let Outcome::UniqueIds(ids) = self.ask(Request::UniqueIds).await? else {
            return Err(self.ended(End::Protocol("UIDL was answered by something else")));
        };
        let sizes: HashMap<String, u64> =
            sizes.into_iter().map(|(number, octets)| (number.to_string(), octets)).collect();
        for (index, (number, unique_id)) in ids.into_iter().enumerate() {
            let name = unique_id.to_string();
            self.numbers.insert(name.clone(), number);
            self.entries.push(Entry {
                number: index + 1,
                id: short_id(&name),
                name,
                flags: String::new(),
                keywords: Vec::new(),
                octets: sizes.get(&number.to_string()).copied().unwrap_or(0),
                arrived: None,
            });
        }
        Ok(())
    }

    pub(crate) async fn header(&mut self, entry: &Entry) -> Result<Vec<u8>, Pop3Error> {
        let number = self.number(entry)?;
        self.fetch(Request::Top(number, 0)).await
    }

    pub(crate) async fn message(&mut self, entry: &Entry) -> Result<Vec<u8>, Pop3Error> {
        let number = self.number(entry)?;
        self.fetch(Request::Retrieve(number)).await
    }

    pub(crate) async fn delete(&mut self, entry: &Entry) -> Result<(), Pop3Error> {
        let number = self.number(entry)?;
        self.ask(Request::Delete(number)).await.map(drop)
    }

    pub(crate) async fn close(mut self) -> Result<(), Pop3Error> {
        self.until_idle().await?;
        self.session.request(Request::Quit, Instant::now());
        loop {
            match self.advance().await? {
                Event::Idle | Event::Done(_) => {}
                Event::Closed(End::Quit) => return Ok(()),
                Event::Closed(end) => return Err(self.ended(end)),
            }
        }
    }

    fn number(&self, entry: &Entry) -> Result<MessageNumber, Pop3Error> {
        let gone = || Pop3Error::Gone { at: self.at.clone(), id: entry.id.clone() };
        self.numbers.get(&entry.name).copied().ok_or_else(gone)
    }

    async fn fetch(&mut self, request: Request) -> Result<Vec<u8>, Pop3Error> {
        self.content.clear();
        self.ask(request).await?;
        Ok(std::mem::take(&mut self.content))
    }

    async fn ask(&mut self, request: Request) -> Result<Outcome, Pop3Error> {
        self.until_idle().await?;
        self.session.request(request, Instant::now());
        match self.advance().await? {
            Event::Done(Outcome::Refused(refusal)) => {
                Err(Pop3Error::Refused { at: self.at.clone(), refusal })
            }
            Event::Done(outcome) => Ok(outcome),
            Event::Closed(end) => Err(self.ended(end)),
            Event::Idle => Err(self.ended(End::Protocol("a request was lost"))),
        }
    }

    async fn until_idle(&mut self) -> Result<(), Pop3Error> {
        loop {
            match self.advance().await? {
                Event::Idle => return Ok(()),
                Event::Done(_) => {}
                Event::Closed(end) => return Err(self.ended(end)),
            }
        }
    }

    fn ended(&self, end: End) -> Pop3Error {
        Pop3Error::Ended { at: self.at.clone(), end, hint: self.ways.hint() }
    }

    /// Moves octets and time until the session wants a decision.
    async fn advance(&mut self) -> Result<Event, Pop3Error> {
        loop {
            match self.session.step(Instant::now()) {
                Step::Send(octets) => self.send(&octets).await,
                Step::NeedInput => self.read().await,
                Step::StartTls => {
                    let io = self.io.take().ok_or_else(|| self.ended(End::Lost))?;
                    self.io = Some(self.tls.clone().start(&self.at, io).await?);
                    self.session.tls_started(Instant::now());
                }
                Step::LogIn => {
                    let exporter = self.io.as_ref().and_then(|io| io.channel_bindings().exporter);
                    let session = &self.session;
                    let way = self.ways.next(|name| session.offers(name), exporter);
                    self.session.log_in(way, Instant::now());
                }
                Step::Content(octets) => self.content.extend_from_slice(&octets),
                Step::Idle => return Ok(Event::Idle),
                Step::Done(outcome) => return Ok(Event::Done(outcome)),
                Step::Close(end) => return Ok(Event::Closed(end)),
            }
        }
    }

    async fn send(&mut self, octets: &[u8]) {
        let Some(io) = &mut self.io else { return self.session.closed() };
        let write = async {
            io.write_all(octets).await?;
            io.flush().await
        };
        // What a server said before it closed may still be there to be read: only silence ends it here.
        if tokio::time::timeout(limits::POP3_TIMEOUT, write).await.is_err() {
            self.session.closed();
        }
    }

    async fn read(&mut self) {
        let Some(io) = &mut self.io else { return self.session.closed() };
        let mut octets = vec![0; READ_OCTETS];
        match tokio::time::timeout(limits::POP3_TIMEOUT, io.read(&mut octets)).await {
            Ok(Ok(0) | Err(_)) | Err(_) => self.session.closed(),
            Ok(Ok(count)) => {
                self.session.push(octets.get(..count).unwrap_or_default(), Instant::now());
            }
        }
    }
}

/// What the session came to.
enum Event {
    Idle,
    Done(Outcome),
    Closed(End),
}
