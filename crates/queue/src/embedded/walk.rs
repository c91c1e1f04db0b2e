//! Walks through the queue, a few messages under each lock so that nobody waits long, or through a [`Survey`] of it.
//!
//! A filter is compared with records as they stand in memory: only what fits is decoded, so that a million
//! messages are walked past in a fraction of a second.

use std::future::poll_fn;
use std::ops::{Bound, ControlFlow};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use super::codec::{People, micros, time_of, write_reply};
use super::index::{Entry, Index};
use super::limits::WALK_STEP;
use super::state::State;
use super::{Core, Survey};
use crate::spool::{Cursor, DomainTest, Filter, Page, QueueId, Sight, Standing, Visitor, Whose};

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
    let next = collect(core, filter, from, limit, &mut rows, |id, entry| entry.row(id)).await;
    Page { rows, next }
}

/// The ids of some messages that fit, and where to go on.
pub(crate) async fn ids(
    core: &Core,
    filter: &Filter,
    from: Cursor,
    limit: usize,
) -> (Vec<QueueId>, Option<Cursor>) {
    let mut ids = Vec::new();
    let next = collect(core, filter, from, limit, &mut ids, |id, _| Some(id)).await;
    (ids, next)
}

/// Shows all messages that fit to `each`.
pub(crate) async fn visit(core: &Core, filter: &Filter, each: &mut Visitor<'_>) {
    let walk = Walk::new(filter, core.now());
    let mut next = Some(Cursor::default());
    while let Some(from) = next {
        next = walk.step(&core.index(), from, |id, entry| show(id, entry, each));
        pause().await;
    }
}

impl Survey {
    /// A page of at most `limit` messages that fit, as [`crate::OwnedShard::find`] gives it.
    pub fn find(&self, filter: &Filter, from: Cursor, limit: usize) -> Page {
        let walk = Walk::new(filter, micros(SystemTime::now()));
        let (mut rows, mut next) = (Vec::new(), Some(from));
        while let Some(from) = next
            && rows.len() < limit
        {
            next = walk.step(&self.index, from, |id, entry| {
                rows.extend(entry.row(id));
                enough(rows.len(), limit)
            });
        }
        Page { rows, next }
    }

    /// Passes all messages that fit, as [`crate::OwnedShard::visit`] does.
    pub fn visit(&self, filter: &Filter, each: &mut Visitor<'_>) {
        let walk = Walk::new(filter, micros(SystemTime::now()));
        let mut next = Some(Cursor::default());
        while let Some(from) = next {
            next = walk.step(&self.index, from, |id, entry| show(id, entry, each));
        }
    }
}

fn show(id: QueueId, entry: &Entry, each: &mut Visitor<'_>) -> ControlFlow<()> {
    if let Ok(people) = People::read(&entry.envelope) {
        let sender = people.sender;
        let mut recipients = people
            .zip(&entry.states)
            .filter_map(|(address, state)| Some((address, state.standing()?)));
        let (arrived, octets) = (time_of(entry.arrived), entry.content_octets());
        each(Sight { id, arrived, octets, sender, recipients: &mut recipients });
    }
    ControlFlow::Continue(())
}

/// Goes on until there are enough.
fn enough(found: usize, limit: usize) -> ControlFlow<()> {
    if found < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// Adds what `take` makes of the messages that fit, up to `limit` in all; gives where to go on.
async fn collect<T>(
    core: &Core,
    filter: &Filter,
    from: Cursor,
    limit: usize,
    found: &mut Vec<T>,
    take: impl Fn(QueueId, &Entry) -> Option<T>,
) -> Option<Cursor> {
    let walk = Walk::new(filter, core.now());
    let mut next = Some(from);
    while let Some(from) = next
        && found.len() < limit
    {
        next = walk.step(&core.index(), from, |id, entry| {
            found.extend(take(id, entry));
            enough(found.len(), limit)
        });
        pause().await;
    }
    next
}

struct Walk<'a> {
    /// The filter's ids in order: what is listed is looked up, not searched for.
    listed: Option<Vec<QueueId>>,
    wanted: Wanted<'a>,
}

impl<'a> Walk<'a> {
    /// `now` in microseconds since 1970.
    fn new(filter: &'a Filter, now: u64) -> Self {
        let listed = filter.ids.clone().map(|mut ids| {
            ids.sort_unstable();
            ids.dedup();
            ids
        });
        Self { listed, wanted: Wanted::new(filter, now) }
    }

    /// Looks at the next few messages and hands those that fit to `each`, until it breaks off; gives
    /// where to go on.
    fn step(
        &self,
        index: &Index,
        from: Cursor,
        mut each: impl FnMut(QueueId, &Entry) -> ControlFlow<()>,
    ) -> Option<Cursor> {
        let entries: &mut dyn Iterator<Item = (QueueId, Option<&Entry>)> = match &self.listed {
            Some(listed) => {
                let start =
                    listed.partition_point(|id| from.0.is_some_and(|last| id.number() <= last));
                &mut listed.iter().skip(start).map(|id| (*id, index.messages.get(id)))
            }
            None => &mut behind(index, from).map(|(id, entry)| (*id, Some(entry))),
        };
        let (mut seen, mut last, mut said) = (0, None, String::new());
        for (id, entry) in entries.take(WALK_STEP) {
            (seen, last) = (seen + 1, Some(Cursor(Some(id.number()))));
            if let Some(entry) = entry.filter(|entry| self.wanted.fits(entry, &mut said))
                && each(id, entry).is_break()
            {
                return last;
            }
        }
        last.filter(|_| seen == WALK_STEP)
    }
}

/// A [`Filter`], made ready to be compared with a million entries.
struct Wanted<'a> {
    /// Microseconds since 1970.
    arrived: (Bound<u64>, Bound<u64>),
    octets: (Bound<u64>, Bound<u64>),
    sender: Option<Pattern>,
    recipient: Option<OneRecipient<'a>>,
}

/// What one and the same recipient has to be.
struct OneRecipient<'a> {
    address: Option<Pattern>,
    domain: Option<&'a str>,
    domain_test: Option<&'a DomainTest>,
    standing: Option<Standing>,
    /// In lower case.
    reply: Option<String>,
}

impl<'a> Wanted<'a> {
    fn new(filter: &'a Filter, now: u64) -> Self {
        let ago =
            |age: Duration| now.saturating_sub(u64::try_from(age.as_micros()).unwrap_or(u64::MAX));
        let bound =
            |limit: Option<u64>, kind: fn(u64) -> Bound<u64>| limit.map_or(Bound::Unbounded, kind);
        let one = OneRecipient {
            address: filter.recipient.as_ref().map(Pattern::of),
            domain: filter.domain.as_ref().map(|domain| domain.as_str()),
            domain_test: filter.domain_test.as_ref(),
            standing: filter.standing,
            reply: filter.reply.as_ref().map(|reply| reply.to_ascii_lowercase()),
        };
        Self {
            arrived: (
                bound(filter.newer_than.map(ago), Bound::Excluded),
                bound(filter.older_than.map(ago), Bound::Included),
            ),
            octets: (
                bound(filter.larger_than, Bound::Excluded),
                bound(filter.smaller_than, Bound::Excluded),
            ),
            sender: filter.sender.as_ref().map(Pattern::of),
            recipient: Some(one).filter(OneRecipient::asks),
        }
    }

    /// `said` is room for a reply; one will do for all that are looked at.
    fn fits(&self, entry: &Entry, said: &mut String) -> bool {
        within(self.arrived, entry.arrived)
            && within(self.octets, entry.content_octets())
            && ((self.sender.is_none() && self.recipient.is_none())
                || self.fits_people(entry, said))
    }

    fn fits_people(&self, entry: &Entry, said: &mut String) -> bool {
        let Ok(people) = People::read(&entry.envelope) else { return false };
        self.sender.as_ref().is_none_or(|sender| sender.fits(people.sender))
            && self.recipient.as_ref().is_none_or(|wanted| {
                let mut both = people.zip(&entry.states);
                both.any(|(address, state)| wanted.fits(address, state, said))
            })
    }
}

/// `RangeBounds::contains` panics nowhere, unlike a range of `BTreeMap` whose ends cross.
fn within(bounds: (Bound<u64>, Bound<u64>), number: u64) -> bool {
    use std::ops::RangeBounds as _;
    bounds.contains(&number)
}

impl OneRecipient<'_> {
    fn asks(&self) -> bool {
        let Self { address, domain, domain_test, standing, reply } = self;
        address.is_some()
            || domain.is_some()
            || domain_test.is_some()
            || standing.is_some()
            || reply.is_some()
    }

    fn fits(&self, address: &str, state: &State, said: &mut String) -> bool {
        let Some(standing) = state.standing() else { return false };
        self.standing.is_none_or(|wanted| wanted == standing)
            && self.address.as_ref().is_none_or(|wanted| wanted.fits(Some(address)))
            && self.domain.is_none_or(|wanted| wanted.eq_ignore_ascii_case(domain_of(address)))
            && self.domain_test.is_none_or(|test| (test.0)(domain_of(address)))
            && self.reply.as_ref().is_none_or(|wanted| {
                said.clear();
                let known = state.last().is_some_and(|last| write_reply(last, said).is_ok());
                said.make_ascii_lowercase();
                known && said.contains(wanted)
            })
    }
}

/// [`Whose`], as the text that an envelope holds.
enum Pattern {
    Null,
    Whole(String),
    Domain(String),
}

impl Pattern {
    fn of(whose: &Whose) -> Self {
        match whose {
            Whose::Null => Self::Null,
            Whose::Address(address) => Self::Whole(address.to_string()),
            Whose::Domain(domain) => Self::Domain(domain.to_string()),
        }
    }

    fn fits(&self, address: Option<&str>) -> bool {
        match (self, address) {
            (Self::Null, None) => true,
            (Self::Whole(wanted), Some(address)) => wanted.eq_ignore_ascii_case(address),
            (Self::Domain(wanted), Some(address)) => {
                wanted.eq_ignore_ascii_case(domain_of(address))
            }
            (Self::Null, Some(_)) | (Self::Whole(_) | Self::Domain(_), None) => false,
        }
    }
}

/// What stands behind the last `@`: a domain holds none.
fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
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
