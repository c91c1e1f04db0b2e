//! Gives space back: segments go, oldest first.
//!
//! Invariant: a segment is removed only when none older is left, and durably so. An outcome never
//! stands in an older segment than the message it is about, so an outcome is never lost while the
//! message's record could still surface. (A younger segment in which nothing queued stands may hold the
//! outcomes of letters in an older one; only one that was never written to holds none, and start-up
//! removes those.)
//!
//! The oldest segment goes when nothing queued stands in it. Where a few old letters hold it while
//! the log grows, they are written anew at the log's end, states and all, and then it goes. A few
//! segments are kept under another name, to be written over by the next ones.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use bytes::Bytes;
use postroad_disk::DiskError;
use tokio::sync::oneshot;

use super::codec::Storage;
use super::inbox::{Moved, Request};
use super::index::{Index, Place};
use super::limits::{
    LOG_PER_LIVE_MAX, LOG_SEGMENTS_FREE, MOVE_OCTETS, SHORT_SEGMENTS_MAX, SPARES_MAX, WALK_STEP,
};
use super::walk::behind;
use super::{Core, events, lock};
use crate::spool::{Cursor, Edit, QueueId};

/// Lets a helper clean, if there is something to clean and none is at it.
pub(crate) fn start_if_due(core: &Arc<Core>, current: u32) {
    if plan(core, current).is_none() || !core.cleaning.begin() {
        return;
    }
    let core = Arc::clone(core);
    Arc::clone(&core.helpers).spawn(move || {
        let result = clean(&core, current);
        if let Err(error) = &result {
            events::cleaning_stopped(error);
        }
        core.cleaning.end(match result {
            Ok(()) => Cleaning::Idle,
            // Which removals are durable isn't known any more, so none may follow.
            Err(_) => Cleaning::Failed,
        });
    });
}

/// Whether somebody cleans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Cleaning {
    #[default]
    Idle,
    Busy,
    /// Not any more.
    Failed,
}

/// Lets one clean at a time, and lets the writer's end wait for that one.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<Cleaning>,
    changed: Condvar,
}

impl Gate {
    fn begin(&self) -> bool {
        let mut state = lock(&self.state);
        let idle = *state == Cleaning::Idle;
        if idle {
            *state = Cleaning::Busy;
        }
        idle
    }

    fn end(&self, after: Cleaning) {
        *lock(&self.state) = after;
        self.changed.notify_all();
    }

    /// Waits until nobody cleans, and lets nobody begin again.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        while *state == Cleaning::Busy {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        *state = Cleaning::Failed;
    }
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// Nothing queued stands in this segment.
    Remove(u32),
    /// What stands in this one should be moved.
    Move(u32),
}

fn plan(core: &Core, current: u32) -> Option<Plan> {
    let index = core.index();
    let (&oldest, usage) = index.segments.first_key_value()?;
    if oldest >= current {
        return None;
    }
    if usage.live_messages == 0 {
        return Some(Plan::Remove(oldest));
    }
    let (octets, live) = index
        .segments
        .values()
        .fold((0, 0), |(octets, live), usage| (octets + usage.octets, live + usage.live_octets));
    let long = octets > LOG_PER_LIVE_MAX * live + LOG_SEGMENTS_FREE * core.segment_octets;
    let scattered = index.segments.len() > SHORT_SEGMENTS_MAX && octets <= core.segment_octets;
    (long || scattered).then_some(Plan::Move(oldest))
}

fn clean(core: &Core, current: u32) -> Result<(), DiskError> {
    loop {
        let plan = plan(core, current);
        match plan {
            None => return Ok(()),
            Some(Plan::Remove(segment)) => remove(core, segment)?,
            Some(Plan::Move(segment)) => match empty(core, segment) {
                Progress::Done => {}
                // The queue is stopping, or the disk failed: whoever writes has told so.
                Progress::Stuck => return Ok(()),
            },
        }
    }
}

/// Takes a segment out of the log: sets it aside to be written over, or removes it.
fn remove(core: &Core, segment: u32) -> Result<(), DiskError> {
    let (disk, path) = (core.disk.as_ref(), core.layout.segment(segment));
    let spare = is_spare(core, segment);
    if spare {
        disk.rename_noreplace(&path, &core.layout.spare(segment))?;
    } else {
        disk.remove(&path)?;
    }
    disk.sync_dir(&core.layout.segments_dir())?;
    core.files().remove(&segment);
    core.index().segments.remove(&segment);
    // From here on the writer may take it.
    if let (true, Some(spares)) = (spare, lock(&core.spares).as_mut()) {
        spares.push(segment);
    }
    Ok(())
}

/// Whether a segment is worth keeping: it was filled, and few are kept.
fn is_spare(core: &Core, segment: u32) -> bool {
    let filled = core.index().segments.get(&segment).is_some_and(|usage| {
        usage.octets > core.segment_octets / 2 && usage.octets <= 2 * core.segment_octets
    });
    filled && lock(&core.spares).as_ref().is_some_and(|spares| spares.len() < SPARES_MAX)
}

#[derive(Debug, PartialEq, Eq)]
enum Progress {
    Done,
    Stuck,
}

/// Moves all that is queued out of a segment.
fn empty(core: &Core, segment: u32) -> Progress {
    let mut cursor = Some(Cursor::default());
    let mut batch = Vec::new();
    let mut octets = 0;
    while let Some(from) = cursor {
        let mut standing = Vec::new();
        cursor = standing_in(&core.index(), segment, from, &mut standing);
        for Standing { id, place, storage } in standing {
            let Some(moved) = read(core, id, place, storage) else { return Progress::Stuck };
            octets += moved.content.len() as u64;
            batch.push(moved);
            if octets >= MOVE_OCTETS {
                octets = 0;
                if write(core, std::mem::take(&mut batch)) == Progress::Stuck {
                    return Progress::Stuck;
                }
            }
        }
    }
    write(core, batch)
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

/// A message as it is to be written anew. One that is damaged can't be: its octets are set aside for
/// the operator and it leaves the queue.
fn read(core: &Core, id: QueueId, place: Place, storage: Storage) -> Option<Moved> {
    let content = match storage {
        Storage::Large { .. } => Bytes::new(),
        Storage::Inline => match core.read_inline(id, place) {
            Ok(Some(content)) => content,
            Ok(None) => {
                set_aside(core, id, place)?;
                Bytes::new()
            }
            Err(error) => {
                events::cleaning_stopped(&error);
                return None;
            }
        },
    };
    let content_crc = crc32fast::hash(&content);
    Some(Moved { id, from: place, content, content_crc })
}

fn set_aside(core: &Core, id: QueueId, place: Place) -> Option<()> {
    events::damaged_content(id);
    let from = u64::from(place.offset);
    let kept = super::damage::keep(
        core.disk.as_ref(),
        &core.layout,
        place.segment,
        from,
        from + place.octets(),
    );
    if let Err(error) = kept {
        events::cleaning_stopped(&error);
        return None;
    }
    let edit = super::codec::Record::Edited { id, edit: Edit::Delete, at: core.now() };
    let (done, result) = oneshot::channel();
    core.inbox.push(Request::Note { records: vec![super::inbox::Pending::bare(edit)], done });
    result.blocking_recv().ok()?.ok()
}

fn write(core: &Core, messages: Vec<Moved>) -> Progress {
    if messages.is_empty() {
        return Progress::Done;
    }
    let (done, result) = oneshot::channel();
    core.inbox.push(Request::Move { messages, done });
    match result.blocking_recv() {
        Ok(Ok(())) => Progress::Done,
        Ok(Err(_)) | Err(_) => Progress::Stuck,
    }
}
