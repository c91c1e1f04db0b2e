//! The queue on this host's disk: an append-only log, one sync for all that waits.
//!
//! [`Embedded`] opens a directory as the one shard there is. A message is one record in the log
//! (`record.rs` has the format, `codec.rs` what is in a record), or a record and a file in `large/`.
//! Outcomes and edits are records too. One thread writes (`writer.rs`); the index of what is queued is
//! in memory (`index.rs`) and is read from the log at start (`recover.rs`).
//!
//! # What each crash leaves, and who cleans up
//!
//! | The crash comes | It leaves | Who cleans up |
//! |---|---|---|
//! | while a large message arrives | a file in `large/` without a record | start-up removes it; where the log is damaged it goes to `damaged/` |
//! | before the group's sync returned | a whole record, part of one, or none; nobody was told 250 | start-up keeps whole records and cuts the rest off |
//! | after the sync, before 250 was sent | a message that the client sends again | nobody can: a second copy (RFC 5321 §6.1) |
//! | between the next hop's 250 and the outcome's sync | a message that is delivered again | the same |
//! | while a segment is begun | a segment without records | start-up removes it |
//! | while a segment is set aside, or begun in one that was | a `.spare` file | start-up removes it |
//! | while cleaning moves messages | the same message in two segments | start-up: the later record counts; cleaning removes the older segment |
//! | while the epoch is written | `epoch.next` | the next start replaces it |
//! | after a failed sync | what was refused, perhaps intact | the cancellation in the next segment |
//! | while nothing can be written after a second one | what is in doubt, perhaps intact; outcomes that nobody was told are durable | what surfaces is delivered; those deliveries are made again |
//!
//! No run writes into a file of an earlier run, but to cut off its torn tail and to cover torn records before
//! whole ones: whatever failed then can do no harm now.
//!
//! Damage that is no torn tail (a checksum doesn't fit, or the disk can't read it) is copied to `damaged/` and
//! reported; the messages before and behind it are unharmed. A segment of which the start couldn't read some goes
//! to `damaged/` as it is when its turn has come: another day it may be readable. A message of which only the content is damaged stays in the
//! queue: whoever wants to deliver it learns of it and holds it.
//!
//! Not here: when a message is due ([`crate::retry`]) and what is done with it (the agent's business).

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use postroad_disk::{Disk, DiskError, DiskFile, Space};
use tokio::sync::watch;

mod cleaner;
pub(crate) mod codec;
mod damage;
mod epoch;
mod events;
mod export;
mod group;
mod helpers;
mod inbox;
mod index;
mod large;
mod layout;
pub mod limits;
mod recent;
pub(crate) mod record;
mod recover;
pub(crate) mod replay;
mod rewrite;
mod segment;
mod shard;
mod state;
#[cfg(test)]
mod tests;
mod trouble;
mod walk;
mod writer;

pub use export::{Exported, Soundness, Survey, export, survey};
pub(crate) use large::LargeClaim;

use codec::micros;
use helpers::Staff;
use inbox::{Inbox, Waits};
use index::{Index, Place};
use layout::Layout;
use recent::Recent;
use segment::{Segment, Stamp};
use shard::Shard;
use writer::Writer;

use crate::spool::{
    AcceptError, BoxFuture, Condition, Guarantee, OpenError, OwnedShard, QueueId, ShardId, Spool,
};

/// Tells the time; a simulation has its own.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Draws 64 bits; a simulation has its own, so that the same seed gives the same octets on its disk.
pub type Chance = Arc<dyn Fn() -> u64 + Send + Sync>;

/// A queue in a directory.
#[derive(Clone)]
pub struct Embedded {
    disk: Arc<dyn Disk>,
    layout: Layout,
    clock: Clock,
    chance: Chance,
    segment_octets: u64,
    waits: Waits,
}

impl Embedded {
    /// The queue in `dir`, which is created when it is opened. Its parent has to be there.
    pub fn new(disk: Arc<dyn Disk>, dir: PathBuf) -> Self {
        Self {
            disk,
            layout: Layout { dir },
            clock: Arc::new(SystemTime::now),
            chance: Arc::new(segment::draw),
            segment_octets: limits::SEGMENT_OCTETS,
            waits: Waits::WHERE_IT_PAYS,
        }
    }

    /// The same with segments of another length: short ones let a test see many.
    #[must_use]
    pub fn with_segment_octets(self, segment_octets: u64) -> Self {
        Self { segment_octets, ..self }
    }

    /// The same, but each call is written at once instead of waiting a moment for others to share its sync
    /// with: for tests that make thousands of calls one after the other.
    #[must_use]
    pub fn without_gathering(self) -> Self {
        Self { waits: Waits::NEVER, ..self }
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The same with another source of chance.
    #[must_use]
    pub fn with_chance(self, chance: Chance) -> Self {
        Self { chance, ..self }
    }

    /// Opens it on the calling thread, which blocks until the log has been read.
    ///
    /// # Errors
    /// [`OpenError::Taken`] where another process (or this one) has it open.
    pub fn open_blocking(&self) -> Result<Arc<dyn OwnedShard>, OpenError> {
        let recovered = recover::recover(&self.disk, &self.layout)?;
        let first_id =
            epoch::begin(self.disk.as_ref(), &self.layout, recovered.last_id, (self.clock)())?;
        let stamp = Stamp::new(recovered.next_segment, (self.chance)());
        let segment = Segment::create(self.disk.as_ref(), &self.layout, stamp)?;
        events::opened(
            recovered.index.messages.len(),
            recovered.index.segments.len(),
            first_id.number(),
        );
        let core = Arc::new(Core {
            disk: Arc::clone(&self.disk),
            layout: self.layout.clone(),
            clock: Arc::clone(&self.clock),
            chance: Arc::clone(&self.chance),
            segment_octets: self.segment_octets,
            inbox: Inbox::default(),
            staff: Staff::start().map_err(|error| self.thread_error(error))?,
            next_id: AtomicU64::new(first_id.number()),
            index: Mutex::new(recovered.index),
            recent: Mutex::default(),
            files: Mutex::default(),
            space: Mutex::default(),
            condition: Mutex::default(),
            spares: Mutex::new(Some(Vec::new())),
            cleaning: cleaner::Gate::default(),
            doubts: Mutex::default(),
            end: watch::Sender::new(End::NotYet),
        });
        core.used(segment.number, segment.end);
        cleaner::start_if_due(&core);
        let writer = Writer::new(Arc::clone(&core), segment, self.waits, recovered.lock);
        std::thread::Builder::new()
            .name("queue-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| self.thread_error(error))?;
        Ok(Arc::new(Shard { core }))
    }

    fn thread_error(&self, source: std::io::Error) -> OpenError {
        let path = self.layout.dir.clone();
        OpenError::Disk(DiskError { operation: "start the threads of", path, source })
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("disk", &self.disk).field("dir", &self.layout.dir).finish()
    }
}

impl Spool for Embedded {
    fn guarantee(&self) -> Guarantee {
        Guarantee { copies: 1, survives: "a crash of the process, the system and the power" }
    }

    fn open(&self, _: ShardId) -> BoxFuture<'_, Result<Arc<dyn OwnedShard>, OpenError>> {
        Box::pin(async move {
            let (done, opened) = tokio::sync::oneshot::channel();
            let queue = self.clone();
            std::thread::Builder::new()
                .name("queue-open".to_owned())
                .spawn(move || drop(done.send(queue.open_blocking())))
                .map_err(|error| self.thread_error(error))?;
            opened.await.unwrap_or_else(|_| {
                Err(self.thread_error(std::io::Error::other("reading the log ended in a panic")))
            })
        })
    }
}

/// What the writer, the helpers and the callers share.
pub(crate) struct Core {
    disk: Arc<dyn Disk>,
    layout: Layout,
    clock: Clock,
    chance: Chance,
    segment_octets: u64,
    inbox: Inbox,
    staff: Staff,
    next_id: AtomicU64,
    index: Mutex<Index>,
    recent: Mutex<Recent>,
    /// Segments open for reading.
    files: Mutex<HashMap<u32, Arc<dyn DiskFile>>>,
    /// The free space when it was last asked for.
    space: Mutex<Option<(Instant, Space)>>,
    /// Whether messages are taken in, and why not.
    condition: Mutex<Condition>,
    /// Segments to be written over; `None` while the disk isn't trusted, for then new files are safer.
    spares: Mutex<Option<Vec<u32>>>,
    cleaning: cleaner::Gate,
    /// Segments that are to be read again.
    doubts: Mutex<rewrite::Doubts>,
    /// Whether the writer has ended.
    end: watch::Sender<End>,
}

/// Whether the writer has ended, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    NotYet,
    /// The queue was given up.
    Released,
    /// By a panic.
    Failed,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("disk", &self.disk).field("dir", &self.layout.dir).finish()
    }
}

/// A thread that panicked while it held one of the locks has changed nothing by halves: every change
/// under a lock is one insertion, removal or assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What whoever comes after the writer's panic is told, and the operator.
const WRITER_FAILED: &str = "its writer has ended by a fault of ours; start the agent anew";

/// Segments kept open for reading.
const FILES_MAX: usize = 64;

impl Core {
    fn index(&self) -> MutexGuard<'_, Index> {
        lock(&self.index)
    }

    fn files(&self) -> MutexGuard<'_, HashMap<u32, Arc<dyn DiskFile>>> {
        lock(&self.files)
    }

    /// Microseconds since 1970.
    fn now(&self) -> u64 {
        micros((self.clock)())
    }

    /// A segment has grown to so many octets.
    fn used(&self, segment: u32, octets: u64) {
        self.index().segments.entry(segment).or_default().octets = octets;
    }

    fn remember(&self, contents: Vec<(QueueId, Bytes)>) {
        let mut recent = lock(&self.recent);
        contents.into_iter().for_each(|(id, content)| recent.remember(id, content));
    }

    fn forget_recent(&self, id: QueueId) {
        lock(&self.recent).forget(id);
    }

    fn set_condition(&self, condition: Condition) {
        *lock(&self.condition) = condition;
    }

    fn condition(&self) -> Condition {
        lock(&self.condition).clone()
    }

    /// A segment to be written over, if there is one.
    fn take_spare(&self) -> Option<u32> {
        lock(&self.spares).as_mut().and_then(Vec::pop)
    }

    /// Why nothing is taken in, if that is so.
    fn refusing(&self) -> Option<AcceptError> {
        match &*lock(&self.condition) {
            Condition::Refusing { why } => Some(why.clone()),
            Condition::Sound | Condition::Suspect { .. } => None,
        }
    }

    /// Nothing is written any more: whoever comes is refused at once, whoever waits for the end learns of it.
    fn ended(&self, end: End) {
        let why = match end {
            End::Failed => AcceptError::Disk(WRITER_FAILED.to_owned()),
            End::Released | End::NotYet => AcceptError::Stopping,
        };
        self.set_condition(Condition::Refusing { why });
        self.end.send_replace(end);
    }

    fn new_id(&self) -> QueueId {
        QueueId::from_number(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// The content of a record in the log; `None` where it doesn't fit its checksum.
    fn read_inline(&self, id: QueueId, place: Place) -> Result<Option<Bytes>, DiskError> {
        let file = self.file(place.segment)?;
        record::read_content(file.as_ref(), place, id).map(|content| content.map(Bytes::from))
    }

    fn file(&self, segment: u32) -> Result<Arc<dyn DiskFile>, DiskError> {
        if let Some(file) = self.files().get(&segment) {
            return Ok(Arc::clone(file));
        }
        let file: Arc<dyn DiskFile> = self.disk.open_read(&self.layout.segment(segment))?.into();
        let mut files = self.files();
        if files.len() >= FILES_MAX {
            files.clear();
        }
        files.insert(segment, Arc::clone(&file));
        Ok(file)
    }
}
