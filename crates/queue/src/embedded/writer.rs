//! The one thread that writes the log: group commit, and what happens when the disk fails.
//!
//! One round: take all that waits, write it with one call, sync once, do to the index what the records
//! say, tell everybody. What happens when a call fails:
//! - A *write* fails (no space): what was written is cut off again; new messages get 452 or 451;
//!   outcomes are tried again until they fit, for they must not be forgotten.
//! - A *sync* fails: nobody knows what the disk holds of this group, and syncing the same file again
//!   would report success without having written anything. So the segment is given up, and writing
//!   goes on in a new one once a header has been synced there. The group's new messages are cancelled there
//!   and refused (451), its outcomes are written there.
//! - It fails a second time: nothing can be trusted any more. Intake stops, new messages of this
//!   group are in doubt, and an operator has to look.

use std::sync::Arc;
use std::time::Duration;

use postroad_disk::{DiskError, DiskLock};

use super::cleaner;
use super::events;
use super::group::Group;
use super::inbox::{Pending, Request};
use super::index::Place;
use super::record::{HEADER_OCTETS, Head};
use super::segment::{AppendError, Segment};
use super::{Core, lock};
use crate::spool::AcceptError;

/// How long to wait for space before outcomes are tried again.
const FULL_PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) core: Arc<Core>,
    pub(crate) segment: Segment,
    /// The number of the segment after it.
    pub(crate) next_number: u32,
    pub(crate) health: Health,
    /// Held as long as anything may still be written.
    pub(crate) _lock: Box<dyn DiskLock>,
}

/// What is left of our trust in the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// No sync has failed.
    Sound,
    /// One has; the next one that fails is the last.
    Suspect,
    /// Nothing is written any more.
    Stopped,
}

impl Writer {
    /// Writes until it is told to stop.
    pub(crate) fn run(mut self) {
        loop {
            let mut stop = None;
            let mut group = Group::default();
            for request in self.core.inbox.take() {
                match request {
                    Request::Stop { done } => stop = Some(done),
                    Request::Accept { messages, done } => {
                        group.add_accept(messages, done, &self.core)
                    }
                    Request::Note { records, done } => group.add_note(records, done),
                    Request::Move { messages, done } => group.add_move(messages, done, &self.core),
                }
            }
            self.commit(group);
            if let Some(done) = stop {
                drop(self);
                let _ = done.send(());
                return;
            }
            cleaner::start_if_due(&self.core, self.segment.number);
        }
    }

    /// Makes a group durable and tells everybody who waits.
    fn commit(&mut self, mut group: Group) {
        if self.health == Health::Stopped {
            return group.refuse_all();
        }
        match self.append(&group.lines()) {
            Ok(places) => group.stored(&self.core, &places),
            Err(AppendError::Nothing(error)) => self.not_written(group, &error),
            Err(AppendError::Unknown(error)) => self.in_doubt(group, &error),
        }
    }

    /// Writes and syncs; gives where each record stands.
    fn append(&mut self, lines: &[&Pending]) -> Result<Vec<Place>, AppendError> {
        if lines.is_empty() {
            return Ok(Vec::new());
        }
        let octets: usize = lines.iter().map(|line| line.meta.len() + line.content.len()).sum();
        if self.segment.end + octets as u64 > self.core.segment_octets && self.segment_is_used() {
            self.next_segment().map_err(AppendError::Nothing)?;
        }
        let group = u32_of(self.segment.end);
        let mut offset = self.segment.end;
        let mut places = Vec::with_capacity(lines.len());
        let mut records = Vec::with_capacity(lines.len());
        for line in lines {
            let head = Head {
                mark: self.segment.mark,
                kind: line.record.kind(),
                group,
                meta_octets: u32_of(line.meta.len() as u64),
                content_octets: u32_of(line.content.len() as u64),
                content_crc: line.content_crc,
            };
            places.push(Place {
                segment: self.segment.number,
                offset: u32_of(offset),
                meta_octets: head.meta_octets,
                content_octets: head.content_octets,
            });
            offset += head.record_octets();
            records.push((head, line.meta.as_slice(), line.content.as_ref()));
        }
        self.segment.append(&records)?;
        self.core.used(self.segment.number, self.segment.end);
        Ok(places)
    }

    fn segment_is_used(&self) -> bool {
        self.segment.end > HEADER_OCTETS as u64
    }

    fn next_segment(&mut self) -> Result<(), DiskError> {
        let number = self.next_number;
        // A name that was tried once isn't tried again, whatever became of it.
        self.next_number += 1;
        let (disk, spare) = (self.core.disk.as_ref(), self.core.take_spare());
        self.segment = Segment::begin(disk, &self.core.layout, number, spare)?;
        self.core.used(number, self.segment.end);
        Ok(())
    }

    /// Nothing of the group is in the log. New messages are refused; outcomes wait for space.
    fn not_written(&mut self, mut group: Group, error: &DiskError) {
        group.refuse_messages(&events::refused(error));
        loop {
            match self.append(&group.lines()) {
                Ok(places) => return group.stored(&self.core, &places),
                Err(AppendError::Nothing(error)) if error.is_full() => {
                    events::full(&error);
                    self.core.inbox.pause(FULL_PAUSE);
                    self.refuse_arrivals();
                }
                Err(AppendError::Nothing(error) | AppendError::Unknown(error)) => {
                    return self.in_doubt(group, &error);
                }
            }
        }
    }

    /// Refuses the messages that have come while outcomes wait for space: their senders have other things
    /// to do than to wait with them.
    fn refuse_arrivals(&self) {
        let mut arrivals = Group::default();
        for request in self.core.inbox.take_accepts() {
            if let Request::Accept { messages, done } = request {
                arrivals.add_accept(messages, done, &self.core);
            }
        }
        arrivals.refuse_messages(&AcceptError::Full);
    }

    /// Nobody knows what the disk holds of the group.
    fn in_doubt(&mut self, mut group: Group, error: &DiskError) {
        let again = match self.health {
            Health::Sound => {
                events::segment_abandoned(self.segment.number, error);
                self.health = Health::Suspect;
                *lock(&self.core.spares) = None;
                group.cancel_messages();
                // The failed segment may hold more than is known; nothing more goes into it.
                self.next_segment().and_then(|()| match self.append(&group.lines()) {
                    Ok(places) => Ok(places),
                    Err(AppendError::Nothing(error) | AppendError::Unknown(error)) => Err(error),
                })
            }
            Health::Suspect | Health::Stopped => Err(copy_of(error)),
        };
        match again {
            Ok(places) => {
                let why = events::refused(error);
                group.stored(&self.core, &places);
                group.refuse_messages(&why);
            }
            Err(error) => {
                events::stopped(&error);
                self.health = Health::Stopped;
                self.core.stop_intake(events::refused(&error));
                group.doubt_all();
            }
        }
    }
}

/// However it ends, by request or by a panic: whoever waits or comes later is told, and the lock is
/// given up only when nothing is written any more.
impl Drop for Writer {
    fn drop(&mut self) {
        // Cleaning ends at its next write, which finds the inbox closed.
        self.core.inbox.close();
        self.core.cleaning.close();
    }
}

/// The same error once more, for a second report of it.
fn copy_of(error: &DiskError) -> DiskError {
    DiskError {
        operation: error.operation,
        path: error.path.clone(),
        source: std::io::Error::from(error.kind()),
    }
}

/// Segments end long before this saturates.
fn u32_of(octets: u64) -> u32 {
    u32::try_from(octets).unwrap_or(u32::MAX)
}
