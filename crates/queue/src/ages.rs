//! How old messages are, in time that the queue was served, whatever the clock says.
//!
//! The wall clock may be set while nobody runs. Then every letter would be ten years old and given up at its
//! first deferral, or have come from the future and never grow old (rows F16, Q06). So who serves the queue
//! writes down each hour how long it has been served altogether, which id comes next, and what the clock says: a
//! mark. Ids grow in the order of arrival, so a message came between the marks around its id, and the time of
//! arrival tells no more than when between them. What the clock says later doesn't matter.
//!
//! Hence: **a message ages while its queue is served.** Time in which nobody could try it doesn't count, and a
//! host that was off for a week goes on with each letter where it stood.
//!
//! The file `ages` in the queue's directory has a mark a line, `ID SERVED CLOCK` in seconds, the oldest first, and
//! the CRC-32 of all that in hex as its last line. It is replaced by a rename. Where it is missing or damaged all letters are
//! as old as the next mark: they live longer, and none is given up early. Nothing is written while nothing waits.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use postroad_disk::{Disk, DiskError};

use crate::spool::QueueId;

/// How far apart marks are.
pub const MARK_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Marks that are kept: what is older than these forty days is as old as the first of them.
const MARKS_MAX: usize = 1_000;
/// What the file may have at most: 13, 20 and 20 digits a line.
const FILE_OCTETS_MAX: usize = (MARKS_MAX + 1) * 56;

/// For how long the queue had been served when this id was the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    next: QueueId,
    served: Duration,
    /// What the clock said then, that messages are stamped by; since 1970.
    clock: Duration,
}

/// The marks of one queue.
#[derive(Debug, Default)]
pub struct Ages {
    marks: Mutex<VecDeque<Mark>>,
    file: Option<File>,
}

/// Where they are kept.
#[derive(Debug)]
struct File {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
}

impl File {
    fn path(&self) -> PathBuf {
        self.dir.join("ages")
    }
}

impl Ages {
    /// Those of the queue in this directory; it has to be ours by now. What can't be read is forgotten.
    ///
    /// # Errors
    /// Where the disk fails. A file that isn't there, or is damaged, is none.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path) -> Result<Self, DiskError> {
        let file = File { disk, dir: dir.to_owned() };
        let marks = match file.disk.open_read(&file.path()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => VecDeque::new(),
            Err(error) => return Err(error),
            Ok(open) => {
                let mut octets = vec![0; FILE_OCTETS_MAX];
                let read = open.read_at(&mut octets, 0)?;
                octets.truncate(read);
                parse(&octets).unwrap_or_else(|| {
                    let path = file.path();
                    tracing::warn!(?path, "it is damaged: all letters are as old as this start");
                    VecDeque::new()
                })
            }
        };
        Ok(Self { marks: Mutex::new(marks), file: Some(file) })
    }

    fn marks(&self) -> MutexGuard<'_, VecDeque<Mark>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For how long the queue had been served at the last mark.
    pub fn served(&self) -> Duration {
        self.marks().back().map_or(Duration::ZERO, |mark| mark.served)
    }

    /// `next` is greater than all ids that were given so far, after so much service altogether; a message that
    /// came now would be stamped so.
    pub fn mark(&self, next: QueueId, served: Duration, clock: SystemTime) {
        let mut marks = self.marks();
        marks.push_back(Mark { next, served, clock: since_1970(clock) });
        while marks.len() > MARKS_MAX {
            marks.pop_front();
        }
    }

    /// How old a message with this stamp is, now that the queue has been served for so long altogether.
    pub fn age(&self, id: QueueId, arrived: SystemTime, served: Duration) -> Duration {
        let marks = self.marks();
        let behind = marks.partition_point(|mark| mark.next <= id);
        let until = marks.get(behind).map_or(served, |mark| mark.served);
        let came = match behind.checked_sub(1).and_then(|before| marks.get(before)) {
            Some(mark) => {
                let later = since_1970(arrived).saturating_sub(mark.clock);
                mark.served.saturating_add(later).min(until)
            }
            None => until,
        };
        served.saturating_sub(came)
    }

    /// Writes the marks to disk. What a crash takes away is an hour of each letter's age.
    ///
    /// # Errors
    /// Where the disk fails; the file is then as it was.
    pub fn save(&self) -> Result<(), DiskError> {
        let Some(File { disk, dir }) = &self.file else { return Ok(()) };
        let text = write(&self.marks());
        let next = dir.join("ages.next");
        match disk.remove(&next) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = disk.create_new(&next)?;
        file.write_all_at(&[text.as_bytes()], 0)?;
        file.sync()?;
        disk.rename(&next, &dir.join("ages"))?;
        disk.sync_dir(dir)
    }
}

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn write(marks: &VecDeque<Mark>) -> String {
    let mut text = String::with_capacity(FILE_OCTETS_MAX);
    for Mark { next, served, clock } in marks {
        let _ = writeln!(text, "{next} {} {}", served.as_secs(), clock.as_secs());
    }
    let crc = crc32fast::hash(text.as_bytes());
    let _ = writeln!(text, "{crc:08x}");
    text
}

fn parse(octets: &[u8]) -> Option<VecDeque<Mark>> {
    let text = std::str::from_utf8(octets).ok()?.strip_suffix('\n')?;
    let (marks, crc) = text.rsplit_once('\n')?;
    let covered = octets.get(..=marks.len())?;
    if u32::from_str_radix(crc, 16).ok()? != crc32fast::hash(covered) {
        return None;
    }
    let mark = |line: &str| {
        let (next, times) = line.split_once(' ')?;
        let (served, clock) = times.split_once(' ')?;
        let seconds = |text: &str| text.parse().map(Duration::from_secs);
        let (served, clock) = (seconds(served).ok()?, seconds(clock).ok()?);
        Some(Mark { next: next.parse().ok()?, served, clock })
    };
    marks.lines().map(mark).collect()
}

#[cfg(test)]
mod tests {
    use postroad_testkit::FaultyDisk;

    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);
    const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

    fn id(number: u64) -> QueueId {
        QueueId::from_number(number)
    }

    #[test] // Tests rows F16 and Q06.
    fn q06_a_clock_makes_no_letter_older_or_younger_than_it_is() {
        let (wall, minute) = (SystemTime::UNIX_EPOCH + 5 * TEN_YEARS, HOUR / 60);
        // Ids below 100 came before the first mark; then a hundred an hour.
        let ages = Ages::default();
        for hour in 1..=10 {
            ages.mark(id(u64::from(hour) * 100), HOUR * hour, wall + HOUR * hour);
        }
        for (number, arrived, expected) in [
            // The clock was right.
            (550, wall + 5 * HOUR + minute, 6 * HOUR - minute),
            (599, wall + 6 * HOUR - minute, 5 * HOUR + minute),
            (1_050, wall + 11 * HOUR - minute, minute),
            (0, wall, 10 * HOUR),
            // It was set between two marks.
            (550, wall - TEN_YEARS, 6 * HOUR),
            (550, wall + TEN_YEARS, 5 * HOUR),
            (1_050, wall - TEN_YEARS, HOUR),
            (1_050, wall + TEN_YEARS, Duration::ZERO),
        ] {
            let age = ages.age(id(number), arrived, 11 * HOUR);
            assert_eq!(age, expected, "{number}, arrived {arrived:?}");
        }
        // It is wrong from here on: nothing of that changes, and what comes is as old as it is.
        for wrong in [wall - TEN_YEARS, wall + TEN_YEARS, SystemTime::UNIX_EPOCH] {
            ages.mark(id(1_100), 11 * HOUR, wrong);
            let served = 12 * HOUR;
            assert_eq!(ages.age(id(550), wall + 5 * HOUR, served), 7 * HOUR);
            assert_eq!(ages.age(id(1_100), wrong + minute, served), HOUR - minute);
        }
    }

    #[test]
    fn what_is_saved_is_read_back_and_what_is_damaged_is_forgotten() {
        let (disk, dir) = (FaultyDisk::new(), PathBuf::from("/queue"));
        disk.put_dir(&dir);
        let open = || Ages::open(Arc::new(disk.clone()), &dir).unwrap();
        assert_eq!(open().served(), Duration::ZERO);
        let first = open();
        (0..2 * MARKS_MAX as u64)
            .for_each(|n| first.mark(id(n), Duration::from_secs(n), SystemTime::UNIX_EPOCH));
        first.save().unwrap();
        first.save().unwrap();
        let second = open();
        assert_eq!(*second.marks(), *first.marks());
        assert_eq!(second.marks().len(), MARKS_MAX);
        let text = write(&first.marks());
        for octet in (0..text.len()).step_by(97) {
            let mut damaged = text.clone().into_bytes();
            damaged[octet] ^= 1;
            disk.put(&dir.join("ages"), &damaged);
            assert_eq!(open().served(), Duration::ZERO, "octet {octet}");
        }
        disk.put(&dir.join("ages"), b"");
        assert_eq!(open().served(), Duration::ZERO);
    }
}
