//! Notices to senders: made from a failure, a delay or a success, and put into our own queue.
//!
//! ```text
//! message with a sender  ──fails──▶  notice (null reverse-path) to the sender
//! notice                 ──fails──▶  notice (null reverse-path) to the local postmaster
//! notice to postmaster   ──fails──▶  a line in the log, and the end
//! ```
//! So no notice is ever about a notice about a notice, and nothing loops (RFC 5321 §4.5.5, row Q04).

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use postroad_accounts::Resolution;
use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::dsn::{Kind, Notice, Reader, Report};
use postroad_protocol::envelope::{Body, Envelope, Recipient, Wanted};
use postroad_queue::spool::{Accept, Content, DelayNotice, NewMessage, QueueRow, RecipientState};

use super::events;
use super::flight::Flight;
use super::hop::Hop;
use super::settle::Told;
use super::shared::Shared;

/// Why a notice isn't in the queue.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoticeError {
    #[error("the queue didn't take the notice: {0}")]
    Refused(postroad_queue::spool::AcceptError),
    #[error("it is not known whether the queue has the notice")]
    InDoubt,
}

/// The recipients will never get the message.
pub(crate) async fn failure(
    shared: &Arc<Shared>,
    flight: &Flight,
    hop: &Hop,
    failed: &[Told],
    content: &Bytes,
) -> Result<(), NoticeError> {
    let envelope = &flight.row.envelope;
    match envelope.reverse_path.address() {
        Some(sender) => {
            let wanted = |told: &&Told| {
                let recipient = envelope.recipients.get(told.recipient);
                recipient.is_some_and(|r| r.notify.failure() == Wanted::Yes)
            };
            let told: Vec<&Told> = failed.iter().filter(wanted).collect();
            send(shared, flight, hop, Kind::Failure, sender, &told, content).await
        }
        None => double_bounce(shared, flight, hop, failed, content).await,
    }
}

/// A notice can't be delivered: the postmaster gets it, unless it was on its way there.
async fn double_bounce(
    shared: &Arc<Shared>,
    flight: &Flight,
    hop: &Hop,
    failed: &[Told],
    content: &Bytes,
) -> Result<(), NoticeError> {
    let postmaster = postmaster(shared);
    let targets = postmaster.as_ref().map(|p| final_addresses(shared, p)).unwrap_or_default();
    let envelope = &flight.row.envelope;
    let is_for_postmaster = |told: &&Told| {
        let address = envelope.recipients.get(told.recipient).map(|r| &r.address);
        address.is_some_and(|address| {
            Some(address) == postmaster.as_ref() || targets.contains(address)
        })
    };
    let (lost, told): (Vec<&Told>, Vec<&Told>) = failed.iter().partition(is_for_postmaster);
    for told in lost {
        events::notice_lost(&flight.id, &told.reply);
    }
    match postmaster {
        Some(postmaster) => {
            send(shared, flight, hop, Kind::Failure, &postmaster, &told, content).await
        }
        None => {
            told.iter().for_each(|told| events::notice_lost(&flight.id, &told.reply));
            Ok(())
        }
    }
}

/// They haven't got it yet.
pub(crate) async fn delay(
    shared: &Arc<Shared>,
    flight: &Flight,
    hop: &Hop,
    delayed: &[Told],
    content: &Bytes,
) -> Result<(), NoticeError> {
    let Some(sender) = flight.row.envelope.reverse_path.address() else { return Ok(()) };
    let until = flight.row.arrived + shared.retry.give_up_after;
    let told: Vec<&Told> = delayed.iter().collect();
    send(shared, flight, hop, Kind::Delay { until }, sender, &told, content).await
}

/// They have it, and the sender had asked.
pub(crate) async fn success(
    shared: &Arc<Shared>,
    flight: &Flight,
    hop: &Hop,
    succeeded: &[Told],
    content: &Bytes,
) -> Result<(), NoticeError> {
    let Some(sender) = flight.row.envelope.reverse_path.address() else { return Ok(()) };
    let told: Vec<&Told> = succeeded.iter().collect();
    send(shared, flight, hop, Kind::Success, sender, &told, content).await
}

async fn send(
    shared: &Arc<Shared>,
    flight: &Flight,
    hop: &Hop,
    kind: Kind,
    to: &Address,
    told: &[&Told],
    content: &Bytes,
) -> Result<(), NoticeError> {
    if told.is_empty() {
        return Ok(());
    }
    let targets = final_addresses(shared, to);
    if targets.is_empty() {
        // The sender is one of ours and doesn't exist: as if the notice had failed (a double bounce).
        let Some(postmaster) = postmaster(shared).filter(|postmaster| postmaster != to) else {
            told.iter().for_each(|told| events::notice_lost(&flight.id, &told.reply));
            return Ok(());
        };
        return Box::pin(send(shared, flight, hop, kind, &postmaster, told, content)).await;
    }
    let now = shared.clock.arrival();
    let id = shared.shard.new_id();
    let id_text = id.to_string();
    let (message, utf8) = {
        let notice = notice(shared, flight, hop, kind, to, told, content, &id_text, now);
        (Bytes::from(notice.build()), notice.utf8())
    };
    let recipients = targets.into_iter().map(Recipient::new).collect();
    let mut envelope = Envelope::new(ReversePath::Null, recipients); // RFC 5321 §4.5.5
    envelope.utf8 = utf8;
    if !message.is_ascii() {
        envelope.body = Body::EightBitMime;
    }
    accept(shared, id, envelope, message, now).await?;
    events::notice(&shared.journal, &flight.id, &id_text, kind, to);
    Ok(())
}

#[expect(
    clippy::too_many_arguments,
    reason = "it only puts its arguments into a struct of their names"
)]
fn notice<'a>(
    shared: &'a Shared,
    flight: &'a Flight,
    hop: &'a Hop,
    kind: Kind,
    to: &'a Address,
    told: &[&'a Told],
    content: &'a Bytes,
    id: &'a str,
    now: SystemTime,
) -> Notice<'a> {
    let envelope = &flight.row.envelope;
    let remote = (!hop.remote.is_empty()).then_some(hop.remote.as_str());
    let report = |told: &&'a Told| {
        let recipient = envelope.recipients.get(told.recipient)?;
        let (action, reply) = (told.action, &told.reply);
        Some(Report { recipient, action, reply, remote, last_attempt: Some(now) })
    };
    Notice {
        kind,
        reader: Reader::Sender,
        reporting_mta: &shared.hostname,
        to,
        id,
        now,
        message: &flight.id,
        arrived: flight.row.arrived,
        envid: envelope.envid.as_deref(),
        ret: envelope.ret,
        content,
        reports: told.iter().filter_map(report).collect(),
    }
}

async fn accept(
    shared: &Arc<Shared>,
    id: postroad_queue::spool::QueueId,
    envelope: Envelope,
    message: Bytes,
    now: SystemTime,
) -> Result<(), NoticeError> {
    let new = NewMessage {
        id,
        arrived: now,
        envelope: envelope.clone(),
        content: Content::Memory(message.clone()),
    };
    match shared.shard.accept(vec![new]).await.pop() {
        Some(Accept::Stored) => {}
        Some(Accept::Refused(error)) => return Err(NoticeError::Refused(error)),
        Some(Accept::InDoubt) | None => return Err(NoticeError::InDoubt),
    }
    let waiting = RecipientState::Waiting { attempts: 0, due: now, last: None };
    let row = QueueRow {
        id,
        arrived: now,
        octets: message.len() as u64,
        states: vec![waiting; envelope.recipients.len()],
        envelope: Arc::new(envelope),
        delay_notice: DelayNotice::NotSent,
    };
    shared.submit(row, Some(message));
    Ok(())
}

/// Where mail for the address really goes: aliases are expanded as at RCPT. Empty where the address is
/// ours and nobody's.
fn final_addresses(shared: &Shared, address: &Address) -> Vec<Address> {
    match shared.accounts.directory().resolve(address) {
        Resolution::Mailbox { .. } | Resolution::NotLocal => vec![address.clone()],
        Resolution::Alias(addresses) => addresses,
        Resolution::Unknown => Vec::new(),
    }
}

/// The postmaster of the first local domain.
fn postmaster(shared: &Shared) -> Option<Address> {
    let domain = shared.postmaster.as_ref()?;
    Address::parse(&format!("postmaster@{domain}")).ok()
}
