//! A connection, from its greeting to its end. Every protocol decision is in `postroad_pop3::server`;
//! this moves octets and time, and answers its questions.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use postroad_accounts::UserName;
use postroad_config::ClearTextLogin;
use postroad_net::{Io, Peer, Shutdown};
use postroad_observe::trace::Event;
use postroad_pop3::content::Extent;
use postroad_pop3::limits as pop3_limits;
use postroad_pop3::server::{
    self, Answer, Encryption, LoginFailure, NotDeleted, OpenFailure, Question, Server, Settings,
    Step, Stls,
};
use postroad_protocol::header;
use postroad_protocol::sasl::Credentials;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::maildrop::{Maildrop, MaildropError};
use crate::{Door, Site, events, limits};

/// Serves a connection to its end.
pub(crate) async fn serve(site: &Arc<Site>, door: Door, io: Io, peer: Peer, shutdown: Shutdown) {
    let io = match door {
        Door::Pop3 => io,
        Door::Pop3s => match handshake(site, io).await {
            Ok(io) => io,
            Err(error) => return events::handshake_failed(door, peer, &error),
        },
    };
    let server = Server::new(settings(site, door, peer), Instant::now());
    let mut session =
        Session { site: Arc::clone(site), door, peer, user: None, tally: Tally::default() };
    if let Err(error) = session.run(io, server, shutdown).await {
        events::connection_lost(door, peer, &error);
    }
    if let Some(open) = &session.user {
        events::logged_out(peer, &open.name, &session.tally);
    }
}

/// Tells a client that there is no place for it. Inside TLS it is told by the closed connection.
pub(crate) async fn turn_away(door: Door, mut io: Io) {
    if door == Door::Pop3 {
        let words = b"-ERR [SYS/TEMP] too many connections, try later\r\n";
        let told = async {
            io.write_all(words).await?;
            io.shutdown().await
        };
        // Whoever doesn't listen isn't waited for.
        let _ = timeout(limits::TURN_AWAY_TIMEOUT, told).await;
    }
}

fn settings(site: &Site, door: Door, peer: Peer) -> Settings {
    let clear_text_login = match site.clear_text_login {
        ClearTextLogin::Loopback if peer.is_this_host() => server::ClearTextLogin::Allowed,
        ClearTextLogin::Loopback | ClearTextLogin::Never => server::ClearTextLogin::Refused,
    };
    Settings {
        name: site.name.clone(),
        encryption: match door {
            Door::Pop3 => Encryption::Clear,
            Door::Pop3s => Encryption::Tls,
        },
        stls: match site.tls {
            Some(_) => Stls::Offered,
            None => Stls::Unavailable,
        },
        clear_text_login,
    }
}

async fn handshake(site: &Site, io: Io) -> io::Result<Io> {
    let tls = site.tls.as_ref().ok_or(io::ErrorKind::Unsupported)?;
    timeout(limits::HANDSHAKE_TIMEOUT, io.accept_tls(tls)).await?
}

/// What a session did, for the log.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) retrieved: usize,
    pub(crate) deleted: usize,
}

/// What lives as long as the connection.
struct Session {
    site: Arc<Site>,
    door: Door,
    peer: Peer,
    /// Who is logged in.
    user: Option<User>,
    tally: Tally,
}

/// Somebody who is logged in.
struct User {
    name: UserName,
    /// None while a thread has it.
    maildrop: Option<Maildrop>,
    /// The first piece of the letter that was opened.
    first_piece: Option<Vec<u8>>,
    /// What is noted once the letter that is being sent is sent.
    retrieving: Option<Retrieving>,
}

/// A whole letter on its way.
struct Retrieving {
    message_id: Option<String>,
}

impl Session {
    async fn run(&mut self, mut io: Io, mut server: Server, shutdown: Shutdown) -> io::Result<()> {
        let mut buffer = vec![0; limits::READ_OCTETS];
        loop {
            match server.step(Instant::now()) {
                Step::Send(octets) => {
                    timeout(pop3_limits::WRITE_TIMEOUT, send(&mut io, &octets)).await??;
                }
                Step::Ask(question) => match self.answer(question, &io).await? {
                    Some(answer) => server.answer(answer),
                    None => return Ok(()),
                },
                Step::NeedInput => {
                    let deadline = tokio::time::Instant::from_std(server.deadline());
                    tokio::select! {
                        read = io.read(&mut buffer) => match read? {
                            0 => return Ok(()),
                            octets => server.push(buffer.get(..octets).unwrap_or_default()),
                        },
                        // RFC 1939 §3: closed without a response, nothing deleted.
                        () = tokio::time::sleep_until(deadline) => return Ok(()),
                        () = shutdown.requested() => return Ok(()),
                    }
                }
                Step::StartTls => {
                    io = match handshake(&self.site, io).await {
                        Ok(io) => io,
                        Err(error) => {
                            events::handshake_failed(self.door, self.peer, &error);
                            return Ok(());
                        }
                    };
                    server.tls_started(Instant::now());
                }
                Step::Close => return timeout(pop3_limits::WRITE_TIMEOUT, io.shutdown()).await?,
            }
        }
    }

    /// Answers a question; none where the session can't go on.
    async fn answer(&mut self, question: Question, io: &Io) -> io::Result<Option<Answer>> {
        Ok(Some(match question {
            Question::Login(credentials) => Answer::Login(self.log_in(credentials, io).await),
            Question::Open { index, extent } => Answer::Opened(self.open(index, extent).await),
            Question::Content => match self.content().await? {
                Some(piece) => Answer::Content(piece),
                None => return Ok(None),
            },
            Question::Update(indices) => Answer::Updated(self.update(indices).await),
        }))
    }

    async fn log_in(
        &mut self,
        credentials: Credentials,
        io: &Io,
    ) -> Result<server::Maildrop, LoginFailure> {
        let login = credentials.name.clone();
        let Some(name) = self.site.logins.check(credentials, self.peer.ip()).await else {
            events::login_failed(self.door, self.peer, &login);
            return Err(LoginFailure::Wrong);
        };
        let root = self.site.mda.maildir_of(name.as_str());
        let site = Arc::clone(&self.site);
        match self.on_disk(move || Maildrop::open(&root, &site.sizes)).await {
            Some(Ok((maildrop, messages))) => {
                events::logged_in(self.door, self.peer, io.tls().as_ref(), &name, messages.len());
                let maildrop = Some(maildrop);
                self.user = Some(User { name, maildrop, first_piece: None, retrieving: None });
                Ok(server::Maildrop::new(messages))
            }
            Some(Err(MaildropError::InUse)) => {
                events::maildrop_in_use(self.peer, &name);
                Err(LoginFailure::InUse)
            }
            Some(Err(error)) => {
                events::maildrop_failed(&name, &error);
                Err(LoginFailure::Unavailable)
            }
            None => Err(LoginFailure::Unavailable),
        }
    }

    async fn open(&mut self, index: usize, extent: Extent) -> Result<(), OpenFailure> {
        let read = self.with_maildrop(move |maildrop| maildrop.read(index)).await;
        let user = self.user.as_mut().ok_or(OpenFailure::Unreadable)?;
        match read.ok_or(OpenFailure::Unreadable)? {
            Ok(piece) => {
                user.retrieving = match extent {
                    Extent::Whole => Some(Retrieving {
                        message_id: header::message_id(&piece).map(str::to_owned),
                    }),
                    Extent::Top(_) => None,
                };
                user.first_piece = Some(piece);
                Ok(())
            }
            Err(MaildropError::Gone) => Err(OpenFailure::Gone),
            Err(error) => {
                events::maildrop_failed(&user.name, &error);
                Err(OpenFailure::Unreadable)
            }
        }
    }

    /// The next piece of the letter that is open.
    async fn content(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(user) = &mut self.user else { return Ok(None) };
        if let Some(piece) = user.first_piece.take() {
            return Ok(Some(self.sent(piece)));
        }
        let read = match &user.maildrop {
            // At the end of the letter no thread has to be asked.
            Some(maildrop) if maildrop.is_read() => Some(Ok(Vec::new())),
            Some(_) | None => self.with_maildrop(Maildrop::read_on).await,
        };
        match read {
            Some(piece) => piece.map(|piece| Some(self.sent(piece))),
            None => Ok(None),
        }
    }

    /// Notes that a letter was sent, where this is its end.
    fn sent(&mut self, piece: Vec<u8>) -> Vec<u8> {
        if let Some(user) = &mut self.user
            && piece.is_empty()
            && let Some(Retrieving { message_id }) = user.retrieving.take()
        {
            self.tally.retrieved += 1;
            // A record is found by its id: without one nobody could ask for it.
            if let Some(message_id) = message_id {
                let (user, service) = (user.name.to_string(), self.door.name().to_owned());
                let fetched = Event::Fetched { user, service };
                self.site.journal.record(None, Some(&message_id), fetched);
            }
        }
        piece
    }

    /// Deletes letters and releases the maildrop.
    async fn update(&mut self, indices: Vec<usize>) -> Result<(), NotDeleted> {
        let count = indices.len();
        let deleted = match indices.is_empty() {
            true => Some(Ok(())),
            false => self.with_maildrop(move |maildrop| maildrop.delete(&indices)).await,
        };
        let user = self.user.as_mut().ok_or(NotDeleted)?;
        user.maildrop = None;
        match deleted.ok_or(NotDeleted)? {
            Ok(()) => {
                self.tally.deleted = count;
                Ok(())
            }
            Err(error) => {
                events::maildrop_failed(&user.name, &error);
                Err(NotDeleted)
            }
        }
    }

    /// Does something to the open maildrop, where blocking is allowed.
    async fn with_maildrop<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Maildrop) -> T + Send + 'static,
    ) -> Option<T> {
        let mut maildrop = self.user.as_mut()?.maildrop.take()?;
        let worked = self.on_disk(move || {
            let result = work(&mut maildrop);
            (maildrop, result)
        });
        let (maildrop, result) = worked.await?;
        self.user.as_mut()?.maildrop = Some(maildrop);
        Some(result)
    }

    /// Runs something that waits for the disk; none where it panicked.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let permit = Arc::clone(&self.site.disk).acquire_owned().await.ok()?;
        let work = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        work.await.ok()
    }
}

async fn send(io: &mut Io, octets: &[u8]) -> io::Result<()> {
    io.write_all(octets).await?;
    io.flush().await
}
