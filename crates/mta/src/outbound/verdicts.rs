//! Who of a job's recipients has a verdict, and whose it is.

use std::sync::Arc;

use postroad_protocol::client::{Offer, Protocol, Verdict};
use postroad_protocol::reply::Reply;

use super::hop::Hop;
use super::settle;

/// What was found out about one recipient.
#[derive(Debug)]
pub(crate) struct Found {
    /// By index in the envelope.
    pub(crate) recipient: usize,
    pub(crate) verdict: Verdict,
    pub(crate) by: Arc<Host>,
}

/// Who was being talked to. An attempt may go over several hosts, and each has its own recipients' verdicts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// As in `mx.example.org[192.0.2.1]:25`.
    pub(crate) shown: String,
    /// Its name alone; empty where no host was found.
    pub(crate) name: String,
    /// Whether it files mail or hands it on.
    pub(crate) protocol: Protocol,
    /// Whether it sends notices of success itself.
    pub(crate) dsn: Offer,
}

impl Host {
    fn of(hop: &Hop) -> Self {
        let (shown, name) = (hop.shown.clone(), hop.remote.clone());
        Self { shown, name, protocol: hop.protocol(), dsn: hop.dsn }
    }
}

pub(crate) struct Verdicts {
    pub(crate) open: Vec<usize>,
    pub(crate) settled: Vec<Found>,
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

    /// The hop has spoken of these recipients.
    pub(crate) fn settle(
        &mut self,
        batch: &[usize],
        verdicts: Vec<Verdict>,
        deferrals: Deferrals,
        hop: &Hop,
    ) {
        let host = Arc::new(Host::of(hop));
        for (index, verdict) in batch.iter().zip(verdicts) {
            let stays_open =
                deferrals == Deferrals::StayOpen && matches!(verdict, Verdict::Deferred(_));
            if !stays_open {
                self.open.retain(|open| open != index);
                let by = Arc::clone(&host);
                self.settled.push(Found { recipient: *index, verdict, by });
            }
        }
    }

    /// The same reply for all the others; 5xx from our own look-ups is final.
    pub(crate) fn settle_open(&mut self, reply: &Reply, hop: &Hop) {
        let host = Arc::new(Host::of(hop));
        for recipient in std::mem::take(&mut self.open) {
            let (verdict, by) = (settle::own_verdict(reply), Arc::clone(&host));
            self.settled.push(Found { recipient, verdict, by });
        }
    }
}
