//! What the embedded engine tells the log: one function an event.

use std::error::Error as _;
use std::path::Path;

use postroad_disk::DiskError;

use crate::spool::{AcceptError, QueueId};

/// Error and causes in one line.
fn chain(error: &DiskError) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// Tells the operator why a message is refused, and the caller what to tell the peer.
pub(crate) fn refused(error: &DiskError) -> AcceptError {
    if error.is_full() {
        tracing::warn!(error = chain(error), "the queue is full");
        return AcceptError::Full;
    }
    tracing::error!(error = chain(error), "a message could not be stored");
    AcceptError::Disk(chain(error))
}

pub(crate) fn segment_abandoned(segment: u32, error: &DiskError) {
    tracing::error!(
        segment,
        error = chain(error),
        "the queue couldn't be written: going on in a new segment; check the disk"
    );
}

pub(crate) fn stopped(error: &DiskError) {
    tracing::error!(
        error = chain(error),
        "the queue's disk failed again: intake stopped until a new segment can be written; check the disk"
    );
}

pub(crate) fn writer_failed() {
    tracing::error!(
        "the queue's writer has ended by a fault of ours: nothing is taken in or recorded any more; start the agent anew, and report what stands above"
    );
}

pub(crate) fn resumed() {
    tracing::warn!("the queue can be written again: going on");
}

pub(crate) fn outcomes_wait(error: &DiskError) {
    tracing::error!(error = chain(error), "outcomes can't be recorded: free some space");
}

pub(crate) fn segment_not_begun(error: &DiskError) {
    tracing::warn!(error = chain(error), "no new segment of the queue: the last one grows");
}

pub(crate) fn restored(id: QueueId) {
    tracing::warn!(queue_id = %id, "the disk didn't hold the content: written anew from memory");
}

pub(crate) fn opened(messages: usize, segments: usize, epoch: u64) {
    tracing::info!(messages, segments, epoch, "queue opened");
}

pub(crate) fn foreign(path: &Path, why: &'static str) {
    tracing::warn!(path = ?path, why, "left alone in the queue's folder");
}

pub(crate) fn torn_tail(path: &Path, offset: u64, kept: &Path) {
    tracing::warn!(path = ?path, offset, kept = ?kept, "the last write was cut off: a record that nobody was told is stored");
}

pub(crate) fn damaged(path: &Path, offset: u64, places: usize, octets: u64, kept: &Path) {
    tracing::error!(path = ?path, offset, places, octets, kept = ?kept, "part of the queue is damaged");
}

pub(crate) fn damaged_content(id: QueueId) {
    tracing::error!(queue_id = %id, "the stored content is damaged: it is not delivered");
}

pub(crate) fn large_missing(id: QueueId, path: &Path) {
    tracing::error!(queue_id = %id, path = ?path, "the file of a large message is missing or cut short");
}

pub(crate) fn large_without_record(id: QueueId, kept: &Path) {
    tracing::error!(queue_id = %id, kept = ?kept, "kept the content of a large message: the queue is damaged, and its envelope may be lost");
}

pub(crate) fn swept(path: &Path) {
    tracing::info!(path = ?path, "removed what a crash had left of a large message");
}

pub(crate) fn left_behind(error: &DiskError) {
    tracing::warn!(
        error = chain(error),
        "a file that isn't needed any more stays until the next start"
    );
}

pub(crate) fn cleaning_waits(error: &DiskError) {
    tracing::error!(
        error = chain(error),
        "old segments of the queue can't be read or removed: trying again"
    );
}
