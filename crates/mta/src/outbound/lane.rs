//! The messages that wait for one destination, and the workers that carry them there.
//!
//! A worker is a task with one connection. Whoever brings a message hands it to an idle worker, starts
//! another worker, or leaves it in the line for the first that comes free; so a fresh message costs one
//! wake-up, and a busy destination none at all.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::flight::Job;
use super::route::Destination;
use super::shared::Shared;
use super::worker::Worker;

pub(crate) struct Lane {
    pub(crate) destination: Destination,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    line: VecDeque<Job>,
    workers: usize,
    /// Workers that wait with an open connection; the last that came is the first to go.
    idle: Vec<oneshot::Sender<Job>>,
}

impl Lane {
    pub(crate) fn new(destination: Destination) -> Self {
        Self { destination, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(self: &Arc<Self>, shared: &Arc<Shared>, mut job: Job) {
        let mut state = self.state();
        while let Some(worker) = state.idle.pop() {
            match worker.send(job) {
                Ok(()) => return,
                Err(back) => job = back, // It has just left.
            }
        }
        if state.workers >= shared.connections_to(&self.destination) {
            state.line.push_back(job);
            return;
        }
        state.workers += 1;
        let worker = Worker::new(Arc::clone(shared), Arc::clone(self));
        shared.workers.spawn(worker.run(job));
    }

    /// The next job in the line.
    pub(crate) fn pop(&self) -> Option<Job> {
        self.state().line.pop_front()
    }

    /// The next job in the line, or a place among the idle.
    pub(crate) fn pop_or_wait(&self) -> Result<Job, oneshot::Receiver<Job>> {
        let mut state = self.state();
        if let Some(job) = state.line.pop_front() {
            return Ok(job);
        }
        let (sender, receiver) = oneshot::channel();
        state.idle.push(sender);
        Err(receiver)
    }

    /// The next job in the line; where there is none, the worker is counted out.
    pub(crate) fn pop_or_leave(&self) -> Option<Job> {
        let mut state = self.state();
        state.idle.retain(|idle| !idle.is_closed());
        let job = state.line.pop_front();
        if job.is_none() {
            state.workers -= 1;
        }
        job
    }

    /// All that waits: the destination can't be reached, so nobody needs to find that out again.
    pub(crate) fn drain(&self) -> Vec<Job> {
        self.state().line.drain(..).collect()
    }

    pub(crate) fn is_deserted(&self) -> bool {
        let state = self.state();
        state.workers == 0 && state.line.is_empty()
    }
}
