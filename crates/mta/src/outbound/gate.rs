//! What the hosts behind a next hop are given at once. Domains that share their MX hosts share a gate, and
//! so do routes that lead to the same next hop. A connection that its lane doesn't need is taken over by
//! another that waits here, where all are for hosts that DNS names: so their terms are the same.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::agenda::{Agenda, Grant};
use super::lane::{BackOff, Lane};
use super::pace::Pace;

pub(crate) struct Gate {
    state: Mutex<State>,
    /// Somebody waits: whoever holds a connection that carries nothing may give it up.
    wanted: Notify,
    agenda: Arc<Agenda>,
}

struct State {
    pace: Pace,
    /// Connections that are open or being opened.
    taken: usize,
    /// Those that are open.
    open: usize,
    /// Those of them without work, which any lane here may take over.
    resting: usize,
    waiting: VecDeque<Arc<Lane>>,
    /// What the last lane that tried them found, where they couldn't be reached.
    back_off: Option<BackOff>,
}

impl State {
    /// Whether there is room for one more, beside the connections that those in line are about to take over.
    fn has_room(&self) -> bool {
        self.taken < self.pace.window() && self.waiting.len() >= self.resting
    }
}

/// One connection's place.
pub(crate) struct Place {
    gate: Arc<Gate>,
    open: bool,
    resting: bool,
}

impl Gate {
    pub(crate) fn new(first: usize, most: usize, agenda: Arc<Agenda>) -> Self {
        let state = State {
            pace: Pace::new(first, most),
            taken: 0,
            open: 0,
            resting: 0,
            waiting: VecDeque::new(),
            back_off: None,
        };
        Self { state: Mutex::new(state), wanted: Notify::new(), agenda }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place now, or one in the line: then the lane is called when it has one.
    pub(crate) fn enter(self: &Arc<Self>, lane: &Arc<Lane>) -> Option<Place> {
        let mut state = self.state();
        if state.has_room() {
            state.taken += 1;
            return Some(Place::new(self));
        }
        state.waiting.push_back(Arc::clone(lane));
        drop(state);
        self.wanted.notify_one();
        None
    }

    /// Gives what is free to those who wait.
    fn hand_on(self: &Arc<Self>) {
        loop {
            let mut state = self.state();
            if state.waiting.len() <= state.resting || state.taken >= state.pace.window() {
                return;
            }
            let Some(lane) = state.waiting.pop_front() else { return };
            state.taken += 1;
            drop(state);
            let place = Place::new(self);
            self.agenda.call(lane, Some(Grant::Place(place)));
        }
    }

    /// The hosts can't be reached, or can again: that holds for each lane here.
    pub(crate) fn note(&self, back_off: Option<BackOff>) {
        self.state().back_off = back_off;
    }

    /// Why and how long the hosts are left alone, if they are or were until a moment ago.
    pub(crate) fn back_off(&self) -> Option<BackOff> {
        self.state().back_off.clone()
    }

    /// An operator wants them tried now.
    pub(crate) fn hurry(&self, now: SystemTime) {
        if let Some(back_off) = &mut self.state().back_off {
            back_off.until = back_off.until.min(now);
        }
    }

    /// Another limit, after a reload.
    pub(crate) fn limit(self: &Arc<Self>, first: usize, most: usize) {
        self.state().pace.limit(first, most);
        self.hand_on();
    }

    /// Connections open or being opened, and as many as there may be now.
    pub(crate) fn census(&self) -> (usize, usize) {
        let state = self.state();
        (state.taken, state.pace.window())
    }
}

impl Place {
    fn new(gate: &Arc<Gate>) -> Self {
        Self { gate: Arc::clone(gate), open: false, resting: false }
    }

    /// Its connection has no work: who comes to the gate may take it over.
    pub(crate) fn rest(&mut self) {
        if !std::mem::replace(&mut self.resting, true) {
            self.gate.state().resting += 1;
        }
    }

    /// Its connection has work again.
    pub(crate) fn work(&mut self) {
        if self.stop_resting() {
            self.gate.hand_on();
        }
    }

    fn stop_resting(&mut self) -> bool {
        let rested = std::mem::replace(&mut self.resting, false);
        self.gate.state().resting -= usize::from(rested);
        rested
    }

    /// Another lane that waits for a place, and is to take over this one.
    pub(crate) fn successor(&mut self, lane: &Lane) -> Option<Arc<Lane>> {
        self.stop_resting();
        let mut state = self.gate.state();
        let next = state.waiting.iter().position(|other| other.number != lane.number)?;
        state.waiting.remove(next)
    }

    /// A transaction went through.
    pub(crate) fn succeeded(&self) {
        let grown = {
            let mut state = self.gate.state();
            let before = state.pace.window();
            state.pace.succeeded(Instant::now());
            state.pace.window() > before && !state.waiting.is_empty()
        };
        if grown {
            self.gate.hand_on();
        }
    }

    /// The connection failed, or could not be opened.
    pub(crate) fn stumbled(&self) {
        self.gate.state().pace.stumbled(Instant::now());
    }

    /// The connection is open.
    pub(crate) fn opened(&mut self) {
        if !std::mem::replace(&mut self.open, true) {
            self.gate.state().open += 1;
        }
    }

    /// It isn't any more.
    pub(crate) fn closed(&mut self) {
        if std::mem::replace(&mut self.open, false) {
            self.gate.state().open -= 1;
        }
    }

    /// Whether others have a connection to the same hosts: then a refused one means "not so many".
    pub(crate) fn has_company(&self) -> bool {
        self.gate.state().open > usize::from(self.open)
    }

    /// Whether another lane waits for it. Each is in line once.
    pub(crate) fn is_wanted_by_others_than(&self, lane: &Lane) -> bool {
        self.gate.state().waiting.iter().take(2).any(|other| other.number != lane.number)
    }

    pub(crate) fn is_at(&self, gate: &Arc<Gate>) -> bool {
        Arc::ptr_eq(&self.gate, gate)
    }

    /// When others begin to wait for a place.
    pub(crate) async fn wanted(&self) {
        self.gate.wanted.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.closed();
        self.stop_resting();
        self.gate.state().taken -= 1;
        self.gate.hand_on();
    }
}
