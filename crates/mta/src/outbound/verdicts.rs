//! Who of a job's recipients has a verdict.

use postroad_protocol::client::Verdict;
use postroad_protocol::reply::Reply;

use super::settle;

pub(crate) struct Verdicts {
    pub(crate) open: Vec<usize>,
    pub(crate) settled: Vec<(usize, Verdict)>,
}

/// What a deferral means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deferrals {
    /// It is the verdict of this attempt.
    Count,
    /// Another host is asked in the same attempt.
    StayOpen,
}

impl Verdicts {
    pub(crate) fn new(recipients: Vec<usize>) -> Self {
        Self { settled: Vec::with_capacity(recipients.len()), open: recipients }
    }

    pub(crate) fn settle(&mut self, batch: &[usize], verdicts: Vec<Verdict>, deferrals: Deferrals) {
        for (index, verdict) in batch.iter().zip(verdicts) {
            let stays_open =
                deferrals == Deferrals::StayOpen && matches!(verdict, Verdict::Deferred(_));
            if !stays_open {
                self.open.retain(|open| open != index);
                self.settled.push((*index, verdict));
            }
        }
    }

    /// The same reply for all the others; 5xx from our own look-ups is final.
    pub(crate) fn settle_open(&mut self, reply: &Reply) {
        for index in std::mem::take(&mut self.open) {
            self.settled.push((index, settle::own_verdict(reply)));
        }
    }
}
