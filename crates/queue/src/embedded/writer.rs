//! The one thread that writes the log: group commit.
//!
//! One round: take all that waits, write it with one call, sync once, do to the index what the records
//! say, tell everybody. What happens when a call fails is in `trouble.rs`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use postroad_disk::{DiskError, DiskLock};

use super::cleaner;
use super::codec::Kind;
use super::events;
use super::group::Group;
use super::inbox::{Pace, Pending, Request, Waits};
use super::index::Place;
use super::limits::{BEGIN_EVERY, SEGMENT_OCTETS_HARD, TAIL_OCTETS};
use super::record::{HEADER_OCTETS, Head};
use super::segment::{AppendError, Segment, Stamp};
use super::trouble::{Pause, Trust};
use super::{Core, End};

#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) core: Arc<Core>,
    pub(crate) segment: Segment,
    /// The number of the segment after it.
    pub(crate) next_number: u32,
    /// No new segment is tried before, where the last try failed.
    begin_at: Option<Instant>,
    /// The outcomes and edits that stand at the segment's end.
    pub(crate) tail: VecDeque<Tail>,
    pace: Pace,
    pub(crate) trust: Trust,
    /// Set while nothing can be written.
    pub(crate) pause: Option<Pause>,
    /// What has to be written first when something can be again: outcomes, edits, cancellations.
    pub(crate) held: Group,
    /// Segments that were given up after a failed sync and not been read again since.
    pub(crate) distrusted: Vec<u32>,
    /// Held as long as anything may still be written.
    _lock: Box<dyn DiskLock>,
}

/// What one group said of messages that were there before it, kept for as long as a torn page could take it
/// along.
#[derive(Debug)]
pub(crate) struct Tail {
    /// Where the group ends.
    end: u64,
    pub(crate) notes: Vec<(Kind, Vec<u8>)>,
}

impl Writer {
    pub(crate) fn new(
        core: Arc<Core>,
        segment: Segment,
        waits: Waits,
        lock: Box<dyn DiskLock>,
    ) -> Self {
        Self {
            core,
            next_number: segment.number + 1,
            segment,
            begin_at: None,
            tail: VecDeque::new(),
            pace: Pace::new(waits),
            trust: Trust::Sound,
            pause: None,
            held: Group::default(),
            distrusted: Vec::new(),
            _lock: lock,
        }
    }

    /// Writes until it is told to stop.
    pub(crate) fn run(mut self) {
        loop {
            let requests = match &self.pause {
                None => self.core.inbox.take(&mut self.pace),
                Some(pause) => self.core.inbox.take_until(pause.until),
            };
            let mut stop = None;
            let mut group = Group::default();
            for request in requests {
                match request {
                    Request::Stop { done } => stop = Some(done),
                    Request::Accept { messages, done } => {
                        group.add_accept(messages, done, &self.core);
                    }
                    Request::Note { records, done, .. } => group.add_note(records, done),
                    Request::Move { messages, done } => group.add_move(messages, done, &self.core),
                }
            }
            match &self.pause {
                None => self.commit(group),
                Some(_) => self.while_paused(group),
            }
            if let Some(done) = stop {
                self.last_try();
                drop(self);
                let _ = done.send(());
                return;
            }
            cleaner::start_if_due(&self.core);
        }
    }

    /// Makes a group durable and tells everybody who waits.
    fn commit(&mut self, mut group: Group) {
        self.regain_trust();
        match self.append(&group.lines()) {
            Ok(places) => self.stored(&mut group, &places),
            Err(AppendError::Nothing(error)) => self.not_written(group, error),
            Err(AppendError::Unknown(error)) => self.abandon(group, error),
        }
    }

    /// The group is durable.
    pub(crate) fn stored(&mut self, group: &mut Group, places: &[Place]) {
        let notes = group.stored(&self.core, places);
        let end = self.segment.end;
        if !notes.is_empty() {
            self.tail.push_back(Tail { end, notes });
        }
        while self.tail.front().is_some_and(|oldest| oldest.end + TAIL_OCTETS < end) {
            self.tail.pop_front();
        }
    }

    /// Writes and syncs; gives where each record stands.
    pub(crate) fn append(&mut self, lines: &[&Pending]) -> Result<Vec<Place>, AppendError> {
        if lines.is_empty() {
            return Ok(Vec::new());
        }
        let octets = lines.iter().map(|line| (line.meta.len() + line.content.len()) as u64).sum();
        self.make_room(octets).map_err(AppendError::Nothing)?;
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

    /// Begins the next segment where this one is full. Where that can't be done (no inode, no file
    /// descriptor) this one grows instead: nothing is wrong with it.
    fn make_room(&mut self, octets: u64) -> Result<(), DiskError> {
        let end = self.segment.end;
        let is_used = end > HEADER_OCTETS as u64;
        let is_due = self.begin_at.is_none_or(|at| Instant::now() >= at);
        if !is_used || !is_due || end + octets <= self.core.segment_octets {
            return Ok(());
        }
        match self.next_segment() {
            Err(error) if end + octets <= SEGMENT_OCTETS_HARD => {
                events::segment_not_begun(&error);
                self.begin_at = Some(Instant::now() + BEGIN_EVERY);
                Ok(())
            }
            begun => begun,
        }
    }

    pub(crate) fn next_segment(&mut self) -> Result<(), DiskError> {
        let number = self.next_number;
        // A name that was tried once isn't tried again, whatever became of it.
        self.next_number += 1;
        let (disk, spare) = (self.core.disk.as_ref(), self.core.take_spare());
        let stamp = Stamp::new(number, (self.core.chance)());
        self.segment = Segment::begin(disk, &self.core.layout, stamp, spare)?;
        self.core.used(number, self.segment.end);
        self.tail.clear();
        self.begin_at = None;
        Ok(())
    }
}

/// However it ends, by request or by a panic: whoever waits or comes later is told, and the lock is
/// given up only when nothing is written any more.
impl Drop for Writer {
    fn drop(&mut self) {
        // Before anybody is told: whoever is must find intake stopped.
        self.core.ended(match std::thread::panicking() {
            true => {
                events::writer_failed();
                End::Failed
            }
            false => End::Released,
        });
        // Cleaning ends at its next write, which finds the inbox closed.
        self.core.inbox.close();
        std::mem::take(&mut self.held).give_up();
        self.core.cleaning.close();
    }
}

/// Segments end long before this saturates.
fn u32_of(octets: u64) -> u32 {
    u32::try_from(octets).unwrap_or(u32::MAX)
}
