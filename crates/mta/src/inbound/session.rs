//! One session: octets, time and questions between a connection and the machine.

use std::sync::Arc;
use std::time::SystemTime;

use postroad_accounts::UserName;
use postroad_logins::{Client as LoginClient, LoggedIn, Refusal, Verdict};
use postroad_net::io::ChannelBindings;
use postroad_net::tls::ServerTls;
use postroad_net::{Io, Peer};
use postroad_observe::trace::Event;
use postroad_protocol::envelope::Envelope;
use postroad_protocol::limits::{SERVER_TLS_TIMEOUT, SERVER_WRITE_TIMEOUT};
use postroad_protocol::reply::Reply;
use postroad_protocol::sasl::Attempt;
use postroad_protocol::server::{Answer, Question, Server, Step, Transaction};
use postroad_protocol::trace_fields::{From, Received};
use postroad_queue::{Accept, Content, DelayNotice, NewMessage, QueueId, QueueRow, RecipientState};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep_until, timeout};

use super::aliases::Expanded;
use super::allowance::Wanted;
use super::incoming::{Complete, Facts, Incoming};
use super::limits;
use super::policy::{Client, recipient_address, refusal};
use super::submission::{Owner, Submission};
use super::{Door, Inbound};
use crate::events;

/// Why a session ended before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("the client went away")]
    Gone,
    #[error("cannot read from the client")]
    Read(#[source] std::io::Error),
    #[error("cannot write to the client")]
    Write(#[source] std::io::Error),
    #[error("the client does not read what it is told")]
    WriteTimeout,
    #[error("the TLS handshake failed")]
    Tls(#[source] std::io::Error),
}

/// One session.
pub(crate) struct Session {
    inbound: Arc<Inbound>,
    door: Door,
    peer: Peer,
    smtp: Server,
    user: Option<UserName>,
    /// Version and cipher suite.
    tls: Option<String>,
    /// What a login can be bound to.
    bindings: ChannelBindings,
    incoming: Option<Incoming>,
    /// The message whose 250 isn't written yet.
    unconfirmed: Option<QueueId>,
}

impl Session {
    pub(crate) fn new(inbound: Arc<Inbound>, door: Door, peer: Peer, smtp: Server) -> Self {
        Self {
            inbound,
            door,
            peer,
            smtp,
            user: None,
            tls: None,
            bindings: ChannelBindings::default(),
            incoming: None,
            unconfirmed: None,
        }
    }

    /// Moves octets and time until one side has had enough.
    pub(crate) async fn run(&mut self, mut io: Io) -> Result<(), SessionError> {
        self.tls = io.tls().map(|tls| tls.to_string());
        self.bindings = io.channel_bindings();
        // RFC 5321 §3.1: the client waits for the greeting. Who has spoken by now is heard, and refused.
        if io.has_unread() {
            io.read_buf(self.smtp.input()).await.map_err(SessionError::Read)?;
        }
        let shutdown = self.inbound.shutdown.clone();
        let mut stop = std::pin::pin!(shutdown.requested());
        let mut last_call: Option<Instant> = None;
        let mut timer = std::pin::pin!(sleep_until(self.smtp.deadline().into()));
        loop {
            match self.smtp.step(Instant::now().into_std()) {
                Step::Ask(question) => {
                    let answer = self.decide(question).await;
                    self.smtp.answer(answer);
                }
                Step::Content(octets) => {
                    if let Some(incoming) = &mut self.incoming {
                        incoming.push(octets, &*self.inbound.shard).await;
                    }
                }
                Step::Discard(reply) => {
                    let id = self.incoming.take().map(|incoming| incoming.id);
                    if let Some(reply) = reply {
                        self.note_refusal(id, &Facts::default(), &reply);
                    }
                }
                Step::Pause(pause) => tokio::time::sleep(pause).await,
                Step::StartTls => io = self.start_tls(io).await?,
                Step::Close => {
                    self.write(&mut io).await?;
                    close(io).await;
                    return Ok(());
                }
                Step::NeedInput => {
                    self.write(&mut io).await?;
                    let deadline = Instant::from(self.smtp.deadline());
                    let deadline = last_call.map_or(deadline, |last_call| deadline.min(last_call));
                    // Deadlines mostly move on: the timer follows when it fires, not at each command.
                    if deadline < timer.deadline() || timer.is_elapsed() {
                        timer.as_mut().reset(deadline);
                    }
                    let room = match self.smtp.is_receiving_content() {
                        true => limits::READ_CONTENT_OCTETS,
                        false => limits::READ_COMMAND_OCTETS,
                    };
                    let input = self.smtp.input_with_room(room);
                    tokio::select! {
                        read = io.read_buf(input) => match read {
                            Ok(0) => return Err(SessionError::Gone),
                            Ok(_) => {}
                            Err(error) => return Err(SessionError::Read(error)),
                        },
                        () = &mut timer => match Instant::now() {
                            now if last_call.is_some_and(|last_call| last_call <= now) => {
                                self.smtp.cut_short();
                            }
                            now if deadline <= now => self.smtp.timed_out(),
                            _ => {}
                        },
                        () = &mut stop, if last_call.is_none() => {
                            last_call = Some(Instant::now() + limits::DRAIN_TIMEOUT);
                            self.smtp.shut_down();
                        }
                    }
                }
            }
        }
    }

    /// One write for all that was said since the last one (RFC 2920 §3.2).
    async fn write(&mut self, io: &mut Io) -> Result<(), SessionError> {
        if self.smtp.output().is_empty() {
            return Ok(());
        }
        let output = self.smtp.output();
        let write = async {
            io.write_all(output).await?;
            io.flush().await
        };
        let written = match timeout(SERVER_WRITE_TIMEOUT, write).await {
            Ok(written) => written.map_err(SessionError::Write),
            Err(_) => Err(SessionError::WriteTimeout),
        };
        output.clear();
        let unconfirmed = self.unconfirmed.take();
        if let (Err(_), Some(id)) = (&written, unconfirmed) {
            // RFC 1047: the client will send it again, and there will be two.
            let note = Event::Note { text: "the reply 250 could not be delivered".to_owned() };
            self.inbound.journal.record(Some(&id.to_string()), None, note);
        }
        written
    }

    async fn start_tls(&mut self, mut io: Io) -> Result<Io, SessionError> {
        self.write(&mut io).await?;
        // STARTTLS is offered only where there is a certificate.
        let Some(tls) = &self.inbound.tls else { return Err(SessionError::Gone) };
        let io = shake_hands(&self.inbound, tls, io).await?;
        self.tls = io.tls().map(|tls| tls.to_string());
        self.bindings = io.channel_bindings();
        self.user = None;
        self.smtp.tls_started(Instant::now().into_std());
        Ok(io)
    }

    fn client(&self) -> Client<'_> {
        Client { door: self.door, peer: &self.peer, user: self.user.as_ref() }
    }

    async fn decide(&mut self, question: Question) -> Answer {
        let verdict = match question {
            Question::Sender(mail) => {
                let client = self.client();
                let verdict = self.inbound.judge_sender(client, &mail).verdict;
                // Now: whoever has many sessions open has as many messages under way.
                verdict.and_then(|()| self.inbound.take(client, Wanted::Message)).inspect_err(
                    |reply| events::sender_refused(&self.peer, self.door, &mail, reply),
                )
            }
            Question::Recipient(rcpt) => {
                let Some(transaction) = self.smtp.transaction() else {
                    return Answer::No(local_error());
                };
                let ruling =
                    self.inbound.judge_recipient(self.client(), &transaction.mail, &rcpt).await;
                // Who is told no has asked, too.
                let taken = self.inbound.take(self.client(), Wanted::Recipient);
                ruling.verdict.and(taken).inspect_err(|reply| {
                    events::recipient_refused(
                        &self.peer,
                        self.door,
                        &transaction.mail,
                        &rcpt,
                        reply,
                    );
                })
            }
            Question::Login(attempt) => return self.log_in(attempt).await,
            Question::Data => self.begin(),
            Question::Message(transaction) => return self.accept(transaction).await,
        };
        verdict.map_or_else(Answer::No, |()| Answer::Yes)
    }

    async fn log_in(&mut self, attempt: Attempt) -> Answer {
        let name = attempt.name().unwrap_or_default().to_owned();
        let client = LoginClient {
            ip: self.peer.ip(),
            service: postroad_accounts::Service::Submission,
            bindings: &self.bindings,
        };
        match self.inbound.logins.judge(attempt, client).await {
            Verdict::Right(LoggedIn { user, by }) => {
                events::logged_in(&self.peer, self.door, &user, &by);
                self.user = Some(user);
                Answer::Yes
            }
            Verdict::GoOn(challenge) => Answer::Challenge(challenge),
            Verdict::No(refusal) => {
                events::login_refused(&self.peer, self.door, &name, refusal);
                Answer::No(login_refusal(refusal))
            }
        }
    }

    /// Content is about to come: its place is made, with our `Received` field on top.
    fn begin(&mut self) -> Result<(), Reply> {
        let Some(transaction) = self.smtp.transaction() else { return Err(local_error()) };
        let Some(hello) = self.smtp.hello() else { return Err(local_error()) };
        self.inbound.shard.room_for(transaction.mail.size.unwrap_or(0)).map_err(|e| refusal(&e))?;
        let id = self.inbound.shard.new_id();
        let now = SystemTime::now();
        // RFC 5321 §7.6: the clause names a recipient only where there is no other to betray.
        let recipient = match transaction.recipients.as_slice() {
            [only] => {
                recipient_address(&self.inbound.config, &self.inbound.hostname, &only.forward_path)
            }
            _ => None,
        };
        let from = match &self.peer {
            Peer::Ip(address) => From::Client { name: &hello.name, address: Some(address.ip()) },
            Peer::Local { uid } => From::LocalUser { uid: *uid },
        };
        let mut field = Vec::with_capacity(512);
        let received = Received {
            from,
            by: &self.inbound.hostname,
            with: self.smtp.with(),
            utf8: transaction.mail.utf8,
            tls: self.tls.as_deref(),
            id: &id.to_string(),
            recipient: recipient.as_ref(),
            at: now,
        };
        received.write(&mut field);
        let owner = match (&self.user, self.door) {
            (Some(user), _) => Some(Owner::User(user.clone(), self.inbound.accounts.directory())),
            (None, Door::Local | Door::DeliveryAgent) => {
                Some(Owner::Local(transaction.mail.reverse_path.clone()))
            }
            (None, Door::Smtp | Door::Submission | Door::Submissions) => None,
        };
        let hostname = &self.inbound.hostname;
        let submission =
            owner.map(|owner| Submission { owner, hostname: Arc::clone(hostname), at: now });
        self.incoming = Some(Incoming::new(id, field, transaction.mail.size, submission));
        Ok(())
    }

    /// The content is complete: 250 only when the queue has made it durable (RFC 5321 §6.1).
    async fn accept(&mut self, transaction: Transaction) -> Answer {
        let Some(incoming) = self.incoming.take() else { return Answer::No(local_error()) };
        let id = incoming.id;
        let complete = match incoming.finish().await {
            Ok(complete) => complete,
            Err((facts, reply)) => {
                self.note_refusal(Some(id), &facts, &reply);
                return Answer::No(reply);
            }
        };
        let Complete { content, facts } = complete;
        let octets = content.len();
        if let Err(reply) = self.inbound.take(self.client(), Wanted::Octets(octets)) {
            self.note_refusal(Some(id), &facts, &reply);
            return Answer::No(reply);
        }
        let Expanded { envelope, to_tell } = self.inbound.expand(transaction);
        let recipients = envelope.recipients.len();
        if recipients > postroad_queue::RECIPIENTS_MAX {
            let reply = super::policy::too_many_members(recipients);
            self.note_refusal(Some(id), &facts, &reply);
            return Answer::No(reply);
        }
        let envelope = Arc::new(envelope);
        let began = Instant::now();
        let in_memory = match &content {
            Content::Memory(bytes) => Some(bytes.clone()),
            Content::Large(_) => None,
        };
        let arrived = self.inbound.engine.arrival();
        let message = NewMessage { id, arrived, envelope: Envelope::clone(&envelope), content };
        let refused = match self.inbound.shard.accept(vec![message]).await.pop() {
            Some(Accept::Stored) => None,
            Some(Accept::Refused(error)) => Some(refusal(&error)),
            // It may surface at the next start; until then nobody sees it. The client sends it again.
            Some(Accept::InDoubt) | None => Some(local_error()),
        };
        if let Some(reply) = refused {
            self.note_refusal(Some(id), &facts, &reply);
            return Answer::No(reply);
        }
        self.note_acceptance(id, &facts, &envelope, octets, began);
        let waiting = RecipientState::Waiting { attempts: 0, due: arrived, last: None };
        let states = vec![waiting; envelope.recipients.len()];
        let delay_notice = DelayNotice::NotSent;
        let row = QueueRow { id, arrived, octets, envelope, states, delay_notice };
        if !to_tell.is_empty() {
            self.inbound.engine.tell_of_expansion(&row, &to_tell, in_memory.as_ref()).await;
        }
        self.inbound.engine.submit(row, in_memory);
        self.unconfirmed = Some(id);
        Answer::Stored(Reply::new(250, (2, 0, 0), format!("Ok: queued as {id}")))
    }

    fn note_acceptance(
        &self,
        id: QueueId,
        facts: &Facts,
        envelope: &Envelope,
        octets: u64,
        began: Instant,
    ) {
        let synced_in = began.elapsed();
        events::accepted(id, &self.peer, self.door, facts, envelope, octets);
        let accepted = Event::Accepted {
            from: envelope.reverse_path.to_string(),
            to: envelope.recipients.iter().map(|recipient| recipient.address.to_string()).collect(),
            octets,
            sync_us: u64::try_from(synced_in.as_micros()).unwrap_or(u64::MAX),
        };
        let (id, message_id) = (id.to_string(), facts.message_id.as_deref());
        // Who brought it is told with the time at which all of it was here; then came the sync.
        let arrived = SystemTime::now().checked_sub(synced_in).unwrap_or(SystemTime::UNIX_EPOCH);
        self.inbound.journal.record_at(arrived, Some(&id), message_id, self.session_event());
        self.inbound.journal.record(Some(&id), message_id, accepted);
    }

    fn note_refusal(&self, id: Option<QueueId>, facts: &Facts, reply: &Reply) {
        events::message_refused(id, &self.peer, self.door, facts, reply);
        let id = id.map(|id| id.to_string());
        let (id, message_id) = (id.as_deref(), facts.message_id.as_deref());
        if id.is_some() || message_id.is_some() {
            self.inbound.journal.record(id, message_id, self.session_event());
            self.inbound.journal.record(
                id,
                message_id,
                Event::Refused { reply: reply.to_string() },
            );
        }
    }

    fn session_event(&self) -> Event {
        Event::Session {
            service: self.door.name().to_owned(),
            client: self.peer.to_string(),
            helo: self.smtp.hello().map(|hello| hello.name.as_str().to_owned()).unwrap_or_default(),
            tls: self.tls.clone(),
            login: self.user.as_ref().map(|user| user.as_str().to_owned()),
        }
    }
}

/// Whoever hangs in a handshake holds up no stop: nothing was said inside TLS yet.
pub(crate) async fn shake_hands(
    inbound: &Inbound,
    tls: &ServerTls,
    io: Io,
) -> Result<Io, SessionError> {
    tokio::select! {
        shaken = timeout(SERVER_TLS_TIMEOUT, io.accept_tls(tls)) => match shaken {
            Ok(shaken) => shaken.map_err(SessionError::Tls),
            Err(_) => Err(SessionError::Tls(std::io::ErrorKind::TimedOut.into())),
        },
        () = inbound.shutdown.requested() => Err(SessionError::Gone),
    }
}

/// Closes so that the last reply arrives: where octets of the client's are still unread, the system would
/// reset the connection, and the client might lose what it was told and try again for days.
async fn close(mut io: Io) {
    let wait_for_client = async {
        io.shutdown().await?;
        let (mut unread, mut left) = ([0; 4_096], limits::LINGER_OCTETS_MAX);
        while left > 0 {
            match io.read(&mut unread).await? {
                0 => break,
                octets => left = left.saturating_sub(octets),
            }
        }
        Ok::<(), std::io::Error>(())
    };
    // The client may be gone already; nothing depends on it.
    let _ = timeout(limits::LINGER_TIMEOUT, wait_for_client).await;
}

fn local_error() -> Reply {
    Reply::new(451, (4, 3, 0), "Local error, try again later")
}

/// RFC 4954 §6
fn login_refusal(refusal: Refusal) -> Reply {
    let (code, status, text) = match refusal {
        Refusal::Wrong => (535, (5, 7, 8), "Name or password is wrong"),
        Refusal::Banned => (
            454,
            (4, 7, 0),
            "Too many wrong logins came from your network, try again in a quarter of an hour",
        ),
        Refusal::Unavailable => {
            (454, (4, 7, 0), "Authentication is not available, try again later")
        }
    };
    Reply::new(code, status, text)
}
