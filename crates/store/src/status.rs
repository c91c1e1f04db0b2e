//! How many letters each folder has: the file `postroad-status` in a mailbox, for lists of folders with their counts
//! (RFC 5819). It is a cache as `postroad-cache` is one: anybody may delete it, nothing in it is synced, and what its
//! checksum doesn't fit is absent.
//!
//! ```text
//! head    "PRstate1"  folders  crc of all that follows
//! folder  octets of its name (u16)  name   times of new/, cur/ and register (u64 each)
//!         exists  unseen  deleted  UIDNEXT  UIDVALIDITY (u32 each)  size  HIGHESTMODSEQ (u64 each)
//! ```
//! Counts are believed as long as the folder's directories and its register have the times that they had when the
//! letters were counted. A time that was just now when counting began may stay the same through another change: what
//! was counted then isn't remembered.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use postroad_disk::{Disk, DiskError};

use crate::file_name::FileNames;
use crate::limits::{STATUS_FOLDERS_MAX, STATUS_OCTETS_MAX};
use crate::mailbox::REGISTER_FILE;
use crate::{FolderName, Maildir};

pub(crate) const FILE: &str = "postroad-status";
const MAGIC: [u8; 8] = *b"PRstate1";
const HEAD_OCTETS: usize = 16;
const NUMBERS_OCTETS: usize = 3 * 8 + 5 * 4 + 2 * 8;
/// File systems that count whole seconds (or two) show none behind them.
const WHOLE_SECONDS: Duration = Duration::from_secs(2);
/// Others have the time of the system's last tick, 10 ms ago at most.
const TICK: Duration = Duration::from_millis(20);

/// The time of what isn't there: the epoch is a disk's that knows none.
const NOT_THERE: u64 = 1;

/// What STATUS says of a folder (RFC 9051 §6.3.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Letters.
    pub exists: u32,
    /// Letters without `\Seen`.
    pub unseen: u32,
    /// Letters with `\Deleted`.
    pub deleted: u32,
    /// The UID that no letter has yet.
    pub uid_next: u32,
    /// What the UIDs count for.
    pub uid_validity: u32,
    /// Octets of all letters.
    pub size: u64,
    /// The highest mod-sequence.
    pub highest_modseq: u64,
}

/// When a folder last changed, as far as its files say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times([u64; 3]);

impl Times {
    /// The times of a folder.
    ///
    /// # Errors
    /// What the disk said; what isn't there is no error.
    pub fn of(disk: &dyn Disk, folder: &Maildir) -> Result<Self, DiskError> {
        let register = folder.root().join(REGISTER_FILE);
        let mut times = [0; 3];
        for (time, path) in times.iter_mut().zip([folder.new_dir(), folder.cur_dir(), register]) {
            *time = match disk.stamp(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => NOT_THERE,
                stamp => nanoseconds(stamp?.changed),
            };
        }
        Ok(Self(times))
    }

    /// Whether another change after `moment` shows in them.
    fn is_settled(&self, moment: SystemTime) -> bool {
        let moment = nanoseconds(moment);
        self.0.iter().all(|time| {
            if matches!(*time, 0 | NOT_THERE) {
                return *time == NOT_THERE;
            }
            let grain = if time % 1_000_000_000 == 0 { WHOLE_SECONDS } else { TICK };
            let grain = u64::try_from(grain.as_nanos()).unwrap_or(u64::MAX);
            time.saturating_add(grain) < moment
        })
    }
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The counts of a mailbox's folders.
#[derive(Debug)]
pub struct StatusCache {
    file: PathBuf,
    tmp: PathBuf,
    known: BTreeMap<String, (Times, Counts)>,
    /// Whether the file says something else.
    changed: bool,
}

impl StatusCache {
    /// Reads it; an empty one where there is none that is right.
    pub fn open(disk: &dyn Disk, inbox: &Maildir) -> Self {
        let file = inbox.root().join(FILE);
        let known = read(disk, &file).and_then(|octets| parse(&octets)).unwrap_or_default();
        Self { file, tmp: inbox.tmp(), known, changed: false }
    }

    /// The counts of a folder (`None`: the inbox) that has these times.
    pub fn get(&self, folder: Option<&FolderName>, times: Times) -> Option<Counts> {
        let (known, counts) = self.known.get(&key(folder))?;
        (*known == times).then_some(*counts)
    }

    /// Remembers counts. The times were taken first, and then, at `moment`, counting began.
    pub fn remember(
        &mut self,
        folder: Option<&FolderName>,
        (times, moment): (Times, SystemTime),
        counts: Counts,
    ) {
        let key = key(folder);
        let is_known = self.known.get(&key) == Some(&(times, counts));
        if !is_known && times.is_settled(moment) && self.known.len() < STATUS_FOLDERS_MAX {
            self.known.insert(key, (times, counts));
            self.changed = true;
        }
    }

    /// Writes it, if it has changed, with those folders alone that `is_there`. Of two that write in the same moment one
    /// is lost.
    ///
    /// # Errors
    /// What the disk said: nothing is lost but time.
    pub fn write(
        &mut self,
        disk: &dyn Disk,
        is_there: impl Fn(&str) -> bool,
    ) -> Result<(), DiskError> {
        if !std::mem::take(&mut self.changed) {
            return Ok(());
        }
        self.known.retain(|name, _| name.is_empty() || is_there(name));
        let by = self.tmp.join(FileNames::new("status").next(SystemTime::now()));
        let mut file = disk.create_new(&by)?;
        let written = file.write_all_at(&[&text(&self.known)], 0);
        written.and_then(|()| disk.rename(&by, &self.file)).inspect_err(|_| {
            let _ = disk.remove(&by);
        })
    }
}

fn key(folder: Option<&FolderName>) -> String {
    folder.map(ToString::to_string).unwrap_or_default()
}

fn read(disk: &dyn Disk, file: &Path) -> Option<Vec<u8>> {
    let file = disk.open_read(file).ok()?;
    let octets = usize::try_from(file.len().ok()?).ok().filter(|it| *it <= STATUS_OCTETS_MAX)?;
    let mut content = vec![0; octets];
    (file.read_at(&mut content, 0).ok()? == octets).then_some(content)
}

fn text(known: &BTreeMap<String, (Times, Counts)>) -> Vec<u8> {
    let mut rows = Vec::new();
    for (name, (times, counts)) in known {
        // A folder's name is shorter than 255 octets.
        rows.extend(u16::try_from(name.len()).unwrap_or_default().to_le_bytes());
        rows.extend(name.as_bytes());
        rows.extend(times.0.iter().flat_map(|time| time.to_le_bytes()));
        let Counts { exists, unseen, deleted, uid_next, uid_validity, size, highest_modseq } =
            counts;
        let numbers = [exists, unseen, deleted, uid_next, uid_validity];
        rows.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        rows.extend([size, highest_modseq].iter().flat_map(|number| number.to_le_bytes()));
    }
    let count = u32::try_from(known.len()).unwrap_or_default().to_le_bytes();
    let crc = crc32fast::hash(&rows).to_le_bytes();
    [&MAGIC[..], &count, &crc, &rows].concat()
}

/// `None` where it isn't right.
pub(crate) fn parse(octets: &[u8]) -> Option<BTreeMap<String, (Times, Counts)>> {
    let (head, mut rows): (&[u8; HEAD_OCTETS], _) = octets.split_first_chunk()?;
    let (magic, numbers) = head.split_first_chunk()?;
    let [count, crc] = *numbers.as_chunks::<4>().0 else { return None };
    if *magic != MAGIC || u32::from_le_bytes(crc) != crc32fast::hash(rows) {
        return None;
    }
    let mut known = BTreeMap::new();
    while let Some((length, rest)) = rows.split_first_chunk() {
        let (name, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
        let (numbers, rest): (&[u8; NUMBERS_OCTETS], _) = rest.split_first_chunk()?;
        known.insert(str::from_utf8(name).ok()?.to_owned(), row(numbers)?);
        rows = rest;
    }
    let is_whole = u32::try_from(known.len()) == Ok(u32::from_le_bytes(count));
    (rows.is_empty() && is_whole).then_some(known)
}

fn row(numbers: &[u8; NUMBERS_OCTETS]) -> Option<(Times, Counts)> {
    let (times, rest) = numbers.split_at_checked(24)?;
    let (small, large) = rest.split_at_checked(20)?;
    let [one, two, three] = *times.as_chunks().0 else { return None };
    let [exists, unseen, deleted, uid_next, uid_validity] =
        *<&[[u8; 4]; 5]>::try_from(small.as_chunks().0).ok()?;
    let [size, highest_modseq] = *large.as_chunks().0 else { return None };
    let counts = Counts {
        exists: u32::from_le_bytes(exists),
        unseen: u32::from_le_bytes(unseen),
        deleted: u32::from_le_bytes(deleted),
        uid_next: u32::from_le_bytes(uid_next),
        uid_validity: u32::from_le_bytes(uid_validity),
        size: u64::from_le_bytes(size),
        highest_modseq: u64::from_le_bytes(highest_modseq),
    };
    Some((Times([one, two, three].map(u64::from_le_bytes)), counts))
}

#[cfg(test)]
mod tests {
    use postroad_disk::OsDisk;
    use proptest::prelude::*;

    use super::*;

    const COUNTS: Counts = Counts {
        exists: 10,
        unseen: 2,
        deleted: 1,
        uid_next: 12,
        uid_validity: 7,
        size: 1 << 40,
        highest_modseq: 1 << 50,
    };

    fn later() -> SystemTime {
        SystemTime::now() + Duration::from_secs(60)
    }

    #[test]
    fn counts_are_known_until_the_folder_changes() {
        let dir = tempfile::tempdir().unwrap();
        let inbox = Maildir::at(dir.path());
        inbox.create(&OsDisk, "1.x").unwrap();
        let name = FolderName::parse("Lists").unwrap();
        let folder = inbox.folder(&name);
        folder.create(&OsDisk, "2.x").unwrap();
        let times = Times::of(&OsDisk, &folder).unwrap();
        let mut cache = StatusCache::open(&OsDisk, &inbox);
        // The directories are younger than the clock's grain.
        cache.remember(Some(&name), (times, SystemTime::UNIX_EPOCH), COUNTS);
        assert_eq!(cache.get(Some(&name), times), None);
        cache.remember(Some(&name), (times, later()), COUNTS);
        cache.remember(None, (times, later()), Counts::default());
        cache.write(&OsDisk, |_| true).unwrap();
        let mut cache = StatusCache::open(&OsDisk, &inbox);
        assert_eq!(cache.get(Some(&name), times), Some(COUNTS));
        assert_eq!(cache.get(None, times), Some(Counts::default()));
        assert_eq!(std::fs::read_dir(inbox.tmp()).unwrap().count(), 0);
        for (path, nanoseconds) in [("new", 1), ("cur", 2), ("postroad-register", 3)] {
            let file = folder.root().join(path);
            // Whoever sets a time shows that, too.
            let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds);
            let opened = match path.starts_with("postroad") {
                true => std::fs::File::create(&file),
                false => std::fs::File::open(&file),
            };
            opened.unwrap().set_modified(time).unwrap();
            let changed = Times::of(&OsDisk, &folder).unwrap();
            assert_ne!(changed, times, "{path}");
            assert_eq!(cache.get(Some(&name), changed), None, "{path}");
        }
        cache.changed = true;
        cache.write(&OsDisk, |_| false).unwrap();
        assert_eq!(StatusCache::open(&OsDisk, &inbox).known.len(), 1);
    }

    #[test]
    fn a_time_that_is_just_now_is_not_believed() {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let at = |nanoseconds: u64| Times([NOT_THERE, nanoseconds, NOT_THERE]);
        for (nanoseconds, settled) in [
            (0, false),
            (NOT_THERE, true),
            (999_979_999_999, true),
            (999_980_000_000, false),
            (1_000_000_000_000, false),
            (2_000_000_000_000, false),
            // Whole seconds.
            (997_000_000_000, true),
            (998_000_000_000, false),
        ] {
            assert_eq!(at(nanoseconds).is_settled(moment), settled, "{nanoseconds}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_else(
            names in proptest::collection::btree_set("[a-z.]{0,20}", 0..9),
            place in any::<prop::sample::Index>(),
            octet in 1_u8..,
        ) {
            let known: BTreeMap<_, _> = names
                .into_iter()
                .enumerate()
                .map(|(n, name)| (name, (Times([n as u64; 3]), COUNTS)))
                .collect();
            let mut file = text(&known);
            prop_assert_eq!(parse(&file), Some(known));
            let place = place.index(file.len());
            file[place] ^= octet;
            prop_assert_eq!(parse(&file), None);
            prop_assert_eq!(parse(&file[..place]), None);
        }
    }
}
