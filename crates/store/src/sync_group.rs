//! Letters that wait for the same file system at the same time, and share its syncs.
//!
//! A sync costs the disk about the same for one letter as for a hundred. So whoever comes first leads: takes
//! the letters that wait, syncs their files, renames them into new/, syncs the directories, tells everybody,
//! and looks again. Whoever comes meanwhile leaves the letter and goes, or leads too where leading apart is
//! cheaper (`pace.rs`). Nobody waits for company.
//!
//! Order within a round, and why nothing is lost or half there:
//! 1. every file is synced (one by one, or all by one sync of the file system);
//! 2. only then are they renamed into new/: whatever a crash keeps of new/, it leads to whole letters;
//! 3. each new/ is synced, or the file system once;
//! 4. only then is anybody told.
//!
//! A failed sync of a file fails that letter alone; a failed sync of a directory or of the file system fails
//! all letters that it was for: they are taken back and come again. The failed write may have been another
//! letter's, written by then and not yet in a round, and the file system tells it once: so from then on each
//! file is asked for itself, which tells it again, until this group's last letter is gone.
//!
//! Invariant: where the file system is synced as a whole, there is one leader.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use postroad_disk::{DiskError, Volume};

use crate::draft::{Done, Filed};
use crate::error::same_for_all;
use crate::file_draft::FileDraft;
use crate::pace::{CROWD_MIN, Pace, Way, WholeSync};

/// The letters for one file system.
#[derive(Debug)]
pub(crate) struct SyncGroup {
    /// Open since before the first of them was written, so that no failed write goes unreported.
    volume: Option<Box<dyn Volume>>,
    waiting: Mutex<Waiting>,
    last_pace: LastPace,
}

/// What groups of a file system leave to those that come after them: where a few sessions send letter after letter, a
/// group mostly ends with each round, and would never learn.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastPace(Arc<Mutex<Option<Pace>>>);

struct Waiting {
    letters: Vec<(FileDraft, Done)>,
    leaders: usize,
    pace: Pace,
    /// When the last round was over, or the first leader came.
    since: Instant,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { letters, leaders, pace, since: _ } = self;
        write!(f, "{} letters, {leaders} leaders, {pace:?}", letters.len())
    }
}

/// Letters that are settled at once.
struct Round {
    letters: Vec<(FileDraft, Done)>,
    way: Way,
}

impl SyncGroup {
    pub(crate) fn new(volume: Option<Box<dyn Volume>>, last_pace: &LastPace) -> Self {
        let whole_sync = match volume {
            Some(_) => WholeSync::Possible,
            None => WholeSync::Impossible,
        };
        // A whole sync that failed was one of another group's letters: it says nothing of ours.
        let last = lock(&last_pace.0).filter(|last| last.whole_sync() == whole_sync);
        let pace = last.unwrap_or_else(|| Pace::new(whole_sync));
        let waiting = Waiting { letters: Vec::new(), leaders: 0, pace, since: Instant::now() };
        let waiting = Mutex::new(waiting);
        Self { volume, waiting, last_pace: last_pace.clone() }
    }

    /// Delivers a letter that is all written: leads, or leaves it to whoever leads.
    pub(crate) fn deliver(self: Arc<Self>, draft: FileDraft, done: Done) {
        {
            let mut waiting = lock(&self.waiting);
            waiting.letters.push((draft, done));
            if waiting.leaders >= waiting.pace.leaders_max() {
                return;
            }
            if waiting.leaders == 0 {
                waiting.since = Instant::now();
            }
            waiting.leaders += 1;
        }
        let leadership = Leadership { group: &self };
        while let Some(round) = leadership.next_round() {
            let (way, count) = (round.way, round.letters.len());
            self.settle(round);
            let mut waiting = lock(&self.waiting);
            let (leaders, now) = (waiting.leaders, Instant::now());
            let busy = now - std::mem::replace(&mut waiting.since, now);
            waiting.pace.took(way, count, leaders, busy);
        }
    }

    /// Syncs, shows and tells.
    fn settle(&self, Round { letters, way }: Round) {
        let began = Instant::now();
        let (mut drafts, tell): (Vec<FileDraft>, Vec<Done>) = letters.into_iter().unzip();
        let shown: Vec<Result<PathBuf, DiskError>> = self
            .sync_files(way, &mut drafts)
            .into_iter()
            .zip(&mut drafts)
            .map(|(synced, draft)| synced.and_then(|()| draft.show()))
            .collect();
        let directories = self.sync_directories(way, &drafts, &shown);
        let sync = began.elapsed();
        for (((draft, done), path), synced) in drafts.iter().zip(tell).zip(shown).zip(directories) {
            done(match (path, synced) {
                (Ok(path), Ok(())) => {
                    Ok(Filed { path, octets: draft.octets(), sync, appended: None })
                }
                (Ok(path), Err(error)) => {
                    draft.take_back(&path);
                    Err(error.into())
                }
                (Err(error), _) => Err(error.into()),
            });
        }
    }

    /// Makes the files durable, one result each.
    fn sync_files(&self, way: Way, drafts: &mut [FileDraft]) -> Vec<Result<(), DiskError>> {
        if let Some(results) = self.sync_whole(way, drafts.len()) {
            return results;
        }
        // All are on their way before the first is waited for: one commit of the journal may do for many.
        if drafts.len() > 1 {
            drafts.iter_mut().for_each(FileDraft::start_sync);
        }
        drafts.iter_mut().map(FileDraft::sync).collect()
    }

    /// Makes the new names durable: one result for each letter, that of its directory.
    fn sync_directories(
        &self,
        way: Way,
        drafts: &[FileDraft],
        shown: &[Result<PathBuf, DiskError>],
    ) -> Vec<Result<(), DiskError>> {
        let of_letter: Vec<PathBuf> = drafts.iter().map(FileDraft::target_dir).collect();
        let mut directories: Vec<(&Path, &FileDraft)> = of_letter
            .iter()
            .zip(drafts)
            .zip(shown)
            .filter(|(_, shown)| shown.is_ok())
            .map(|((directory, draft), _)| (directory.as_path(), draft))
            .collect();
        directories.sort_unstable_by_key(|(directory, _)| *directory);
        directories.dedup_by_key(|(directory, _)| *directory);
        let results = self.sync_whole(way, directories.len()).unwrap_or_else(|| {
            directories.iter().map(|(directory, draft)| draft.sync_dir(directory)).collect()
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

    /// Syncs the whole file system in place of `count` single syncs, where that is wanted and possible.
    fn sync_whole(&self, way: Way, count: usize) -> Option<Vec<Result<(), DiskError>>> {
        let volume = self.volume.as_ref().filter(|_| way == Way::Together && count >= CROWD_MIN)?;
        let result = volume.sync();
        if result.is_err() {
            lock(&self.waiting).pace.distrust_whole_sync();
        }
        Some((0..count).map(|_| result.as_ref().copied().map_err(same_for_all)).collect())
    }
}

impl Drop for SyncGroup {
    fn drop(&mut self) {
        *lock(&self.last_pace.0) = Some(lock(&self.waiting).pace);
    }
}

/// The right to lead; given back after a panic too.
struct Leadership<'a> {
    group: &'a SyncGroup,
}

impl Leadership<'_> {
    /// Who is settled now; `None` where nobody waits, or others lead already.
    fn next_round(&self) -> Option<Round> {
        let mut waiting = lock(&self.group.waiting);
        let too_many = waiting.leaders > waiting.pace.leaders_max();
        if waiting.letters.is_empty() || too_many {
            // In the same moment: whoever comes next leads, or leaves the letter to somebody who is there.
            waiting.leaders -= 1;
            return None;
        }
        let (count, way) = waiting.pace.round(waiting.letters.len());
        let rest = waiting.letters.split_off(count);
        Some(Round { letters: std::mem::replace(&mut waiting.letters, rest), way })
    }
}
impl Drop for Leadership<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        // Whoever came meanwhile counts on a leader that is no more. Where there is no other, their letters
        // aren't stored, and they learn it by `done` being dropped.
        let abandoned = {
            let mut waiting = lock(&self.group.waiting);
            waiting.leaders = waiting.leaders.saturating_sub(1);
            match waiting.leaders {
                0 => std::mem::take(&mut waiting.letters),
                _ => Vec::new(),
            }
        };
        drop(abandoned);
    }
}

/// Nothing in here is left half changed by a panic: the next one may go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[derive(Debug)]
    struct Whole;

    impl Volume for Whole {
        fn sync(&self) -> Result<(), DiskError> {
            Ok(())
        }
    }

    #[test]
    fn what_a_group_has_learnt_outlives_it() {
        let last = LastPace::default();
        let group = || SyncGroup::new(Some(Box::new(Whole)), &last);
        let pace = |group: &SyncGroup| format!("{:?}", lock(&group.waiting).pace);
        let first = group();
        lock(&first.waiting).pace.took(Way::Together, 20, 1, Duration::from_millis(7));
        let learnt = pace(&first);
        drop(first);
        assert_eq!(pace(&group()), learnt);

        // That its whole sync has failed is forgotten with its last letter.
        let failed = group();
        lock(&failed.waiting).pace.distrust_whole_sync();
        drop(failed);
        assert_eq!(pace(&group()), format!("{:?}", Pace::new(WholeSync::Possible)));
    }
}
