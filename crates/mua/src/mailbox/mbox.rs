//! A mailbox file (mbox(5)), as in `/var/mail`, read while others deliver to it and change it.
//!
//! ```text
//! mailbox = *letter
//! letter  = "From " sender " " date LF  *( line LF )  [ LF ]      ; begins the file, or follows an empty line
//! ```
//! A line `>*From ` has one more `>` than it was written with ("mboxrd", as ours writes). `Status`, `X-Status` and their like
//! are what mail readers have noted: flags, and no part of a letter's name, for they change.
//!
//! While it is read the file is locked as others who read it lock it (fcntl(2), shared), and whoever has `FILE.lock` is
//! waited for; nothing is written, so no lock is made beside it. A letter that is opened is looked for where it was, and is
//! found by its name where others have changed what is before it.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::digest::{Context, SHA256};
use rustix::fs::{FlockOperation, fcntl_lock};

use super::{Entry, MailboxError, short_id};
use crate::limits;

#[cfg(test)]
mod tests;

/// Fields that mail readers note things in (as `store`'s mbox has them).
const NOTES: [&str; 7] =
    ["content-length", "status", "x-status", "x-keywords", "x-uid", "x-imap", "x-imapbase"];

/// How often a lock is tried again.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// A mailbox file, as it was when it was looked at last.
#[derive(Debug)]
pub struct Mbox {
    path: PathBuf,
    letters: Vec<Letter>,
    entries: Vec<Entry>,
    /// The file then.
    looked: Option<Looked>,
}

/// What tells that a file is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Looked {
    number: u64,
    octets: u64,
    changed: (i64, i64),
}

/// A letter in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Letter {
    /// Its lines, without "From " and the empty line at its end.
    place: Range<u64>,
    /// What tells it from others.
    name: String,
    /// The letters of its flags.
    flags: String,
}

impl Mbox {
    /// Reads which letters are in it.
    ///
    /// # Errors
    /// Where it can't be read, is none, or is locked for long.
    pub fn open(path: &Path) -> Result<Self, MailboxError> {
        let mut mbox =
            Self { path: path.to_owned(), letters: Vec::new(), entries: Vec::new(), looked: None };
        mbox.refresh()?;
        Ok(mbox)
    }

    /// Looks again; whether anything has changed. A file that is gone is empty.
    ///
    /// # Errors
    /// As [`Mbox::open`].
    pub fn refresh(&mut self) -> Result<bool, MailboxError> {
        let failed = |operation| {
            let path = self.path.clone();
            move |source| MailboxError::Disk { operation, path, source }
        };
        let mut file = match locked(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.looked.is_some() => {
                self.looked = None;
                self.letters.clear();
                self.entries.clear();
                return Ok(true);
            }
            file => file.map_err(failed("read"))?,
        };
        let now = looked(&file).map_err(failed("look at"))?;
        if self.looked == Some(now) {
            return Ok(false);
        }
        let letters = scan(BufReader::new(&mut file)).map_err(failed("read"))?;
        let entry = |(index, letter): (usize, &Letter)| Entry {
            number: index + 1,
            id: short_id(&letter.name),
            name: letter.name.clone(),
            flags: letter.flags.clone(),
            keywords: Vec::new(),
            octets: letter.place.end - letter.place.start,
            arrived: None,
        };
        self.entries = letters.iter().enumerate().map(entry).collect();
        self.letters = letters;
        self.looked = Some(now);
        Ok(true)
    }

    /// All letters, in the order in which they came.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// A letter's header.
    ///
    /// # Errors
    /// Where it can't be read, or is gone.
    pub fn header(&mut self, entry: &Entry) -> Result<Vec<u8>, MailboxError> {
        let mut letter = self.read(entry, limits::HEADER_OCTETS_MAX)?;
        let end = letter.windows(2).position(|pair| pair == b"\n\n").map(|at| at + 2);
        letter.truncate(end.unwrap_or(letter.len()));
        Ok(letter)
    }

    /// A whole letter, as it was before it was filed.
    ///
    /// # Errors
    /// Where it can't be read, is too large, or is gone.
    pub fn message(&mut self, entry: &Entry) -> Result<Vec<u8>, MailboxError> {
        if entry.octets > limits::MESSAGE_OCTETS_MAX {
            return Err(MailboxError::TooLarge { id: entry.id.clone(), octets: entry.octets });
        }
        self.read(entry, u64::MAX)
    }

    fn read(&mut self, entry: &Entry, octets_max: u64) -> Result<Vec<u8>, MailboxError> {
        let path = self.path.clone();
        let failed = |source| MailboxError::Disk { operation: "read", path: path.clone(), source };
        // Twice: others may change it between a look and the reading.
        for _ in 0..2 {
            let unknown = || MailboxError::Unknown { key: entry.id.clone() };
            let letter = self.letters.iter().find(|letter| letter.name == entry.name);
            let place = letter.map(|letter| letter.place.clone()).ok_or_else(unknown)?;
            let mut file = locked(&self.path).map_err(failed)?;
            if looked(&file).map_err(failed)? == self.looked.ok_or_else(unknown)? {
                file.seek(SeekFrom::Start(place.start)).map_err(failed)?;
                let mut raw = Vec::new();
                let octets = (place.end - place.start).min(octets_max);
                file.take(octets).read_to_end(&mut raw).map_err(failed)?;
                return Ok(unquoted(&raw));
            }
            drop(file);
            self.refresh()?;
        }
        Err(failed(io::ErrorKind::ResourceBusy.into()))
    }
}

fn looked(file: &File) -> io::Result<Looked> {
    let stat = file.metadata()?;
    Ok(Looked {
        number: stat.ino(),
        octets: stat.len(),
        changed: (stat.mtime(), stat.mtime_nsec()),
    })
}

/// Opens the file, once nobody writes to it.
fn locked(path: &Path) -> io::Result<File> {
    let until = Instant::now() + limits::MBOX_LOCK_WAIT;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let beside = PathBuf::from(beside);
    loop {
        // A FIFO in its place would hold us up.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
        }
        let file = File::open(path)?;
        let is_ours = match fcntl_lock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => !is_fresh(&beside),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => false,
            Err(error) => return Err(error.into()),
        };
        if is_ours {
            return Ok(file);
        }
        drop(file);
        if Instant::now() >= until {
            let words = "another program has it locked";
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, words));
        }
        std::thread::sleep(LOCK_PAUSE);
    }
}

/// Whether somebody has this lock; an old one is what a crash has left (procmail's and Dovecot's rule, too).
fn is_fresh(lock: &Path) -> bool {
    let Ok(made) = std::fs::symlink_metadata(lock).and_then(|stat| stat.modified()) else {
        return false;
    };
    SystemTime::now().duration_since(made).unwrap_or_default() < limits::MBOX_LOCK_STALE
}

/// Finds the letters. Lines are as long as they are; of none more than a few octets are kept.
fn scan(mut file: impl BufRead) -> io::Result<Vec<Letter>> {
    let mut letters: Vec<Letter> = Vec::new();
    let mut known: HashMap<String, u32> = HashMap::new();
    let mut open: Option<Open> = None;
    // Where the line begins that is read now.
    let mut at = 0;
    let mut is_behind_empty = true;
    let mut line = Line::default();
    while line.read(&mut file)? {
        let begins = is_behind_empty && line.begins_letter();
        if begins || open.is_none() {
            if !begins {
                if line.is_empty() {
                    at += line.octets;
                    continue;
                }
                let words = "it doesn't begin with a \"From \" line: it is no mailbox file";
                return Err(io::Error::new(io::ErrorKind::InvalidData, words));
            }
            if let Some(open) = open.take() {
                letters.push(open.close(at, &mut known));
            }
            if letters.len() >= limits::MBOX_LETTERS_MAX {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has too many letters"));
            }
            open = Some(Open::at(at + line.octets));
        } else if let Some(open) = &mut open {
            open.take(&line);
        }
        is_behind_empty = line.is_empty();
        at += line.octets;
    }
    letters.extend(open.map(|open| open.close(at, &mut known)));
    Ok(letters)
}

/// A line of any length: its beginning, and how long it is.
#[derive(Debug, Default)]
struct Line {
    /// Its first octets, without its end.
    head: Vec<u8>,
    /// With its end.
    octets: u64,
    hash: Hash,
}

/// What of a line goes into a letter's name, where it does.
#[derive(Debug, Default)]
struct Hash(u64);

impl Line {
    /// Reads the next one; whether there was one.
    fn read(&mut self, file: &mut impl BufRead) -> io::Result<bool> {
        self.head.clear();
        (self.octets, self.hash) = (0, Hash(0xcbf2_9ce4_8422_2325));
        loop {
            let chunk = file.fill_buf()?;
            if chunk.is_empty() {
                return Ok(self.octets > 0);
            }
            let end = memchr(chunk);
            let piece = chunk.get(..end.map_or(chunk.len(), |at| at + 1)).unwrap_or_default();
            for octet in piece {
                self.hash.0 = (self.hash.0 ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3);
            }
            let room = limits::MBOX_LINE_OCTETS_KEPT.saturating_sub(self.head.len());
            self.head.extend(piece.iter().take(room).filter(|octet| **octet != b'\n'));
            let octets = piece.len();
            self.octets += octets as u64;
            file.consume(octets);
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self.head.as_slice(), b"" | b"\r")
    }

    fn begins_letter(&self) -> bool {
        self.head.starts_with(b"From ")
    }
}

fn memchr(chunk: &[u8]) -> Option<usize> {
    chunk.iter().position(|octet| *octet == b'\n')
}

/// A letter whose end hasn't come.
struct Open {
    begin: u64,
    name: Context,
    is_header: bool,
    /// The field that is read is one of [`NOTES`].
    is_note: bool,
    flags: String,
    /// How long the empty line is that came last, which ends the letter, and is none of it.
    empty: u64,
}

impl Open {
    fn at(begin: u64) -> Self {
        let (name, flags) = (Context::new(&SHA256), String::new());
        Self { begin, name, is_header: true, is_note: false, flags, empty: 0 }
    }

    fn take(&mut self, line: &Line) {
        self.empty = if line.is_empty() && !self.is_header { line.octets } else { 0 };
        if self.is_header {
            match line.head.first() {
                None | Some(b'\r') if line.is_empty() => self.is_header = false,
                // A field goes on.
                Some(b' ' | b'\t') => {}
                _ => self.field(&line.head),
            }
        }
        if !self.is_header || !self.is_note {
            self.name.update(&line.hash.0.to_le_bytes());
        }
    }

    fn field(&mut self, line: &[u8]) {
        let colon = line.iter().position(|octet| *octet == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let is_called = |known: &&str| name.eq_ignore_ascii_case(known.as_bytes());
        self.is_note = NOTES.iter().any(is_called);
        let letters = match () {
            () if is_called(&"status") => &[(b'R', 'S')][..],
            () if is_called(&"x-status") => &[(b'A', 'R'), (b'F', 'F'), (b'D', 'T'), (b'T', 'D')],
            () => &[],
        };
        let there = letters.iter().filter(|(letter, _)| value.contains(letter));
        self.flags.extend(there.map(|(_, flag)| *flag));
    }

    fn close(self, end: u64, known: &mut HashMap<String, u32>) -> Letter {
        let hash = self.name.finish();
        let mut name: String =
            hash.as_ref().iter().take(12).map(|octet| format!("{octet:02x}")).collect();
        // The same letter twice is two letters.
        let count = known.entry(name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            name = format!("{name}.{count}");
        }
        let mut flags: Vec<char> = self.flags.chars().collect();
        flags.sort_unstable();
        flags.dedup();
        let place = self.begin..end.saturating_sub(self.empty).max(self.begin);
        Letter { place, name, flags: flags.into_iter().collect() }
    }
}

/// Whatever a file holds: it has the same letters however it comes, one behind the other, each behind its "From " line, with a
/// name of its own.
///
/// # Panics
/// Where that isn't so.
pub(crate) fn check(file: &[u8]) {
    let Ok(letters) = scan(file) else { return };
    let by_pieces = scan(BufReader::with_capacity(3, file)).unwrap_or_default();
    assert_eq!(letters, by_pieces, "it depends on how it is read");
    let mut last = 0;
    for Letter { place, .. } in &letters {
        let octets = |range: Range<u64>| {
            let at = |octet| usize::try_from(octet).unwrap_or(usize::MAX);
            file.get(at(range.start)..at(range.end)).expect("a letter is in its file")
        };
        let before = octets(last..place.start);
        let line = before.strip_suffix(b"\n").unwrap_or(before);
        let line = line.rsplit(|octet| *octet == b'\n').next().unwrap_or_default();
        assert!(line.starts_with(b"From "), "{before:?}");
        let letter = octets(place.clone());
        assert!(unquoted(letter).len() <= letter.len());
        last = place.end;
    }
    let names: HashSet<&str> = letters.iter().map(|letter| letter.name.as_str()).collect();
    assert_eq!(names.len(), letters.len(), "two letters have one name");
}

/// A letter without what its filing has added: one `>` of each `>*From ` line.
fn unquoted(raw: &[u8]) -> Vec<u8> {
    let mut letter = Vec::with_capacity(raw.len());
    for line in raw.split_inclusive(|octet| *octet == b'\n') {
        let behind = line.iter().position(|octet| *octet != b'>').unwrap_or(line.len());
        let is_quoted = behind > 0 && line.get(behind..).is_some_and(|it| it.starts_with(b"From "));
        letter.extend_from_slice(line.get(usize::from(is_quoted)..).unwrap_or_default());
    }
    letter
}
