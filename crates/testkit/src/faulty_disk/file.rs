//! A file: what its readers see, what the platter holds, and what lies between.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::survival::{SECTOR_OCTETS, Survival};

/// One file, whatever its names are.
#[derive(Debug, Clone)]
pub(super) struct FileNode {
    /// The page cache: what was written.
    shown: Arc<Vec<u8>>,
    /// What is there for certain after a power cut.
    platter: Arc<Vec<u8>>,
    /// What was changed since, in order; any part of it may have got to the platter.
    pending: Vec<Change>,
    sync: SyncHealth,
    /// Sectors that can't be read, by number.
    broken: BTreeSet<usize>,
    note: Note,
    pub(super) mode: u32,
    /// What stands for the time of the last change, in nanoseconds since 1970: writes, or what was set. It is kept as
    /// the content is.
    modified: u64,
}

/// What is attached to it: seen, and durably.
#[derive(Debug, Clone, Default)]
struct Note {
    shown: Option<Arc<[u8]>>,
    platter: Option<Arc<[u8]>>,
}

/// Whether syncs of a file can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SyncHealth {
    Sound,
    /// One failed: its pages count as clean now, and later syncs say yes and write nothing of them ("Can
    /// Applications Recover from fsync Failures?", USENIX ATC 2020).
    Failed,
    /// It was a sync of the whole disk that failed: the file's own next sync tells it too.
    FailedUntold,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, octets: Arc<[u8]> },
    Length(usize),
}

impl FileNode {
    /// A file with this content, durably.
    pub(super) fn durable(octets: Vec<u8>) -> Self {
        let octets = Arc::new(octets);
        Self {
            shown: Arc::clone(&octets),
            platter: octets,
            pending: Vec::new(),
            sync: SyncHealth::Sound,
            broken: BTreeSet::new(),
            note: Note::default(),
            mode: 0o600,
            modified: 0,
        }
    }

    pub(super) fn modified(&self) -> u64 {
        self.modified
    }

    pub(super) fn set_modified(&mut self, at: u64) {
        self.modified = at;
    }

    /// What is attached to it.
    pub(super) fn note(&self) -> Option<&[u8]> {
        self.note.shown.as_deref()
    }

    /// Attaches something, durably.
    pub(super) fn set_note(&mut self, note: &[u8]) {
        self.note = Note { shown: Some(note.into()), platter: Some(note.into()) };
    }

    /// Takes it away, for now.
    pub(super) fn remove_note(&mut self) {
        self.note.shown = None;
    }

    /// The sector that holds this octet can't be read from now on, not even past a power cut; written it can be.
    pub(super) fn break_sector(&mut self, octet: usize) {
        self.broken.insert(octet / SECTOR_OCTETS);
    }

    /// All of it can be read again.
    pub(super) fn mend(&mut self) {
        self.broken.clear();
    }

    /// Whether a read of these octets fails.
    pub(super) fn is_broken(&self, octets: Range<usize>) -> bool {
        let end = octets.end.min(self.shown.len());
        octets.start < end
            && self.broken.range(octets.start / SECTOR_OCTETS..end.div_ceil(SECTOR_OCTETS)).count()
                > 0
    }

    /// What a reader sees.
    pub(super) fn shown(&self) -> &[u8] {
        &self.shown
    }

    /// What a reader past the page cache sees: as that read begins, dirty pages are written; those of a
    /// failed sync are not dirty any more. The length is the one that is shown.
    pub(super) fn past_the_cache(&self) -> Arc<Vec<u8>> {
        if self.sync == SyncHealth::Sound {
            return Arc::clone(&self.shown);
        }
        let mut octets = self.survivor(&mut Survival::everything());
        octets.resize(self.shown.len(), 0);
        Arc::new(octets)
    }

    /// The page cache lets go of it: what a failed sync didn't write isn't seen any more.
    pub(super) fn evict(&mut self) {
        if self.sync != SyncHealth::Sound {
            self.shown = Arc::new(self.survivor(&mut Survival::everything()));
        }
    }

    pub(super) fn write(&mut self, offset: usize, octets: &[u8]) {
        let end = offset + octets.len();
        self.modified += 1;
        self.broken
            .retain(|sector| sector * SECTOR_OCTETS < offset || (sector + 1) * SECTOR_OCTETS > end);
        overwrite(Arc::make_mut(&mut self.shown), offset, octets);
        self.pending.push(Change::Write { offset, octets: octets.into() });
    }

    pub(super) fn truncate(&mut self, octets: usize) {
        Arc::make_mut(&mut self.shown).resize(octets, 0);
        self.pending.push(Change::Length(octets));
    }

    /// A sync that says yes; it says no once where the failure of another one wasn't told yet.
    pub(super) fn sync(&mut self) -> Synced {
        self.note.platter = self.note.shown.clone();
        match self.sync {
            SyncHealth::Sound => {
                self.platter = Arc::clone(&self.shown);
                self.pending.clear();
                Synced::Yes
            }
            SyncHealth::Failed => {
                // What was written since; what the failed sync lost stays lost.
                self.platter = Arc::new(self.survivor(&mut Survival::everything()));
                self.pending.clear();
                Synced::Yes
            }
            SyncHealth::FailedUntold => {
                self.sync = SyncHealth::Failed;
                Synced::No
            }
        }
    }

    /// A sync that fails: whatever got to the platter by now is all that ever will.
    pub(super) fn fail_sync(&mut self, got_there: &mut Survival) {
        self.platter = Arc::new(self.survivor(got_there));
        self.pending.clear();
        self.sync = SyncHealth::Failed;
    }

    /// A sync of the whole disk that fails, or succeeds.
    pub(super) fn fail_whole_sync(&mut self, got_there: &mut Survival) {
        if !self.pending.is_empty() {
            self.fail_sync(got_there);
            self.sync = SyncHealth::FailedUntold;
        }
    }

    pub(super) fn whole_sync(&mut self) {
        if self.sync == SyncHealth::Sound {
            let _ = self.sync();
        }
    }

    /// The power goes, and comes back.
    pub(super) fn lose_power(&mut self, survival: &mut Survival) {
        let (mode, modified) = (self.mode, self.modified);
        let broken = std::mem::take(&mut self.broken);
        let Note { shown, platter } = std::mem::take(&mut self.note);
        let kept = match shown == platter || survival.keeps_content() {
            true => shown,
            false => platter,
        };
        let note = Note { shown: kept.clone(), platter: kept };
        *self = Self { mode, modified, broken, note, ..Self::durable(self.survivor(survival)) };
    }

    /// What is on the platter now: each torn piece of each write for itself, and each length.
    fn survivor(&self, survival: &mut Survival) -> Vec<u8> {
        let mut octets = self.platter.as_ref().clone();
        for change in &self.pending {
            match change {
                Change::Write { offset, octets: written } => {
                    write_torn(&mut octets, *offset, written, survival);
                }
                Change::Length(length) => {
                    if survival.keeps_content() {
                        octets.resize(*length, 0);
                    }
                }
            }
        }
        octets
    }
}

/// What a sync says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Synced {
    Yes,
    No,
}

/// The length may be there without the octets: file systems write it in a journal of its own.
fn write_torn(octets: &mut Vec<u8>, offset: usize, written: &[u8], survival: &mut Survival) {
    let (end, tear) = (offset + written.len(), survival.tear_octets());
    if octets.len() < end && survival.keeps_content() {
        octets.resize(end, 0);
    }
    let mut at = offset;
    while at < end {
        let next = (at / tear + 1).saturating_mul(tear).min(end);
        if survival.keeps_content() {
            overwrite(octets, at, written.get(at - offset..next - offset).unwrap_or_default());
        }
        at = next;
    }
}

fn overwrite(octets: &mut Vec<u8>, offset: usize, written: &[u8]) {
    let end = offset + written.len();
    if octets.len() < end {
        octets.resize(end, 0);
    }
    octets.get_mut(offset..end).unwrap_or_default().copy_from_slice(written);
}
