//! What the shell was asked for and hasn't ended: a report of anything else changes nothing.

use std::collections::BTreeMap;

use crate::effect::{Ask, Effect, Job};

/// What was asked for and hasn't ended.
#[derive(Debug, Clone, Default)]
pub struct Jobs {
    last: u64,
    running: BTreeMap<Job, Ask>,
}

impl Jobs {
    /// Asks for something.
    pub(crate) fn ask(&mut self, ask: Ask, effects: &mut Vec<Effect>) -> Job {
        self.last += 1;
        let job = Job(self.last);
        self.running.insert(job, ask.clone());
        effects.push(Effect::Ask(job, ask));
        job
    }

    /// Cancels all that are like this.
    pub(crate) fn cancel(&mut self, effects: &mut Vec<Effect>, which: impl Fn(&Ask) -> bool) {
        let cancelled: Vec<Job> =
            self.running.iter().filter(|(_, ask)| which(ask)).map(|(job, _)| *job).collect();
        for job in cancelled {
            self.running.remove(&job);
            effects.push(Effect::Cancel(job));
        }
    }

    /// What the job was, if it goes on.
    pub fn get(&self, job: Job) -> Option<&Ask> {
        self.running.get(&job)
    }

    /// It has ended.
    pub(crate) fn end(&mut self, job: Job) -> Option<Ask> {
        self.running.remove(&job)
    }

    /// All that go on.
    pub fn running(&self) -> impl Iterator<Item = &Ask> {
        self.running.values()
    }

    /// Whether one like this goes on.
    pub fn any(&self, which: impl Fn(&Ask) -> bool) -> bool {
        self.running.values().any(which)
    }
}
