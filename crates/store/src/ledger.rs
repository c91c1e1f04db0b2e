//! Which deliveries of a mailbox were tried, and how far each came: two small files beside the letters.
//!
//! ```text
//! boot 5f1c…                           the ledger is whole as long as the system runs that has this id
//! 1764446000 begun q83vEjRWeJq83vEj    before the letter shows
//! 1764446000 sent q83vEjRWeJq83vEj     what rules send on has left
//! 1764446000 done q83vEjRWeJq83vEj     when all of it is durable, before the reply
//! ```
//! Lines are appended, each in one piece and with a line end on both sides, so that a torn one spoils no other. None
//! is synced: a letter's file carries its key in its name. So what a power cut takes from the ledger is found in
//! the names: where the last boot line is another boot's, all folders are listed once, and what has a key and no
//! line is added as "begun". (Deliveries that leave no file are synced, they are few.) A process that is killed takes nothing.
//!
//! When the file is full, or its first line too old to count, it takes the other one's place and a new one is
//! begun; a line that says so comes before. Whoever has the file open and finds that line behind its own appends once
//! more, to the one that is there then: what is appended to an old file may be seen by nobody.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use postroad_disk::{Disk, DiskError, DiskFile, DiskLock};

use crate::file_name::drawn_by_the_kernel;
use crate::key::DeliveryKey;
use crate::limits::{
    DELIVERIES_FOUND_MAX, DELIVERIES_IN_MEMORY_MAX, DELIVERIES_KEPT, DELIVERIES_OCTETS_MAX,
};
use crate::{Maildir, listing, small_file};

/// The file that is appended to.
const FILE: &str = "postroad-deliveries";
/// The one before.
const BEFORE: &str = "postroad-deliveries-before";
/// The last line of a file that is about to be the one before.
const TURNED: &[u8] = b"turned";
/// Its parts are held: 0 by whoever changes which file is which, and a key's by whoever tries that delivery.
pub(crate) const LOCK: &str = "postroad-deliveries-lock";

/// How far a delivery came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Its letters may be in their folders, or not.
    Begun,
    /// What rules send on has left; its letters as before.
    Sent,
    /// All of it is done.
    Done,
}

const WORDS: [(&str, Step); 3] =
    [("begun", Step::Begun), ("sent", Step::Sent), ("done", Step::Done)];

/// When a line was written (seconds since 1970), and what it says.
type Entry = (u64, Step);

/// The ledgers of all mailboxes, as far as this process has read them.
#[derive(Debug)]
pub(crate) struct Ledgers {
    /// The system's, since its start; where that isn't known, this process's.
    boot: String,
    known: Mutex<HashMap<PathBuf, Arc<Mutex<Known>>>>,
    /// Mailboxes, and entries in all of them.
    count: AtomicUsize,
}

/// What is known of one.
#[derive(Debug, Default)]
struct Known {
    entries: HashMap<DeliveryKey, Entry>,
    /// Whether a delivery was asked for.
    asked: bool,
    /// The file's number, once there is one.
    file: Option<u64>,
    /// How far it was read.
    octets: u64,
    /// When its first line was written.
    first: Option<u64>,
    /// Whether no line is missing that a power cut took.
    whole: bool,
    /// Whether somebody has begun to put another one in its place.
    turned: bool,
}

/// The file that is appended to, as long as an attempt has it open; it is opened by its path where none is at hand.
#[derive(Debug, Default)]
pub(crate) struct Page(Option<OpenPage>);

#[derive(Debug)]
struct OpenPage {
    file: Box<dyn DiskFile>,
    number: u64,
    /// Its length when it was opened, and then behind our last line: all before was read.
    octets: u64,
}

/// A ledger on the disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ledger<'a> {
    pub(crate) disk: &'a dyn Disk,
    /// The mailbox.
    pub(crate) inbox: &'a Maildir,
    /// Seconds since 1970.
    pub(crate) now: u64,
}

impl Ledgers {
    pub(crate) fn new(boot: String) -> Self {
        // Where it isn't known, no other process is known to run since the same start: each looks for itself.
        let boot = match boot.is_empty() {
            true => format!("process-{:08x}", drawn_by_the_kernel()),
            false => boot,
        };
        Self { boot, known: Mutex::default(), count: AtomicUsize::new(0) }
    }

    /// How far a delivery came, where it was tried in the last week; `page` is opened for what will be noted.
    pub(crate) fn reached(
        &self,
        ledger: Ledger<'_>,
        key: DeliveryKey,
        page: &mut Page,
    ) -> Result<Option<Step>, DiskError> {
        let known = self.known(ledger.inbox.root());
        // A mailbox that hangs holds up its own letters, not those for others (row M13).
        let mut known = lock(&known);
        // Whoever files one letter and ends asks once: the text is quicker than a table of all that it says.
        if !std::mem::replace(&mut known.asked, true)
            && let Some(entry) = self.look_up(ledger, key, page)?
        {
            known.entries.extend(entry.map(|entry| (key, entry)));
            return Ok(step(entry, ledger));
        }
        let before = known.entries.len();
        let read = self.read_all(&mut known, ledger, page);
        self.count.fetch_add(known.entries.len().saturating_sub(before), Ordering::Relaxed);
        read?;
        let entry = known.entries.get(&key).copied();
        // Where lines may be missing, the names have to be asked.
        Ok(step(entry, ledger).or((!known.whole).then_some(Step::Begun)))
    }

    /// When the last line of a delivery was written that was asked for just now, in seconds since 1970.
    pub(crate) fn noted_at(&self, mailbox: &Path, key: DeliveryKey) -> Option<u64> {
        let known = self.known(mailbox);
        lock(&known).entries.get(&key).map(|(at, _)| *at)
    }

    /// Adds a line.
    pub(crate) fn note(
        &self,
        ledger: Ledger<'_>,
        page: &mut Page,
        key: DeliveryKey,
        step: Step,
    ) -> Result<(), DiskError> {
        page.append(ledger, &line(key, (ledger.now, step)))
    }

    /// Adds a line, durably.
    pub(crate) fn note_durably(
        &self,
        ledger: Ledger<'_>,
        page: &mut Page,
        key: DeliveryKey,
        step: Step,
    ) -> Result<(), DiskError> {
        self.note(ledger, page, key, step)?;
        // The file may have become the one before since.
        for name in [FILE, BEFORE] {
            match ledger.disk.open(&ledger.path(name)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                file => file?.sync()?,
            }
        }
        ledger.disk.sync_dir(ledger.inbox.root())
    }

    fn known(&self, mailbox: &Path) -> Arc<Mutex<Known>> {
        let mut known = lock(&self.known);
        if self.count.load(Ordering::Relaxed) > DELIVERIES_IN_MEMORY_MAX {
            known.clear();
            self.count.store(0, Ordering::Relaxed);
        }
        Arc::clone(known.entry(mailbox.to_owned()).or_insert_with(|| {
            self.count.fetch_add(1, Ordering::Relaxed);
            Arc::default()
        }))
    }

    fn read_all(
        &self,
        known: &mut Known,
        ledger: Ledger<'_>,
        page: &mut Page,
    ) -> Result<(), DiskError> {
        *page = self.read_on(known, ledger)?;
        if !known.whole {
            self.complete(known, ledger)?;
        } else if known.is_full(ledger.now) {
            *page = self.turn_over(known, ledger)?;
        }
        Ok(())
    }

    /// Reads what was appended since the last time, by whom ever.
    fn read_on(&self, known: &mut Known, ledger: Ledger<'_>) -> Result<Page, DiskError> {
        let path = ledger.path(FILE);
        let page = OpenPage::open(ledger, &path)?;
        let (file, octets) = page.as_ref().map_or((None, 0), |it| (Some(it.number), it.octets));
        // Another process has begun a new one; or somebody has cut it off.
        let anew = !known.whole || file != known.file || octets < known.octets;
        if anew {
            *known = Known { file, ..Known::default() };
        }
        if let Some(page) = page.as_ref().filter(|_| octets > known.octets) {
            let new = small_file::read_part(&path, page.file.as_ref(), known.octets..octets)?;
            known.take(&new, &self.boot_line());
        }
        if anew {
            // After the other one: whoever says there that all is whole has written this one by then.
            known.take_older(&small_file::read(ledger.disk, &ledger.path(BEFORE))?);
        }
        Ok(Page(page.filter(|_| !known.turned)))
    }

    /// Adds what only the letters' names know; of too many the newest.
    fn complete(&self, known: &mut Known, ledger: Ledger<'_>) -> Result<(), DiskError> {
        let Some(_turn) = ledger.turn()? else { return Ok(()) };
        let letters = listing::letters(ledger.disk, ledger.inbox)?;
        let mut found: Vec<(u64, DeliveryKey)> = letters
            .iter()
            .map(|letter| (letter.at, letter.key))
            .filter(|(at, key)| counts(*at, ledger.now) && !known.entries.contains_key(key))
            .collect();
        found.sort_unstable();
        let surplus = found.len().saturating_sub(DELIVERIES_FOUND_MAX);
        let newest = found.into_iter().skip(surplus);
        let mut lines: String =
            newest.clone().map(|(at, key)| line(key, (at, Step::Begun)) + "\n").collect();
        lines.push_str(&self.boot_line());
        // Behind what is there: the file before holds nothing that is newer than this one's first line.
        Page::default().append(ledger, &lines)?;
        known.entries.extend(newest.map(|(at, key)| (key, (at, Step::Begun))));
        known.whole = true;
        Ok(())
    }

    /// Looks for one delivery in the text; `None` where more has to be done than that.
    fn look_up(
        &self,
        ledger: Ledger<'_>,
        key: DeliveryKey,
        page: &mut Page,
    ) -> Result<Option<Option<Entry>>, DiskError> {
        let boot_line = self.boot_line();
        let Some(open) = OpenPage::open(ledger, &ledger.path(FILE))? else { return Ok(None) };
        let (mut known, mut found) = (Known::default(), None);
        small_file::blocks_of_lines_in(open.file.as_ref(), |lines| {
            known.take_state(lines, &boot_line);
            found = last_of(key, lines).or(found);
        })?;
        if !known.whole || known.is_full(ledger.now) {
            return Ok(None);
        }
        *page = Page(Some(open).filter(|_| !known.turned));
        if found.is_none() {
            // After the other one, as always.
            let before = ledger.path(BEFORE);
            small_file::blocks_of_lines(ledger.disk, &before, |lines| {
                found = last_of(key, lines).or(found);
            })?;
        }
        Ok(Some(found))
    }

    fn boot_line(&self) -> String {
        format!("boot {}", self.boot)
    }

    fn turn_over(&self, known: &mut Known, ledger: Ledger<'_>) -> Result<Page, DiskError> {
        let Some(_turn) = ledger.turn()? else { return Ok(Page::default()) };
        // Somebody else may have been at it.
        let page = self.read_on(known, ledger)?;
        if !known.is_full(ledger.now) {
            return Ok(page);
        }
        let (file, before) = (ledger.path(FILE), ledger.path(BEFORE));
        ledger.disk.open(&file)?.append(&[b"\n", TURNED, b"\n"].concat())?;
        ledger.disk.rename(&file, &before)?;
        Page::default().append(ledger, &self.boot_line())?;
        *known = Known::default();
        self.read_on(known, ledger)
    }
}

impl Known {
    fn is_full(&self, now: u64) -> bool {
        let too_old = |first: u64| now.saturating_sub(first) > DELIVERIES_KEPT.as_secs();
        self.octets > DELIVERIES_OCTETS_MAX || self.first.is_some_and(too_old)
    }

    /// Takes up lines that were appended, as far as they are whole; `boot_line` is what makes the ledger so.
    fn take(&mut self, octets: &[u8], boot_line: &str) {
        let end = memchr::memrchr(b'\n', octets).map_or(0, |end| end + 1);
        let lines = octets.get(..end).unwrap_or_default();
        self.take_state(lines, boot_line);
        self.entries.extend(lines.split(|octet| *octet == b'\n').filter_map(parse));
    }

    /// The same without the entries.
    fn take_state(&mut self, lines: &[u8], boot_line: &str) {
        self.octets += lines.len() as u64;
        let boot_line = boot_line.as_bytes();
        self.whole |= lines_with(lines, boot_line).any(|line| line == boot_line);
        self.turned |= is_turned(lines);
        if self.first.is_none() {
            let mut entries = lines.split(|octet| *octet == b'\n').filter_map(parse);
            self.first = entries.next().map(|(_, (at, _))| at);
        }
    }

    /// Takes up lines of the file before.
    fn take_older(&mut self, octets: &[u8]) {
        let mut older = HashMap::new();
        older.extend(octets.split(|octet| *octet == b'\n').filter_map(parse));
        older.extend(self.entries.drain());
        self.entries = older;
    }
}

impl Ledger<'_> {
    /// The right to change which file is which; `None` where somebody else has it.
    fn turn(&self) -> Result<Option<Box<dyn DiskLock>>, DiskError> {
        match self.disk.lock_part(&self.path(LOCK), 0) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            turn => turn.map(Some),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.inbox.root().join(name)
    }
}

/// How far an entry says that its delivery came, as long as it counts.
fn step(entry: Option<Entry>, ledger: Ledger<'_>) -> Option<Step> {
    entry.filter(|(at, _)| counts(*at, ledger.now)).map(|(_, step)| step)
}

/// Whether what was written then is young enough.
fn counts(at: u64, now: u64) -> bool {
    now.saturating_sub(at) <= DELIVERIES_KEPT.as_secs()
}

fn line(key: DeliveryKey, (at, step): Entry) -> String {
    let word = WORDS.iter().find(|(_, other)| *other == step).map_or("", |(word, _)| word);
    format!("{at} {word} {key}")
}

/// The last entry of a delivery.
fn last_of(key: DeliveryKey, lines: &[u8]) -> Option<Entry> {
    let entries = lines_with(lines, key.as_bytes()).filter_map(parse);
    entries.filter(|(other, _)| *other == key).last().map(|(_, entry)| entry)
}

/// The lines in which some octets stand.
fn lines_with<'a>(text: &'a [u8], octets: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    memchr::memmem::find_iter(text, octets).filter_map(|at| {
        let (before, behind) = text.split_at_checked(at)?;
        let begin = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
        let end = memchr::memchr(b'\n', behind).map_or(text.len(), |end| at + end);
        text.get(begin..end)
    })
}

fn parse(line: &[u8]) -> Option<(DeliveryKey, Entry)> {
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let at = words.next()?.parse().ok()?;
    let word = words.next()?;
    let (_, step) = WORDS.iter().find(|(other, _)| *other == word)?;
    let key = DeliveryKey::parse(words.next()?.as_bytes())?;
    words.next().is_none().then_some((key, (at, *step)))
}

impl OpenPage {
    /// Where it is there.
    fn open(ledger: Ledger<'_>, path: &Path) -> Result<Option<Self>, DiskError> {
        let file = match ledger.disk.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let stat = file.stat()?;
        Ok(Some(Self { file, number: stat.number, octets: stat.octets }))
    }

    /// Appends, and says whether it may be to an old file.
    fn append(&mut self, path: &Path, octets: &[u8]) -> Result<bool, DiskError> {
        self.file.append(octets)?;
        let length = self.file.len()?;
        let before = std::mem::replace(&mut self.octets, length);
        if length == before + octets.len() as u64 {
            // Nobody else has written.
            return Ok(false);
        }
        Ok(is_turned(&small_file::read_part(path, self.file.as_ref(), before..length)?))
    }
}

impl Page {
    fn append(&mut self, ledger: Ledger<'_>, line: &str) -> Result<(), DiskError> {
        let (path, octets) = (ledger.path(FILE), format!("\n{line}\n"));
        if let Some(open) = &mut self.0 {
            if !open.append(&path, octets.as_bytes())? {
                return Ok(());
            }
            self.0 = None;
        }
        loop {
            let Some(mut open) = OpenPage::open(ledger, &path)? else {
                match ledger.disk.create_new(&path) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(error);
                    }
                    Ok(_) | Err(_) => continue,
                }
            };
            open.file.append(octets.as_bytes())?;
            match ledger.disk.stat(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                // Who takes it away now finds the line in it.
                Ok(stat) if stat.number == open.number => return Ok(()),
                Ok(_) | Err(_) => {}
            }
        }
    }
}

/// Whether one of these lines says that another file comes.
fn is_turned(lines: &[u8]) -> bool {
    lines_with(lines, TURNED).any(|line| line == TURNED)
}

/// Nothing in here is left half changed by a panic that the next reading wouldn't mend.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroad_disk::OsDisk;
    use postroad_testkit::FaultyDisk;

    const WEEK: u64 = DELIVERIES_KEPT.as_secs();

    fn key(number: u64) -> DeliveryKey {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.to_be_bytes());
        DeliveryKey::of_digest(&digest)
    }

    impl Ledgers {
        /// An attempt that asks, and does nothing.
        fn ask(&self, ledger: Ledger<'_>, key: DeliveryKey) -> Option<Step> {
            self.reached(ledger, key, &mut Page::default()).unwrap()
        }

        /// One that adds a line without having asked.
        fn add(&self, ledger: Ledger<'_>, key: DeliveryKey, step: Step) {
            self.note(ledger, &mut Page::default(), key, step).unwrap();
        }
    }

    /// A mailbox on a disk.
    struct Place {
        disk: FaultyDisk,
        inbox: Maildir,
    }

    impl Place {
        fn new() -> Self {
            let (disk, inbox) = (FaultyDisk::new(), Maildir::at("/mail/alice"));
            for part in ["tmp", "new", "cur"] {
                disk.put_dir(&inbox.root().join(part));
            }
            Self { disk, inbox }
        }

        fn at(&self, now: u64) -> Ledger<'_> {
            Ledger { disk: &self.disk, inbox: &self.inbox, now }
        }

        fn file(&self, name: &str) -> Vec<u8> {
            self.disk.read(&self.inbox.root().join(name)).unwrap_or_default()
        }
    }

    #[test]
    fn the_last_line_counts_for_a_week() {
        let place = Place::new();
        let ledgers = Ledgers::new("boot".to_owned());
        let reached = |now, number| ledgers.ask(place.at(now), key(number));
        assert_eq!(reached(1_000, 1), None);
        for step in [Step::Begun, Step::Sent, Step::Done] {
            ledgers.add(place.at(1_000), key(1), step);
            assert_eq!((reached(1_000, 1), reached(1_000, 2)), (Some(step), None));
        }
        assert_eq!(reached(1_000 + WEEK, 1), Some(Step::Done));
        assert_eq!(reached(1_001 + WEEK, 1), None);
        // It is in the file before by now, and the next week's first line ends that.
        ledgers.add(place.at(1_001 + WEEK), key(2), Step::Done);
        assert_eq!(reached(1_001 + WEEK, 2), Some(Step::Done));
        assert!(!String::from_utf8(place.file(FILE)).unwrap().contains(&key(1).to_string()));
    }

    #[test]
    fn two_processes_know_each_others_and_both_files_are_bounded() {
        let place = Place::new();
        let processes = [Ledgers::new("boot".to_owned()), Ledgers::new("boot".to_owned())];
        let deliveries = 3 * DELIVERIES_OCTETS_MAX / 30;
        for number in 0..deliveries {
            let [one, other] = match number % 3 {
                0 => [&processes[0], &processes[1]],
                _ => [&processes[1], &processes[0]],
            };
            one.add(place.at(number), key(number), Step::Done);
            let reached = |number| other.ask(place.at(number), key(number));
            assert_eq!(reached(number), Some(Step::Done));
            let a_while_ago = number.saturating_sub(4_000);
            assert_eq!(reached(a_while_ago), Some(Step::Done), "{number}");
        }
        let sizes = [FILE, BEFORE].map(|name| place.file(name).len() as u64);
        assert!(sizes.iter().all(|size| *size < DELIVERIES_OCTETS_MAX + 100), "{sizes:?}");
        let next = Ledgers::new("boot".to_owned());
        let reached = |number| next.ask(place.at(number), key(number));
        assert_eq!((reached(0), reached(deliveries - 4_000)), (None, Some(Step::Done)));
    }

    #[test]
    fn a_file_that_another_process_has_begun_anew_is_read_from_its_beginning() {
        let place = Place::new();
        let processes = [Ledgers::new("boot".to_owned()), Ledgers::new("boot".to_owned())];
        let reached = |which: usize, now, number| processes[which].ask(place.at(now), key(number));
        for which in [0, 1] {
            assert_eq!(reached(which, 1_000, 1), None);
        }
        for (at, number) in [(1_000, 1), (1_000 + WEEK, 20)] {
            processes[0].add(place.at(at), key(number), Step::Done);
            assert_eq!(reached(0, at, number), Some(Step::Done));
        }
        // A week later the other one turns it over, and the new file gets as long as the old one was, and longer.
        let later = 1_001 + WEEK;
        for number in 2..10 {
            assert_eq!(reached(1, later, number), None);
            processes[1].add(place.at(later), key(number), Step::Done);
        }
        // The first one doesn't do so once more, by what it knows of the old file.
        assert!((2..10).all(|number| reached(0, later, number) == Some(Step::Done)));
        assert_eq!([0, 1].map(|which| reached(which, later, 20)), [Some(Step::Done); 2]);
    }

    #[test]
    fn what_is_noted_in_a_file_that_is_an_old_one_by_then_is_known() {
        let place = Place::new();
        let [ours, theirs] = [Ledgers::new("boot".to_owned()), Ledgers::new("boot".to_owned())];
        for (at, number) in [(1_000, 1), (1_000, 2)] {
            ours.add(place.at(at), key(number), Step::Done);
            assert_eq!(theirs.ask(place.at(at), key(number)), Some(Step::Done));
        }
        let later = 1_001 + WEEK;
        let mut page = Page::default();
        assert_eq!(ours.reached(place.at(1_002), key(3), &mut page).unwrap(), None);
        ours.note(place.at(1_002), &mut page, key(3), Step::Begun).unwrap();
        assert!(page.0.is_some());
        // The other process begins a new file, and knows all that the old one holds.
        assert_eq!(theirs.ask(place.at(later), key(3)), Some(Step::Begun));
        ours.note(place.at(later), &mut page, key(3), Step::Done).unwrap();
        assert!(page.0.is_none());
        assert_eq!(theirs.ask(place.at(later), key(3)), Some(Step::Done));
        assert!(String::from_utf8(place.file(FILE)).unwrap().contains(&key(3).to_string()));
        // Who was ended before the new one was there has left the line: nothing is appended by what was open then.
        let mut open = place.disk.open(&place.inbox.root().join(FILE)).unwrap();
        open.append(b"\nturned\n").unwrap();
        let mut page = Page::default();
        assert_eq!(ours.reached(place.at(later), key(4), &mut page).unwrap(), None);
        assert!(page.0.is_none());
        ours.note(place.at(later), &mut page, key(4), Step::Done).unwrap();
        assert_eq!(theirs.ask(place.at(later), key(4)), Some(Step::Done));
    }

    #[test]
    fn mailboxes_that_are_remembered_are_bounded_too() {
        let ledgers = Ledgers::new("boot".to_owned());
        for number in 0..=DELIVERIES_IN_MEMORY_MAX {
            ledgers.known(&PathBuf::from(format!("/mail/{number}")));
        }
        ledgers.known(Path::new("/mail/alice"));
        assert!(lock(&ledgers.known).len() < 10);
    }

    #[test]
    fn who_asks_once_hears_the_same_as_who_asks_again() {
        let place = Place::new();
        // Longer than any block, and without an end at its end.
        let torn = "x".repeat(100_000);
        let lines = |numbers: std::ops::Range<u64>, step| -> String {
            numbers.map(|number| "\n".to_owned() + &line(key(number), (7, step)) + "\n").collect()
        };
        let older = lines(0..3_000, Step::Sent) + &torn + &lines(3_000..4_000, Step::Sent);
        let newer = "\nboot boot\n".to_owned()
            + &lines(3_500..5_000, Step::Begun)
            + &torn
            + &lines(4_000..6_000, Step::Done)
            + &line(key(6_000), (7, Step::Done));
        for (name, text) in [(BEFORE, older), (FILE, newer)] {
            place.disk.put(&place.inbox.root().join(name), text.as_bytes());
        }
        let again = Ledgers::new("boot".to_owned());
        again.ask(place.at(7), key(0));
        for number in (0..=6_000).step_by(41).chain([3_499, 3_500, 3_999, 4_000, 5_999, 6_000]) {
            let once = Ledgers::new("boot".to_owned()).ask(place.at(7), key(number));
            assert_eq!(once, again.ask(place.at(7), key(number)), "{number}");
            let expected = match number {
                0..3_500 => Some(Step::Sent),
                3_500..4_000 => Some(Step::Begun),
                4_000..6_000 => Some(Step::Done),
                _ => None,
            };
            assert_eq!(once, expected, "{number}");
        }
    }

    #[test]
    fn torn_lines_spoil_no_others() {
        let place = Place::new();
        let file = |torn: &str| format!("\nboot boot\n{torn}\n7 done {}\n", key(1));
        let path = place.inbox.root().join(FILE);
        for torn in
            ["\0\0\0", "7 done", "7 done AAAA", "x done AAAAAAAAAAAAAAAA", "boot", "7  \u{fffd}"]
        {
            place.disk.put(&path, file(torn).as_bytes());
            let ledgers = Ledgers::new("boot".to_owned());
            let reached = |number| ledgers.ask(place.at(7), key(number));
            assert_eq!((reached(1), reached(2)), (Some(Step::Done), None), "{torn:?}");
        }
        // What has no end yet is being written.
        let whole = file("");
        place.disk.put(&path, whole.trim_end().as_bytes());
        let ledgers = Ledgers::new("boot".to_owned());
        assert_eq!(ledgers.ask(place.at(7), key(1)), None);
        place.disk.put(&path, whole.as_bytes());
        assert_eq!(ledgers.ask(place.at(7), key(1)), Some(Step::Done));
    }

    #[test]
    fn after_another_start_of_the_system_the_names_are_read_once() {
        let place = Place::new();
        let letter = |folder: &str, number: u64, at: u64| {
            let name = format!("{at}.M1P2.host{},S=1,W=2:2,S", key(number).field());
            place.disk.put(&place.inbox.root().join(folder).join(name), b"x");
        };
        for part in ["new", "cur"] {
            place.disk.put_dir(&place.inbox.root().join(".Lists").join(part));
        }
        letter("new", 1, 100);
        letter(".Lists/cur", 2, 100);
        letter("cur", 3, 100 + WEEK);
        let now = 150 + WEEK;
        let steps =
            |ledgers: &Ledgers| [1, 2, 3].map(|number| ledgers.ask(place.at(now), key(number)));
        let ledgers = Ledgers::new("first".to_owned());
        assert_eq!(steps(&ledgers), [None, None, Some(Step::Begun)]);
        ledgers.add(place.at(now), key(1), Step::Done);
        place.disk.plan(postroad_testkit::Plan::Sound);
        assert_eq!(steps(&ledgers), [Some(Step::Done), None, Some(Step::Begun)]);
        // What is known is known from the file, and by the next process.
        assert_eq!(
            steps(&Ledgers::new("first".to_owned())),
            [Some(Step::Done), None, Some(Step::Begun)]
        );
        assert_eq!(place.disk.count("read_dir"), 0);
        assert_eq!(
            steps(&Ledgers::new("second".to_owned())),
            [Some(Step::Done), None, Some(Step::Begun)]
        );
        assert_eq!(place.disk.count("read_dir"), 5);
    }

    #[test]
    fn where_no_boot_is_known_each_process_reads_the_names() {
        let place = Place::new();
        let ask = |ledgers: &Ledgers| ledgers.ask(place.at(7), key(1));
        let first = Ledgers::new(String::new());
        assert_eq!(ask(&first), None);
        first.add(place.at(7), key(1), Step::Begun);
        // The letter's file is there, its line was lost with the power.
        let name = format!("7.M1P2.host{},S=1,W=2", key(1).field());
        place.disk.put(&place.inbox.root().join("new").join(name), b"x");
        let file = String::from_utf8(place.file(FILE)).unwrap();
        let (before, _) = file.split_once("7 begun").unwrap();
        place.disk.put(&place.inbox.root().join(FILE), before.as_bytes());
        assert_eq!(ask(&Ledgers::new(String::new())), Some(Step::Begun));
        assert!(!String::from_utf8(place.file(FILE)).unwrap().contains("unknown"));
    }

    #[test]
    fn threads_and_processes_lose_nothing_of_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let inbox = Maildir::at(dir.path().join("alice"));
        inbox.create(&OsDisk, "1.x").unwrap();
        let ledger = Ledger { disk: &OsDisk, inbox: &inbox, now: 7 };
        let processes = [Ledgers::new("boot".to_owned()), Ledgers::new("boot".to_owned())];
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let ledgers = &processes[thread % 2];
                scope.spawn(move || {
                    for n in 0..200 {
                        let key = key(n * 4 + thread as u64);
                        let mut page = Page::default();
                        let reached = ledgers.reached(ledger, key, &mut page).unwrap();
                        assert_ne!(reached, Some(Step::Done));
                        ledgers.note(ledger, &mut page, key, Step::Begun).unwrap();
                        ledgers.note(ledger, &mut page, key, Step::Done).unwrap();
                    }
                });
            }
        });
        let all_known =
            |ledgers: &Ledgers| (0..800).all(|n| ledgers.ask(ledger, key(n)) == Some(Step::Done));
        assert!(processes.iter().all(all_known) && all_known(&Ledgers::new("boot".to_owned())));
    }
}
