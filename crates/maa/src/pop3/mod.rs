//! A POP3 session of a user who is logged in, to its end. Every protocol decision is in `postroad_pop3::server`; this
//! moves octets and time, and answers its questions.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use postroad_net::Io;
use postroad_observe::trace::Event;
use postroad_pop3::content::Extent;
use postroad_pop3::limits as pop3_limits;
use postroad_pop3::server::{
    self, Answer, ClearTextLogin, Encryption, NotDeleted, OpenFailure, Question, Server, Settings,
    Step, Stls,
};
use postroad_protocol::address::Domain;
use postroad_protocol::header;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::handover::{Handover, Refusal};
use crate::worker::{self, Ward};
use crate::{events, limits};

mod maildrop;

use maildrop::Maildrop;
pub(crate) use maildrop::{Deleted, MaildropError, Sizes};

/// Serves a session, where the maildrop can be had.
pub(crate) async fn serve(ward: Arc<Ward>, session: worker::Session) {
    let about = &session.about;
    let (maildrop, messages) = match open(&ward).await {
        Ok(opened) => opened,
        Err(refusal) => {
            if refusal == Refusal::InUse {
                events::maildrop_in_use(&about.peer, &ward.user);
            }
            return session.refuse(refusal).await;
        }
    };
    let Some(settings) = settings(&ward, about) else {
        return session.refuse(Refusal::Unavailable).await;
    };
    if session.begin().await.is_err() {
        return;
    }
    events::logged_in(about, &ward.user, Some(messages.len()));
    let mut server = Server::logging_in(settings, &session.unread, Instant::now());
    server.answer(Answer::Login(Ok(server::Maildrop::new(messages))));
    let worker::Session { about, io, shutdown, .. } = session;
    let mut session = Session {
        ward,
        about,
        maildrop: Held::Here(maildrop),
        next: None,
        first_piece: None,
        retrieving: None,
        tally: Tally::default(),
    };
    if let Err(error) = session.run(io, server, shutdown).await {
        events::connection_lost(session.about.door, &session.about.peer, &error);
    }
    // Its lock goes with it: who comes back at once finds it free.
    drop(session.take_maildrop().await);
    events::logged_out(&session.about.peer, &session.ward.user, &session.tally);
}

async fn open(ward: &Arc<Ward>) -> Result<(Maildrop, Vec<server::Message>), Refusal> {
    let theirs = Arc::clone(ward);
    let opening = move || Maildrop::open(&theirs.shared, &theirs.sizes, theirs.pop3_deleted);
    match on_disk(opening).await {
        Some(Ok(opened)) => Ok(opened),
        Some(Err(MaildropError::InUse)) => Err(Refusal::InUse),
        Some(Err(error)) => {
            events::maildrop_failed(&ward.user, &error);
            Err(Refusal::Unavailable)
        }
        None => Err(Refusal::Unavailable),
    }
}

/// Behind a login it matters no more how one may log in, but CAPA tells it still.
fn settings(ward: &Ward, about: &Handover) -> Option<Settings> {
    Some(Settings {
        name: Domain::parse(&ward.host).ok()?,
        encryption: if about.tls.is_some() { Encryption::Tls } else { Encryption::Clear },
        stls: Stls::Unavailable,
        clear_text_login: ClearTextLogin::Allowed,
        offer: postroad_protocol::sasl::Offer::default(),
    })
}

/// What a session did, for the log.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) retrieved: usize,
    pub(crate) deleted: usize,
}

/// What lives as long as the connection.
struct Session {
    ward: Arc<Ward>,
    about: Handover,
    maildrop: Held,
    /// The letter that most programs ask for next, when one was sent.
    next: Option<usize>,
    /// The first piece of the letter that was opened.
    first_piece: Option<Vec<u8>>,
    /// What is noted once the letter that is being sent is sent.
    retrieving: Option<Retrieving>,
    tally: Tally,
}

/// Who has the maildrop.
enum Held {
    Here(Maildrop),
    /// A thread, which reads the first piece of a letter that wasn't asked for yet.
    Ahead {
        index: usize,
        read: JoinHandle<(Maildrop, Result<Vec<u8>, MaildropError>)>,
    },
    /// A thread that has to be waited for, or one that has panicked with it.
    Away,
}

/// A whole letter on its way.
struct Retrieving {
    index: usize,
    message_id: Option<String>,
}

impl Session {
    async fn run(
        &mut self,
        mut io: Io,
        mut server: Server,
        shutdown: postroad_net::Shutdown,
    ) -> io::Result<()> {
        let mut buffer = vec![0; limits::READ_OCTETS];
        loop {
            match server.step(Instant::now()) {
                Step::Send(octets) => {
                    timeout(pop3_limits::WRITE_TIMEOUT, send(&mut io, &octets)).await??;
                }
                Step::Ask(question) => match self.answer(question).await? {
                    Some(answer) => server.answer(answer),
                    None => return Ok(()),
                },
                Step::NeedInput => {
                    self.read_ahead();
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
                // TLS is the front's: it is not offered any more.
                Step::StartTls | Step::Close => {
                    return timeout(pop3_limits::WRITE_TIMEOUT, io.shutdown()).await?;
                }
            }
        }
    }

    /// Answers a question; none where the session can't go on.
    async fn answer(&mut self, question: Question) -> io::Result<Option<Answer>> {
        Ok(Some(match question {
            // There was one.
            Question::Login(_) => return Ok(None),
            Question::Open { index, extent } => Answer::Opened(self.open(index, extent).await),
            Question::Content => match self.content().await? {
                Some(piece) => Answer::Content(piece),
                None => return Ok(None),
            },
            Question::Update(indices) => Answer::Updated(self.update(indices).await),
        }))
    }

    async fn open(&mut self, index: usize, extent: Extent) -> Result<(), OpenFailure> {
        let read = match self.taken_ahead(index).await {
            Some(read) => Some(read),
            None => self.with_maildrop(move |maildrop| maildrop.read(index)).await,
        };
        match read.ok_or(OpenFailure::Unreadable)? {
            Ok(piece) => {
                self.retrieving = match extent {
                    Extent::Whole => Some(Retrieving {
                        index,
                        message_id: header::message_id(&piece).map(str::to_owned),
                    }),
                    Extent::Top(_) => None,
                };
                self.first_piece = Some(piece);
                Ok(())
            }
            Err(MaildropError::Gone) => Err(OpenFailure::Gone),
            Err(error) => {
                events::maildrop_failed(&self.ward.user, &error);
                Err(OpenFailure::Unreadable)
            }
        }
    }

    /// The next piece of the letter that is open.
    async fn content(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(piece) = self.first_piece.take() {
            return Ok(Some(self.sent(piece)));
        }
        let read = match &self.maildrop {
            // At the end of the letter no thread has to be asked.
            Held::Here(maildrop) if maildrop.is_read() => Some(Ok(Vec::new())),
            Held::Here(_) | Held::Ahead { .. } | Held::Away => {
                self.with_maildrop(Maildrop::read_on).await
            }
        };
        match read {
            Some(Ok(piece)) => Ok(Some(self.sent(piece))),
            // In the middle of a letter there is no way to say so.
            Some(Err(error)) => {
                events::maildrop_failed(&self.ward.user, &error);
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Notes that a letter was sent, where this is its end.
    fn sent(&mut self, piece: Vec<u8>) -> Vec<u8> {
        if piece.is_empty()
            && let Some(Retrieving { index, message_id }) = self.retrieving.take()
        {
            self.tally.retrieved += 1;
            if let Held::Here(maildrop) = &mut self.maildrop {
                maildrop.fetched(index);
                self.next = Some(index + 1).filter(|next| *next < maildrop.letters());
            }
            // A record is found by its id: without one nobody could ask for it.
            if let Some(message_id) = message_id {
                let (user, service) = (self.ward.user.clone(), self.about.door.name().to_owned());
                let fetched = Event::Fetched { user, service };
                self.ward.journal.record(None, Some(&message_id), fetched);
            }
        }
        piece
    }

    /// Deletes letters and releases the maildrop.
    async fn update(&mut self, indices: Vec<usize>) -> Result<(), NotDeleted> {
        let count = indices.len();
        let deleted = self.with_maildrop(move |maildrop| maildrop.update(&indices)).await;
        self.maildrop = Held::Away;
        match deleted.ok_or(NotDeleted)? {
            Ok(()) => {
                self.tally.deleted = count;
                Ok(())
            }
            Err(error) => {
                events::maildrop_failed(&self.ward.user, &error);
                Err(NotDeleted)
            }
        }
    }

    /// Does something to the open maildrop, where blocking is allowed.
    async fn with_maildrop<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Maildrop) -> T + Send + 'static,
    ) -> Option<T> {
        let mut maildrop = self.take_maildrop().await?;
        let worked = on_disk(move || {
            let result = work(&mut maildrop);
            (maildrop, result)
        });
        let (maildrop, result) = worked.await?;
        self.maildrop = Held::Here(maildrop);
        Some(result)
    }

    /// Has the next letter read while the client is busy with the last one. What it gets is what was there then.
    fn read_ahead(&mut self) {
        let Some(index) = self.next.take() else { return };
        self.maildrop = match std::mem::replace(&mut self.maildrop, Held::Away) {
            Held::Here(mut maildrop) => {
                let read = move || {
                    let read = maildrop.read(index);
                    (maildrop, read)
                };
                Held::Ahead { index, read: tokio::task::spawn_blocking(read) }
            }
            other => other,
        };
    }

    /// What was read of a letter before it was asked for.
    async fn taken_ahead(&mut self, wanted: usize) -> Option<Result<Vec<u8>, MaildropError>> {
        match std::mem::replace(&mut self.maildrop, Held::Away) {
            Held::Ahead { index, read } => {
                let (maildrop, read) = read.await.ok()?;
                self.maildrop = Held::Here(maildrop);
                (index == wanted).then_some(read)
            }
            other => {
                self.maildrop = other;
                None
            }
        }
    }

    async fn take_maildrop(&mut self) -> Option<Maildrop> {
        match std::mem::replace(&mut self.maildrop, Held::Away) {
            Held::Here(maildrop) => Some(maildrop),
            Held::Ahead { read, .. } => read.await.ok().map(|(maildrop, _)| maildrop),
            Held::Away => None,
        }
    }
}

/// Runs something that waits for the disk; none where it panicked.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

async fn send(io: &mut Io, octets: &[u8]) -> io::Result<()> {
    io.write_all(octets).await?;
    io.flush().await
}
