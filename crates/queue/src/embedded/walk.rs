//! Walks through the queue, a few messages under each lock so that nobody waits long.

use std::future::poll_fn;
use std::ops::Bound;
use std::task::Poll;

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
    let walk = Walk::new(core, filter);
    let mut page = Page { rows: Vec::new(), next: Some(from) };
    while let Some(from) = page.next
        && page.rows.len() < limit
    {
        page.next = walk.step(from, limit - page.rows.len(), &mut page.rows);
        pause().await;
    }
    page
}

/// The ids of all messages that fit.
pub(crate) async fn ids(core: &Core, filter: &Filter) -> Vec<QueueId> {
    let walk = Walk::new(core, filter);
    let mut ids = Vec::new();
    let mut next = Some(Cursor::default());
    while let Some(from) = next {
        let mut rows = Vec::new();
        next = walk.step(from, WALK_STEP, &mut rows);
        ids.extend(rows.into_iter().map(|row| row.id));
        pause().await;
    }
    ids
}

struct Walk<'a> {
    core: &'a Core,
    filter: &'a Filter,
    /// The filter's ids in order: what is listed is looked up, not searched for.
    listed: Option<Vec<QueueId>>,
    /// Microseconds since 1970: what arrived later is too young.
    arrived_before: u64,
}

impl<'a> Walk<'a> {
    fn new(core: &'a Core, filter: &'a Filter) -> Self {
        let listed = filter.ids.clone().map(|mut ids| {
            ids.sort_unstable();
            ids.dedup();
            ids
        });
        let age = filter.older_than.map(|age| u64::try_from(age.as_micros()).unwrap_or(u64::MAX));
        let arrived_before = age.map_or(u64::MAX, |age| core.now().saturating_sub(age));
        Self { core, filter, listed, arrived_before }
    }

    /// Looks at the next few messages and adds those that fit, `wanted` at most; gives where to go on.
    fn step(&self, from: Cursor, wanted: usize, rows: &mut Vec<QueueRow>) -> Option<Cursor> {
        let count = WALK_STEP.min(wanted);
        let index = self.core.index();
        let ids: Vec<QueueId> = match &self.listed {
            Some(listed) => {
                let start =
                    listed.partition_point(|id| from.0.is_some_and(|last| id.number() <= last));
                listed.iter().skip(start).take(count).copied().collect()
            }
            None => behind(&index, from).take(count).map(|(id, _)| *id).collect(),
        };
        let entries = ids.iter().filter_map(|id| Some((*id, index.messages.get(id)?)));
        let old = entries.filter(|(_, entry)| entry.arrived <= self.arrived_before);
        rows.extend(
            old.filter_map(|(id, entry)| entry.row(id)).filter(|row| self.fits(&row.envelope)),
        );
        ids.last().filter(|_| ids.len() == count).map(|last| Cursor(Some(last.number())))
    }

    fn fits(&self, envelope: &Envelope) -> bool {
        let Filter { ids: _, sender, recipient, domain, older_than: _ } = self.filter;
        let mut to = envelope.recipients.iter().map(|recipient| &recipient.address);
        sender.as_ref().is_none_or(|sender| envelope.reverse_path.address() == Some(sender))
            && recipient.as_ref().is_none_or(|wanted| to.clone().any(|address| address == wanted))
            && domain.as_ref().is_none_or(|wanted| {
                to.any(|address| address.domain.as_str().eq_ignore_ascii_case(wanted))
            })
    }
}

/// Lets others of the same thread go on.
async fn pause() {
    let mut paused = false;
    poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
