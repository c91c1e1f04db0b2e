//! What stands in the way of a message: the answer to `postroad queue why`.

use std::fmt;
use std::time::SystemTime;

use postroad_protocol::reply::Reply;
use postroad_queue::spool::{Cursor, Filter, QueueId, QueueRow, RecipientState};

use super::route::Destination;
use super::shared::Shared;

/// Recipients of one message that wait at the same place for the same thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    /// By index in the envelope.
    pub recipients: Vec<usize>,
    /// The route's next hop, or the domain whose MX hosts are asked.
    pub next_hop: String,
    /// When they are tried next, as far as that is known; now or past where they only wait for their turn.
    pub next_attempt: Option<SystemTime>,
    /// Why not now.
    pub obstacle: Obstacle,
    /// Tries so far.
    pub attempts: u32,
    /// What was said at the last of them.
    pub last: Option<Reply>,
}

impl Why {
    /// Whether it says the same of other recipients.
    fn is_like(&self, other: &Self) -> bool {
        let facts = |why: &Self| (why.attempts, why.next_attempt);
        facts(self) == facts(other)
            && self.next_hop == other.next_hop
            && self.obstacle == other.obstacle
            && self.last == other.last
    }
}

/// Why a recipient isn't delivered to at this moment.
#[derive(Debug, Clone, PartialEq)]
pub enum Obstacle {
    /// Its own next try is later.
    NotYet,
    /// The next hop can't be reached, and is left alone until then.
    BackingOff {
        /// When it is tried again.
        until: SystemTime,
        /// How often it failed in a row.
        failures: u32,
        /// What the last failure was.
        last: Reply,
    },
    /// Others come first.
    Busy {
        /// Connections to the next hop that are open or being opened.
        connections: usize,
        /// As many as it may have now.
        connections_max: usize,
        /// Messages for it that are ahead of this one.
        ahead: usize,
    },
    /// This host has too little of something, in the system's words; it is tried again each second.
    Short(String),
    /// The next hop takes long to answer, and so do as many others as may have a connection.
    Crowded,
    /// The operator keeps it back.
    Held,
    /// Nothing: it is being delivered.
    UnderWay,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYet => f.write_str("waits for its next try"),
            Self::BackingOff { failures: 1, last, .. } => {
                write!(f, "the next hop could not be reached: {last}")
            }
            Self::BackingOff { failures, last, .. } => {
                write!(f, "the next hop could not be reached {failures} times in a row: {last}")
            }
            Self::Busy { connections, connections_max, ahead } => write!(
                f,
                "waits for its turn: {ahead} ahead, {connections} of {connections_max} connections in use"
            ),
            Self::Short(what) => {
                write!(f, "this host is short of resources, and tries again each second: {what}")
            }
            Self::Crowded => {
                f.write_str("takes long to answer, and waits behind many others that do")
            }
            Self::Held => f.write_str("held by the operator: postroad queue release"),
            Self::UnderWay => f.write_str("is being delivered"),
        }
    }
}

pub(crate) async fn of(shared: &Shared, id: QueueId) -> Vec<Why> {
    let filter = Filter { ids: Some(vec![id]), ..Filter::default() };
    let page = shared.shard.find(&filter, Cursor::default(), 1).await;
    page.rows.first().map(|row| of_row(shared, row)).unwrap_or_default()
}

fn of_row(shared: &Shared, row: &QueueRow) -> Vec<Why> {
    let router = shared.router();
    let now = shared.clock.now();
    let mut found: Vec<Why> = Vec::new();
    let recipients = row.envelope.recipients.iter().zip(&row.states).enumerate();
    for (index, (recipient, state)) in recipients {
        let destination = router.destination(&recipient.address.domain);
        let (attempts, last, obstacle, next_attempt) = match state {
            RecipientState::Done => continue,
            RecipientState::Held { attempts } => (*attempts, None, Obstacle::Held, None),
            RecipientState::Waiting { attempts, due, last } => {
                let obstacle = match shared.under_way.has(row.id, index) {
                    true => Obstacle::UnderWay, // Perhaps by a lane that was its before a reload.
                    false => obstacle(shared, row.id, &destination, now),
                };
                let next = match &obstacle {
                    Obstacle::BackingOff { until, .. } => (*until).max(*due),
                    Obstacle::NotYet | Obstacle::Busy { .. } | Obstacle::Crowded => *due,
                    Obstacle::Held | Obstacle::UnderWay | Obstacle::Short(_) => now,
                };
                (*attempts, last.clone(), obstacle, Some(next))
            }
        };
        let next_hop = router.shown(&destination);
        let why = Why { recipients: vec![index], next_hop, next_attempt, obstacle, attempts, last };
        match found.iter_mut().find(|known| known.is_like(&why)) {
            Some(known) => known.recipients.push(index),
            None => found.push(why),
        }
    }
    found
}

fn obstacle(shared: &Shared, id: QueueId, destination: &Destination, now: SystemTime) -> Obstacle {
    let lane = shared.lanes.get(destination);
    lane.map_or(Obstacle::NotYet, |lane| lane.obstacle(id, now))
}
