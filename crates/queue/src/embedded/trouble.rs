//! What the writer does when the disk fails.
//!
//! - A *write* fails for lack of something (space, memory): what was written is cut off again and new
//!   messages are refused. Outcomes and edits are held, for they must not be forgotten, and are tried again
//!   every [`SHORTAGE_PAUSE`].
//! - A *sync* fails, or a write for any other reason: nobody knows what the disk holds of this group, and syncing
//!   the same file again would report success without having written anything. So the segment is given
//!   up, and writing goes on in a new file once a header has been synced there. The group's new messages are
//!   cancelled there and refused (451), its outcomes are written there, and so are those that stood in the
//!   failed segment's last pages, which may have gone with them. Then the messages that stand in the failed
//!   segment are read again past the page cache and written anew (`rewrite.rs`).
//! - It fails again before [`TRUST_AFTER`] is over: intake stops. New messages of this group are in doubt,
//!   outcomes are held. Every [`RESUME_EVERY`] a new segment is begun with a synced header, and where that works,
//!   what was held is written there (cancellations of what is in doubt first), and all goes on.
//!
//! While anything is held, messages are refused at once; whoever waits for an outcome goes on waiting.

use std::time::Instant;

use postroad_disk::DiskError;

use super::codec::Record;
use super::group::Group;
use super::inbox::Pending;
use super::index::{Fate, Place};
use super::limits::{RESUME_EVERY, SHORTAGE_PAUSE, TRUST_AFTER};
use super::segment::AppendError;
use super::writer::{Tail, Writer};
use super::{events, lock, rewrite};
use crate::spool::{AcceptError, Condition};

/// What is left of our trust in the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// No sync has failed lately.
    Sound,
    /// One has, at this time; the next one that fails stops intake.
    Shaken(Instant),
}

/// Nothing is written for a while.
#[derive(Debug)]
pub(crate) struct Pause {
    /// When to try again.
    pub(crate) until: Instant,
    /// What new messages are told.
    why: AcceptError,
    segment: Ending,
}

/// What has become of the segment in which writing stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// All in it is known: writing can go on there.
    Known,
    /// It was given up.
    Lost,
}

impl Pause {
    fn new(segment: Ending, why: AcceptError) -> Self {
        let pause = match segment {
            Ending::Known => SHORTAGE_PAUSE,
            Ending::Lost => RESUME_EVERY,
        };
        Self { until: Instant::now() + pause, why, segment }
    }
}

impl Writer {
    /// Nothing of the group is in the log.
    pub(crate) fn not_written(&mut self, mut group: Group, error: DiskError) {
        let why = events::refused(&error);
        group.refuse_messages(&why);
        group.drop_moves();
        if group.is_empty() {
            return;
        }
        if error.is_shortage() {
            events::outcomes_wait(&error);
            return self.hold(group, Ending::Known, why);
        }
        self.abandon(group, error);
    }

    /// Nobody knows what the disk holds of the group, or the segment can't be written to: it is given up.
    pub(crate) fn abandon(&mut self, mut group: Group, error: DiskError) {
        events::segment_abandoned(self.segment.number, &error);
        self.distrusted.push(self.segment.number);
        self.core.index().segments.entry(self.segment.number).or_default().fate = Fate::Removed;
        // New files are safer now than those that are written over.
        *lock(&self.core.spares) = None;
        group.cancel_messages();
        group.put_first(std::mem::take(&mut self.tail).into_iter().flat_map(notes_of).collect());
        let trust = std::mem::replace(&mut self.trust, Trust::Shaken(Instant::now()));
        let again = match trust {
            Trust::Shaken(at) if at.elapsed() < TRUST_AFTER => Err(error),
            Trust::Sound | Trust::Shaken(_) => {
                self.write_anew(&group).map(|places| (places, error))
            }
        };
        match again {
            Ok((places, error)) => {
                let why = events::refused(&error);
                // Before anybody is told.
                self.core.set_condition(Condition::Suspect { why: why.to_string() });
                self.stored(&mut group, &places);
                group.refuse_messages(&why);
                self.read_again();
            }
            Err(error) => {
                events::stopped(&error);
                let why = events::refused(&error);
                // Before anybody is told: whoever is must find intake stopped.
                self.core.set_condition(Condition::Refusing { why: why.clone() });
                group.doubt_messages();
                self.hold(group, Ending::Lost, why);
            }
        }
    }

    /// Begins a new segment and writes the group there.
    fn write_anew(&mut self, group: &Group) -> Result<Vec<Place>, DiskError> {
        self.next_segment()?;
        self.append(&group.lines()).map_err(|error| {
            self.discard_segment();
            match error {
                AppendError::Nothing(error) | AppendError::Unknown(error) => error,
            }
        })
    }

    /// Nobody was told anything that stands in this segment. A start that finds it nevertheless learns nothing
    /// wrong from it.
    fn discard_segment(&self) {
        let number = self.segment.number;
        let _ = self.core.disk.remove(&self.core.layout.segment(number));
        self.core.index().segments.remove(&number);
    }

    /// Keeps what has to be written for a better time.
    fn hold(&mut self, mut group: Group, segment: Ending, why: AcceptError) {
        group.drop_moves();
        self.held = group;
        self.core.set_condition(Condition::Refusing { why: why.clone() });
        self.pause = Some(Pause::new(segment, why));
    }

    /// Takes what has come while nothing can be written, and tries again when it is time.
    pub(crate) fn while_paused(&mut self, mut group: Group) {
        let Some(pause) = &self.pause else { return };
        // Their senders have other things to do than to wait with the outcomes.
        group.refuse_messages(&pause.why);
        group.drop_moves();
        let is_due = Instant::now() >= pause.until;
        self.held.join(group);
        if is_due {
            self.resume();
        }
    }

    /// Tries to write what is held, in a new segment where the last one was given up.
    fn resume(&mut self) {
        let Some(pause) = self.pause.take() else { return };
        let mut group = std::mem::take(&mut self.held);
        let written = match pause.segment {
            Ending::Known => self.append(&group.lines()),
            Ending::Lost => self.write_anew(&group).map_err(AppendError::Unknown),
        };
        match (written, pause.segment) {
            (Ok(places), _) => {
                self.stored(&mut group, &places);
                self.go_on(pause.segment, &pause.why);
            }
            (Err(AppendError::Nothing(error)), Ending::Known) if error.is_shortage() => {
                self.hold(group, Ending::Known, pause.why);
            }
            (Err(AppendError::Nothing(error) | AppendError::Unknown(error)), Ending::Known) => {
                self.abandon(group, error);
            }
            // The operator knows already.
            (Err(_), Ending::Lost) => self.hold(group, Ending::Lost, pause.why),
        }
    }

    fn go_on(&mut self, segment: Ending, why: &AcceptError) {
        events::resumed();
        let condition = match (segment, self.trust) {
            (Ending::Known, Trust::Sound) => Condition::Sound,
            (Ending::Known, Trust::Shaken(_)) | (Ending::Lost, _) => {
                Condition::Suspect { why: why.to_string() }
            }
        };
        if segment == Ending::Lost {
            self.trust = Trust::Shaken(Instant::now());
        }
        self.core.set_condition(condition);
        self.read_again();
    }

    /// Has what stands in the segments that were given up read again and written anew.
    fn read_again(&mut self) {
        rewrite::read_again(&self.core, std::mem::take(&mut self.distrusted));
    }

    /// The queue is being closed: what is held is tried once more.
    pub(crate) fn last_try(&mut self) {
        self.resume();
    }

    /// Trust comes back when all has gone well for long enough.
    pub(crate) fn regain_trust(&mut self) {
        if let Trust::Shaken(at) = self.trust
            && self.pause.is_none()
            && at.elapsed() >= TRUST_AFTER
        {
            self.trust = Trust::Sound;
            *lock(&self.core.spares) = Some(Vec::new());
            self.core.set_condition(Condition::Sound);
        }
    }
}

/// The notes of a group that was written to a segment that can't be trusted, to be written once more. They say
/// what the index knows, in the order in which it learnt it: to do them again changes nothing.
fn notes_of(tail: Tail) -> impl Iterator<Item = Pending> {
    tail.notes
        .into_iter()
        .filter_map(|(kind, meta)| Record::decode(kind, &meta).ok())
        .map(Pending::bare)
}
