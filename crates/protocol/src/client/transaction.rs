//! One transaction: MAIL, RCPT for each recipient, DATA and the message; or RSET, where it is a probe.
//!
//! With PIPELINING all commands up to DATA go out in one write (RFC 2920), else one by one. Replies are
//! matched to commands by their order alone, so a reply of a class that its command can't have ends the
//! session: from there on nobody knows which reply is whose (rows C08, C14).

use std::collections::VecDeque;
use std::fmt::Write as _;

use bytes::Bytes;

use super::content::{self, ContentEncoder};
use super::{Capabilities, Failure, Leftover, Phase, Protocol, Purpose, Transaction, Verdict};
use crate::address::{Address, ReversePath};
use crate::envelope::{Body, Envelope, Notify, Recipient, Ret, Utf8, Wanted};
use crate::reply::{Reply, Severity};
use crate::xtext;

/// What we wait for a reply to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    /// RSET ahead of MAIL.
    Reset,
    Mail,
    /// RCPT of the transaction's recipient with this place.
    Rcpt(usize),
    Data,
    /// RSET that ends a probe.
    Cancel,
    /// The end of data, for all accepted recipients.
    End,
    /// The end of data, for one of them (RFC 2033 §4.2).
    EndFor(usize),
    /// The end of data that nobody gets: DATA was sent ahead, and then no recipient was accepted.
    EndForNobody,
}

/// Where the message itself stands.
#[derive(Debug)]
enum Message {
    NotYet,
    /// 354 was said.
    Begins(ContentEncoder),
    /// On its way.
    Flows(ContentEncoder),
    /// All octets are written; the deadline hasn't been set yet.
    JustEnded,
    Sent,
}

/// What the peer has of this transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PeerSide {
    /// Nothing: no MAIL was accepted, or the data are through.
    Clean,
    /// An accepted MAIL.
    Open,
}

/// A transaction under way.
#[derive(Debug)]
pub(super) struct Running {
    transaction: Transaction,
    protocol: Protocol,
    verdicts: Vec<Option<Verdict>>,
    /// The next command to be sent, `None` behind the last.
    next: Option<Awaited>,
    awaited: VecDeque<Awaited>,
    /// Recipients that got 2xx to RCPT, by place.
    accepted: Vec<usize>,
    message: Message,
    peer: PeerSide,
}

impl Running {
    /// `verdicts` are those that [`refusals`] gave: who has one isn't named to the peer.
    pub(super) fn new(
        transaction: Transaction,
        verdicts: Vec<Option<Verdict>>,
        protocol: Protocol,
        leftover: Leftover,
    ) -> Self {
        Self {
            verdicts,
            transaction,
            protocol,
            next: Some(match leftover {
                Leftover::None => Awaited::Mail,
                Leftover::OpenTransaction => Awaited::Reset,
            }),
            awaited: VecDeque::new(),
            accepted: Vec::new(),
            message: Message::NotYet,
            peer: PeerSide::Clean,
        }
    }

    /// The commands to send now: as many as may go ahead of their replies.
    pub(super) fn next_group(&mut self, peer: &Capabilities) -> Option<Bytes> {
        if !self.awaited.is_empty() {
            return None;
        }
        let mut group = String::new();
        while let Some(command) = self.next
            && self.awaited.len() < peer.commands_ahead()
        {
            self.write_command(command, peer, &mut group);
            self.awaited.push_back(command);
            self.next = self.command_after(command);
        }
        (!group.is_empty()).then(|| Bytes::from(group))
    }

    fn command_after(&self, command: Awaited) -> Option<Awaited> {
        let rcpt_or_end = |from: usize| {
            let mut open = self.verdicts.iter().enumerate().skip(from);
            if let Some((place, _)) = open.find(|(_, verdict)| verdict.is_none()) {
                return Awaited::Rcpt(place);
            }
            match self.transaction.purpose {
                Purpose::Deliver(_) => Awaited::Data,
                Purpose::Probe => Awaited::Cancel,
            }
        };
        match command {
            Awaited::Reset => Some(Awaited::Mail),
            Awaited::Mail => Some(rcpt_or_end(0)),
            Awaited::Rcpt(place) => Some(rcpt_or_end(place + 1)),
            Awaited::Data
            | Awaited::Cancel
            | Awaited::End
            | Awaited::EndFor(_)
            | Awaited::EndForNobody => None,
        }
    }

    fn write_command(&self, command: Awaited, peer: &Capabilities, out: &mut String) {
        let envelope = &self.transaction.envelope;
        match command {
            Awaited::Mail => {
                write_mail(envelope, self.content_octets(), self.utf8(peer), peer, out)
            }
            Awaited::Rcpt(place) => {
                let recipient = self.transaction.recipients.get(place);
                if let Some(recipient) = recipient.and_then(|n| envelope.recipients.get(*n)) {
                    write_rcpt(recipient, self.utf8(peer), peer, out);
                }
            }
            Awaited::Data => out.push_str("DATA\r\n"),
            Awaited::Reset | Awaited::Cancel => out.push_str("RSET\r\n"),
            Awaited::EndForNobody => out.push_str(".\r\n"),
            Awaited::End | Awaited::EndFor(_) => {}
        }
    }

    /// Whether MAIL says SMTPUTF8: the message came so, or one of the addresses needs it, as a member of an alias
    /// may (RFC 6531 §3.4).
    fn utf8(&self, peer: &Capabilities) -> Utf8 {
        let Transaction { envelope, recipients, .. } = &self.transaction;
        let is_ascii = |n: &usize| envelope.recipients.get(*n).is_none_or(|r| r.address.is_ascii());
        let needed = !has_ascii_sender(envelope) || !recipients.iter().all(is_ascii);
        match peer.smtp_utf8.is_offered() && (needed || envelope.utf8 == Utf8::SmtpUtf8) {
            true => Utf8::SmtpUtf8,
            false => Utf8::Ascii,
        }
    }

    /// The reply to the first command that has none yet.
    pub(super) fn take_reply(&mut self, reply: Reply) -> Result<(), Failure> {
        let phase = self.phase();
        let Some(awaited) = self.awaited.pop_front() else {
            return Err(Failure::OutOfStep { phase, reply: Some(reply) });
        };
        match (awaited, reply.severity()) {
            (Awaited::Reset, Severity::Success) => {}
            (Awaited::Cancel, Severity::Success) => self.peer = PeerSide::Clean,
            (Awaited::Mail, Severity::Success) => self.peer = PeerSide::Open,
            (Awaited::Mail, Severity::Temporary | Severity::Permanent) => {
                self.settle_all(&verdict(reply));
                self.next = None;
            }
            // Nobody can be a recipient where there is no sender: the replies are out of step.
            (Awaited::Rcpt(_), Severity::Success) if self.peer == PeerSide::Clean => {
                return Err(Failure::OutOfStep { phase, reply: Some(reply) });
            }
            (Awaited::Rcpt(place), Severity::Success) => self.accept(place, reply),
            (Awaited::Rcpt(place), Severity::Temporary | Severity::Permanent) => {
                self.settle(place, rcpt_verdict(reply));
            }
            (Awaited::Data, _) if reply.code().value() == 354 => self.begin_content(),
            (Awaited::Data, Severity::Temporary | Severity::Permanent) => {
                self.settle_all(&verdict(reply));
            }
            (Awaited::End, Severity::Success | Severity::Temporary | Severity::Permanent) => {
                self.peer = PeerSide::Clean;
                self.settle_all(&verdict(reply));
            }
            (
                Awaited::EndFor(place),
                Severity::Success | Severity::Temporary | Severity::Permanent,
            ) => {
                self.peer = PeerSide::Clean;
                self.settle(place, verdict(reply));
            }
            (Awaited::EndForNobody, _) => self.peer = PeerSide::Clean,
            // A refused RSET leaves an envelope that we can't get rid of; anything else is a reply of a
            // class that the command can't have. RFC 5321 §4.2: such a peer can't be believed any more.
            (
                Awaited::Reset
                | Awaited::Cancel
                | Awaited::Mail
                | Awaited::Rcpt(_)
                | Awaited::Data
                | Awaited::End
                | Awaited::EndFor(_),
                _,
            ) => return Err(Failure::OutOfStep { phase, reply: Some(reply) }),
        }
        self.skip_useless_commands();
        Ok(())
    }

    fn accept(&mut self, place: usize, reply: Reply) {
        // MAIL was refused: this 2xx can't be meant.
        if self.verdicts.get(place).is_none_or(Option::is_some) {
            return;
        }
        self.accepted.push(place);
        if matches!(self.transaction.purpose, Purpose::Probe) {
            self.settle(place, Verdict::Accepted(reply));
        }
    }

    /// Leaves out what is not sent yet and has lost its point.
    fn skip_useless_commands(&mut self) {
        if self.awaited.is_empty() && self.next == Some(Awaited::Data) && self.accepted.is_empty() {
            self.next = None;
        }
    }

    /// 354: the message, or a lone dot where nobody is left to get it (RFC 2920 §3.1).
    fn begin_content(&mut self) {
        let Purpose::Deliver(content) = &self.transaction.purpose else { return };
        if self.accepted.is_empty() {
            self.next = Some(Awaited::EndForNobody);
            return;
        }
        self.message = Message::Begins(ContentEncoder::new(content.clone()));
    }

    /// Whether 354 was just said; from the next call on the message flows.
    pub(super) fn content_begins(&mut self) -> bool {
        let (message, begins) = match std::mem::replace(&mut self.message, Message::NotYet) {
            Message::Begins(encoder) => (Message::Flows(encoder), true),
            other => (other, false),
        };
        self.message = message;
        begins
    }

    /// The next octets of the message, while it flows.
    pub(super) fn next_block(&mut self) -> Option<Vec<Bytes>> {
        let Message::Flows(encoder) = &mut self.message else { return None };
        let block = encoder.next_block();
        if !block.is_empty() {
            return Some(block);
        }
        self.message = Message::JustEnded;
        match self.protocol {
            Protocol::Smtp => self.awaited.push_back(Awaited::End),
            // RFC 2033 §4.2: one reply for each recipient that RCPT accepted, in that order.
            Protocol::Lmtp => {
                self.awaited.extend(self.accepted.iter().map(|place| Awaited::EndFor(*place)));
            }
        }
        None
    }

    /// Whether the message has just been written; said once.
    pub(super) fn content_just_ended(&mut self) -> bool {
        if !matches!(self.message, Message::JustEnded) {
            return false;
        }
        self.message = Message::Sent;
        true
    }

    pub(super) fn content_octets(&self) -> u64 {
        match &self.transaction.purpose {
            Purpose::Deliver(content) => content.len() as u64,
            Purpose::Probe => 0,
        }
    }

    /// What the peer is left with, once nothing is to be sent and no reply is missing.
    pub(super) fn finished(&self) -> Option<Leftover> {
        let flows = matches!(self.message, Message::Begins(_) | Message::Flows(_));
        if self.next.is_some() || !self.awaited.is_empty() || flows {
            return None;
        }
        Some(match self.peer {
            PeerSide::Clean => Leftover::None,
            PeerSide::Open => Leftover::OpenTransaction,
        })
    }

    /// All verdicts, at the end of the transaction.
    pub(super) fn verdicts(&mut self) -> Vec<Verdict> {
        self.give_up(&Failure::OutOfStep { phase: self.phase(), reply: None })
    }

    /// All verdicts; who has none is deferred because of `failure`, even where that was a 5xx to our
    /// greeting: another host, or another day, may do better.
    pub(super) fn give_up(&mut self, failure: &Failure) -> Vec<Verdict> {
        let verdicts = std::mem::take(&mut self.verdicts);
        verdicts
            .into_iter()
            .map(|v| v.unwrap_or_else(|| Verdict::Deferred(failure.reply())))
            .collect()
    }

    /// The first verdict counts.
    fn settle(&mut self, place: usize, verdict: Verdict) {
        if let Some(slot) = self.verdicts.get_mut(place) {
            slot.get_or_insert(verdict);
        }
    }

    fn settle_all(&mut self, verdict: &Verdict) {
        for slot in &mut self.verdicts {
            slot.get_or_insert_with(|| verdict.clone());
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match (&self.message, self.awaited.front()) {
            (Message::Begins(_) | Message::Flows(_), _) => Phase::Content,
            (_, Some(Awaited::Reset | Awaited::Cancel)) => Phase::Reset,
            (_, Some(Awaited::Mail) | None) => Phase::Mail,
            (_, Some(Awaited::Rcpt(_))) => Phase::Rcpt,
            (_, Some(Awaited::Data)) => Phase::Data,
            (_, Some(Awaited::End | Awaited::EndFor(_) | Awaited::EndForNobody)) => Phase::DataEnd,
        }
    }
}

fn verdict(reply: Reply) -> Verdict {
    match reply.severity() {
        Severity::Success => Verdict::Accepted(reply),
        Severity::Permanent => Verdict::Refused(reply),
        Severity::Temporary | Severity::Intermediate => Verdict::Deferred(reply),
    }
}

/// RFC 5321 §4.5.3.1.10: 552 to RCPT is what old servers say for "too many recipients"; it "SHOULD" be
/// treated as temporary.
fn rcpt_verdict(reply: Reply) -> Verdict {
    match reply.code().value() {
        552 => Verdict::Deferred(reply),
        _ => verdict(reply),
    }
}

/// Who is refused before anything is said, because of what the peer lacks; by place.
pub(super) fn refusals(transaction: &Transaction, peer: &Capabilities) -> Vec<Option<Verdict>> {
    let recipients = &transaction.recipients;
    let Purpose::Deliver(content) = &transaction.purpose else {
        return vec![None; recipients.len()];
    };
    if let Some(refusal) = refusal(&transaction.envelope, content, peer) {
        return vec![Some(Verdict::Refused(refusal)); recipients.len()];
    }
    let by_address = |n: &usize| {
        let recipient = transaction.envelope.recipients.get(*n)?;
        // RFC 6531 §3.2: an address can't be put in ASCII by anybody but its own host.
        let text = "the address has letters beyond ASCII, and the next hop takes none (SMTPUTF8)";
        (!peer.smtp_utf8.is_offered() && !recipient.address.is_ascii())
            .then(|| Verdict::Refused(Reply::new(553, (5, 6, 7), text)))
    };
    recipients.iter().map(by_address).collect()
}

/// Why the peer can't have the message, whoever it is for.
fn refusal(envelope: &Envelope, content: &[u8], peer: &Capabilities) -> Option<Reply> {
    // RFC 1870 §6.1: a client that knows the server's limit doesn't try.
    if let Some(max) = peer.size_max.filter(|max| content.len() as u64 > *max) {
        let text =
            format!("the message has {} octets, the next hop takes {max} at most", content.len());
        return Some(Reply::new(552, (5, 3, 4), text));
    }
    if peer.smtp_utf8.is_offered() {
        return None;
    }
    // RFC 6531 §3.2 and §3.6: never to a server without SMTPUTF8. A client may say the word without need.
    if !has_ascii_sender(envelope) {
        let text =
            "the sender's address has letters beyond ASCII, and the next hop takes none (SMTPUTF8)";
        return Some(Reply::new(553, (5, 6, 7), text));
    }
    if envelope.utf8 == Utf8::SmtpUtf8 && !content::has_ascii_header(content) {
        let text = "the header has letters beyond ASCII, and the next hop takes none (SMTPUTF8)";
        return Some(Reply::new(550, (5, 6, 9), text));
    }
    // 8-bit content goes as it is to a hop without 8BITMIME, as nearly every MTA sends it: RFC 6152 §3 asks
    // for a conversion, which breaks signatures, or for a bounce, which helps nobody.
    None
}

fn has_ascii_sender(envelope: &Envelope) -> bool {
    envelope.reverse_path.address().is_none_or(Address::is_ascii)
}

/// `MAIL FROM:<reverse-path>` with the parameters that the peer knows. Writing into a String can't fail.
fn write_mail(envelope: &Envelope, octets: u64, utf8: Utf8, peer: &Capabilities, out: &mut String) {
    let _ = match &envelope.reverse_path {
        ReversePath::Null => write!(out, "MAIL FROM:<>"),
        ReversePath::Address(address) => write!(out, "MAIL FROM:<{address}>"),
    };
    if peer.size.is_offered() && octets > 0 {
        let _ = write!(out, " SIZE={octets}"); // RFC 1870 §6
    }
    if peer.eight_bit_mime.is_offered() && envelope.body == Body::EightBitMime {
        out.push_str(" BODY=8BITMIME"); // RFC 6152 §2
    }
    if utf8 == Utf8::SmtpUtf8 {
        out.push_str(" SMTPUTF8"); // RFC 6531 §3.4
    }
    if peer.dsn.is_offered() {
        match envelope.ret {
            Some(Ret::Full) => out.push_str(" RET=FULL"), // RFC 3461 §4.3
            Some(Ret::Headers) => out.push_str(" RET=HDRS"),
            None => {}
        }
        if let Some(envid) = &envelope.envid {
            out.push_str(" ENVID="); // RFC 3461 §4.4
            xtext::write(envid, out);
        }
    }
    out.push_str("\r\n");
}

/// `RCPT TO:<forward-path>` with the parameters that the peer knows; `utf8` is what MAIL said.
fn write_rcpt(recipient: &Recipient, utf8: Utf8, peer: &Capabilities, out: &mut String) {
    let _ = write!(out, "RCPT TO:<{}>", recipient.address);
    if peer.dsn.is_offered() {
        write_notify(recipient.notify, out);
        if let Some((kind, address)) = recipient.orcpt.as_deref().and_then(|o| o.split_once(';')) {
            let _ = write!(out, " ORCPT={kind};"); // RFC 3461 §4.2
            match kind.eq_ignore_ascii_case("utf-8") {
                true => xtext::write_unitext(address, utf8, out), // RFC 6533 §3
                false => xtext::write(address, out),
            }
        }
    }
    out.push_str("\r\n");
}

/// `NOTIFY=` (RFC 3461 §4.1).
fn write_notify(notify: Notify, out: &mut String) {
    let Notify::On { success, failure, delay } = notify else {
        if notify == Notify::Never {
            out.push_str(" NOTIFY=NEVER");
        }
        return;
    };
    let mut separator = " NOTIFY=";
    for (wanted, word) in [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")] {
        if wanted == Wanted::Yes {
            out.push_str(separator);
            out.push_str(word);
            separator = ",";
        }
    }
    // To say nothing would ask for failures.
    if separator != "," {
        out.push_str(" NOTIFY=NEVER");
    }
}
