//! What waits for the writer. While it syncs one group the next one gathers here: the busier the
//! queue, the larger the group, and a single message waits for nobody.
//!
//! A sync costs as much as several messages do, and each group writes the page anew that the last one ended in.
//! So the writer lets a group gather a little longer where that pays:
//! - Outcomes alone wait for a message to ride with, if messages are coming in ([`OUTCOMES_WAIT`]): nobody's
//!   250 depends on them, only the worker that brought them takes no other letter meanwhile.
//! - Messages wait for more of their kind where the last group had several, and so do outcomes once no message
//!   comes any more: a step at a time ([`GATHER_STEP`], or twice the gap between the last group's members where
//!   that is longer) for as long as each step brings somebody, [`GATHER_MAX`] at most.
//! - What is urgent ([`Urgency::Now`], the end) waits for nobody, and takes all others with it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::codec::Record;
use super::index::Place;
use super::limits::{
    GATHER_ENOUGH, GATHER_GAPS, GATHER_MAX, GATHER_OCTETS_ENOUGH, GATHER_STEP, GROUP_OCTETS_MAX,
    OUTCOMES_WAIT, TRAFFIC_AGE_MAX,
};
use crate::spool::{Accept, Fenced, LargeContent, QueueId};

/// Something to be written and made durable.
#[derive(Debug)]
pub(crate) enum Request {
    /// New messages.
    Accept { messages: Vec<Pending>, done: oneshot::Sender<Vec<Accept>> },
    /// Outcomes and edits.
    Note { records: Vec<Pending>, urgency: Urgency, done: oneshot::Sender<Result<(), Fenced>> },
    /// Messages to be written anew, so that their old segment can go.
    Move { messages: Vec<Moved>, done: oneshot::Sender<Result<(), Fenced>> },
    /// The end.
    Stop { done: oneshot::Sender<()> },
}

/// Whether somebody looks on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// A worker that has other things to do.
    MayWait,
    /// An operator, who would notice.
    Now,
}

/// A record, ready to be written.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) record: Record,
    /// The record, encoded.
    pub(crate) meta: Vec<u8>,
    /// What goes behind it; empty but for messages.
    pub(crate) content: Bytes,
    pub(crate) content_crc: u32,
    /// The file that the record leads to, where it leads to one.
    pub(crate) large: Option<Arc<LargeContent>>,
}

impl Pending {
    /// A record without content.
    pub(crate) fn bare(record: Record) -> Self {
        let meta = record.encode();
        Self { record, meta, content: Bytes::new(), content_crc: crc32fast::hash(&[]), large: None }
    }

    fn octets(&self) -> u64 {
        (self.meta.len() + self.content.len()) as u64
    }
}

/// A message that cleaning moves.
#[derive(Debug)]
pub(crate) struct Moved {
    pub(crate) id: QueueId,
    /// Where it stood when its content was read.
    pub(crate) from: Place,
    pub(crate) content: Bytes,
    pub(crate) content_crc: u32,
}

impl Request {
    /// About how much this adds to a group.
    fn octets(&self) -> u64 {
        match self {
            Self::Accept { messages, .. } => messages.iter().map(Pending::octets).sum(),
            Self::Move { messages, .. } => messages.iter().map(|m| m.content.len() as u64).sum(),
            Self::Note { .. } | Self::Stop { .. } => 0,
        }
    }

    fn accepts(&self) -> usize {
        match self {
            Self::Accept { .. } => 1,
            Self::Note { .. } | Self::Move { .. } | Self::Stop { .. } => 0,
        }
    }

    fn outcomes(&self) -> usize {
        match self {
            Self::Note { .. } => 1,
            Self::Accept { .. } | Self::Move { .. } | Self::Stop { .. } => 0,
        }
    }

    fn is_urgent(&self) -> bool {
        match self {
            Self::Note { urgency, .. } => *urgency == Urgency::Now,
            Self::Stop { .. } => true,
            Self::Accept { .. } | Self::Move { .. } => false,
        }
    }
}

/// The writer's inbox.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    requests: VecDeque<Request>,
    /// Calls of `accept` among them.
    accepts: usize,
    /// Outcomes and edits among them.
    outcomes: usize,
    /// Urgent ones among them.
    urgent: usize,
    octets: u64,
    /// What the writer sleeps for. Whoever hands in a request wakes it for that alone: a wake-up a message
    /// would cost more than the syncs that are saved.
    awaited: Awaited,
    closed: bool,
}

/// What ends the writer's sleep.
#[derive(Debug, Default, Clone, Copy)]
enum Awaited {
    /// It doesn't sleep, or has been woken.
    #[default]
    Nothing,
    Anything,
    /// So many messages, or what makes the group complete.
    Accepts(usize),
}

impl Waiting {
    /// Whether what the writer sleeps for is there.
    fn has(&self, awaited: Awaited) -> bool {
        match awaited {
            Awaited::Nothing => false,
            Awaited::Anything => !self.requests.is_empty(),
            Awaited::Accepts(wanted) => self.accepts >= wanted || self.is_complete(),
        }
    }

    /// Whether nothing is gained by waiting for more.
    fn is_complete(&self) -> bool {
        self.urgent > 0 || self.crowd() >= GATHER_ENOUGH || self.octets >= GATHER_OCTETS_ENOUGH
    }

    /// How many are there for whose like more are waited: messages, or outcomes where there are none.
    fn crowd(&self) -> usize {
        if self.accepts > 0 { self.accepts } else { self.outcomes }
    }

    fn push(&mut self, request: Request) {
        self.accepts += request.accepts();
        self.outcomes += request.outcomes();
        self.urgent += usize::from(request.is_urgent());
        self.octets += request.octets();
        self.requests.push_back(request);
    }

    /// Takes all that fits into one group.
    fn take_group(&mut self) -> Vec<Request> {
        let mut octets = 0;
        let mut group = Vec::with_capacity(self.requests.len());
        while let Some(request) = self.requests.front() {
            octets += request.octets();
            if octets > GROUP_OCTETS_MAX && !group.is_empty() {
                break;
            }
            self.accepts -= request.accepts();
            self.outcomes -= request.outcomes();
            self.urgent -= usize::from(request.is_urgent());
            self.octets -= request.octets();
            group.extend(self.requests.pop_front());
        }
        group
    }
}

/// How long the writer waits for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    /// Outcomes alone, for a message.
    outcomes: Duration,
    /// A group, for its next member, at least ...
    step: Duration,
    /// ... and in all.
    longest: Duration,
    /// What came longer ago says nothing.
    traffic_age: Duration,
}

impl Waits {
    /// As in `limits.rs`.
    pub(crate) const WHERE_IT_PAYS: Self = Self {
        outcomes: OUTCOMES_WAIT,
        step: GATHER_STEP,
        longest: GATHER_MAX,
        traffic_age: TRAFFIC_AGE_MAX,
    };
    /// For nothing.
    pub(crate) const NEVER: Self = Self {
        outcomes: Duration::ZERO,
        step: Duration::ZERO,
        longest: Duration::ZERO,
        traffic_age: Duration::ZERO,
    };
}

/// What the writer remembers of the last groups, to know whether waiting pays, and how long.
#[derive(Debug)]
pub(crate) struct Pace {
    waits: Waits,
    /// The last group that had messages.
    accepts: Option<Last>,
    /// The last that had outcomes alone.
    outcomes: Option<Last>,
}

/// A group that has been taken.
#[derive(Debug, Clone, Copy)]
struct Last {
    /// Calls of `accept` in it, or outcomes where they were alone.
    crowd: usize,
    at: Instant,
    /// How far apart its members came, as far as that is known.
    gap: Option<Duration>,
}

impl Pace {
    pub(crate) fn new(waits: Waits) -> Self {
        Self { waits, accepts: None, outcomes: None }
    }

    fn took(&mut self, waiting: &Waiting) {
        let (crowd, at) = (waiting.crowd(), Instant::now());
        let last = if waiting.accepts > 0 { &mut self.accepts } else { &mut self.outcomes };
        let since = last.map(|last| at.duration_since(last.at));
        let busy = since.filter(|since| *since < self.waits.traffic_age);
        let gap = busy.and_then(|since| since.checked_div(u32::try_from(crowd).ok()?));
        *last = Some(Last { crowd, at, gap });
    }

    /// The last group of this kind, if that was only just.
    fn just(&self, last: Option<Last>) -> Option<Last> {
        last.filter(|last| last.at.elapsed() < self.waits.traffic_age)
    }

    /// How long to wait for the next member: large letters come further apart than small ones.
    fn step(&self, last: Option<Last>) -> Duration {
        let gap = last.and_then(|last| last.gap).unwrap_or_default();
        self.waits.step.max(gap * GATHER_GAPS).min(self.waits.longest)
    }
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a request to the writer. Where the writer has ended it is dropped, which its sender sees.
    pub(crate) fn push(&self, request: Request) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        waiting.push(request);
        if waiting.has(waiting.awaited) {
            waiting.awaited = Awaited::Nothing;
            drop(waiting);
            self.arrived.notify_one();
        }
    }

    /// Waits for something to do, and takes all that belongs into one group.
    pub(crate) fn take(&self, pace: &mut Pace) -> Vec<Request> {
        let mut waiting = self.sleep(self.lock(), Awaited::Anything, None);
        if waiting.accepts == 0 && pace.just(pace.accepts).is_some() {
            waiting = self.sleep(waiting, Awaited::Accepts(1), Some(pace.waits.outcomes));
        }
        let last = pace.just(if waiting.accepts > 0 { pace.accepts } else { pace.outcomes });
        if last.map_or(0, |last| last.crowd).max(waiting.crowd()) > 1 {
            waiting = self.gather(waiting, pace.step(last), pace.waits.longest);
        }
        pace.took(&waiting);
        waiting.take_group()
    }

    /// Takes what is there, waiting until then for something to be there.
    pub(crate) fn take_until(&self, until: Instant) -> Vec<Request> {
        let patience = until.saturating_duration_since(Instant::now());
        self.sleep(self.lock(), Awaited::Anything, Some(patience)).take_group()
    }

    /// Waits for more of the same as long as they come.
    fn gather<'a>(
        &'a self,
        mut waiting: MutexGuard<'a, Waiting>,
        step: Duration,
        longest: Duration,
    ) -> MutexGuard<'a, Waiting> {
        let until = Instant::now() + longest;
        loop {
            let before = waiting.crowd();
            waiting = self.sleep(waiting, Awaited::Accepts(GATHER_ENOUGH), Some(step));
            if waiting.is_complete() || waiting.crowd() == before || Instant::now() >= until {
                return waiting;
            }
        }
    }

    /// Sleeps until this is there, or for so long.
    fn sleep<'a>(
        &'a self,
        mut waiting: MutexGuard<'a, Waiting>,
        awaited: Awaited,
        patience: Option<Duration>,
    ) -> MutexGuard<'a, Waiting> {
        if waiting.has(awaited) {
            return waiting;
        }
        waiting.awaited = awaited;
        let absent = |waiting: &mut Waiting| !waiting.has(awaited);
        let mut waiting = match patience {
            None => {
                self.arrived.wait_while(waiting, absent).unwrap_or_else(PoisonError::into_inner)
            }
            Some(patience) => {
                self.arrived
                    .wait_timeout_while(waiting, patience, absent)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        waiting.awaited = Awaited::Nothing;
        waiting
    }

    /// Nothing is taken any more; what waits is dropped.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.requests.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So long that whoever waits in vain hangs instead of passing by chance.
    const LONG: Duration = Duration::from_secs(3600);
    const LONG_WAITS: Waits =
        Waits { outcomes: LONG, step: LONG, longest: LONG, traffic_age: LONG };

    fn accept() -> Request {
        Request::Accept { messages: Vec::new(), done: oneshot::channel().0 }
    }

    fn note(urgency: Urgency) -> Request {
        Request::Note { records: Vec::new(), urgency, done: oneshot::channel().0 }
    }

    fn pace(last_accepts: usize) -> Pace {
        let mut pace = Pace::new(LONG_WAITS);
        if last_accepts > 0 {
            pace.took(&Waiting { accepts: last_accepts, ..Waiting::default() });
        }
        pace
    }

    /// What the writer takes when this is there, and when that comes later.
    fn take(pace: &mut Pace, there: Vec<Request>, later: Vec<Request>) -> usize {
        let inbox = Inbox::default();
        there.into_iter().for_each(|request| inbox.push(request));
        std::thread::scope(|scope| {
            let taking = scope.spawn(|| inbox.take(pace).len());
            later.into_iter().for_each(|request| inbox.push(request));
            taking.join().unwrap()
        })
    }

    #[test]
    fn a_lone_message_waits_for_nobody() {
        assert_eq!(take(&mut pace(0), vec![accept()], vec![]), 1);
        assert_eq!(take(&mut pace(1), vec![accept(), note(Urgency::MayWait)], vec![]), 2);
    }

    #[test]
    fn outcomes_wait_for_a_message_only_while_messages_come() {
        let outcome = || vec![note(Urgency::MayWait)];
        assert_eq!(take(&mut pace(0), outcome(), vec![]), 1);
        assert_eq!(take(&mut pace(1), outcome(), vec![accept()]), 2);
    }

    #[test]
    fn what_is_urgent_waits_for_nobody_and_takes_others_along() {
        let urgent = || note(Urgency::Now);
        assert_eq!(take(&mut pace(9), vec![note(Urgency::MayWait), urgent()], vec![]), 2);
        assert_eq!(take(&mut pace(9), vec![accept(), accept(), urgent()], vec![]), 3);
        let stop = Request::Stop { done: oneshot::channel().0 };
        assert_eq!(take(&mut pace(9), vec![stop], vec![]), 1);
    }

    #[test]
    fn outcomes_alone_gather_once_no_message_comes_any_more() {
        let outcomes = |count| (0..count).map(|_| note(Urgency::MayWait)).collect::<Vec<_>>();
        let taken = take(&mut pace(0), outcomes(2), outcomes(GATHER_ENOUGH - 2));
        assert_eq!(taken, GATHER_ENOUGH);
    }

    #[test]
    fn a_crowd_gathers_until_it_is_large_enough() {
        let crowd = |count| (0..count).map(|_| accept()).collect::<Vec<_>>();
        let taken = take(&mut pace(5), crowd(1), crowd(GATHER_ENOUGH - 1));
        assert_eq!(taken, GATHER_ENOUGH);
        assert_eq!(take(&mut pace(0), crowd(GATHER_ENOUGH), vec![]), GATHER_ENOUGH);
    }

    #[test]
    fn a_group_waits_longer_for_members_that_come_further_apart() {
        let last = |gap| Some(Last { crowd: 5, at: Instant::now(), gap });
        let pace = Pace::new(Waits::WHERE_IT_PAYS);
        assert_eq!(pace.step(None), GATHER_STEP);
        assert_eq!(pace.step(last(None)), GATHER_STEP);
        assert_eq!(pace.step(last(Some(GATHER_STEP / 10))), GATHER_STEP);
        assert_eq!(pace.step(last(Some(GATHER_STEP))), GATHER_STEP * GATHER_GAPS);
        assert_eq!(pace.step(last(Some(GATHER_MAX))), GATHER_MAX);
        assert_eq!(Pace::new(Waits::NEVER).step(last(Some(GATHER_MAX))), Duration::ZERO);
    }

    #[test]
    fn the_gap_is_known_from_one_group_to_the_next() {
        let mut pace = pace(5);
        let gap = |pace: &Pace| pace.accepts.and_then(|last| last.gap);
        assert_eq!(gap(&pace), None);
        pace.took(&Waiting { accepts: 4, ..Waiting::default() });
        let (first, second) = (gap(&pace), Duration::from_secs(1));
        assert!(first.is_some_and(|gap| gap < second), "{first:?}");
        // After a pause it says nothing.
        pace.waits.traffic_age = Duration::ZERO;
        pace.took(&Waiting { accepts: 4, ..Waiting::default() });
        assert_eq!(gap(&pace), None);
    }
}
