//! From the queue's types to the words of the control socket, and back.

use std::time::{Duration, SystemTime};

use postroad_observe::control as words;
use postroad_protocol::address::{Address, Domain};
use postroad_protocol::envelope::{Body, Notify, Recipient, Ret, Utf8, Wanted};
use postroad_protocol::reply::Reply;
use postroad_queue::{Cursor, Edit, Filter, QueueId, QueueRow, RecipientState, Standing, Whose};

use crate::outbound::Obstacle;

/// The filter that is asked for, but for its next hop, which the queue doesn't know.
pub(crate) fn filter_of(filter: &words::Filter) -> Result<Filter, String> {
    let ids = filter.queue_ids.iter().map(|id| id_of(id)).collect::<Result<Vec<_>, _>>()?;
    let whose = |text: &Option<String>| text.as_deref().map(whose).transpose();
    Ok(Filter {
        ids: (!ids.is_empty()).then_some(ids),
        sender: whose(&filter.sender)?,
        recipient: whose(&filter.recipient)?,
        domain: filter.domain.as_deref().map(domain_of).transpose()?,
        domain_test: None,
        standing: filter.state.map(standing_of).transpose()?,
        reply: filter.reply.clone(),
        older_than: filter.older_than_s.map(Duration::from_secs),
        newer_than: filter.newer_than_s.map(Duration::from_secs),
        larger_than: filter.larger_than,
        smaller_than: filter.smaller_than,
    })
}

pub(crate) fn id_of(text: &str) -> Result<QueueId, String> {
    text.parse().map_err(|error| format!("{text}: {error}"))
}

/// Where a listing goes on that has come to this message.
pub(crate) fn cursor_of(after: Option<&str>) -> Result<Cursor, String> {
    Ok(Cursor(after.map(id_of).transpose()?.map(QueueId::number)))
}

/// `<>`, `alice@example.org`, `@example.org`
fn whose(text: &str) -> Result<Whose, String> {
    match (text, text.strip_prefix('@')) {
        ("" | "<>", _) => Ok(Whose::Null),
        (_, Some(name)) => domain_of(name).map(Whose::Domain),
        (_, None) => Address::parse(text)
            .map(Whose::Address)
            .map_err(|error| format!("{text}: {error}; write user@domain, @domain or <>")),
    }
}

fn domain_of(text: &str) -> Result<Domain, String> {
    Domain::parse(text).map_err(|error| format!("{text}: {error}"))
}

fn standing_of(state: words::State) -> Result<Standing, String> {
    match state {
        words::State::Waiting => Ok(Standing::Waiting),
        words::State::Held => Ok(Standing::Held),
        words::State::Done => Err("what is done isn't in the queue".to_owned()),
    }
}

pub(crate) fn edit_of(edit: words::Edit) -> Edit {
    match edit {
        words::Edit::Hold => Edit::Hold,
        words::Edit::Release => Edit::Release,
        words::Edit::Retry => Edit::Retry,
        words::Edit::Delete => Edit::Delete,
    }
}

/// A message without its recipients.
pub(crate) fn message_of(row: &QueueRow) -> words::Message {
    let envelope = &row.envelope;
    words::Message {
        queue_id: row.id.to_string(),
        arrived: seconds(row.arrived),
        octets: row.octets,
        sender: envelope.reverse_path.to_string(),
        body: match envelope.body {
            Body::SevenBit => None,
            Body::EightBitMime => Some("8BITMIME".to_owned()),
        },
        smtputf8: envelope.utf8 == Utf8::SmtpUtf8,
        ret: envelope.ret.map(|ret| {
            let ret = match ret {
                Ret::Full => "FULL",
                Ret::Headers => "HDRS",
            };
            ret.to_owned()
        }),
        envid: envelope.envid.clone(),
        recipients: Vec::new(),
        more_recipients: 0,
    }
}

pub(crate) fn recipient_of(
    recipient: &Recipient,
    state: &RecipientState,
    next_hop: Option<String>,
    left_alone: Option<(SystemTime, Reply)>,
) -> words::Recipient {
    let (state, attempts, due, last) = match state {
        RecipientState::Waiting { attempts, due, last } => {
            (words::State::Waiting, *attempts, Some(seconds(*due)), last.as_ref())
        }
        RecipientState::Held { attempts } => (words::State::Held, *attempts, None, None),
        RecipientState::Done => (words::State::Done, 0, None, None),
    };
    // What waits is tried when the next hop is, if its own time has come before.
    let left_alone = left_alone.filter(|_| state == words::State::Waiting);
    let until = left_alone.as_ref().map(|(until, _)| seconds(*until));
    words::Recipient {
        address: recipient.address.to_string(),
        state,
        attempts,
        due: due.max(until),
        last: last.map(ToString::to_string),
        left_alone: left_alone.map(|(_, failure)| failure.to_string()),
        next_hop,
        notify: notify_of(recipient.notify),
        orcpt: recipient.orcpt.clone(),
    }
}

fn notify_of(notify: Notify) -> Option<String> {
    match notify {
        Notify::Unsaid => None,
        Notify::Never => Some("NEVER".to_owned()),
        Notify::On { success, failure, delay } => {
            let all = [("SUCCESS", success), ("FAILURE", failure), ("DELAY", delay)];
            let wanted = all.into_iter().filter(|(_, wanted)| *wanted == Wanted::Yes);
            Some(wanted.map(|(name, _)| name).collect::<Vec<_>>().join(","))
        }
    }
}

pub(crate) fn obstacle_of(obstacle: &Obstacle) -> words::Obstacle {
    match obstacle {
        Obstacle::NotYet => words::Obstacle::NotYet,
        Obstacle::BackingOff { until, failures, last } => words::Obstacle::BackingOff {
            until: seconds(*until),
            failures: *failures,
            last: last.to_string(),
        },
        Obstacle::Busy { connections, connections_max, ahead } => words::Obstacle::Busy {
            connections: *connections as u64,
            connections_max: *connections_max as u64,
            ahead: *ahead as u64,
        },
        Obstacle::Short(what) => words::Obstacle::Short { what: what.clone() },
        Obstacle::Crowded => words::Obstacle::Crowded,
        Obstacle::Held => words::Obstacle::Held,
        Obstacle::UnderWay => words::Obstacle::UnderWay,
    }
}

/// Since 1970.
pub(crate) fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
