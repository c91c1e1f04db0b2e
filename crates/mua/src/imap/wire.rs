//! A connection: responses out of octets, commands into them, and no wait without an end.

use std::time::Duration;

use postroad_imap::client::{Receiver, Step};
use postroad_imap::command::{Command, Literals, Outgoing};
use postroad_imap::response::{Code, Data, Response, Status, StatusResponse};
use postroad_imap::value::{NameEncoding, Tag};
use postroad_net::Io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Hint, ImapError};
use crate::connect::Tls;
use crate::limits;
use crate::safe_text::SafeText;

/// Octets that are read at once.
const READ_OCTETS: usize = 32 * 1024;

/// What a server tells while a command is carried out.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A response.
    Data(Data),
    /// A remark, for its code.
    Remark(StatusResponse),
    /// A long piece of a letter begins: so many octets. Its FETCH response comes behind it.
    Begins(u64),
    /// Some of it.
    Content(Vec<u8>),
}

/// Who hears it. An error ends the connection.
pub(crate) type Ear<'a> = &'a mut dyn FnMut(Heard) -> Result<(), ImapError>;

/// What has ended an IDLE.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Idled {
    /// The server has told something.
    Told,
    /// Somebody wants something else.
    Called,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Wire {
    io: Option<Io>,
    receiver: Receiver,
    pub(super) at: String,
    pub(super) literals: Literals,
    tags: u32,
}

impl Wire {
    pub(super) fn new(io: Io, at: String) -> Self {
        let receiver = Receiver::new();
        Self { io: Some(io), receiver, at, literals: Literals::Awaited, tags: 0 }
    }

    pub(super) fn io(&self) -> Option<&Io> {
        self.io.as_ref()
    }

    /// Shakes hands. What was read before it and not used ends all (row U11).
    pub(super) async fn start_tls(&mut self, tls: Tls) -> Result<(), ImapError> {
        let io = self.io.take().ok_or_else(|| self.cut())?;
        if !self.receiver.take_rest().is_empty() || io.has_unread() {
            return Err(ImapError::Injected { at: self.at.clone() });
        }
        self.io = Some(tls.start(&self.at, io).await?);
        Ok(())
    }

    pub(super) fn cut(&self) -> ImapError {
        ImapError::Cut { at: self.at.clone() }
    }

    pub(super) fn broken(&self, what: &'static str) -> ImapError {
        ImapError::Broken { at: self.at.clone(), what }
    }

    fn silent(&self, waited: Duration) -> ImapError {
        ImapError::Silent { at: self.at.clone(), seconds: waited.as_secs() }
    }

    pub(super) async fn send(&mut self, octets: &[u8]) -> Result<(), ImapError> {
        let Some(io) = &mut self.io else { return Err(self.cut()) };
        let write = async {
            io.write_all(octets).await?;
            io.flush().await
        };
        match timeout(limits::IMAP_SILENCE, write).await {
            Ok(Ok(())) => Ok(()),
            // What it said before it closed may still be there to be read.
            Ok(Err(_)) => Err(self.last_words().unwrap_or_else(|| self.cut())),
            Err(_) => Err(self.silent(limits::IMAP_SILENCE)),
        }
    }

    fn last_words(&mut self) -> Option<ImapError> {
        loop {
            match self.receiver.step() {
                Step::Response(Response::Status(status)) if status.status == Status::Bye => {
                    let text = SafeText::line_of_octets(&status.text);
                    return Some(ImapError::Bye { at: self.at.clone(), text });
                }
                Step::NeedInput | Step::Broken(_) => return None,
                _ => {}
            }
        }
    }

    /// The next step that isn't "read on". Nothing is lost where this is dropped.
    pub(super) async fn step(&mut self) -> Result<Step, ImapError> {
        let mut octets = Vec::new();
        loop {
            match self.receiver.step() {
                Step::NeedInput => {}
                Step::Broken(what) => return Err(self.broken(what)),
                step => return Ok(step),
            }
            octets.resize(READ_OCTETS, 0);
            let Some(io) = &mut self.io else { return Err(self.cut()) };
            match io.read(&mut octets).await {
                Ok(0) | Err(_) => return Err(self.cut()),
                Ok(count) => self.receiver.push(octets.get(..count).unwrap_or_default()),
            }
        }
    }

    /// The next step, or an error: neither silence nor a trickle goes on behind `until`.
    pub(super) async fn step_until(&mut self, until: Instant) -> Result<Step, ImapError> {
        let most = until.min(Instant::now() + limits::IMAP_SILENCE);
        let began = Instant::now();
        match timeout_at(most, self.step()).await {
            Ok(step) => step,
            Err(_) => Err(self.silent(began.elapsed())),
        }
    }

    pub(super) fn next_tag(&mut self) -> Result<Tag, ImapError> {
        self.tags = self.tags.wrapping_add(1);
        // A letter and digits are one.
        Tag::parse(format!("p{}", self.tags).as_bytes()).ok_or_else(|| self.broken("no tag"))
    }

    /// Carries out a command; gives how it ended, where that is OK.
    pub(super) async fn run(
        &mut self,
        command: &Command,
        ear: Ear<'_>,
    ) -> Result<StatusResponse, ImapError> {
        let tag = self.next_tag()?;
        let outgoing = command.to_outgoing(&tag, self.literals, NameEncoding::Utf7);
        let until = Instant::now() + limits::IMAP_COMMAND;
        match self.send_pieces(&outgoing, &tag, until, ear).await? {
            Some(ended) => self.ended(ended, command.name()),
            None => self.end(&tag, command.name(), until, ear).await,
        }
    }

    /// Sends a command piece by piece; how it ended, where the server didn't wait for all of them.
    pub(super) async fn send_pieces(
        &mut self,
        outgoing: &Outgoing,
        tag: &Tag,
        until: Instant,
        ear: Ear<'_>,
    ) -> Result<Option<StatusResponse>, ImapError> {
        for (index, piece) in outgoing.pieces().enumerate() {
            if index > 0
                && let Next::Ended(status) = self.next(tag, until, ear).await?
            {
                return Ok(Some(status));
            }
            self.send(piece).await?;
        }
        Ok(None)
    }

    /// Waits for the end of a command.
    pub(super) async fn end(
        &mut self,
        tag: &Tag,
        command: &'static str,
        until: Instant,
        ear: Ear<'_>,
    ) -> Result<StatusResponse, ImapError> {
        loop {
            if let Next::Ended(status) = self.next(tag, until, ear).await? {
                return self.ended(status, command);
            }
        }
    }

    pub(super) fn ended(
        &self,
        status: StatusResponse,
        command: &'static str,
    ) -> Result<StatusResponse, ImapError> {
        if status.status == Status::Ok {
            return Ok(status);
        }
        let hint = match status.code {
            Some(Code::TryCreate | Code::NonExistent) => Hint::Create,
            Some(Code::AlreadyExists) => Hint::Exists,
            _ => Hint::None,
        };
        let text = SafeText::line_of_octets(&status.text);
        Err(ImapError::Refused { at: self.at.clone(), command, text, hint })
    }

    /// What is said next that matters to a command: go on, or its end. All else is told.
    pub(super) async fn next(
        &mut self,
        tag: &Tag,
        until: Instant,
        ear: Ear<'_>,
    ) -> Result<Next, ImapError> {
        loop {
            let step = self.step_until(until).await?;
            if let Some(next) = self.take(step, Some(tag), ear)? {
                return Ok(next);
            }
        }
    }

    /// Takes one step.
    fn take(
        &mut self,
        step: Step,
        tag: Option<&Tag>,
        ear: Ear<'_>,
    ) -> Result<Option<Next>, ImapError> {
        match step {
            Step::Response(Response::Status(status)) => {
                if status.tag.is_some() && status.tag.as_ref() == tag {
                    return Ok(Some(Next::Ended(status)));
                }
                if status.status == Status::Bye {
                    let text = SafeText::line_of_octets(&status.text);
                    return Err(ImapError::Bye { at: self.at.clone(), text });
                }
                // Another command's end is nobody's.
                if status.tag.is_none() {
                    ear(Heard::Remark(status))?;
                }
            }
            Step::Response(Response::Continue(text)) => return Ok(Some(Next::GoOn(text))),
            Step::Response(Response::Data(data)) => ear(Heard::Data(data))?,
            Step::Literal { octets, .. } => ear(Heard::Begins(octets))?,
            Step::Content(octets) => ear(Heard::Content(octets))?,
            // What nobody asked for is nothing (row U13).
            Step::Unknown(_) | Step::LiteralEnd | Step::NeedInput => {}
            Step::Broken(what) => return Err(self.broken(what)),
        }
        Ok(None)
    }

    /// Waits for what the server tells by itself (RFC 2177), until it has, or somebody `calls`.
    pub(super) async fn idle(
        &mut self,
        calls: impl Future<Output = ()>,
        ear: Ear<'_>,
    ) -> Result<Idled, ImapError> {
        let tag = self.next_tag()?;
        let until = Instant::now() + limits::IMAP_SILENCE;
        let outgoing = Command::Idle.to_outgoing(&tag, self.literals, NameEncoding::Utf7);
        self.send(outgoing.octets()).await?;
        if let Next::Ended(status) = self.next(&tag, until, ear).await? {
            return self.ended(status, "IDLE").map(|_| Idled::Told);
        }
        let mut has_told = false;
        let mut calls = std::pin::pin!(calls);
        let idled = loop {
            let mut listen = |heard: Heard| {
                has_told |= matches!(heard, Heard::Data(_));
                ear(heard)
            };
            tokio::select! {
                biased;
                () = &mut calls => break Idled::Called,
                step = self.step() => {
                    let step = step?;
                    if let Some(Next::Ended(status)) = self.take(step, Some(&tag), &mut listen)? {
                        return self.ended(status, "IDLE").map(|_| Idled::Told);
                    }
                }
            }
            if has_told {
                break Idled::Told;
            }
        };
        self.send(b"DONE\r\n").await?;
        self.end(&tag, "IDLE", Instant::now() + limits::IMAP_ALIVE, ear).await?;
        Ok(idled)
    }
}

/// What matters to a command.
#[derive(Debug)]
pub(super) enum Next {
    /// `+`, and what it says.
    GoOn(Vec<u8>),
    /// Its end.
    Ended(StatusResponse),
}
