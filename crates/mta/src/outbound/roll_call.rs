//! The letters of a lane whose next hop can't be reached: who is too old is given up, and whose sender
//! should know of the delay is told. Nothing is tried for each of them, so nothing is recorded either, and
//! a million of them cost a look at the oldest few.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use postroad_protocol::reply::Reply;
use postroad_queue::spool::{DelayNotice, QueueId};

use super::flight::{Flight, Job};
use super::hop::Hop;
use super::lane::Lane;
use super::limits;
use super::panics::{self, caught};
use super::settle::{self, Attempted};
use super::shared::Shared;
use super::verdicts::Verdicts;

/// What a letter's age means.
#[derive(Clone, Copy)]
enum End {
    GivenUp,
    /// Its sender is to know.
    Late,
}

/// Calls the roll after a try that failed, unless that is being done.
pub(crate) fn begin(shared: &Arc<Shared>, lane: &Arc<Lane>, reply: Reply) {
    if lane.begin_roll_call() {
        let call = RollCall::new(Arc::clone(shared), Arc::clone(lane), reply);
        shared.workers.spawn(call.run());
    }
}

struct RollCall {
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    /// What stands in the way.
    reply: Reply,
    hop: Hop,
}

impl RollCall {
    fn new(shared: Arc<Shared>, lane: Arc<Lane>, reply: Reply) -> Self {
        let mut hop = Hop::new(&lane.destination, lane.route());
        hop.shown = shared.router().shown(&lane.destination);
        Self { shared, lane, reply, hop }
    }

    async fn run(self) {
        let retry = self.lane.settings().retry.clone();
        let mut after = None;
        while let Some((old, last)) = self.page(after, retry.give_up_after).await {
            self.see_to(old, End::GivenUp).await;
            after = Some(last);
        }
        self.bring_forward(retry.give_up_after).await;
        after = self.lane.warned();
        while let Some((late, last)) = self.page(after, retry.warn_after).await {
            let untold = |flight: &Flight| flight.row.delay_notice == DelayNotice::NotSent;
            let late = late.into_iter().filter(|(_, flight)| untold(flight)).collect();
            self.see_to(late, End::Late).await;
            self.lane.set_warned(last);
            after = Some(last);
        }
        self.shared.forget(&self.lane);
    }

    /// Gives letters up, or tells of their delay, all together. Where that panics, one by one: whose letter it is
    /// about is known then (row Q10), and the others come to their end.
    async fn see_to(&self, letters: BTreeMap<QueueId, Arc<Flight>>, end: End) {
        let ids: Vec<QueueId> = letters.keys().copied().collect();
        if caught(self.settle(letters, end)).await.is_ok() {
            return;
        }
        for id in ids {
            // As the queue has it: what was noted of it on the way to the panic didn't come about.
            let alone = Flight::load(&self.shared, [id].into_iter()).await;
            let Some(flight) = alone.get(&id).map(Arc::clone) else { continue };
            let recipients = flight.waiting_at(&self.lane.destination);
            if caught(self.settle(alone, end)).await.is_err() {
                panics::recover(&self.shared, &self.lane, &flight, &recipients).await;
            }
        }
    }

    async fn settle(&self, letters: BTreeMap<QueueId, Arc<Flight>>, end: End) {
        let jobs = self.lane.claim(&self.shared, letters);
        match end {
            End::GivenUp => {
                let attempted = jobs.into_iter().map(|job| self.tried(job)).collect();
                settle::conclude_many(&self.shared, attempted).await;
            }
            End::Late => settle::remind_many(&self.shared, jobs, &self.reply).await,
        }
    }

    /// The next letters that are at least so old, and the last one that was looked at; none where the oldest
    /// is younger.
    async fn page(
        &self,
        after: Option<QueueId>,
        age: Duration,
    ) -> Option<(BTreeMap<QueueId, Arc<Flight>>, QueueId)> {
        if self.shared.stop.is_cancelled() {
            return None;
        }
        let ids = self.lane.oldest(after, limits::PAGE);
        let last = ids.last().copied()?;
        let mut flights = Flight::load(&self.shared, ids.iter().copied()).await;
        let read = flights.len();
        self.lane.forget_all(ids.iter().filter(|id| !flights.contains_key(id)));
        flights.retain(|_, flight| flight.age() >= age);
        // Ids are given in the order of arrival: behind one that is too young, all are.
        match flights.len() == read {
            true => Some((flights, last)),
            false => ids.into_iter().rfind(|id| flights.contains_key(id)).map(|id| (flights, id)),
        }
    }

    /// The next hop gets a last chance when its oldest letter is given up.
    async fn bring_forward(&self, give_up_after: Duration) {
        let oldest = self.lane.oldest(None, 1);
        let flights = Flight::load(&self.shared, oldest.into_iter()).await;
        if let Some(flight) = flights.values().next() {
            self.lane.try_by(&self.shared, self.shared.clock.when_aged(&flight.row, give_up_after));
        }
    }

    /// As if it had been tried: its age makes that its last time.
    fn tried(&self, job: Job) -> Attempted {
        let mut verdicts = Verdicts::new(job.recipients.clone());
        verdicts.settle_open(&self.reply, &self.hop);
        Attempted { job, verdicts: verdicts.settled, content: None }
    }
}

/// However it ends: while one goes on, no other begins.
impl Drop for RollCall {
    fn drop(&mut self) {
        self.lane.end_roll_call();
    }
}
