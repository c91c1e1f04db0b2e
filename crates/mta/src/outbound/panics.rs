//! What a panic of ours takes along: nothing but the attempt.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use postroad_protocol::reply::Reply;
use postroad_queue::retry::Next;
use postroad_queue::spool::{Outcome, RecipientState};

use super::events;
use super::flight::Flight;
use super::lane::Lane;
use super::limits;
use super::shared::Shared;

/// Runs it to its end, or to its panic: that takes neither the task nor its lane along.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> std::thread::Result<T> {
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        polled.map_or_else(|panic| Poll::Ready(Err(panic)), |poll| poll.map(Ok))
    })
    .await
}

/// A job has panicked. Its claim is given back already ([`super::flight::Job`]); its recipients wait as after a
/// deferral. What does it again and again is kept for the operator: a notice might panic as well (row Q10).
pub(crate) async fn recover(
    shared: &Arc<Shared>,
    lane: &Lane,
    flight: &Flight,
    recipients: &[usize],
) {
    let held = shared.mishap(flight.row.id) >= limits::MISHAPS_MAX;
    if held {
        events::quarantined(&flight.id);
    }
    let outcome = |index: &usize| {
        let attempts = flight.attempts(*index) + 1;
        let state = match lane.next_attempt(shared, attempts, &flight.row) {
            Next::At(due) if !held => {
                let reply = Reply::new(451, (4, 3, 0), "the delivery panicked; see the log");
                RecipientState::Waiting { attempts, due, last: Some(reply) }
            }
            Next::At(_) | Next::GiveUp => RecipientState::Held { attempts },
        };
        let recipient = u32::try_from(*index).unwrap_or(u32::MAX);
        Outcome { id: flight.row.id, recipient, state }
    };
    let outcomes = recipients.iter().map(outcome).collect();
    if let Err(fenced) = shared.shard.settle(outcomes).await {
        events::fenced(fenced);
    }
}
