//! The connections that all next hops share, and who gets the next one.
//!
//! Hosts that don't answer hold a connection for minutes. So whoever failed last time, or takes longer than
//! [`limits::LINGER`] to answer, may have half of all connections and no more: fifty thousand dead
//! destinations leave the other half to the living.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::agenda::{Agenda, Grant};
use super::lane::Lane;
use super::limits;

/// Why a lane asks for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// A fresh letter, or a next hop that is known to take mail.
    Prompt,
    /// Letters that waited, for a next hop of which nothing is known, or one of very many of a message.
    Backlog,
    /// It failed last time.
    Recovering,
}

pub(crate) struct Budget {
    state: Mutex<State>,
    /// Somebody waits: whoever holds a connection that carries nothing may give it up.
    wanted: Notify,
    agenda: Arc<Agenda>,
}

struct State {
    most: usize,
    taken: usize,
    /// Those of `taken` that are held by hosts which don't answer (yet).
    slow: usize,
    prompt: VecDeque<Arc<Lane>>,
    backlog: VecDeque<Arc<Lane>>,
    recovering: VecDeque<Arc<Lane>>,
    /// Counts what was given, so that every kind gets its share.
    given: usize,
}

/// One connection.
pub(crate) struct Permit {
    budget: Arc<Budget>,
    slow: bool,
}

impl State {
    fn slow_most(&self) -> usize {
        (self.most / 2).max(1)
    }

    fn has_room(&self, class: Class) -> bool {
        self.taken < self.most && (class != Class::Recovering || self.slow < self.slow_most())
    }

    fn line(&mut self, class: Class) -> &mut VecDeque<Arc<Lane>> {
        match class {
            Class::Prompt => &mut self.prompt,
            Class::Backlog => &mut self.backlog,
            Class::Recovering => &mut self.recovering,
        }
    }

    /// Whether another lane waits that could have a connection which is given up. Each is in a line once.
    fn is_wanted_by_others_than(&self, lane: &Lane) -> bool {
        let others = |line: &VecDeque<Arc<Lane>>| {
            line.iter().take(2).any(|other| other.number != lane.number)
        };
        others(&self.prompt)
            || others(&self.backlog)
            || self.slow < self.slow_most() && others(&self.recovering)
    }

    /// Who is next. The prompt go first; but now and then one of the others, so that nobody starves.
    fn next(&mut self) -> Option<(Arc<Lane>, Class)> {
        use Class::{Backlog, Prompt, Recovering};
        let order = match self.given % limits::OTHERS_TURN {
            0 => [Recovering, Backlog, Prompt],
            1 => [Backlog, Prompt, Recovering],
            _ => [Prompt, Backlog, Recovering],
        };
        let class = order
            .into_iter()
            .find(|class| self.has_room(*class) && !self.line(*class).is_empty())?;
        self.given = self.given.wrapping_add(1);
        self.line(class).pop_front().map(|lane| (lane, class))
    }
}

impl Budget {
    pub(crate) fn new(most: usize, agenda: Arc<Agenda>) -> Arc<Self> {
        let state = State {
            most: most.max(1),
            taken: 0,
            slow: 0,
            prompt: VecDeque::new(),
            backlog: VecDeque::new(),
            recovering: VecDeque::new(),
            given: 2,
        };
        Arc::new(Self { state: Mutex::new(state), wanted: Notify::new(), agenda })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection now, or a place in the line: then the lane is called when it has one.
    pub(crate) fn ask(self: &Arc<Self>, lane: &Arc<Lane>, class: Class) -> Option<Permit> {
        let mut state = self.state();
        if state.has_room(class) {
            return Some(self.give(&mut state, class));
        }
        state.line(class).push_back(Arc::clone(lane));
        drop(state);
        self.wanted.notify_one();
        None
    }

    fn give(self: &Arc<Self>, state: &mut State, class: Class) -> Permit {
        let slow = class == Class::Recovering;
        state.taken += 1;
        state.slow += usize::from(slow);
        Permit { budget: Arc::clone(self), slow }
    }

    /// Gives what is free to those who wait.
    fn hand_on(self: &Arc<Self>) {
        loop {
            let mut state = self.state();
            let Some((lane, class)) = state.next() else { return };
            let permit = self.give(&mut state, class);
            drop(state);
            self.agenda.call(lane, Some(Grant::Permit(permit)));
        }
    }

    /// Another limit, after a reload.
    pub(crate) fn limit(self: &Arc<Self>, most: usize) {
        self.state().most = most.max(1);
        self.hand_on();
    }

    /// Connections in use, and lanes in line for one.
    pub(crate) fn census(&self) -> (usize, usize) {
        let state = self.state();
        (state.taken, state.prompt.len() + state.backlog.len() + state.recovering.len())
    }
}

impl Permit {
    /// The host takes its time: from now on this counts among the slow. Where they have all they may have,
    /// `Err`: the attempt has to be made when there is room again.
    pub(crate) fn slow_down(&mut self) -> Result<(), Crowded> {
        if self.slow {
            return Ok(());
        }
        let mut state = self.budget.state();
        if state.slow >= state.slow_most() {
            return Err(Crowded);
        }
        state.slow += 1;
        self.slow = true;
        Ok(())
    }

    /// The host has answered.
    pub(crate) fn speed_up(&mut self) {
        if self.slow {
            self.slow = false;
            self.budget.state().slow -= 1;
            self.budget.hand_on();
        }
    }

    pub(crate) fn is_wanted_by_others_than(&self, lane: &Lane) -> bool {
        self.budget.state().is_wanted_by_others_than(lane)
    }

    /// When others begin to wait for a connection.
    pub(crate) async fn wanted(&self) {
        self.budget.wanted.notified().await;
    }
}

/// The slow have all connections that they may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crowded;

impl Drop for Permit {
    fn drop(&mut self) {
        {
            let mut state = self.budget.state();
            state.taken -= 1;
            state.slow -= usize::from(self.slow);
        }
        self.budget.hand_on();
    }
}
