//! Appending: one file per agent, in two halves, by a background thread (or at once, in a process that has
//! nothing else to do).
//!
//! `DIR/mta.jsonl` grows to half of what may be kept, then becomes `DIR/mta.old.jsonl` and a new one is
//! begun. Several processes may append to one agent's file (one-shot deliveries, user agents): a batch of
//! whole lines is a single write in append mode, and a lock on the file that is moved away sees to it that
//! only one process moves it. Nothing is synced: a power cut may cost the last records, never mail.

use std::cell::RefCell;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Event, VERSION};
use crate::background::{Bounds, FLUSH_AT_END, Sink, Writer};

/// How long records are gathered before they are written: a busy agent makes 50 writes a second.
/// Who reads what has just happened waits as long.
pub const GATHER: Duration = Duration::from_millis(20);
/// Octets that wait for the disk at most.
const BUFFER_OCTETS_MAX: u64 = 8 * 1024 * 1024;
/// Octets of one text in a record at most.
const TEXT_OCTETS_MAX: usize = 1024;
/// Recipients that one record names at most.
const RECIPIENTS_MAX: usize = 50;

/// Appends records; cheap to clone, never blocks, never fails: what can't be written is counted.
/// The last clone waits (a second at most) for what it appended.
#[derive(Debug, Clone, Default)]
pub struct Journal(Option<Arc<Open>>);

#[derive(Debug)]
struct Open {
    agent: &'static str,
    writes: Writes,
}

#[derive(Debug)]
enum Writes {
    Background(Writer),
    AtOnce { halves: Mutex<Halves>, dropped: AtomicU64 },
}

impl Writes {
    fn push(&self, line: &[u8]) {
        match self {
            Self::Background(writer) => writer.push(line),
            Self::AtOnce { halves, dropped } => {
                let mut halves = halves.lock().unwrap_or_else(PoisonError::into_inner);
                if halves.write(line).is_err() {
                    dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

/// A record before it is a line; as [`super::Record`], but borrowing.
#[derive(serde::Serialize)]
struct Line<'a> {
    v: u8,
    at: u64,
    agent: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'a str>,
    #[serde(flatten)]
    event: Event,
}

impl Journal {
    /// A journal that keeps nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Opens (or makes) this agent's file below `dir`, `size_max` octets at most.
    ///
    /// # Errors
    /// Where folder or file can't be made.
    pub fn open(dir: &Path, agent: &'static str, size_max: u64) -> io::Result<Self> {
        let halves = Halves::open(dir, agent, size_max / 2)?;
        let octets_max = usize::try_from(BUFFER_OCTETS_MAX.min(size_max / 4)).unwrap_or(usize::MAX);
        let bounds = Bounds { octets_max, gather: GATHER };
        let writer = Writer::start(&format!("trace-{agent}"), bounds, halves)?;
        Ok(Self(Some(Arc::new(Open { agent, writes: Writes::Background(writer) }))))
    }

    /// As [`Journal::open`], but each record is written by whoever appends it, who waits for that: for a process
    /// that has a few records and ends.
    ///
    /// # Errors
    /// Where folder or file can't be made.
    pub fn open_at_once(dir: &Path, agent: &'static str, size_max: u64) -> io::Result<Self> {
        let halves = Mutex::new(Halves::open(dir, agent, size_max / 2)?);
        let writes = Writes::AtOnce { halves, dropped: AtomicU64::new(0) };
        Ok(Self(Some(Arc::new(Open { agent, writes }))))
    }

    /// Appends one record, stamped now.
    pub fn record(&self, queue_id: Option<&str>, message_id: Option<&str>, event: Event) {
        if self.0.is_some() {
            self.record_at(SystemTime::now(), queue_id, message_id, event);
        }
    }

    /// Appends one record, stamped `at`.
    pub fn record_at(
        &self,
        at: SystemTime,
        queue_id: Option<&str>,
        message_id: Option<&str>,
        mut event: Event,
    ) {
        thread_local! {
            static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        let Some(open) = &self.0 else { return };
        event.clip();
        let since_1970 = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX);
        let clip = |id| clipped(id, TEXT_OCTETS_MAX);
        let line = Line {
            v: VERSION,
            at,
            agent: open.agent,
            queue_id: queue_id.map(clip),
            message_id: message_id.map(|id| clip(super::without_brackets(id))),
            event,
        };
        LINE.with_borrow_mut(|octets| {
            octets.clear();
            // Strings and numbers only: this doesn't fail.
            if serde_json::to_writer(&mut *octets, &line).is_ok() {
                octets.push(b'\n');
                open.writes.push(octets);
            }
        });
    }

    /// Waits until all records so far are in the file, a second at most.
    pub fn flush(&self) {
        if let Some(Writes::Background(writer)) = self.0.as_ref().map(|open| &open.writes) {
            writer.flush(FLUSH_AT_END);
        }
    }

    /// Records that could not be written so far.
    pub fn dropped(&self) -> u64 {
        self.0.as_ref().map_or(0, |open| match &open.writes {
            Writes::Background(writer) => writer.dropped(),
            Writes::AtOnce { dropped, .. } => dropped.load(Ordering::Relaxed),
        })
    }
}

/// At most `max` octets of `text`, cut between characters.
fn clipped(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

fn clip(text: &mut String) {
    if text.len() > TEXT_OCTETS_MAX {
        text.truncate(clipped(text, TEXT_OCTETS_MAX - '…'.len_utf8()).len());
        text.push('…');
    }
}

fn clip_list(texts: &mut Vec<String>) {
    let more = texts.len().saturating_sub(RECIPIENTS_MAX);
    texts.truncate(RECIPIENTS_MAX);
    texts.iter_mut().for_each(clip);
    if more > 0 {
        texts.push(format!("… and {more} more"));
    }
}

impl Event {
    /// Bounds the record, whatever a peer sent.
    fn clip(&mut self) {
        match self {
            Self::Composed { from, to, .. } | Self::Accepted { from, to, .. } => {
                clip(from);
                clip_list(to);
            }
            Self::Session { service, client, helo, tls, login } => {
                [service, client, helo].into_iter().for_each(clip);
                [tls, login].into_iter().flatten().for_each(clip);
            }
            Self::Refused { reply } => clip(reply),
            Self::Dns { question, answer, .. } => [question, answer].into_iter().for_each(clip),
            Self::NextHop { next_hop, why } => [next_hop, why].into_iter().for_each(clip),
            Self::Dialogue { line, .. } => clip(line),
            Self::Outcome { to, reply, next_hop, .. } => {
                [to, reply, next_hop].into_iter().for_each(clip);
            }
            Self::Filed { to, file, .. } => [to, file].into_iter().for_each(clip),
            Self::Fetched { user, service } => [user, service].into_iter().for_each(clip),
            Self::Note { text } => clip(text),
        }
    }
}

/// The file that grows, and the older half beside it.
#[derive(Debug)]
struct Halves {
    current: PathBuf,
    older: PathBuf,
    half_octets: u64,
    file: File,
    /// The last write broke off inside a line: the next begins a new one.
    torn: bool,
}

impl Halves {
    fn open(dir: &Path, agent: &str, half_octets: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o750).create(dir)?;
        let current = dir.join(format!("{agent}.jsonl"));
        let older = dir.join(format!("{agent}.old.jsonl"));
        let file = open_append(&current)?;
        Ok(Self { current, older, half_octets, file, torn: false })
    }

    /// Makes sure that `file` is the current half and has room for `octets` more.
    fn make_room(&mut self, octets: u64) -> io::Result<()> {
        let ours = self.file.metadata()?;
        let is_current = |path: &Path| {
            std::fs::metadata(path).is_ok_and(|m| (m.dev(), m.ino()) == (ours.dev(), ours.ino()))
        };
        if is_current(&self.current) {
            if ours.len() == 0 || ours.len() + octets <= self.half_octets {
                return Ok(());
            }
            // Another process is moving it away: this batch still goes to the old file.
            if self.file.try_lock().is_err() {
                return Ok(());
            }
            if is_current(&self.current) {
                std::fs::rename(&self.current, &self.older)?;
            }
        }
        // Closing the old one gives its lock back.
        self.file = open_append(&self.current)?;
        self.torn = false;
        Ok(())
    }
}

fn open_append(path: &Path) -> io::Result<File> {
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    OpenOptions::new().append(true).create(true).mode(0o640).custom_flags(no_follow).open(path)
}

impl Sink for Halves {
    fn write(&mut self, batch: &[u8]) -> io::Result<()> {
        self.make_room(batch.len() as u64)?;
        if self.torn {
            self.file.write_all(b"\n")?;
            self.torn = false;
        }
        // One write, so that lines of several processes don't mix.
        let written = self.file.write(batch)?;
        if written < batch.len() {
            self.torn = true;
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::merge;

    fn note(text: &str) -> Event {
        Event::Note { text: text.into() }
    }

    fn size(path: &Path) -> u64 {
        std::fs::metadata(path).map_or(0, |m| m.len())
    }

    #[test]
    fn records_come_back_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path(), "mta", 1 << 20).unwrap();
        journal.record(Some("Q1"), Some("<a@b>"), note("line\none"));
        journal.flush();
        let records = merge(dir.path(), "Q1").unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].message_id.as_deref(), Some("a@b"));
        assert_eq!(records[0].event, note("line\none"));
        assert_eq!(journal.dropped(), 0);
    }

    #[test]
    fn no_more_than_asked_for_is_kept_and_the_newest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let size_max = 16 * 1024;
        let journal = Journal::open(dir.path(), "mta", size_max).unwrap();
        for n in 0..500 {
            journal.record(Some("Q"), None, note(&format!("{n:0>100}")));
            if n % 20 == 19 {
                journal.flush();
                let kept =
                    size(&dir.path().join("mta.jsonl")) + size(&dir.path().join("mta.old.jsonl"));
                assert!(kept <= size_max, "{kept}");
            }
        }
        drop(journal);
        let records = merge(dir.path(), "Q").unwrap();
        assert!(records.len() > 40, "{}", records.len());
        assert_eq!(records.last().unwrap().event, note(&format!("{:0>100}", 499)));
    }

    #[test]
    fn two_processes_may_share_the_file_and_move_it_away() {
        let dir = tempfile::tempdir().unwrap();
        let journals = [Journal::open, Journal::open_at_once]
            .map(|open| open(dir.path(), "mda", 64 * 1024).unwrap());
        for n in 0..100 {
            for (which, journal) in journals.iter().enumerate() {
                journal.record(Some("Q"), None, note(&format!("{which} {n:0>200}")));
                journal.flush();
            }
        }
        assert_eq!(journals.iter().map(Journal::dropped).sum::<u64>(), 0);
        drop(journals);
        // 200 records of some 290 octets are less than 64 KiB: none may be lost.
        assert_eq!(merge(dir.path(), "Q").unwrap().len(), 200);
    }

    #[test]
    fn o01_records_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path(), "mta", 1 << 20).unwrap();
        let to = vec!["ü".repeat(2_000); 1_000];
        journal.record(
            Some("Q"),
            None,
            Event::Accepted { from: "x".repeat(70_000), to, octets: 1, sync_us: 1 },
        );
        drop(journal);
        let line = std::fs::read_to_string(dir.path().join("mta.jsonl")).unwrap();
        assert_eq!(line.lines().count(), 1);
        assert!(line.len() < 64 * 1024, "{}", line.len());
        assert!(line.contains("… and 950 more"));
    }

    #[test]
    fn f22_a_folder_that_is_gone_costs_records_only() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path(), "mta", 1 << 20).unwrap();
        std::fs::remove_dir_all(dir.path()).unwrap();
        journal.record(None, None, note("lost"));
        journal.flush();
        assert_eq!(journal.dropped(), 1);
    }
}
