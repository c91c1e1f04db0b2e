//! What a server makes of the octets that it gets: commands, and messages piece by piece (RFC 9051 §2.2.1, §4.3).
//!
//! ```text
//! loop {
//!     match receiver.step() {
//!         Step::NeedInput        => read some: receiver.push(octets),
//!         Step::Continue         => send "+ OK": the client waits with a literal,
//!         Step::Command(tag, it) => do it, and answer with that tag
//!                                   (IDLE: receiver.await_done(); AUTHENTICATE: receiver.await_response()),
//!         Step::Upload(piece)    => what follows APPEND and REPLACE, see below,
//!         Step::Idle(end)        => IDLE is over,
//!         Step::Sasl(line)       => the next line of AUTHENTICATE,
//!         Step::Bad(tag, error)  => answer as Code::of(error) says,
//!         Step::Bye(why)         => say BYE and close,
//!     }
//! }
//! ```
//! After [`Command::Append`] and [`Command::Replace`] come steps of [`UploadStep`]: for each message its head, its
//! literals (each of which has to be [accepted](Receiver::accept) before its octets come) and its end; and then the
//! command's end. Only then may anything be kept: at [`Step::Bad`] nothing of it counts. A server that doesn't want it
//! [refuses](Receiver::refuse), at any time, and answers with NO at [`UploadStep::Refused`].
//!
//! *In step.* Whatever is refused is read to its end, so that no octet of a literal is ever taken for a command: a client
//! that has announced `{n+}` sends those octets, and one that has announced `{n}` doesn't until it is asked
//! (RFC 7888 §4). Where that would be too much, the connection ends.
//!
//! *Held.* Text and literals that are kept are never more than [`Limits::command_octets`]; octets of messages are handed
//! on as they come.
//!
//! Reading on behind what was refused is in `swallow.rs`.

mod swallow;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use crate::command::{Command, Head, PieceEnd, Replace, Upload, UploadPiece};
use crate::limits::{self, Limits, Uploads};
pub use crate::line::LiteralKind;
use crate::line::{Input, Line, LiteralHead, Sync};
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::value::{MailboxName, NameEncoding, Numbers, Secret, Tag};

use swallow::{Outcome, Swallow, Swallowed};

/// What a server does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Read.
    NeedInput,
    /// Send `+`: the client waits with a literal.
    Continue,
    /// Do it, then answer.
    Command(Tag, Command),
    /// A piece of what follows APPEND or REPLACE.
    Upload(UploadStep),
    /// IDLE is over.
    Idle(IdleEnd),
    /// A line of AUTHENTICATE as it came: base64, or `*` (RFC 9051 §6.2.2).
    Sasl(Secret),
    /// Answer as [`Code::of`](crate::response::Code::of) says, with no tag where there was none.
    Bad(Option<Tag>, SyntaxError),
    /// Say BYE with these words, and close.
    Bye(&'static str),
}

/// What follows APPEND and REPLACE.
#[derive(Debug, PartialEq, Eq)]
pub enum UploadStep {
    /// A message begins.
    Message(Head),
    /// The next piece of the message is what this points to (RFC 4469).
    Url(Vec<u8>),
    /// The next piece of the message are so many octets: [`Receiver::accept`] or [`Receiver::refuse`] them.
    Literal(Literal),
    /// Some of them.
    Content(Vec<u8>),
    /// They were all.
    LiteralEnd,
    /// The message is whole.
    MessageEnd,
    /// The command is whole: answer it.
    End,
    /// What was refused is over: answer with NO.
    Refused,
}

/// A literal that is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Literal {
    /// How many octets.
    pub octets: u64,
    /// Whether they may be any.
    pub kind: LiteralKind,
}

/// How IDLE ended (RFC 9051 §6.3.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdleEnd {
    /// `DONE`
    Done,
    /// Another line: BAD.
    Other,
}

/// Commands out of a stream that comes in any pieces.
#[derive(Debug)]
pub struct Receiver {
    limits: Limits,
    names: NameEncoding,
    input: Input,
    /// What of the command came before the line that is read now: text and literals.
    kept: Vec<u8>,
    /// The upload that we are in.
    upload: Option<(Tag, Upload)>,
    state: State,
    /// What comes before anything else is read.
    pending: VecDeque<Step>,
}

#[derive(Debug)]
enum State {
    /// A line of text is awaited.
    Text,
    /// Octets of a literal that is kept.
    Kept { left: usize },
    /// A literal of a message was offered.
    Offered(LiteralHead),
    /// Octets of a message.
    Content { left: u64, kind: LiteralKind, nul: Nul },
    /// What was refused is read to its end.
    Swallowing(Swallow),
    /// DONE is awaited.
    Idle,
    /// A line of AUTHENTICATE is awaited.
    Sasl,
    /// The connection ends.
    Over(&'static str),
}

/// Whether there was a NUL where none may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nul {
    Unseen,
    Seen,
}

impl Receiver {
    /// A connection's receiver.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            names: NameEncoding::Utf7,
            input: Input::default(),
            kept: Vec::new(),
            upload: None,
            state: State::Text,
            pending: VecDeque::new(),
        }
    }

    /// Other limits from the next command on: after a login.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// How names are written from the next command on: after ENABLE.
    pub fn set_names(&mut self, names: NameEncoding) {
        self.names = names;
    }

    /// Takes octets that were read.
    pub fn push(&mut self, octets: &[u8]) {
        self.input.push(octets);
    }

    /// Takes away what was read and not used: behind STARTTLS it doesn't count (row I04), behind COMPRESS it is
    /// compressed.
    pub fn take_rest(&mut self) -> Vec<u8> {
        self.input.take_rest()
    }

    /// What was read and not used.
    pub fn rest(&self) -> &[u8] {
        self.input.rest()
    }

    /// Whether nothing has come of what comes next, and a command or DONE is awaited: another receiver can go on.
    pub fn is_at_rest(&self) -> bool {
        let awaits_line = matches!(self.state, State::Text | State::Idle);
        awaits_line
            && self.input.rest().is_empty()
            && self.kept.is_empty()
            && self.upload.is_none()
            && self.pending.is_empty()
    }

    /// Octets that are held.
    pub fn held(&self) -> usize {
        self.input.capacity() + self.kept.capacity()
    }

    /// IDLE has begun: the next line is DONE.
    pub fn await_done(&mut self) {
        self.state = State::Idle;
    }

    /// AUTHENTICATE goes on: the next line is a response.
    pub fn await_response(&mut self) {
        self.state = State::Sasl;
    }

    /// Takes the literal that was [offered](UploadStep::Literal).
    pub fn accept(&mut self) {
        if let State::Offered(head) = self.state {
            self.state = State::Content { left: head.octets, kind: head.kind, nul: Nul::Unseen };
            if head.sync == Sync::Waits {
                self.pending.push_back(Step::Continue);
            }
        }
    }

    /// Refuses the upload that goes on. [`UploadStep::Refused`] follows, once what the client sends of it is over.
    pub fn refuse(&mut self) {
        let is_over = self.pending.contains(&Step::Upload(UploadStep::End));
        if is_over {
            self.pending.clear();
            self.pending.push_back(Step::Upload(UploadStep::Refused));
        } else if self.upload.take().is_some() {
            self.give_up(Outcome::Refused);
        }
    }

    /// The next step.
    pub fn step(&mut self) -> Step {
        loop {
            if let Some(step) = self.pending.pop_front() {
                return step;
            }
            let step = match &mut self.state {
                State::Text => self.text(),
                State::Kept { left } => {
                    let octets = self.input.take(*left);
                    *left -= octets.len();
                    self.kept.extend_from_slice(octets);
                    if *left == 0 {
                        self.state = State::Text;
                        continue;
                    }
                    Some(Step::NeedInput)
                }
                State::Offered(head) => {
                    let literal = Literal { octets: head.octets, kind: head.kind };
                    Some(Step::Upload(UploadStep::Literal(literal)))
                }
                State::Content { .. } => self.content(),
                State::Swallowing(swallow) => match swallow.go_on(&mut self.input) {
                    Swallowed::NeedInput => Some(Step::NeedInput),
                    Swallowed::All => Some(self.swallowed()),
                    Swallowed::TooMuch => Some(self.bye("too much behind what was refused")),
                },
                State::Idle => Some(self.idle()),
                State::Sasl => Some(self.sasl()),
                State::Over(why) => Some(Step::Bye(why)),
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    fn bye(&mut self, why: &'static str) -> Step {
        self.state = State::Over(why);
        Step::Bye(why)
    }

    /// Reads a line of a command, or as much of it as there is.
    fn text(&mut self) -> Option<Step> {
        let room = self.limits.command_octets.saturating_sub(self.kept.len());
        match self.input.line(room) {
            Line::Incomplete => Some(Step::NeedInput),
            Line::TooLong => {
                let tag = self.tag();
                self.give_up(Outcome::Bad(tag, SyntaxError::TooLong("a command")));
                None
            }
            Line::Whole { literal: Some(head) } => self.literal(head),
            Line::Whole { literal: None } => Some(self.whole()),
            Line::BareLf { literal } => {
                let (tag, error) = (self.tag(), SyntaxError::Octets);
                self.reset();
                if literal {
                    // Whether octets of a literal follow depends on who reads.
                    return Some(self.bye("a bare LF behind a literal's size"));
                }
                Some(Step::Bad(tag, error))
            }
        }
    }

    /// The tag of the command that is being read, if it has one.
    fn tag(&self) -> Option<Tag> {
        if let Some((tag, _)) = &self.upload {
            return Some(tag.clone());
        }
        let begin = if self.kept.is_empty() { self.input.text() } else { &self.kept };
        let begin = begin.get(..begin.len().min(limits::TAG_OCTETS_MAX + 1)).unwrap_or_default();
        begin
            .split(|&octet| octet == b' ' || octet == b'\r' || octet == b'\n')
            .next()
            .and_then(Tag::parse)
    }

    /// Forgets the line and the command that it belongs to.
    fn reset(&mut self) {
        self.input.next_line();
        self.kept = Vec::new();
        self.upload = None;
        self.state = State::Text;
    }

    /// The command's last line is there.
    fn whole(&mut self) -> Step {
        let tag = self.tag();
        if !self.kept.is_empty() {
            self.kept.extend_from_slice(self.input.text());
        }
        let begun = match self.upload.take() {
            Some(upload) => self.end_upload(Some(upload)),
            None => self.command(),
        };
        self.reset();
        match begun {
            Ok(()) => self.pending.pop_front().unwrap_or(Step::NeedInput),
            Err(error) => {
                self.pending.clear();
                Step::Bad(tag, error)
            }
        }
    }

    fn command(&mut self) -> Scanned<()> {
        let text = so_far(&self.kept, &self.input);
        match Command::parse(text, &self.limits, self.names) {
            Ok((tag, command)) => self.pending.push_back(Step::Command(tag, command)),
            // APPEND has no literal where all its pieces are URLs (RFC 4469).
            Err(SyntaxError::UnknownCommand) if self.limits.uploads == Uploads::Taken => {
                return self.end_upload(None);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Reads the last line of an upload, which may be its first.
    fn end_upload(&mut self, upload: Option<(Tag, Upload)>) -> Scanned<()> {
        let text = so_far(&self.kept, &self.input);
        let mut cursor = Cursor::new(text, self.limits.depth, self.names);
        let mut upload = match upload {
            Some((_, upload)) => upload,
            None => {
                let (tag, command) =
                    upload_command(&mut cursor)?.ok_or(SyntaxError::UnknownCommand)?;
                self.pending.push_back(Step::Command(tag, command));
                Upload::START
            }
        };
        let pieces = upload.scan(&mut cursor, PieceEnd::Line)?.unwrap_or_default();
        self.pending.extend(pieces.into_iter().filter_map(step_of));
        Ok(())
    }

    /// A line has ended in a literal's size.
    fn literal(&mut self, head: LiteralHead) -> Option<Step> {
        match self.upload_begins(head) {
            Ok(true) => None,
            Ok(false) => self.keep_literal(head),
            Err(error) => {
                let tag = self.tag();
                self.give_up_at(head, Outcome::Bad(tag, error));
                None
            }
        }
    }

    /// Whether the literal is a message, or a piece of one, which isn't kept but offered.
    fn upload_begins(&mut self, head: LiteralHead) -> Scanned<bool> {
        if self.limits.uploads == Uploads::Refused {
            return Ok(false);
        }
        let (depth, names) = (self.limits.depth, self.names);
        let upload = self.upload.clone();
        // The text up to the literal; what was kept before it stays as it was if the literal is kept too.
        let kept = self.kept.len();
        let text_octets = self.input.text().len() - head.text_octets;
        self.kept.extend_from_slice(self.input.text().get(..text_octets).unwrap_or_default());
        let mut cursor = Cursor::new(&self.kept, depth, names);
        let begun = match upload {
            Some((tag, upload)) => Some((tag, None, upload)),
            None => upload_command(&mut cursor)?
                .map(|(tag, command)| (tag, Some(command), Upload::START)),
        };
        let Some((tag, command, mut upload)) = begun else {
            self.kept.truncate(kept);
            return Ok(false);
        };
        let Some(pieces) = upload.scan(&mut cursor, PieceEnd::Literal)? else {
            self.kept.truncate(kept);
            return Ok(false);
        };
        if head.sync == Sync::Sent && head.octets > self.limits.unasked_octets {
            return Err(SyntaxError::Literal);
        }
        self.pending.extend(command.map(|command| Step::Command(tag.clone(), command)));
        self.pending.extend(pieces.into_iter().filter_map(step_of));
        self.reset();
        self.upload = Some((tag, upload));
        self.state = State::Offered(head);
        Ok(true)
    }

    fn keep_literal(&mut self, head: LiteralHead) -> Option<Step> {
        let text = self.input.text();
        let octets = usize::try_from(head.octets).unwrap_or(usize::MAX);
        let all = self.kept.len().saturating_add(text.len() + 2).saturating_add(octets);
        let unasked = head.sync == Sync::Sent && head.octets > self.limits.unasked_octets;
        if octets > self.limits.literal_octets || all > self.limits.command_octets || unasked {
            let tag = self.tag();
            self.give_up_at(head, Outcome::Bad(tag, SyntaxError::Literal));
            return None;
        }
        self.kept.reserve_exact(text.len() + 2 + octets);
        self.kept.extend_from_slice(text);
        self.kept.extend_from_slice(b"\r\n");
        self.input.next_line();
        self.state = State::Kept { left: octets };
        (head.sync == Sync::Waits).then_some(Step::Continue)
    }

    /// Hands on octets of a message.
    fn content(&mut self) -> Option<Step> {
        let State::Content { left, kind, nul } = &mut self.state else { return None };
        if *left > 0 {
            let octets = self.input.take_owned(*left);
            if octets.is_empty() {
                return Some(Step::NeedInput);
            }
            *left -= octets.len() as u64;
            if *kind == LiteralKind::Text && memchr::memchr(0, &octets).is_some() {
                *nul = Nul::Seen;
            }
            return Some(Step::Upload(UploadStep::Content(octets)));
        }
        if *nul == Nul::Seen {
            let tag = self.tag();
            self.state = State::Text;
            self.give_up(Outcome::Bad(tag, SyntaxError::Octets));
            return None;
        }
        self.state = State::Text;
        Some(Step::Upload(UploadStep::LiteralEnd))
    }

    /// Gives up the command, wherever in it we are.
    fn give_up(&mut self, outcome: Outcome) {
        self.pending.clear();
        match self.state {
            State::Offered(head) => self.give_up_at(head, outcome),
            State::Content { left, .. } => self.swallow(left, outcome),
            // Nothing of the command is left where its last line was read: an upload is over then.
            _ => self.swallow(0, outcome),
        }
    }

    /// Gives up the command at a literal: one that the client waits with doesn't come.
    fn give_up_at(&mut self, head: LiteralHead, outcome: Outcome) {
        self.input.next_line();
        match head.sync {
            Sync::Waits => {
                self.reset();
                self.pending.push_back(outcome.into_step());
            }
            Sync::Sent => self.swallow(head.octets, outcome),
        }
    }

    fn swallow(&mut self, literal: u64, outcome: Outcome) {
        self.kept = Vec::new();
        self.upload = None;
        let swallow = Swallow::new(literal, self.limits.swallowed_octets, outcome);
        self.state = State::Swallowing(swallow);
    }

    fn swallowed(&mut self) -> Step {
        match std::mem::replace(&mut self.state, State::Text) {
            State::Swallowing(swallow) => swallow.outcome().into_step(),
            _ => Step::NeedInput,
        }
    }

    fn idle(&mut self) -> Step {
        match self.input.line(limits::BEFORE_LOGIN.command_octets) {
            Line::Incomplete => return Step::NeedInput,
            Line::Whole { literal: None } => {}
            Line::TooLong | Line::Whole { .. } | Line::BareLf { .. } => {
                self.swallow(0, Outcome::Idle);
                return self.step();
            }
        }
        let end = match self.input.text().trim_ascii_end().eq_ignore_ascii_case(b"DONE") {
            true => IdleEnd::Done,
            false => IdleEnd::Other,
        };
        self.reset();
        Step::Idle(end)
    }

    fn sasl(&mut self) -> Step {
        let line = match self.input.line(limits::SASL_LINE_OCTETS_MAX) {
            Line::Incomplete => return Step::NeedInput,
            Line::TooLong => return self.bye("a line of AUTHENTICATE is too long"),
            // Which is no base64.
            Line::BareLf { .. } => [self.input.text(), b"\n"].concat(),
            Line::Whole { .. } => self.input.text().to_vec(),
        };
        self.reset();
        Step::Sasl(Secret(line))
    }
}

/// What of the command is there: its only line, or what was kept.
fn so_far<'a>(kept: &'a [u8], input: &'a Input) -> &'a [u8] {
    if kept.is_empty() { input.text() } else { kept }
}

/// The head of APPEND or REPLACE up to its mailbox. None where it is another command, or where the mailbox is yet to
/// come as a literal.
fn upload_command(cursor: &mut Cursor<'_>) -> Scanned<Option<(Tag, Command)>> {
    let mut ahead = cursor.clone();
    let Some(tag) = ahead.tag().ok().and_then(Tag::parse) else { return Ok(None) };
    let numbers = match ahead.eat_word(b" UID") {
        true => Numbers::Uid,
        false => Numbers::Sequence,
    };
    let is_append = numbers == Numbers::Sequence && ahead.eat_word(b" APPEND ");
    if !is_append && !ahead.eat_word(b" REPLACE ") {
        return Ok(None);
    }
    if ahead.is_at_end() {
        return Ok(None);
    }
    let command = if is_append {
        Command::Append(MailboxName::scan(&mut ahead)?)
    } else {
        match ahead.rest().iter().position(|&octet| octet == b' ') {
            Some(at) if at + 1 < ahead.rest().len() => {
                Command::Replace(numbers, Replace::scan(&mut ahead)?)
            }
            _ => return Ok(None),
        }
    };
    *cursor = ahead;
    Ok(Some((tag, command)))
}

/// A literal is offered by its own state.
fn step_of(piece: UploadPiece) -> Option<Step> {
    Some(Step::Upload(match piece {
        UploadPiece::Head(head) => UploadStep::Message(head),
        UploadPiece::Url(url) => UploadStep::Url(url),
        UploadPiece::Literal => return None,
        UploadPiece::MessageEnd => UploadStep::MessageEnd,
        UploadPiece::End => UploadStep::End,
    }))
}
