//! One destination: the letters that wait for it, and the workers that carry them there.
//!
//! ```text
//! put ─▶ backlog (ids) ─page by page─▶ line (jobs) ─▶ worker (one connection)
//! push, a fresh letter ──────────────────┴─────▶ an idle worker
//! ```
//! Whoever brings a fresh letter hands it to an idle worker, starts another worker, or leaves it in the
//! line; so it costs one wake-up, and at a busy destination none at all. A lane without workers keeps ids
//! only: a million letters to a dead host, or fifty thousand hosts that wait for a connection, cost no more.
//! Each letter is in one of three: the backlog, the line, or a worker's hands.

mod load;
mod staff;
mod trouble;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use postroad_protocol::reply::Reply;
use postroad_queue::spool::QueueId;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::backlog::Backlog;
use super::budget::Class;
use super::clock::Moment;
use super::flight::{Flight, Job};
use super::gate::{Gate, Place};
use super::hop::Hop;
use super::limits;
use super::route::{Destination, FixedHop, RouteSettings, Router};
use super::shared::Shared;
use super::turns::{Sender, Turn, Turns};
use super::why::Obstacle;

use trouble::{Pause, Standing};

pub(crate) use staff::Seat;
pub(crate) use trouble::{BackOff, Trouble};

pub(crate) struct Lane {
    pub(crate) destination: Destination,
    /// Its name in the agenda.
    pub(crate) number: u64,
    state: Mutex<State>,
}

struct State {
    settings: Arc<RouteSettings>,
    /// What the operator says of the next hop; none where DNS names the hosts.
    route: Option<Arc<FixedHop>>,
    /// Since when.
    routed: Instant,
    backlog: Backlog,
    turns: Turns,
    /// What was loaded, in the order in which it goes; the last part makes parts of one message differ.
    line: BTreeMap<(Turn, QueueId, usize), Job>,
    /// Messages in the line and in workers' hands.
    active: HashMap<QueueId, Active>,
    workers: usize,
    /// Workers that haven't got their first job yet.
    seeking: usize,
    /// Workers that wait with an open connection; the last that came is the first to go.
    idle: Vec<oneshot::Sender<Job>>,
    /// The hosts' gate, once they are known.
    gate: Option<Arc<Gate>>,
    /// Whether we are in line for a connection, and for a place at the gate.
    waits_for_permit: bool,
    waits_for_place: bool,
    /// A place that waits for a connection: else one would never have both at a time.
    place: Option<Place>,
    standing: Standing,
    back_off: Option<BackOff>,
    /// Until then no connection is tried, though letters are due. Forgotten once one has been.
    pause: Option<(Moment, Pause)>,
    /// How often in a row the hosts took long to answer while there was no room for such.
    lingered: u32,
    /// Connections in a row that broke before anything went through.
    broken: usize,
    /// Up to here, senders know that their letters are late.
    warned: Option<QueueId>,
    calling_roll: bool,
}

/// What is known of a message while jobs of it are about.
#[derive(Default)]
struct Active {
    jobs: usize,
    /// When it is due again, as far as its jobs have ended.
    due: Option<Moment>,
}

/// What a worker finds when it asks for more.
pub(crate) enum Next {
    Job(Job),
    /// Something in the backlog has become due.
    Look,
    /// Nothing; somebody may hand over a job here.
    Wait(oneshot::Receiver<Job>),
}

impl Lane {
    pub(crate) fn new(destination: Destination, number: u64, router: &Router) -> Self {
        let state = State {
            settings: Arc::clone(router.settings(&destination)),
            route: router.fixed(&destination),
            routed: Instant::now(),
            backlog: Backlog::default(),
            turns: Turns::default(),
            line: BTreeMap::new(),
            active: HashMap::new(),
            workers: 0,
            seeking: 0,
            idle: Vec::new(),
            gate: None,
            waits_for_permit: false,
            waits_for_place: false,
            place: None,
            standing: Standing::Untried,
            back_off: None,
            pause: None,
            lingered: 0,
            broken: 0,
            warned: None,
            calling_roll: false,
        };
        Self { destination, number, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn settings(&self) -> Arc<RouteSettings> {
        Arc::clone(&self.state().settings)
    }

    pub(crate) fn route(&self) -> Option<Arc<FixedHop>> {
        self.state().route.clone()
    }

    /// Whether a reload has changed the next hop, or our terms with it, since a worker made this of it.
    pub(crate) fn has_left(&self, hop: &Hop) -> bool {
        self.state().route.as_ref().map(Arc::as_ptr) != hop.route().map(Arc::as_ptr)
    }

    /// A fresh letter.
    pub(crate) fn push(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        flight: &Arc<Flight>,
        recipients: Vec<usize>,
        class: Class,
    ) {
        let (id, sender) = (flight.row.id, flight.sender);
        let mut state = self.state();
        if state.active.contains_key(&id) {
            return; // A walk through the queue has found it already.
        }
        state.backlog.remove(id);
        if state.is_backing_off(shared.clock.now()) {
            state.backlog.put(id, sender, Moment::default());
            return self.plan(&state, shared);
        }
        // Where nobody waits there are no turns to be taken.
        let waits = !state.line.is_empty() || !state.backlog.is_empty();
        let turn = if waits { state.turns.next(sender) } else { Turn::default() };
        let (flight, lane) = (Arc::clone(flight), Arc::clone(self));
        let mut job = Job::new(flight, lane, recipients, turn);
        state.active.insert(id, Active { jobs: 1, due: None });
        if job.recipients.len() > limits::RECIPIENTS_PER_TRANSACTION {
            state.stand_in_line(job);
            drop(state);
            return self.staff(shared, None, class);
        }
        while let Some(worker) = state.idle.pop() {
            match worker.send(job) {
                Ok(()) => return,
                Err(back) => job = back, // It has just left.
            }
        }
        let is_pausing = state.is_pausing(shared.clock.now());
        if !is_pausing && let Some(seat) = self.seat(&mut state, shared, &mut None, class) {
            return self.hire(&mut state, shared, seat, Some(job));
        }
        state.stand_in_line(job);
        if state.workers == 0 {
            state.clear_line();
        }
        self.plan(&state, shared);
    }

    /// A letter that was found in the queue.
    pub(crate) fn put(self: &Arc<Self>, shared: &Shared, id: QueueId, sender: Sender, due: Moment) {
        let now = shared.clock.now().into();
        let mut state = self.state();
        if state.active.contains_key(&id) || state.backlog.is_ready(id) && due <= now {
            return;
        }
        if !state.backlog.contains(id) && state.warned.is_some_and(|warned| id <= warned) {
            state.warned = id.number().checked_sub(1).map(QueueId::from_number);
        }
        state.backlog.put(id, sender, due);
        self.plan(&state, shared);
    }

    /// The next job in the line, or a place among the idle.
    pub(crate) fn pop_or_wait(&self, shared: &Shared) -> Next {
        let mut state = self.state();
        if let Some(job) = state.pop() {
            return Next::Job(job);
        }
        if state.has_ready(shared.clock.now()) {
            return Next::Look;
        }
        let (sender, receiver) = oneshot::channel();
        state.idle.push(sender);
        Next::Wait(receiver)
    }

    /// A worker goes.
    pub(crate) fn leave(self: &Arc<Self>, shared: &Arc<Shared>) {
        {
            let mut state = self.state();
            state.workers -= 1;
            state.idle.retain(|idle| !idle.is_closed());
        }
        self.staff(shared, None, Class::Backlog);
        shared.forget(self);
    }

    /// One job of a message less. With the last one the message goes back to the backlog, or is forgotten.
    pub(crate) fn ended(self: &Arc<Self>, shared: &Shared, job: &Job, due: Option<Moment>) {
        let mut state = self.state();
        let id = job.flight.row.id;
        let Some(active) = state.active.get_mut(&id) else { return };
        active.jobs -= 1;
        active.due = active.due.into_iter().chain(due).min();
        if active.jobs > 0 {
            return;
        }
        let due = state.active.remove(&id).and_then(|active| active.due);
        if let Some(due) = due {
            state.backlog.put(id, job.flight.sender, due);
            self.plan(&state, shared);
        }
    }

    /// A job that wasn't begun goes back to its place in the line.
    pub(crate) fn put_back(&self, mut job: Job) {
        job.release();
        self.state().stand_in_line(job);
    }

    /// Other routes: what waits here is put into its lanes by another walk, and the hosts may be others. Then
    /// workers go when they have ended what they are at, and what was known of the hosts before is forgotten.
    pub(crate) fn start_anew(&self, router: &Router) {
        let settings = Arc::clone(router.settings(&self.destination));
        let route = router.fixed(&self.destination);
        let mut state = self.state();
        if state.route != route {
            (state.route, state.routed) = (route, Instant::now());
            (state.standing, state.back_off, state.broken) = (Standing::Untried, None, 0);
            (state.pause, state.lingered) = (None, 0);
            state.idle.clear();
        }
        state.clear_line();
        state.backlog = Backlog::default();
        state.turns.reset();
        if let Some(gate) = state.gate.take() {
            gate.limit(settings.connections_first, settings.connections_max);
        }
        state.settings = settings;
    }

    /// Whether it can be taken out of the table.
    pub(crate) fn is_deserted(&self) -> bool {
        let state = self.state();
        state.workers == 0 && state.backlog.is_empty() && state.active.is_empty()
    }

    /// Letters that wait, jobs that are loaded, workers.
    pub(crate) fn census(&self) -> (usize, usize, usize) {
        let state = self.state();
        let jobs = state.active.values().map(|active| active.jobs).sum();
        (state.backlog.len(), jobs, state.workers)
    }

    /// Until when the next hop is left alone, and for which failure.
    pub(crate) fn left_alone(&self, now: SystemTime) -> Option<(SystemTime, Reply)> {
        let state = self.state();
        let back_off = state.back_off.as_ref().filter(|back_off| back_off.until > now)?;
        Some((back_off.until, back_off.last.clone()))
    }

    /// What stands in a letter's way here.
    pub(crate) fn obstacle(&self, id: QueueId, now: SystemTime) -> Obstacle {
        let state = self.state();
        let in_line = |job: &Job| job.flight.row.id == id;
        let place_in_line = state.line.values().position(in_line);
        if place_in_line.is_none() && state.active.contains_key(&id) {
            return Obstacle::UnderWay;
        }
        if let Some(BackOff { until, failures, last, .. }) = &state.back_off
            && *until > now
        {
            let (until, failures, last) = (*until, *failures, last.clone());
            return Obstacle::BackingOff { until, failures, last };
        }
        match &state.pause {
            Some((_, Pause::Short(shortage))) if state.workers == 0 => {
                return Obstacle::Short(shortage.to_string());
            }
            Some((_, Pause::Crowded)) | None if state.lingered > 0 && state.workers == 0 => {
                return Obstacle::Crowded;
            }
            Some(_) | None => {}
        }
        let ahead = place_in_line
            .or_else(|| state.backlog.ahead_of(id).map(|ahead| ahead + state.line.len()));
        let (connections, connections_max) = match &state.gate {
            Some(gate) => gate.census(),
            None => (state.workers, 1),
        };
        match ahead {
            Some(ahead) => Obstacle::Busy { connections, connections_max, ahead },
            None => Obstacle::NotYet,
        }
    }
}

impl State {
    /// Whether something in the backlog can go now.
    fn has_ready(&mut self, now: SystemTime) -> bool {
        !self.is_backing_off(now) && self.backlog.ripen(now.into(), &mut self.turns) > 0
    }

    /// In its order; where the line is too long, whoever is last goes back to the backlog.
    fn stand_in_line(&mut self, job: Job) {
        let first = job.recipients.first().copied().unwrap_or_default();
        self.line.insert((job.turn, job.flight.row.id, first), job);
        while self.line.len() > limits::LINE_MAX
            && let Some((_, last)) = self.line.pop_last()
        {
            self.unload(&last);
        }
    }

    /// A job that nobody begins now.
    fn unload(&mut self, job: &Job) {
        let id = job.flight.row.id;
        let Some(active) = self.active.get_mut(&id) else { return };
        active.jobs -= 1;
        if active.jobs > 0 {
            active.due = Some(Moment::default());
            return;
        }
        self.active.remove(&id);
        self.backlog.put_ready(id, job.flight.sender, job.turn);
    }

    fn clear_line(&mut self) {
        while let Some((_, job)) = self.line.pop_first() {
            self.unload(&job);
        }
    }

    /// The first in the line; what is too much for one transaction stays behind, for another turn.
    fn pop(&mut self) -> Option<Job> {
        let (_, mut job) = self.line.pop_first()?;
        self.turns.came(job.turn);
        if let Some(mut rest) = job.split(limits::RECIPIENTS_PER_TRANSACTION) {
            rest.turn = self.turns.next(rest.flight.sender);
            self.active.entry(rest.flight.row.id).or_default().jobs += 1;
            self.stand_in_line(rest);
        }
        if self.line.is_empty() && self.backlog.is_empty() {
            self.turns.reset();
        }
        Some(job)
    }
}
