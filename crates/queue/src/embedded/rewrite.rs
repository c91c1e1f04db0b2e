//! Writes messages anew at the log's end, states and all: those that hold an old segment, and those that
//! stand in one whose sync has failed.
//!
//! What can't be read any more isn't thrown away: the message stays in the queue, held, with whatever
//! octets there are and a checksum that doesn't fit them, so that nobody takes them for the letter.

use std::sync::Arc;

use bytes::Bytes;
use postroad_disk::{DiskError, DiskFile};
use tokio::sync::oneshot;

use super::codec::{Record, Storage};
use super::inbox::{Moved, Pending, Request, Urgency};
use super::index::{Index, Place};
use super::limits::{MOVE_OCTETS, RESUME_EVERY, WALK_STEP};
use super::record::{HEAD_OCTETS, read_content};
use super::walk::behind;
use super::{Core, damage, events, lock};
use crate::spool::{Cursor, Edit, QueueId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Done,
    /// The queue is stopping, or can't be written: whoever writes has told so.
    Stuck,
}

/// Where contents are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// As any reader does.
    Cache,
    /// Past the page cache first, for it shows what a failed sync didn't write.
    Device,
}

/// Segments whose sync has failed, to be read again from the device.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    segments: Vec<u32>,
    /// Somebody is at it.
    busy: bool,
}

/// Lets a helper read what stands in segments whose sync has failed from the device, and write it anew. It goes on
/// until that is done or the queue ends.
pub(crate) fn read_again(core: &Arc<Core>, segments: Vec<u32>) {
    let mut doubts = lock(&core.doubts);
    doubts.segments.extend(segments);
    if doubts.segments.is_empty() || std::mem::replace(&mut doubts.busy, true) {
        return;
    }
    drop(doubts);
    let reading = Reading(Arc::clone(core));
    core.staff.upkeep.spawn(move || {
        loop {
            // One that can't be read yet holds up no other.
            reading.try_each();
            if reading.is_done() || reading.0.cleaning.is_closed_within(RESUME_EVERY) {
                return;
            }
        }
    });
}

/// The one that reads again.
struct Reading(Arc<Core>);

impl Reading {
    fn try_each(&self) {
        let segments = lock(&self.0.doubts).segments.clone();
        for segment in segments {
            match empty(&self.0, segment, Source::Device) {
                Ok(Progress::Done) => lock(&self.0.doubts).segments.retain(|s| *s != segment),
                Ok(Progress::Stuck) => {}
                Err(error) => events::cleaning_waits(&error),
            }
        }
    }

    /// Whether nothing is left to do. In the same moment the next one may begin.
    fn is_done(&self) -> bool {
        let mut doubts = lock(&self.0.doubts);
        doubts.busy = !doubts.segments.is_empty();
        !doubts.busy
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(&self.0.doubts).busy = false;
        }
    }
}

/// Moves all that is queued out of a segment.
pub(crate) fn empty(core: &Core, segment: u32, source: Source) -> Result<Progress, DiskError> {
    let mut cursor = Some(Cursor::default());
    let mut batch = Batch::default();
    while let Some(from) = cursor {
        let mut standing = Vec::new();
        cursor = standing_in(&core.index(), segment, from, &mut standing);
        for standing in standing {
            batch.add(core, &standing, source)?;
            if batch.octets >= MOVE_OCTETS && batch.write(core) == Progress::Stuck {
                return Ok(Progress::Stuck);
            }
        }
    }
    Ok(batch.write(core))
}

/// A message that stands in the segment.
struct Standing {
    id: QueueId,
    place: Place,
    storage: Storage,
}

/// Looks at the next few messages, gathers those that stand in the segment, gives where to go on.
fn standing_in(
    index: &Index,
    segment: u32,
    from: Cursor,
    standing: &mut Vec<Standing>,
) -> Option<Cursor> {
    let mut last = None;
    for (id, entry) in behind(index, from).take(WALK_STEP) {
        last = Some(Cursor(Some(id.number())));
        if entry.place.segment == segment {
            standing.push(Standing { id: *id, place: entry.place, storage: entry.storage });
        }
    }
    last
}

/// Messages to be written in one group.
#[derive(Default)]
struct Batch {
    moves: Vec<Moved>,
    octets: u64,
    damaged: Vec<QueueId>,
}

impl Batch {
    fn add(&mut self, core: &Core, standing: &Standing, source: Source) -> Result<(), DiskError> {
        let Standing { id, place, storage } = *standing;
        let content = match storage {
            Storage::Large { .. } => Some(Bytes::new()),
            Storage::Inline => sound_content(core, id, place, source)?,
        };
        let (content, content_crc) = match content {
            Some(content) => {
                let crc = crc32fast::hash(&content);
                (content, crc)
            }
            // Somebody else has moved it meanwhile.
            None if !stands(core, id, place) => return Ok(()),
            None => {
                events::damaged_content(id);
                self.damaged.push(id);
                let content = remains(core, place)?;
                let crc = !crc32fast::hash(&content);
                (content, crc)
            }
        };
        self.octets += content.len() as u64;
        self.moves.push(Moved { id, from: place, content, content_crc });
        Ok(())
    }

    fn write(&mut self, core: &Core) -> Progress {
        self.octets = 0;
        let (done, moved) = oneshot::channel();
        let messages = std::mem::take(&mut self.moves);
        if messages.is_empty() {
            return Progress::Done;
        }
        core.inbox.push(Request::Move { messages, done });
        if !matches!(moved.blocking_recv(), Ok(Ok(()))) {
            return Progress::Stuck;
        }
        let at = core.now();
        let hold = |id| Pending::bare(Record::Edited { id, edit: Edit::Hold, at });
        let records: Vec<_> = std::mem::take(&mut self.damaged).into_iter().map(hold).collect();
        if records.is_empty() {
            return Progress::Done;
        }
        let (done, held) = oneshot::channel();
        core.inbox.push(Request::Note { records, urgency: Urgency::MayWait, done });
        match held.blocking_recv() {
            Ok(Ok(())) => Progress::Done,
            Ok(Err(_)) | Err(_) => Progress::Stuck,
        }
    }
}

fn stands(core: &Core, id: QueueId, place: Place) -> bool {
    core.index().messages.get(&id).is_some_and(|entry| entry.place == place)
}

/// The content as it was accepted; `None` where it can't be had any more. Wherever it is read, its checksum says
/// whether it is the letter.
fn sound_content(
    core: &Core,
    id: QueueId,
    place: Place,
    source: Source,
) -> Result<Option<Bytes>, DiskError> {
    let stored = unless_damaged(match source {
        Source::Cache => core.read_inline(id, place),
        Source::Device => read_past_cache(core, id, place),
    })?;
    if stored.is_some() {
        return Ok(stored);
    }
    let mut restored = lock(&core.recent).get(id);
    // What a failed sync didn't write isn't on the device, and in the page cache for a while.
    if restored.is_none() && source == Source::Device {
        restored = unless_damaged(core.read_inline(id, place))?;
    }
    if restored.is_some() {
        events::restored(id);
    }
    Ok(restored)
}

fn read_past_cache(core: &Core, id: QueueId, place: Place) -> Result<Option<Bytes>, DiskError> {
    let file = core.disk.open_past_cache(&core.layout.segment(place.segment))?;
    Ok(read_content(file.as_ref(), place, id)?.map(Bytes::from))
}

/// Nothing, where the disk can't read it either. Where something is merely short it may be had later: nothing
/// is known to be wrong with it.
fn unless_damaged(read: Result<Option<Bytes>, DiskError>) -> Result<Option<Bytes>, DiskError> {
    match read {
        Err(error) if error.is_shortage() => Err(error),
        read => Ok(read.unwrap_or(None)),
    }
}

/// What can still be read of a damaged content, of its full length.
fn remains(core: &Core, place: Place) -> Result<Bytes, DiskError> {
    let file: Box<dyn DiskFile> = core.disk.open_read(&core.layout.segment(place.segment))?;
    let from = u64::from(place.offset) + HEAD_OCTETS as u64 + u64::from(place.meta_octets);
    let (remains, _) = damage::salvage(file.as_ref(), from, u64::from(place.content_octets))?;
    Ok(remains.into())
}
