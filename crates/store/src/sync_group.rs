//! Letters that wait for the same file system at the same time, and share its syncs.
//!
//! A sync costs the disk about the same for one letter as for a hundred. So whoever comes first leads: takes
//! all letters that wait, syncs their files, renames them into new/, syncs the directories, tells everybody,
//! and looks again. Whoever comes meanwhile leaves the letter and goes. Nobody waits for company.
//!
//! Order within a group, and why nothing is lost or half there:
//! 1. every file is synced (one by one, or all by one sync of the file system);
//! 2. only then are they renamed into new/: whatever a crash keeps of new/, it leads to whole letters;
//! 3. each new/ is synced, or the file system once;
//! 4. only then is anybody told.
//!
//! A failed sync of a file fails that letter alone; a failed sync of a directory or of the file system fails
//! all letters that it was for: they are taken back and come again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use postroad_disk::{DiskError, Volume};

use crate::draft::{Done, Draft, Filed};
use crate::error::same_for_all;

/// Letters that one round takes at most: as many files are open at once.
const ROUND_MAX: usize = 256;
/// Syncs that are replaced by one of the whole file system, at least.
const WHOLE_MIN: u32 = 4;
/// Rounds after which a whole sync that was too dear is tried again.
const WHOLE_RETRY_ROUNDS: u32 = 64;

/// The letters for one file system.
#[derive(Debug)]
pub(crate) struct SyncGroup {
    /// Open since before the first of them was written, so that no failed write goes unreported.
    volume: Option<Box<dyn Volume>>,
    waiting: Mutex<Waiting>,
    pace: Mutex<Pace>,
}

#[derive(Default)]
struct Waiting {
    letters: Vec<(Draft, Done)>,
    leader: Leader,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Leader {
    #[default]
    Nobody,
    Somebody,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} letters, led by {:?}", self.letters.len(), self.leader)
    }
}

impl SyncGroup {
    pub(crate) fn new(volume: Option<Box<dyn Volume>>) -> Self {
        Self { volume, waiting: Mutex::default(), pace: Mutex::default() }
    }

    /// Delivers a letter that is all written: leads, or leaves it to whoever leads.
    pub(crate) fn deliver(self: Arc<Self>, draft: Draft, done: Done) {
        {
            let mut waiting = lock(&self.waiting);
            waiting.letters.push((draft, done));
            if waiting.leader == Leader::Somebody {
                return;
            }
            waiting.leader = Leader::Somebody;
        }
        let leadership = Leadership { group: &self };
        while let Some(letters) = leadership.next_round() {
            self.settle(letters);
        }
    }

    /// One round.
    fn settle(&self, letters: Vec<(Draft, Done)>) {
        let began = Instant::now();
        let (mut drafts, tell): (Vec<Draft>, Vec<Done>) = letters.into_iter().unzip();
        let shown: Vec<Result<PathBuf, DiskError>> = self
            .sync_files(&mut drafts)
            .into_iter()
            .zip(&mut drafts)
            .map(|(synced, draft)| synced.and_then(|()| draft.show()))
            .collect();
        let directories = self.sync_directories(&drafts, &shown);
        let sync = began.elapsed();
        for (((draft, done), path), synced) in drafts.iter().zip(tell).zip(shown).zip(directories) {
            done(match (path, synced) {
                (Ok(path), Ok(())) => Ok(Filed { path, octets: draft.octets(), sync }),
                (Ok(path), Err(error)) => {
                    draft.take_back(&path);
                    Err(error.into())
                }
                (Err(error), _) => Err(error.into()),
            });
        }
    }

    /// Makes the files durable, one result each.
    fn sync_files(&self, drafts: &mut [Draft]) -> Vec<Result<(), DiskError>> {
        if let Some(results) = self.sync_whole(drafts.len()) {
            return results;
        }
        // All are on their way before the first is waited for: one commit of the journal may do for many.
        if drafts.len() > 1 {
            drafts.iter_mut().for_each(Draft::start_sync);
        }
        self.timed_each(drafts.iter_mut().map(Draft::sync))
    }

    /// Makes the new names durable: one result for each letter, that of its directory.
    fn sync_directories(
        &self,
        drafts: &[Draft],
        shown: &[Result<PathBuf, DiskError>],
    ) -> Vec<Result<(), DiskError>> {
        let of_letter: Vec<PathBuf> = drafts.iter().map(Draft::new_dir).collect();
        let mut directories: Vec<(&Path, &Draft)> = of_letter
            .iter()
            .zip(drafts)
            .zip(shown)
            .filter(|(_, shown)| shown.is_ok())
            .map(|((directory, draft), _)| (directory.as_path(), draft))
            .collect();
        directories.sort_unstable_by_key(|(directory, _)| *directory);
        directories.dedup_by_key(|(directory, _)| *directory);
        let results = self.sync_whole(directories.len()).unwrap_or_else(|| {
            self.timed_each(directories.iter().map(|(directory, draft)| draft.sync_dir(directory)))
        });
        let result_of = |directory: &PathBuf| {
            let index = directories.binary_search_by_key(&directory.as_path(), |(path, _)| *path);
            match index.ok().and_then(|index| results.get(index)) {
                Some(Err(error)) => Err(same_for_all(error)),
                // Not among them: no letter was shown there, and its own error is told.
                Some(Ok(())) | None => Ok(()),
            }
        };
        of_letter.iter().map(result_of).collect()
    }

    /// Syncs the whole file system in place of `count` single syncs, where that is possible and cheaper.
    fn sync_whole(&self, count: usize) -> Option<Vec<Result<(), DiskError>>> {
        let volume = self.volume.as_ref()?;
        if lock(&self.pace).plan(count) == Plan::OneByOne {
            return None;
        }
        let began = Instant::now();
        let result = volume.sync();
        lock(&self.pace).whole_took(began.elapsed());
        Some(match result {
            Ok(()) => (0..count).map(|_| Ok(())).collect(),
            Err(error) => (0..count).map(|_| Err(same_for_all(&error))).collect(),
        })
    }

    /// Runs single syncs and remembers what they cost.
    fn timed_each(
        &self,
        syncs: impl ExactSizeIterator<Item = Result<(), DiskError>>,
    ) -> Vec<Result<(), DiskError>> {
        let count = u32::try_from(syncs.len()).unwrap_or(u32::MAX);
        let began = Instant::now();
        let results = syncs.collect();
        lock(&self.pace).single_took(began.elapsed() / count.max(1));
        results
    }
}

/// The right to lead; given back however the round ends.
struct Leadership<'a> {
    group: &'a SyncGroup,
}

impl Leadership<'_> {
    /// Who waits now; `None` where nobody does, and then nobody leads any more.
    fn next_round(&self) -> Option<Vec<(Draft, Done)>> {
        let mut waiting = lock(&self.group.waiting);
        if waiting.letters.is_empty() {
            waiting.leader = Leader::Nobody;
            return None;
        }
        let count = waiting.letters.len().min(ROUND_MAX);
        let rest = waiting.letters.split_off(count);
        Some(std::mem::replace(&mut waiting.letters, rest))
    }
}

impl Drop for Leadership<'_> {
    fn drop(&mut self) {
        // After a panic in a round: whoever came meanwhile counts on a leader that is no more. Their
        // letters aren't stored, and they learn it by `done` being dropped.
        if std::thread::panicking() {
            let abandoned = {
                let mut waiting = lock(&self.group.waiting);
                waiting.leader = Leader::Nobody;
                std::mem::take(&mut waiting.letters)
            };
            drop(abandoned);
        }
    }
}

/// How to sync a number of files or directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    OneByOne,
    Whole,
}

/// What syncs cost here lately. A sync of the whole file system also writes what others have left unwritten
/// there, which may be nothing or gigabytes: only trying tells.
#[derive(Debug, Default)]
struct Pace {
    /// One file or directory, a moving average.
    single: Duration,
    /// The whole file system, the last time.
    whole: Duration,
    /// Rounds that could have been whole and were not.
    avoided: u32,
}

impl Pace {
    fn plan(&mut self, count: usize) -> Plan {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if count < WHOLE_MIN {
            return Plan::OneByOne;
        }
        let dear = self.whole > self.single.saturating_mul(count) && !self.single.is_zero();
        if dear && self.avoided < WHOLE_RETRY_ROUNDS {
            self.avoided += 1;
            return Plan::OneByOne;
        }
        self.avoided = 0;
        Plan::Whole
    }

    fn single_took(&mut self, took: Duration) {
        self.single = if self.single.is_zero() { took } else { (self.single * 7 + took) / 8 };
    }

    fn whole_took(&mut self, took: Duration) {
        self.whole = took;
    }
}

/// Nothing in here is left half changed by a panic: the next one may go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_sync_is_taken_while_it_pays() {
        let millis = Duration::from_millis;
        let mut pace = Pace::default();
        assert_eq!(pace.plan(WHOLE_MIN as usize - 1), Plan::OneByOne);
        assert_eq!(pace.plan(WHOLE_MIN as usize), Plan::Whole);
        pace.single_took(millis(1));
        pace.whole_took(millis(10));
        assert_eq!(pace.plan(9), Plan::OneByOne);
        assert_eq!(pace.plan(10), Plan::Whole);
        pace.whole_took(millis(1_000));
        let tries = (0..).take_while(|_| pace.plan(10) == Plan::OneByOne).count();
        assert_eq!(tries, WHOLE_RETRY_ROUNDS as usize);
    }
}
