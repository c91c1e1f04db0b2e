//! From messages to lanes: what is submitted, and what a walk through the queue finds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use postroad_queue::spool::{Cursor, Filter, QueueRow};

use super::budget::Class;
use super::clock::Moment;
use super::flight::{Flight, Groups};
use super::lane::Lane;
use super::limits;
use super::route::{Destination, Router};
use super::schedule;
use super::shared::{Shared, lock};
use super::turns::Sender;

/// The lanes that there are.
#[derive(Default)]
pub(crate) struct Lanes {
    by_destination: Mutex<HashMap<Destination, Arc<Lane>>>,
    numbers: AtomicU64,
}

impl Lanes {
    /// Does something with a destination's lane, under the lock of the table, so that the lane isn't taken
    /// out of it meanwhile.
    fn with<T>(
        &self,
        router: &Router,
        destination: &Destination,
        act: impl FnOnce(&Arc<Lane>) -> T,
    ) -> T {
        let mut lanes = lock(&self.by_destination);
        if let Some(lane) = lanes.get(destination) {
            return act(lane);
        }
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let lane = Arc::new(Lane::new(destination.clone(), number, router));
        lanes.insert(destination.clone(), Arc::clone(&lane));
        act(&lane)
    }

    pub(crate) fn get(&self, destination: &Destination) -> Option<Arc<Lane>> {
        lock(&self.by_destination).get(destination).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Lane>> {
        lock(&self.by_destination).values().cloned().collect()
    }

    /// Empties all lanes, for another walk to fill them.
    pub(crate) fn start_anew(&self, router: &Router) {
        for lane in self.all() {
            lane.start_anew(router);
        }
    }
}

/// Whether a walk ends the patience of lanes: an operator has asked for another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hurry {
    No,
    Yes,
}

impl Shared {
    /// Takes a fresh message: straight to its next hops, or to their backlogs where there is no room.
    pub(crate) fn submit(self: &Arc<Self>, row: QueueRow, content: Option<Bytes>) {
        let generation = self.generation_before(row.id);
        let flight = Flight::new(self, row, content, generation);
        let (router, now) = (self.router(), self.clock.now());
        let class = match flight.groups().len() {
            0..=limits::PROMPT_DESTINATIONS_MAX => Class::Prompt,
            _ => Class::Backlog,
        };
        for (destination, _) in flight.groups().iter() {
            let (recipients, later) = flight.due_at(destination, now);
            self.lanes.with(&router, destination, |lane| {
                if !recipients.is_empty() {
                    lane.push(self, &flight, recipients, class);
                } else if let Some(later) = later {
                    lane.put(self, flight.row.id, flight.sender, later);
                }
            });
        }
    }

    /// Walks the whole queue and puts what waits into its lanes; they begin while it goes on.
    pub(crate) async fn walk(self: &Arc<Self>, hurry: Hurry) {
        let mut cursor = Cursor::default();
        loop {
            let page = self.shard.find(&Filter::default(), cursor, limits::PAGE).await;
            let router = self.router();
            page.rows.iter().for_each(|row| self.put(&router, row, hurry));
            match page.next {
                Some(next) if !self.stop.is_cancelled() => cursor = next,
                Some(_) | None => return,
            }
        }
    }

    fn put(self: &Arc<Self>, router: &Router, row: &QueueRow, hurry: Hurry) {
        let now = self.clock.now();
        let sender = Sender::of(&row.envelope.reverse_path);
        for (destination, recipients) in Groups::of(router, &row.envelope).iter() {
            let longest = router.settings(destination).retry.longest;
            let states = recipients.iter().filter_map(|index| row.states.get(*index));
            let due = states.filter_map(|state| schedule::due(state, now, longest)).min();
            let Some(due) = due else { continue };
            let states = recipients.iter().filter_map(|index| row.states.get(*index));
            let said = states.filter_map(schedule::said).max();
            self.lanes.with(router, destination, |lane| {
                if let (Hurry::Yes, Some(said)) = (hurry, said) {
                    lane.hurry(self, said);
                }
                // What was never tried keeps its place in the order of arrival.
                let due = if due == now { Moment::default() } else { due.into() };
                lane.put(self, row.id, sender, due);
            });
        }
    }

    /// Takes a lane out of the table where nothing is left in it.
    pub(crate) fn forget(&self, lane: &Arc<Lane>) {
        let mut lanes = lock(&self.lanes.by_destination);
        let known = lanes.get(&lane.destination).is_some_and(|known| Arc::ptr_eq(known, lane));
        if known && lane.is_deserted() {
            lanes.remove(&lane.destination);
        }
    }

    /// Starts what is due, for ever.
    pub(crate) async fn schedule(self: Arc<Self>) {
        loop {
            let (due, next) = self.agenda.take(self.clock.now().into());
            for (lane, grant) in due {
                lane.wake(&self, grant);
            }
            let next = async {
                match next {
                    Some(next) => tokio::time::sleep_until(self.clock.instant(next.into())).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = next => {}
                () = self.agenda.changed.notified() => {}
                () = self.stop.cancelled() => return,
            }
        }
    }
}
