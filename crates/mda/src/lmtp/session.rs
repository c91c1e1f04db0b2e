//! One session: octets, time and questions between a connection and the machine.

use std::sync::Arc;
use std::time::SystemTime;

use postroad_net::Peer;
use postroad_protocol::address::ForwardPath;
use postroad_protocol::command::Rcpt;
use postroad_protocol::limits::SERVER_WRITE_TIMEOUT;
use postroad_protocol::reply::Reply;
use postroad_protocol::server::{Answer, Question, Server, Step, Transaction};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::Shared;
use super::content::{Content, Incoming};
use super::delivery::{self, Letter};
use super::destination::Destination;
use super::room;
use crate::letter::Header;
use crate::{events, limits, replies};

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
}

pub(super) struct Session {
    shared: Arc<Shared>,
    peer: Peer,
    lmtp: Server,
    incoming: Option<Incoming>,
    /// What the client says the letter's size is (RFC 1870 §6.1).
    size: Option<u64>,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, peer: Peer, lmtp: Server) -> Self {
        Self { shared, peer, lmtp, incoming: None, size: None }
    }

    /// Moves octets and time until one side has had enough.
    pub(super) async fn run<S>(&mut self, mut io: S) -> Result<(), SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let shutdown = self.shared.shutdown.clone();
        let mut stop = std::pin::pin!(shutdown.requested());
        let mut told_to_stop = false;
        let mut timer = std::pin::pin!(sleep_until(self.lmtp.deadline().into()));
        loop {
            match self.lmtp.step(Instant::now().into_std()) {
                Step::Ask(Question::Message(transaction)) => {
                    self.deliver(transaction, &mut io).await?;
                }
                Step::Ask(question) => {
                    let answer = self.decide(question).await;
                    self.lmtp.answer(answer);
                }
                Step::Content(octets) => {
                    if let Some(incoming) = &mut self.incoming {
                        incoming.push(octets).await;
                    }
                }
                Step::Discard(reply) => {
                    self.incoming = None;
                    if let Some(reply) = reply {
                        events::content_refused(&self.peer, &reply);
                    }
                }
                Step::Pause(pause) => tokio::time::sleep(pause).await,
                // TLS isn't offered: the machine never asks for it.
                Step::StartTls | Step::Close => {
                    self.write(&mut io).await?;
                    // The client may be gone already; nothing depends on it.
                    let _ = timeout(SERVER_WRITE_TIMEOUT, io.shutdown()).await;
                    return Ok(());
                }
                Step::NeedInput => {
                    self.write(&mut io).await?;
                    let deadline = Instant::from(self.lmtp.deadline());
                    // Deadlines mostly move on: the timer follows when it fires, not at each command.
                    if deadline < timer.deadline() || timer.is_elapsed() {
                        timer.as_mut().reset(deadline);
                    }
                    let room = match self.lmtp.is_receiving_content() {
                        true => limits::READ_CONTENT_OCTETS,
                        false => limits::READ_COMMAND_OCTETS,
                    };
                    let input = self.lmtp.input_with_room(room);
                    tokio::select! {
                        read = io.read_buf(input) => match read {
                            Ok(0) => return Err(SessionError::Gone),
                            Ok(_) => {}
                            Err(error) => return Err(SessionError::Read(error)),
                        },
                        () = &mut timer => if Instant::now() >= deadline { self.lmtp.timed_out() },
                        () = &mut stop, if !told_to_stop => {
                            told_to_stop = true;
                            self.lmtp.shut_down();
                        }
                    }
                }
            }
        }
    }

    /// One write for all that was said since the last one (RFC 2920 §3.2).
    async fn write(&mut self, io: &mut (impl AsyncWrite + Unpin)) -> Result<(), SessionError> {
        let output = self.lmtp.output();
        if output.is_empty() {
            return Ok(());
        }
        let write = async {
            io.write_all(output).await?;
            io.flush().await
        };
        let written = timeout(SERVER_WRITE_TIMEOUT, write).await;
        output.clear();
        match written {
            Ok(written) => written.map_err(SessionError::Write),
            Err(_) => Err(SessionError::WriteTimeout),
        }
    }

    async fn decide(&mut self, question: Question) -> Answer {
        match question {
            Question::Sender(mail) => {
                self.size = mail.size;
                Answer::Yes
            }
            Question::Recipient(rcpt) => match self.ask(&rcpt.forward_path).await {
                Ok(()) => Answer::Yes,
                Err(reply) => {
                    events::recipient_refused(&self.peer, &rcpt, &reply);
                    Answer::No(reply)
                }
            },
            // AUTH isn't offered: the machine never asks for it.
            Question::Login(_) => Answer::No(Reply::new(503, (5, 5, 1), "AUTH is not offered")),
            Question::Data => {
                self.incoming = Some(Incoming::new(&self.shared.scratch));
                Answer::Yes
            }
            // See `deliver`.
            Question::Message(_) => Answer::No(replies::try_later("Local error, try again later")),
        }
    }

    /// Whether somebody is there who takes it. A transfer agent asks this often, before its own reply to RCPT.
    async fn ask(&self, path: &ForwardPath) -> Result<(), Reply> {
        let destination = Destination::find(&self.shared, path)?;
        room::ask(&self.shared, &destination, self.size).await
    }

    /// One reply per recipient (RFC 2033 §4.2), written as soon as it is known (§5).
    async fn deliver(
        &mut self,
        transaction: Transaction,
        io: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), SessionError> {
        let (letter, rcpts) = match self.letter(transaction).await {
            Ok(taken) => taken,
            Err(reply) => {
                self.lmtp.answer(Answer::No(reply));
                return Ok(());
            }
        };
        let shared = Arc::clone(&self.shared);
        let (out, mut replies) = mpsc::unbounded_channel();
        let deliver = async {
            delivery::to_all(&shared, letter, rcpts, out).await;
            Ok(())
        };
        let answer = async {
            let mut known = Vec::new();
            while replies.recv_many(&mut known, limits::REPLIES_AT_ONCE).await > 0 {
                known.drain(..).for_each(|reply| self.lmtp.answer(Answer::Next(reply)));
                self.write(io).await?;
            }
            Ok(())
        };
        // Where the client goes away, nothing that is under way is waited for.
        tokio::try_join!(deliver, answer)?;
        Ok(())
    }

    /// The letter that is there now, and its recipients; or why it can't be had.
    async fn letter(&mut self, transaction: Transaction) -> Result<(Letter, Vec<Rcpt>), Reply> {
        let broken = || replies::try_later("Local error, try again later");
        let content = self.incoming.take().ok_or_else(broken)?.finish().await?;
        let hello = self.lmtp.hello().ok_or_else(broken)?;
        let Content { start, rest } = content;
        let Transaction { mail, recipients } = transaction;
        let mut header = Header::read(&start);
        // Postfix puts one on top where each recipient has a transaction (flag "D", smtp(8)).
        if let [rcpt] = recipients.as_slice()
            && let ForwardPath::Address(to) = &rcpt.forward_path
        {
            header.take_out_delivered_to(to);
        }
        let letter = Letter {
            header,
            start,
            rest,
            whole: std::sync::Mutex::default(),
            sameness: std::sync::OnceLock::new(),
            return_path: mail.reverse_path,
            client: hello.name.clone(),
            address: self.peer.ip(),
            with: self.lmtp.with(),
            utf8: mail.utf8,
            ret: mail.ret,
            envid: mail.envid,
            arrived: SystemTime::now(),
        };
        Ok((letter, recipients))
    }
}
