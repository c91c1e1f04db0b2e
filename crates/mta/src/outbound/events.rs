//! What the sending half logs and traces: one function for each event.

use std::time::{Instant, SystemTime};

use postroad_disk::DiskError;
use postroad_observe::trace::{Event, Journal, Speaker, Status};
use postroad_protocol::address::Address;
use postroad_protocol::client::{Line, Said};
use postroad_protocol::dsn::Kind;
use postroad_protocol::reply::Reply;
use postroad_queue::spool::{ContentError, Fenced};

use super::dns::Asked;
use super::flight::Flight;
use super::notice::NoticeError;
use super::shared::Shared;
use super::shortage::Shortage;

/// The line that operators look for: one for each recipient and attempt.
pub(crate) fn outcome(
    shared: &Shared,
    flight: &Flight,
    recipient: usize,
    status: Status,
    reply: &Reply,
    next_hop: &str,
) {
    let row = &flight.row;
    let Some(to) = row.envelope.recipients.get(recipient).map(|r| r.address.to_string()) else {
        return;
    };
    let delay = shared.clock.now().duration_since(row.arrived).unwrap_or_default().as_secs_f64();
    let word = match status {
        Status::Sent => "sent",
        Status::Deferred => "deferred",
        Status::Bounced => "bounced",
    };
    let reply = reply.to_string();
    tracing::info!(
        queue_id = flight.id,
        from = %row.envelope.reverse_path,
        to,
        next_hop,
        status = word,
        reply,
        delay_s = (delay * 1000.0).round() / 1000.0,
        attempt = flight.attempts(recipient) + 1,
        "delivery"
    );
    let next_hop = next_hop.to_owned();
    shared.journal.record(
        Some(&flight.id),
        None,
        Event::Outcome { to, status, reply, next_hop, delay_s: delay },
    );
}

/// Questions to DNS.
pub(crate) fn dns(journal: &Journal, queue_id: &str, asked: Vec<Asked>) {
    for Asked { question, answer, took } in asked {
        tracing::debug!(queue_id, question, answer, "asked DNS");
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        journal.record(Some(queue_id), None, Event::Dns { question, answer, took_us });
    }
}

/// A host is tried.
pub(crate) fn next_hop(journal: &Journal, queue_id: &str, next_hop: &str, why: &str) {
    tracing::debug!(queue_id, next_hop, why, "connecting");
    let (next_hop, why) = (next_hop.to_owned(), why.to_owned());
    journal.record(Some(queue_id), None, Event::NextHop { next_hop, why });
}

/// A host that was tried is no good now; the next one of the list has its turn.
pub(crate) fn host_failed(journal: &Journal, queue_id: &str, next_hop: &str, reply: &Reply) {
    tracing::debug!(queue_id, next_hop, %reply, "host failed");
    let text = format!("{next_hop} failed: {reply}");
    journal.record(Some(queue_id), None, Event::Note { text });
}

/// A session is open.
pub(crate) fn session(journal: &Journal, queue_id: &str, next_hop: &str, tls: Option<String>) {
    let tls = tls.unwrap_or_else(|| "in clear".to_owned());
    tracing::debug!(queue_id, next_hop, tls, "session open");
    journal.record(Some(queue_id), None, Event::Note { text: format!("session open, {tls}") });
}

/// TLS was optional and failed; it goes on in clear.
pub(crate) fn tls_given_up(queue_id: &str, next_hop: &str, reply: &Reply) {
    tracing::warn!(queue_id, next_hop, %reply, "TLS failed, trying in clear");
}

/// What was said, each line stamped with the moment that it was said at.
pub(crate) fn dialogue(journal: &Journal, queue_id: &str, lines: Vec<Line>) {
    let (now, wall_clock) = (Instant::now(), SystemTime::now());
    for Line { at, said } in lines {
        let at = wall_clock - now.saturating_duration_since(at);
        let record = |speaker, line| {
            journal.record_at(at, Some(queue_id), None, Event::Dialogue { speaker, line });
        };
        match said {
            Said::Sent(commands) => {
                for command in String::from_utf8_lossy(&commands).lines() {
                    record(Speaker::Us, command.to_owned());
                }
            }
            Said::SentContent(octets) => record(Speaker::Us, format!("<{octets} octets>")),
            Said::Received(reply) => record(Speaker::Them, reply),
        }
    }
}

/// A notice is in the queue.
pub(crate) fn notice(journal: &Journal, queue_id: &str, notice: &str, kind: Kind, to: &Address) {
    let kind = match kind {
        Kind::Failure => "failure",
        Kind::Delay { .. } => "delay",
        Kind::Success => "success",
    };
    tracing::info!(queue_id, notice, kind, %to, "sender told");
    let text = format!("{to} is told of the {kind} by message {notice}");
    journal.record(Some(queue_id), None, Event::Note { text: text.clone() });
    let text = format!("tells {to} of the {kind} of message {queue_id}");
    journal.record(Some(notice), None, Event::Note { text });
}

/// The queue didn't take a notice; what it would have told is not settled.
pub(crate) fn notice_refused(queue_id: &str, error: &NoticeError) {
    let error: &dyn std::error::Error = error;
    tracing::error!(queue_id, error, "cannot tell the sender; trying again later");
}

/// A notice of success is owed to the sender of this message, and the queue didn't take it.
pub(crate) fn notice_lost(queue_id: &str) {
    tracing::error!(queue_id, "a notice of success is lost: the queue didn't take it in time");
}

/// A notice that not even the postmaster gets.
pub(crate) fn notice_held(queue_id: &str, reply: &Reply) {
    tracing::error!(queue_id, %reply, "message held: nobody can be told that it failed; see postroad queue");
}

/// A message that doesn't fit its checksum, or that the disk doesn't give again and again.
pub(crate) fn unreadable_for_good(queue_id: &str, error: &ContentError) {
    let error: &dyn std::error::Error = error;
    tracing::error!(queue_id, error, "message held: it can't be read; see postroad queue");
}

/// A message that can't be read now.
pub(crate) fn unreadable(queue_id: &str, error: &ContentError) {
    let error: &dyn std::error::Error = error;
    tracing::error!(queue_id, error, "cannot read a message from the queue; trying again later");
}

/// This host has too little of something.
pub(crate) fn short(shortage: &Shortage) {
    let shortage = shortage.to_string();
    tracing::error!(
        shortage,
        "this host is short of resources: deliveries wait, and are tried again each second"
    );
}

/// A delivery ended in a panic, a mistake of ours; the panic itself is in the log above.
pub(crate) fn panicked(queue_id: &str) {
    tracing::error!(queue_id, "the delivery panicked; trying again later, please report it");
}

/// A message that makes its delivery panic each time is kept for the operator.
pub(crate) fn quarantined(queue_id: &str) {
    tracing::error!(queue_id, "message held: its delivery panics each time; see postroad queue");
}

/// Somebody else has the queue.
pub(crate) fn fenced(error: Fenced) {
    let error: &dyn std::error::Error = &error;
    tracing::error!(error, "deliveries end: outcomes can't be recorded any more");
}

/// The next start will take letters for younger than they are.
pub(crate) fn ages_not_saved(error: &DiskError) {
    let error: &dyn std::error::Error = error;
    tracing::warn!(error, "it can't be written down how old letters are; check the disk");
}

/// Deliveries that did not end in time when we stopped.
pub(crate) fn left_behind() {
    tracing::warn!("stopped with deliveries under way; they are repeated at the next start");
}
