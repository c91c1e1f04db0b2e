//! How many letters each folder has: the file `postroad-status` in a mailbox, for lists of folders with their counts
//! (RFC 5819). It is a cache as `postroad-cache` is one: anybody may delete it, nothing in it is synced, and what its
//! checksum doesn't fit is absent.
//!
//! ```text
//! head    "PRstate2"  folders  crc of this boot of the system and of all that follows
//! folder  octets of its name (u16)  name   times of new/, cur/ and register (u64 each)
//!         exists  recent  unseen  deleted  UIDNEXT  UIDVALIDITY (u32 each)
//!         size  size of what is deleted  HIGHESTMODSEQ (u64 each; a size that wasn't asked for is all ones)  id (16)
//! ```
//! Counts are believed as long as the folder's directories and its register have the times that they had when the
//! letters had been counted. A change shows in them if none was just now when counting began: what was counted then isn't
//! remembered. What isn't synced is lost at a power cut: nothing is believed of another boot.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use postroad_disk::{Disk, DiskError};

use crate::file_name::FileNames;
use crate::limits::{STATUS_FOLDERS_MAX, STATUS_OCTETS_MAX};
use crate::mailbox::{REGISTER_FILE, id_text};
use crate::{FolderName, LetterFlags, Mailbox, Maildir};

pub(crate) const FILE: &str = "postroad-status";
const MAGIC: [u8; 8] = *b"PRstate2";
const HEAD_OCTETS: usize = 16;
const NUMBERS_OCTETS: usize = 3 * 8 + 6 * 4 + 3 * 8 + 16;
/// A size that nobody has asked for.
const UNKNOWN: u64 = u64::MAX;
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
    /// Letters that no session has taken in yet.
    pub recent: u32,
    /// Letters without `\Seen`.
    pub unseen: u32,
    /// Letters with `\Deleted`.
    pub deleted: u32,
    /// The UID that no letter has yet.
    pub uid_next: u32,
    /// What the UIDs count for.
    pub uid_validity: u32,
    /// Octets of all letters, where they were added up.
    pub size: Option<u64>,
    /// Of those with `\Deleted`.
    pub deleted_size: Option<u64>,
    /// The highest mod-sequence.
    pub highest_modseq: u64,
    /// RFC 8474.
    pub mailbox_id: [u8; 16],
}

impl Counts {
    /// What a mailbox shows; sizes aren't known.
    pub fn of(mailbox: &Mailbox) -> Self {
        let mut counts = Self {
            uid_next: mailbox.uid_next(),
            uid_validity: mailbox.uid_validity(),
            highest_modseq: mailbox.highest_modseq(),
            mailbox_id: mailbox.id(),
            ..Self::default()
        };
        for entry in mailbox.entries() {
            let flags = entry.flags();
            counts.exists += 1;
            counts.recent += u32::from(entry.is_new());
            counts.unseen += u32::from(!flags.contains(LetterFlags::SEEN));
            counts.deleted += u32::from(flags.contains(LetterFlags::DELETED));
        }
        counts
    }

    /// The mailbox's id, as it is told.
    pub fn mailbox_id(&self) -> String {
        id_text(self.mailbox_id)
    }
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
    boot: String,
    known: BTreeMap<String, (Times, Counts)>,
    /// Whether the file says something else.
    changed: bool,
}

impl StatusCache {
    /// Reads it; an empty one where there is none that is right.
    pub fn open(disk: &dyn Disk, inbox: &Maildir) -> Self {
        let (file, boot) = (inbox.root().join(FILE), disk.boot());
        let known = read(disk, &file).and_then(|octets| parse(&octets, &boot)).unwrap_or_default();
        Self { file, tmp: inbox.tmp(), boot, known, changed: false }
    }

    /// The counts of a folder (`None`: the inbox) that has these times.
    pub fn get(&self, folder: Option<&FolderName>, times: Times) -> Option<Counts> {
        let (known, counts) = self.known.get(&key(folder))?;
        (*known == times).then_some(*counts)
    }

    /// Remembers counts. Counting began at `moment`, and the times were taken when it was done.
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
        // Where nobody knows the boot, nobody could believe it.
        if !std::mem::take(&mut self.changed) || self.boot.is_empty() {
            return Ok(());
        }
        self.known.retain(|name, _| name.is_empty() || is_there(name));
        let by = self.tmp.join(FileNames::new("status").next(SystemTime::now()));
        let mut file = disk.create_new(&by)?;
        let written = file.write_all_at(&[&text(&self.known, &self.boot)], 0);
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

fn text(known: &BTreeMap<String, (Times, Counts)>, boot: &str) -> Vec<u8> {
    let mut rows = Vec::new();
    for (name, (times, counts)) in known {
        // A folder's name is shorter than 255 octets.
        rows.extend(u16::try_from(name.len()).unwrap_or_default().to_le_bytes());
        rows.extend(name.as_bytes());
        rows.extend(times.0.iter().flat_map(|time| time.to_le_bytes()));
        let Counts { exists, recent, unseen, deleted, uid_next, uid_validity, .. } = *counts;
        let numbers = [exists, recent, unseen, deleted, uid_next, uid_validity];
        rows.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        let sizes = [counts.size, counts.deleted_size].map(|size| size.unwrap_or(UNKNOWN));
        let large = [sizes[0], sizes[1], counts.highest_modseq];
        rows.extend(large.iter().flat_map(|number| number.to_le_bytes()));
        rows.extend(counts.mailbox_id);
    }
    let count = u32::try_from(known.len()).unwrap_or_default().to_le_bytes();
    let crc = crc_of(boot, &rows).to_le_bytes();
    [&MAGIC[..], &count, &crc, &rows].concat()
}

fn crc_of(boot: &str, rows: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(crc32fast::hash(boot.as_bytes()));
    hasher.update(rows);
    hasher.finalize()
}

/// `None` where it isn't right.
pub(crate) fn parse(octets: &[u8], boot: &str) -> Option<BTreeMap<String, (Times, Counts)>> {
    let (head, mut rows): (&[u8; HEAD_OCTETS], _) = octets.split_first_chunk()?;
    let (magic, numbers) = head.split_first_chunk()?;
    let [count, crc] = *numbers.as_chunks::<4>().0 else { return None };
    if *magic != MAGIC || u32::from_le_bytes(crc) != crc_of(boot, rows) {
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
    let (small, rest) = rest.split_at_checked(24)?;
    let (large, id) = rest.split_at_checked(24)?;
    let [one, two, three] = *times.as_chunks().0 else { return None };
    let small = <&[[u8; 4]; 6]>::try_from(small.as_chunks().0).ok()?;
    let [exists, recent, unseen, deleted, uid_next, uid_validity] = small.map(u32::from_le_bytes);
    let large = <&[[u8; 8]; 3]>::try_from(large.as_chunks().0).ok()?;
    let [size, deleted_size, highest_modseq] = large.map(u64::from_le_bytes);
    let [size, deleted_size] =
        [size, deleted_size].map(|size| Some(size).filter(|it| *it != UNKNOWN));
    let mailbox_id = id.try_into().ok()?;
    let counts = Counts {
        exists,
        recent,
        unseen,
        deleted,
        uid_next,
        uid_validity,
        size,
        deleted_size,
        highest_modseq,
        mailbox_id,
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
        recent: 3,
        unseen: 2,
        deleted: 1,
        uid_next: 12,
        uid_validity: 7,
        size: Some(1 << 40),
        deleted_size: None,
        highest_modseq: 1 << 50,
        mailbox_id: [7; 16],
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
            let mut file = text(&known, "boot");
            prop_assert_eq!(parse(&file, "boot"), Some(known));
            prop_assert_eq!(parse(&file, "another"), None);
            let place = place.index(file.len());
            file[place] ^= octet;
            prop_assert_eq!(parse(&file, "boot"), None);
            prop_assert_eq!(parse(&file[..place], "boot"), None);
        }
    }
}
