//! Which way of syncing is the cheaper one here and now: only trying tells.
//!
//! Together, one leader syncs the whole file system for all letters that wait: little work, but it also writes what
//! others left unwritten there, which may be nothing or gigabytes. Apart, several leaders sync file by file at the
//! same time, and the kernel lets them share commits of its journal: more work, but nobody else's.
//!
//! What each costs is measured in time per letter while letters crowd, by all that were settled in that time: how long
//! one round took says little where several go on at once. Where letters don't crowd, both ways are the same. The other
//! way is tried now and then, the more seldom the more often it lost.

use std::time::Duration;

/// Letters that make a crowd: fewer are synced file by file in any case.
pub(crate) const CROWD_MIN: usize = 4;
/// Leaders at the same time where letters are synced apart. More than this gain nothing (measured on ext4).
const LEADERS_APART: usize = 16;
/// Letters that one round takes at most: as many files are open at once.
const ROUND_MAX: usize = 256;
/// Letters of a trial, at least: so many that each of the leaders has had a few.
const TRIAL_LETTERS: usize = 64;
/// Letters that a cost is taken from; of older ones half counts.
const MEASURED_LETTERS: usize = 1_024;
/// Letters before the first trial: few, since others may be writing gigabytes.
const FIRST_LETTERS: usize = 64;
/// Letters from one trial to the next: as many at first, and at most.
const STEADY_LETTERS: usize = 1_024;
const STEADY_LETTERS_MAX: usize = 64 * STEADY_LETTERS;

/// A way of syncing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Together,
    Apart,
}

/// Whether the file system can be synced as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WholeSync {
    Possible,
    Impossible,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    way: Way,
    phase: Phase,
    whole_sync: WholeSync,
    /// Time per letter; none before the first crowd.
    together: Option<Duration>,
    apart: Option<Duration>,
    /// What was measured in this phase.
    letters: usize,
    time: Duration,
    /// Letters of crowds until the phase ends.
    left: usize,
    /// How long the next steady phase is.
    steady: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Steady,
    Trial,
}

impl Pace {
    pub(crate) fn new(whole_sync: WholeSync) -> Self {
        let way = match whole_sync {
            WholeSync::Possible => Way::Together,
            WholeSync::Impossible => Way::Apart,
        };
        Self {
            way,
            phase: Phase::Steady,
            whole_sync,
            together: None,
            apart: None,
            letters: 0,
            time: Duration::ZERO,
            left: FIRST_LETTERS,
            steady: STEADY_LETTERS,
        }
    }

    /// Whether it counts on the file system being synced as a whole.
    pub(crate) fn whole_sync(&self) -> WholeSync {
        self.whole_sync
    }

    /// How many may lead at the same time.
    pub(crate) fn leaders_max(&self) -> usize {
        match self.way {
            Way::Together => 1,
            Way::Apart => LEADERS_APART,
        }
    }

    /// How many of the letters that wait one round takes, and how it syncs them.
    pub(crate) fn round(&self, waiting: usize) -> (usize, Way) {
        match self.way {
            Way::Together if waiting >= CROWD_MIN => (waiting.min(ROUND_MAX), Way::Together),
            Way::Together => (waiting, Way::Apart),
            Way::Apart => (waiting.div_ceil(LEADERS_APART).min(ROUND_MAX), Way::Apart),
        }
    }

    /// The whole sync has failed: it has told what it knows and is never believed again.
    pub(crate) fn distrust_whole_sync(&mut self) {
        self.whole_sync = WholeSync::Impossible;
        self.way = Way::Apart;
    }

    /// A round is over, with so many leaders at work; `busy` is the time since the last one was over.
    pub(crate) fn took(&mut self, way: Way, letters: usize, leaders: usize, busy: Duration) {
        let at_once = letters.saturating_mul(leaders);
        // A round that began before the way changed tells nothing of either.
        if way != self.way || at_once < CROWD_MIN || self.whole_sync == WholeSync::Impossible {
            return;
        }
        if self.letters > MEASURED_LETTERS {
            (self.letters, self.time) = (self.letters / 2, self.time / 2);
        }
        self.letters += letters;
        self.time += busy;
        self.left = self.left.saturating_sub(letters);
        if self.left == 0 {
            let cost = self.time / u32::try_from(self.letters).unwrap_or(u32::MAX);
            match way {
                Way::Together => self.together = Some(cost),
                Way::Apart => self.apart = Some(cost),
            }
            (self.letters, self.time) = (0, Duration::ZERO);
            self.next_phase();
        }
    }

    fn next_phase(&mut self) {
        match self.phase {
            Phase::Steady => {
                self.way = match self.way {
                    Way::Together => Way::Apart,
                    Way::Apart => Way::Together,
                };
                (self.phase, self.left) = (Phase::Trial, TRIAL_LETTERS);
            }
            Phase::Trial => {
                let cheaper = match self.together <= self.apart {
                    true => Way::Together,
                    false => Way::Apart,
                };
                self.steady = match cheaper == self.way {
                    true => STEADY_LETTERS,
                    false => (self.steady * 2).min(STEADY_LETTERS_MAX),
                };
                (self.way, self.phase, self.left) = (cheaper, Phase::Steady, self.steady);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays crowds of twenty on a disk where a letter costs this much; gives the letters that went each way.
    fn play(pace: &mut Pace, letters: usize, together: u64, apart: u64) -> (usize, usize) {
        let (mut went_together, mut went_apart) = (0, 0);
        while went_together + went_apart < letters {
            let (taken, way) = pace.round(20);
            let (leaders, cost, went) = match way {
                Way::Together => (1, together, &mut went_together),
                Way::Apart => (pace.leaders_max(), apart, &mut went_apart),
            };
            *went += taken;
            let busy = cost * u64::try_from(taken).unwrap();
            pace.took(way, taken, leaders, Duration::from_micros(busy));
        }
        (went_together, went_apart)
    }

    #[test]
    fn the_cheaper_way_is_found_and_found_again() {
        let mut pace = Pace::new(WholeSync::Possible);
        let (together, apart) = play(&mut pace, 50_000, 50, 300);
        assert!(together > 48_000, "{together} together, {apart} apart");
        // Now somebody else begins to write a lot.
        play(&mut pace, STEADY_LETTERS_MAX, 5_000, 300);
        let (together, apart) = play(&mut pace, 50_000, 5_000, 300);
        assert!(apart > 48_000, "{together} together, {apart} apart");
    }

    #[test]
    fn a_file_system_that_cannot_be_synced_whole_never_is() {
        let mut pace = Pace::new(WholeSync::Impossible);
        assert_eq!(play(&mut pace, 10_000, 1, 300), (0, 10_000));
    }

    #[test]
    fn who_is_alone_is_synced_alone_at_once() {
        let mut pace = Pace::new(WholeSync::Possible);
        for waiting in 1..CROWD_MIN {
            assert_eq!(pace.round(waiting), (waiting, Way::Apart));
            pace.took(Way::Apart, waiting, 1, Duration::from_secs(1));
        }
        assert_eq!(pace.round(CROWD_MIN), (CROWD_MIN, Way::Together));
        assert_eq!(pace.round(1_000), (ROUND_MAX, Way::Together));
    }
}
