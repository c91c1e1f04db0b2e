//! How many workers a lane has. A worker needs a permit, for connections are limited altogether, and a place
//! at the gate of its hosts.

use std::sync::{Arc, MutexGuard};

use super::super::agenda::Grant;
use super::super::budget::{Class, Permit};
use super::super::clock::Moment;
use super::super::connection::Opened;
use super::super::flight::Job;
use super::super::gate::{Gate, Place};
use super::super::hop::Hop;
use super::super::limits;
use super::super::roll_call;
use super::super::shared::Shared;
use super::super::worker::Worker;
use super::trouble::{Learnt, Standing};
use super::{Lane, State};

/// What a worker works with. The place is taken later where the hosts aren't known yet.
pub(crate) struct Seat {
    pub(crate) permit: Permit,
    pub(crate) place: Option<Place>,
    /// The connection, where another lane had it before.
    pub(crate) opened: Option<Box<Opened>>,
}

impl Seat {
    /// Whether another lane waits for one of the two.
    pub(crate) fn is_wanted_by_others_than(&self, lane: &Lane) -> bool {
        let place = self.place.as_ref();
        self.permit.is_wanted_by_others_than(lane)
            || place.is_some_and(|place| place.is_wanted_by_others_than(lane))
    }

    /// The lane doesn't need it: its connection goes to another that waits for one to the same hosts, or is
    /// closed.
    pub(crate) async fn hand_on(mut self, shared: &Shared, lane: &Lane) {
        let Some(opened) = self.opened.take() else { return };
        let successor = self.place.as_mut().and_then(|place| place.successor(lane));
        match successor.filter(|_| !shared.stop.is_cancelled()) {
            Some(next) => {
                self.opened = Some(opened);
                shared.agenda.call(next, Some(Grant::Seat(self)));
            }
            None => opened.connection.quit().await,
        }
    }

    pub(crate) fn is_at(&self, gate: Option<&Arc<Gate>>) -> bool {
        gate.is_some_and(|gate| self.place.as_ref().is_some_and(|place| place.is_at(gate)))
    }
}

impl Lane {
    /// Something is due here, or has been granted.
    pub(crate) fn wake(self: &Arc<Self>, shared: &Arc<Shared>, grant: Option<Grant>) {
        {
            let mut state = self.state();
            match &grant {
                Some(Grant::Permit(_)) => state.waits_for_permit = false,
                Some(Grant::Place(_) | Grant::Seat(_)) => state.waits_for_place = false,
                None => {}
            }
        }
        self.staff(shared, grant, Class::Backlog);
        shared.forget(self);
    }

    /// Starts as many workers as there is work and room for.
    pub(crate) fn staff(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        mut grant: Option<Grant>,
        class: Class,
    ) {
        let mut state = self.state();
        let now = shared.clock.now();
        let was_left_alone = state.is_backing_off(now);
        let mut waiting = state.waiting(now).saturating_sub(state.seeking);
        while waiting > 0 && !shared.stop.is_cancelled() {
            waiting -= 1;
            if state.rouse() {
                continue;
            }
            // Where it failed last time, one worker finds out for all.
            if state.workers > 0 && state.back_off.is_some() {
                break;
            }
            // A connection that is open already needs nothing of this host.
            if state.is_pausing(now) && !matches!(grant, Some(Grant::Seat(_))) {
                break;
            }
            let Some(seat) = self.seat(&mut state, shared, &mut grant, class) else { break };
            state.seeking += 1;
            self.hire(&mut state, shared, seat, None);
        }
        if state.workers == 0 {
            state.clear_line();
        }
        if state.line.is_empty() && state.backlog.first_turn().is_none() {
            state.place = None;
        }
        self.plan(&state, shared);
        let has_learnt = !was_left_alone && state.is_backing_off(now);
        let learnt = state.back_off.as_ref().filter(|_| has_learnt).map(|known| known.last.clone());
        drop(state);
        if let Some(reply) = learnt {
            roll_call::begin(shared, self, reply);
        }
        // What isn't used goes to the next in line.
        if let Some(Grant::Seat(seat)) = grant {
            let (shared, lane) = (Arc::clone(shared), Arc::clone(self));
            let workers = shared.workers.clone();
            workers.spawn(async move { seat.hand_on(&shared, &lane).await });
        }
    }

    pub(super) fn hire(
        self: &Arc<Self>,
        state: &mut MutexGuard<'_, State>,
        shared: &Arc<Shared>,
        seat: Seat,
        job: Option<Job>,
    ) {
        state.workers += 1;
        let hop = Hop::new(&self.destination, state.route.clone());
        let worker = Worker::new(Arc::clone(shared), Arc::clone(self), hop, seat);
        shared.workers.spawn(worker.run(job));
    }

    /// A seat for one more worker; where there is none now, the lane is in line for it.
    pub(super) fn seat(
        self: &Arc<Self>,
        state: &mut MutexGuard<'_, State>,
        shared: &Shared,
        grant: &mut Option<Grant>,
        class: Class,
    ) -> Option<Seat> {
        if state.learn(shared.clock.now()) == Learnt::Trouble {
            return None;
        }
        let kept = state.place.take();
        if let Some(Grant::Seat(seat)) =
            grant.take_if(|grant| grant.is_seat_at(state.gate.as_ref()))
        {
            state.place = kept;
            return Some(seat);
        }
        let (mut permit, mut place) = match grant.take() {
            Some(Grant::Permit(permit)) => (Some(permit), kept),
            Some(Grant::Place(place)) => (None, Some(place)),
            Some(seat @ Grant::Seat(_)) => {
                *grant = Some(seat); // The hosts are others by now.
                (None, kept)
            }
            None => (None, kept),
        };
        // Where the mail goes is found out by one worker; the others follow.
        if state.gate.is_none() && state.workers > 0 {
            return None;
        }
        let gate = state.gate.clone();
        place = place.filter(|place| gate.as_ref().is_some_and(|gate| place.is_at(gate)));
        if let (Some(gate), None) = (&gate, &place) {
            if !state.waits_for_place {
                place = gate.enter(self);
                state.waits_for_place = place.is_none();
            }
            place.as_ref()?;
        }
        if permit.is_none() && !state.waits_for_permit {
            permit = shared.budget.ask(self, state.class(class));
            state.waits_for_permit = permit.is_none();
        }
        match permit {
            Some(permit) => Some(Seat { permit, place, opened: None }),
            None => {
                state.place = place;
                None
            }
        }
    }

    /// A worker has its first job, or has found none.
    pub(crate) fn sought(&self) {
        self.state().seeking -= 1;
    }

    /// The hosts are known. `Err` where they have no room for another connection: the lane is in line then. Or
    /// where they are left alone by all.
    pub(crate) fn enter(
        self: &Arc<Self>,
        shared: &Shared,
        gate: &Arc<Gate>,
    ) -> Result<Place, Full> {
        let mut state = self.state();
        state.gate = Some(Arc::clone(gate));
        if state.learn(shared.clock.now()) == Learnt::Trouble || state.waits_for_place {
            return Err(Full);
        }
        let place = gate.enter(self);
        state.waits_for_place = place.is_none();
        place.ok_or(Full)
    }

    /// Sees to it that the lane is looked at when something is due.
    pub(super) fn plan(self: &Arc<Self>, state: &State, shared: &Shared) {
        let now: Moment = shared.clock.now().into();
        let pause = state.pause.as_ref().map(|(until, _)| *until);
        let until = state.back_off_until().max(pause).filter(|until| *until > now);
        let at = match (state.backlog.first_turn(), state.backlog.next_due(), until) {
            // What can go has workers already, or is in line for them.
            (Some(_), _, until) => until,
            (None, due, until) => due.map(|due| until.map_or(due, |until| due.max(until))),
        };
        let Some(at) = at else { return };
        if at > now || state.workers == 0 || !state.idle.is_empty() {
            shared.agenda.look_at(self, at);
        }
    }
}

/// The gate has no room, or is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl State {
    /// Jobs and letters that can go now.
    fn waiting(&mut self, now: std::time::SystemTime) -> usize {
        match self.is_backing_off(now) {
            true => 0,
            false => self.backlog.ripen(now.into(), &mut self.turns) + self.line.len(),
        }
    }

    /// Gives an idle worker the next job, or has it look into the backlog.
    fn rouse(&mut self) -> bool {
        let Some(worker) = self.idle.pop() else { return false };
        if let Some(job) = self.pop()
            && let Err(back) = worker.send(job)
        {
            self.stand_in_line(back); // It has just left.
        }
        true
    }

    /// What a request for a connection counts as.
    fn class(&self, asked: Class) -> Class {
        match self.standing {
            _ if self.back_off.is_some() => Class::Recovering,
            _ if self.lingered >= limits::LINGERED_MAX => Class::Recovering,
            Standing::Proven => Class::Prompt,
            Standing::Untried => asked,
        }
    }
}
