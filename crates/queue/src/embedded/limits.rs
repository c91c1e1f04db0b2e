//! The embedded engine's limits: unit, and reason. None of them is a promise of the file format.

use std::time::Duration;

/// Octets of content that go into the log with their envelope; what is longer gets a file of its own,
/// so that it neither holds up the small ones nor is copied when the log is cleaned.
pub const INLINE_OCTETS_MAX: u64 = 1024 * 1024;
/// Octets after which a segment is closed and the next one begun: large enough to make that rare,
/// small enough that space comes back (and segments are written over) in good time.
pub(crate) const SEGMENT_OCTETS: u64 = 16 * 1024 * 1024;
/// Segments kept to be written over. Writing over what is there spares the file system's journal an
/// entry at every sync; more than a few are never needed, for the log is short when mail flows.
pub(crate) const SPARES_MAX: usize = 4;
/// Octets in one group commit; more waits for the next one, so that no sync takes very long.
pub(crate) const GROUP_OCTETS_MAX: u64 = 8 * 1024 * 1024;
/// How long outcomes wait for a message to share its sync with, while messages come in: a few times the
/// gap between two messages of one busy client. A crash meanwhile repeats what it would repeat anyway, one
/// letter a connection.
pub(crate) const OUTCOMES_WAIT: Duration = Duration::from_millis(5);
/// Messages that came longer ago than this say nothing of what comes next.
pub(crate) const TRAFFIC_AGE_MAX: Duration = Duration::from_millis(10);
/// How long a group waits for its next member: about as long as a fast device takes for a sync, so that
/// waiting in vain costs little more than coming a moment too late would have.
pub(crate) const GATHER_STEP: Duration = Duration::from_micros(250);
/// How many times the gap between the last group's members it waits, where that is longer: by then the next one
/// has come, nearly always, or none comes.
pub(crate) const GATHER_GAPS: u32 = 2;
/// How long a group gathers in all: no client notices, and at a few thousand messages a second it is
/// enough for ten of them to share a sync.
pub(crate) const GATHER_MAX: Duration = Duration::from_millis(4);
/// Messages (or outcomes, where they are alone) in a group for which no more are waited: a tenth of a sync each
/// is next to nothing, and with twenty clients the others go on meanwhile.
pub(crate) const GATHER_ENOUGH: usize = 10;
/// Octets in a group for which the same holds: writing them takes longer than the sync itself.
pub(crate) const GATHER_OCTETS_ENOUGH: u64 = 1024 * 1024;
/// How long outcomes wait for space, memory or file descriptors before they are tried again.
pub(crate) const SHORTAGE_PAUSE: Duration = Duration::from_millis(500);
/// How long after a disk failure a new segment is tried, and cleaning goes on: often enough that mail flows
/// within seconds of the repair, seldom enough not to hammer a disk that is dying.
pub(crate) const RESUME_EVERY: Duration = Duration::from_millis(1500);
/// How long all has to go well after a failed sync before the next one counts as the first again.
pub(crate) const TRUST_AFTER: Duration = Duration::from_secs(5 * 60);
/// How long after a segment couldn't be begun the next is tried.
pub(crate) const BEGIN_EVERY: Duration = Duration::from_secs(1);
/// Octets to which a segment grows while no other can be begun; offsets are 32 bits wide.
pub(crate) const SEGMENT_OCTETS_HARD: u64 = 1024 * 1024 * 1024;
/// Octets at a segment's end that a failed sync may take along though they were durable: a few of the pages
/// that the failed write shared.
pub(crate) const TAIL_OCTETS: u64 = 64 * 1024;
/// Octets of envelope and states in one record: some 20,000 recipients with the longest address, ORCPT
/// and last reply that there are. What wouldn't fit later, with every reply, is refused at once.
pub(crate) const META_OCTETS_MAX: usize = 32 * 1024 * 1024;
/// Octets of a next hop's reply that are kept for the operator and for the bounce.
pub(crate) const REPLY_OCTETS_MAX: usize = 1_024;
/// Octets of one recipient's state, its number and last reply included.
pub(crate) const STATE_OCTETS_MAX: usize = REPLY_OCTETS_MAX + 64;
/// Octets of a recipient's longest address and of its parameters.
const RECIPIENT_OCTETS_MAX: usize = 560;
const _: () = assert!(
    crate::spool::RECIPIENTS_MAX * (STATE_OCTETS_MAX + RECIPIENT_OCTETS_MAX) <= META_OCTETS_MAX
);
/// Octets of a large message gathered before they are written.
pub(crate) const LARGE_WRITE_OCTETS: usize = 1024 * 1024;
/// Octets of just accepted content kept in memory, so that a letter delivered at once isn't read back.
pub(crate) const RECENT_OCTETS_MAX: u64 = 64 * 1024 * 1024;
/// Octets that intake leaves free for outcomes, bounces and cleaning.
pub(crate) const RESERVE_OCTETS: u64 = 2 * SEGMENT_OCTETS;
/// Files that intake leaves free for the same.
pub(crate) const RESERVE_INODES: u64 = 64;
/// How old the known free space may be.
pub(crate) const SPACE_AGE_MAX: Duration = Duration::from_secs(1);
/// Messages that are looked at under one lock in a walk through the queue.
pub(crate) const WALK_STEP: usize = 256;
/// Messages that an operator's edit changes at once: mail that comes meanwhile waits for no more than these.
pub(crate) const EDIT_STEP: usize = 1024;
/// Threads that write large messages: enough to keep a device busy.
pub(crate) const LARGE_THREADS: usize = 4;
/// Threads that read what isn't in memory any more: the same.
pub(crate) const READER_THREADS: usize = 4;
/// Threads that clean (one does) and read again what a failed sync has left (one does): each may wait for long.
pub(crate) const UPKEEP_THREADS: usize = 2;
/// The log is cleaned where it is more than this many times as long as what is alive in it …
pub(crate) const LOG_PER_LIVE_MAX: u64 = 2;
/// … and longer than this many segments, …
pub(crate) const LOG_SEGMENTS_FREE: u64 = 4;
/// … or where it has more segments than this that would all fit into one: each start begins a segment, and a
/// user agent opens its outbox for every letter.
pub(crate) const SHORT_SEGMENTS_MAX: usize = 16;
/// Octets that cleaning moves between two looks at what else waits.
pub(crate) const MOVE_OCTETS: u64 = 1024 * 1024;
