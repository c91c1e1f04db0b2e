//! From the backlog to the line, a page at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use postroad_queue::spool::QueueId;

use super::super::backlog::Taken;
use super::super::budget::Class;
use super::super::clock::Moment;
use super::super::flight::{Flight, Job};
use super::super::limits;
use super::super::shared::Shared;
use super::{Active, Lane};

impl Lane {
    /// The next job: from the line, or from the backlog where that is empty.
    pub(crate) async fn next(self: &Arc<Self>, shared: &Arc<Shared>) -> Option<Job> {
        loop {
            let page = {
                let mut state = self.state();
                if let Some(job) = state.pop() {
                    return Some(job);
                }
                let now = shared.clock.now();
                if !state.has_ready(now) {
                    return None;
                }
                let page = state.backlog.take_ready(limits::REFILL);
                for taken in &page {
                    state.active.insert(taken.id, Active { jobs: 1, due: None });
                }
                page
            };
            self.load(shared, page).await;
        }
    }

    /// Reads what was taken out of the backlog.
    async fn load(self: &Arc<Self>, shared: &Arc<Shared>, page: Vec<Taken>) {
        let generation = shared.generation();
        let mut flights = Flight::load(shared, page.iter().map(|taken| taken.id)).await;
        let now = shared.clock.now();
        let mut jobs = Vec::with_capacity(page.len());
        for taken in page {
            let Taken { id, turn, .. } = taken;
            let (recipients, later) = match flights.get(&id) {
                Some(flight) => flight.due_at(&self.destination, now),
                None => (Vec::new(), None), // Gone: an operator has deleted it.
            };
            let flight = flights.remove(&id).filter(|_| !recipients.is_empty());
            match flight {
                Some(flight) => {
                    let lane = Arc::clone(self);
                    jobs.push((Job::new(flight, lane, recipients, turn), later));
                }
                None => self.not_due(shared, taken, later, generation),
            }
        }
        let mut state = self.state();
        for (job, later) in jobs {
            if let Some(active) = state.active.get_mut(&job.flight.row.id) {
                active.due = later;
            }
            state.stand_in_line(job);
        }
        drop(state);
        // There may be work for more than one.
        self.staff(shared, None, Class::Backlog);
    }

    /// Nothing of a letter can go, as it was read. An edit since then may have changed that, and the walk
    /// behind it has passed by: then it is read again.
    fn not_due(&self, shared: &Shared, taken: Taken, later: Option<Moment>, generation: u64) {
        let Taken { id, turn, sender } = taken;
        let mut state = self.state();
        state.active.remove(&id);
        match later {
            _ if generation != shared.generation() => state.backlog.put_ready(id, sender, turn),
            Some(later) => state.backlog.put(id, sender, later),
            None => {}
        }
    }

    /// The ids behind `after`, the oldest first.
    pub(crate) fn oldest(&self, after: Option<QueueId>, max: usize) -> Vec<QueueId> {
        self.state().backlog.oldest(after, max)
    }

    /// They are in the queue no more.
    pub(crate) fn forget_all<'a>(&self, ids: impl Iterator<Item = &'a QueueId>) {
        let mut state = self.state();
        ids.for_each(|id| state.backlog.remove(*id));
    }

    /// Takes letters out of the backlog, with all of their recipients here that wait, due or not. Those that
    /// a worker has by now are left out.
    pub(crate) fn claim(
        self: &Arc<Self>,
        shared: &Shared,
        flights: BTreeMap<QueueId, Arc<Flight>>,
    ) -> Vec<Job> {
        let mut state = self.state();
        let mut jobs = Vec::with_capacity(flights.len());
        for (id, flight) in flights {
            let recipients = flight.waiting_at(&self.destination);
            // What was edited since it was read is left for the next time.
            if !state.backlog.contains(id) || flight.generation != shared.generation() {
                continue;
            }
            let wanted = recipients.len();
            let mut job = Job::new(flight, Arc::clone(self), recipients, super::Turn::default());
            job.begin();
            if job.recipients.len() < wanted {
                continue; // Another lane has some of them in hand.
            }
            state.backlog.remove(id);
            if !job.recipients.is_empty() {
                state.active.insert(id, Active { jobs: 1, due: None });
                jobs.push(job);
            }
        }
        jobs
    }
}
