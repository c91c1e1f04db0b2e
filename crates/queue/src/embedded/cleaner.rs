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

use std::io::ErrorKind;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use postroad_disk::DiskError;

use super::index::Fate;
use super::limits::{
    LOG_PER_LIVE_MAX, LOG_SEGMENTS_FREE, RESUME_EVERY, SHORT_SEGMENTS_MAX, SPARES_MAX,
};
use super::rewrite::{self, Progress, Source};
use super::{Core, events, lock};

/// Lets a helper clean, if there is something to clean and none is at it.
pub(crate) fn start_if_due(core: &Arc<Core>) {
    if plan(core).is_none() || !core.cleaning.begin() {
        return;
    }
    let at_it = AtIt(Arc::clone(core));
    core.staff.upkeep.spawn(move || {
        let core = &at_it.0;
        while let Err(error) = clean(core) {
            events::cleaning_waits(&error);
            if core.cleaning.is_closed_within(RESUME_EVERY) {
                break;
            }
        }
    });
}

/// The one that cleans; dropped, by a panic too, it lets the next one begin, and the writer end.
struct AtIt(Arc<Core>);

impl Drop for AtIt {
    fn drop(&mut self) {
        self.0.cleaning.end();
    }
}

/// Lets one clean at a time, and lets the writer's end wait for that one.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<Cleaning>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Cleaning {
    busy: bool,
    closed: bool,
}

impl Gate {
    fn begin(&self) -> bool {
        let mut state = lock(&self.state);
        let free = !state.busy && !state.closed;
        state.busy |= free;
        free
    }

    fn end(&self) {
        lock(&self.state).busy = false;
        self.changed.notify_all();
    }

    /// Waits so long, or until nobody may clean any more; says whether that is so.
    pub(crate) fn is_closed_within(&self, patience: Duration) -> bool {
        let open = |state: &mut Cleaning| !state.closed;
        let waited = self.changed.wait_timeout_while(lock(&self.state), patience, open);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    /// Waits until nobody cleans, and lets nobody begin again.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        self.changed.notify_all();
        while state.busy {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
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

fn plan(core: &Core) -> Option<Plan> {
    let index = core.index();
    let (&oldest, usage) = index.segments.first_key_value()?;
    // The newest is being written.
    if index.segments.len() == 1 {
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

fn clean(core: &Core) -> Result<(), DiskError> {
    loop {
        let plan = plan(core);
        match plan {
            None => return Ok(()),
            Some(Plan::Remove(segment)) => remove(core, segment)?,
            Some(Plan::Move(segment)) => match rewrite::empty(core, segment, Source::Cache)? {
                Progress::Done => {}
                Progress::Stuck => return Ok(()),
            },
        }
    }
}

/// Takes a segment out of the log: sets it aside to be written over, removes it, or keeps it for the operator.
///
/// Where this fails it is done again as a whole. Unlike a file's content, names that a directory's sync
/// failed to make durable aren't forgotten: they are the file system's own journal, which either gets them written
/// later or refuses everything from then on.
fn remove(core: &Core, segment: u32) -> Result<(), DiskError> {
    let (disk, layout) = (core.disk.as_ref(), &core.layout);
    let path = layout.segment(segment);
    let fate = fate_of(core, segment);
    let taken = match fate {
        Fate::Reused => disk.rename_noreplace(&path, &layout.spare(segment)),
        Fate::Removed => disk.remove(&path),
        Fate::Kept => disk.rename_noreplace(&path, &layout.damaged_segment(segment)),
    };
    if let Err(error) = taken {
        match disk.stat(&path) {
            // The last try got as far as this.
            Err(gone) if gone.kind() == ErrorKind::NotFound => {}
            Ok(_) | Err(_) => return Err(error),
        }
    }
    if fate == Fate::Kept {
        disk.sync_dir(&layout.damaged_dir())?;
    }
    disk.sync_dir(&layout.segments_dir())?;
    core.files().remove(&segment);
    core.index().segments.remove(&segment);
    // From here on the writer may take it.
    if let (Fate::Reused, Some(spares)) = (fate, lock(&core.spares).as_mut()) {
        spares.push(segment);
    }
    Ok(())
}

/// A segment is worth writing over only where it was filled, it can be trusted, and few are kept.
fn fate_of(core: &Core, segment: u32) -> Fate {
    let Some(usage) = core.index().segments.get(&segment).copied() else { return Fate::Removed };
    let filled = usage.octets > core.segment_octets / 2 && usage.octets <= 2 * core.segment_octets;
    let few = || lock(&core.spares).as_ref().is_some_and(|spares| spares.len() < SPARES_MAX);
    match usage.fate {
        Fate::Reused if !filled || !few() => Fate::Removed,
        fate => fate,
    }
}
