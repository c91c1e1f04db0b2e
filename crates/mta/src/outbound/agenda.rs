//! Which lane is looked at when: because something in it is due, or because it was given what it waited for.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::budget::Permit;
use super::clock::Moment;
use super::gate::{Gate, Place};
use super::lane::{Lane, Seat};

/// What a lane has waited for.
pub(crate) enum Grant {
    Permit(Permit),
    Place(Place),
    /// Both, and an open connection to the lane's hosts.
    Seat(Seat),
}

impl Grant {
    /// Whether it is a seat with a connection to these hosts.
    pub(crate) fn is_seat_at(&self, gate: Option<&Arc<Gate>>) -> bool {
        match self {
            Self::Seat(seat) => seat.is_at(gate),
            Self::Permit(_) | Self::Place(_) => false,
        }
    }
}

/// A lane to be looked at, and what it is given.
pub(crate) type Call = (Arc<Lane>, Option<Grant>);

/// The lanes that wait for a time or were called. Its lock is the innermost of all.
#[derive(Default)]
pub(crate) struct Agenda {
    state: Mutex<State>,
    /// Something is to be looked at sooner than was known.
    pub(crate) changed: Notify,
}

#[derive(Default)]
struct State {
    order: BTreeSet<(Moment, u64)>,
    lanes: HashMap<u64, (Moment, Arc<Lane>)>,
    called: Vec<Call>,
}

impl Agenda {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lane is looked at then, or sooner where that was said before.
    pub(crate) fn look_at(&self, lane: &Arc<Lane>, at: Moment) {
        let mut state = self.state();
        let known = state.lanes.get(&lane.number).map(|(known, _)| *known);
        if known.is_some_and(|known| known <= at) {
            return;
        }
        if let Some(known) = known {
            state.order.remove(&(known, lane.number));
        }
        let sooner = state.order.first().is_none_or(|(first, _)| at < *first);
        state.order.insert((at, lane.number));
        state.lanes.insert(lane.number, (at, Arc::clone(lane)));
        drop(state);
        if sooner {
            self.changed.notify_one();
        }
    }

    /// The lane is looked at now.
    pub(crate) fn call(&self, lane: Arc<Lane>, grant: Option<Grant>) {
        self.state().called.push((lane, grant));
        self.changed.notify_one();
    }

    /// The lanes to be looked at, and when the next one will be.
    pub(crate) fn take(&self, now: Moment) -> (Vec<Call>, Option<Moment>) {
        let mut state = self.state();
        let mut due = std::mem::take(&mut state.called);
        while let Some((at, number)) = state.order.first().copied()
            && at <= now
        {
            state.order.remove(&(at, number));
            due.extend(state.lanes.remove(&number).map(|(_, lane)| (lane, None)));
        }
        let next = state.order.first().map(|(at, _)| *at);
        (due, next)
    }

    /// Lanes that wait for a time.
    pub(crate) fn len(&self) -> usize {
        self.state().lanes.len()
    }
}
