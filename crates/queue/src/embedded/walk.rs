//! Walks through the queue, a few messages under each lock so that nobody waits long.

use std::ops::Bound;
use std::time::Duration;

use postroad_protocol::envelope::Envelope;

use super::Core;
use super::index::{Entry, Index};
use super::limits::WALK_STEP;
use crate::spool::{Cursor, Filter, Page, QueueId, QueueRow};

/// The messages behind a cursor, by id.
pub(crate) fn behind(index: &Index, from: Cursor) -> impl Iterator<Item = (&QueueId, &Entry)> {
    let start = match from.0 {
        None => Bound::Unbounded,
        Some(last) => Bound::Excluded(QueueId::from_number(last)),
    };
    index.messages.range((start, Bound::Unbounded))
}

/// A page of the messages that fit.
pub(crate) async fn page(core: &Core, filter: &Filter, from: Cursor, limit: usize) -> Page {
    let mut rows = Vec::new();
    let mut cursor = from;
    while rows.len() < limit {
        let wanted = limit - rows.len();
        match step(core, filter, cursor, wanted) {
            (found, Some(next)) => {
                rows.extend(found);
                cursor = next;
            }
            (found, None) => {
                rows.extend(found);
                return Page { rows, next: None };
            }
        }
        pause().await;
    }
    Page { rows, next: Some(cursor) }
}

/// The ids of all messages that fit.
pub(crate) async fn ids(core: &Core, filter: &Filter) -> Vec<QueueId> {
    let mut ids = Vec::new();
    let mut cursor = Cursor::default();
    loop {
        let (found, next) = step(core, filter, cursor, WALK_STEP);
        ids.extend(found.into_iter().map(|row| row.id));
        let Some(next) = next else { return ids };
        cursor = next;
        pause().await;
    }
}

/// Looks at the next few messages; gives those that fit, `wanted` at most, and where to go on.
fn step(
    core: &Core,
    filter: &Filter,
    from: Cursor,
    wanted: usize,
) -> (Vec<QueueRow>, Option<Cursor>) {
    let arrived_before = filter.older_than.map(|age| arrived_before(core.now(), age));
    let index = core.index();
    let mut rows = Vec::new();
    let mut look = |id: QueueId, entry: &Entry| {
        if arrived_before.is_none_or(|limit| entry.arrived <= limit) {
            rows.extend(entry.row(id).filter(|row| fits(filter, &row.envelope)));
        }
    };
    if let Some(ids) = &filter.ids {
        // A list of ids is looked up, not searched for.
        let mut ids: Vec<QueueId> =
            ids.iter().copied().filter(|id| from.0.is_none_or(|last| id.number() > last)).collect();
        ids.sort_unstable();
        ids.dedup();
        let next = ids.get(WALK_STEP.min(wanted)..).filter(|rest| !rest.is_empty());
        let next = next
            .and_then(|_| ids.get(WALK_STEP.min(wanted) - 1))
            .map(|id| Cursor(Some(id.number())));
        for id in ids.iter().take(WALK_STEP.min(wanted)) {
            if let Some(entry) = index.messages.get(id) {
                look(*id, entry);
            }
        }
        return (rows, next);
    }
    let mut last = None;
    let mut seen = 0;
    for (id, entry) in behind(&index, from).take(WALK_STEP.min(wanted)) {
        look(*id, entry);
        last = Some(Cursor(Some(id.number())));
        seen += 1;
    }
    (rows, last.filter(|_| seen == WALK_STEP.min(wanted)))
}

/// Microseconds since 1970 at which a message had to be there to be so old now.
fn arrived_before(now: u64, age: Duration) -> u64 {
    now.saturating_sub(u64::try_from(age.as_micros()).unwrap_or(u64::MAX))
}

fn fits(filter: &Filter, envelope: &Envelope) -> bool {
    let Filter { ids: _, sender, recipient, domain, older_than: _ } = filter;
    let mut recipients = envelope.recipients.iter().map(|recipient| &recipient.address);
    sender.as_ref().is_none_or(|sender| envelope.reverse_path.address() == Some(sender))
        && recipient
            .as_ref()
            .is_none_or(|wanted| recipients.clone().any(|address| address == wanted))
        && domain.as_ref().is_none_or(|wanted| {
            recipients.any(|address| address.domain.as_str().eq_ignore_ascii_case(wanted))
        })
}

/// Lets others of the same thread go on.
async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
