//! Numbers and lists of other programs: taken over where a folder is seen for the first time, and given back on request,
//! so that clients download nothing again, whichever way an operator goes.
//!
//! | of | file | is |
//! |---|---|---|
//! | Dovecot | `dovecot-uidlist` | UIDVALIDITY, UIDs, POP3's UIDL: taken over, and written by [`crate::Mailbox::export_to_dovecot`] |
//! | | `dovecot-uidvalidity` | the last UIDVALIDITY of all folders: ours go beyond it, and it is raised for the way back |
//! | | `dovecot-keywords`, `subscriptions` | shared: we write them as Dovecot does |
//! | Courier | `courierimapuiddb` | UIDVALIDITY, UIDs: taken over |
//! | | `courierimapkeywords/` | keywords: taken over |
//! | | `courierimapsubscribed` | subscriptions: taken over where there is no `subscriptions` |
//!
//! Mod-sequences are in Dovecot's index files, and aren't read. Ours begin at a number that is greater than any that
//! Dovecot has come to ([`MODSEQ_BEGIN`] says why): clients that know flags from there ask for them once more.
//!
//! What others have written is believed as far as it can be true: lines that are none are left out, and UIDs that
//! don't grow. Of a file whose head isn't right nothing is taken, and all letters get new numbers.

use std::io;
use std::path::Path;

use postroad_disk::{Disk, DiskError};

use crate::mailbox::REGISTER_FILE;
use crate::{Maildir, small_file};

mod courier;
mod dovecot;
pub(crate) mod dovecot_validity;
mod first_sight;

pub(crate) use courier::{SUBSCRIBED as COURIER_SUBSCRIBED, subscribed as courier_subscribed};
use first_sight::EXPORTED;
pub use first_sight::Exported;
pub(crate) use first_sight::open;

/// Where mod-sequences begin for letters of others: a server that counts each change of a folder takes decades to get
/// here.
pub const MODSEQ_BEGIN: u64 = 1 << 32;

/// Numbers that another program has given in a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers {
    /// RFC 9051 §2.3.1.1.
    pub uid_validity: u32,
    /// The next UID.
    pub uid_next: u32,
    /// Letters, by UID.
    pub letters: Vec<Numbered>,
}

/// A letter that has a UID.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbered {
    /// Its UID.
    pub uid: u32,
    /// Its file's name, with or without flags.
    pub name: Vec<u8>,
    /// What POP3 calls it, where that isn't what its UID makes.
    pub uidl: Option<String>,
}

impl Numbers {
    fn new(uid_validity: u32, uid_next: u32) -> Option<Self> {
        (uid_validity > 0 && uid_next > 0).then(|| Self {
            uid_validity,
            uid_next,
            letters: Vec::new(),
        })
    }

    /// Adds a letter, if it can be the next one.
    fn add(&mut self, letter: Numbered) {
        let last = self.letters.last().map_or(0, |last| last.uid);
        let name = &letter.name;
        let is_name =
            !name.is_empty() && !name.iter().any(|octet| matches!(octet, 0 | b'/' | b'\n'));
        if is_name && letter.uid > last && letter.uid < u32::MAX {
            self.uid_next = self.uid_next.max(letter.uid + 1);
            self.letters.push(letter);
        }
    }
}

/// A file of numbers, as its lines come.
#[derive(Debug, Default)]
enum Reading {
    #[default]
    Head,
    Letters(Numbers),
    /// It is none that we know.
    None,
}

/// How a program writes such a file.
struct Format {
    file: &'static str,
    head: fn(&str) -> Option<Numbers>,
    line: fn(&[u8]) -> Option<Numbered>,
}

static FORMATS: [Format; 2] = [dovecot::FORMAT, courier::FORMAT];

impl Reading {
    /// Takes up whole lines.
    fn take(&mut self, format: &Format, lines: &[u8]) {
        for line in lines.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()) {
            match self {
                Self::Head => {
                    let head = str::from_utf8(line).ok().and_then(format.head);
                    *self = head.map_or(Self::None, Self::Letters);
                }
                Self::Letters(numbers) => {
                    if let Some(letter) = (format.line)(line) {
                        numbers.add(letter);
                    }
                }
                Self::None => return,
            }
        }
    }

    fn numbers(self) -> Option<Numbers> {
        match self {
            Self::Letters(numbers) => Some(numbers),
            Self::Head | Self::None => None,
        }
    }
}

/// Who numbers a folder's letters, as far as its files say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberedBy {
    /// We do: there is a register.
    Us,
    /// Nobody does: the folder was never open.
    Nobody,
    /// Another program does: it has a list, or it was given the folder back. Whoever opens it here takes it over.
    Another,
}

/// Who numbers the letters of a folder. Nothing is read, and nothing changed.
///
/// # Errors
/// What the disk said.
pub fn numbered_by(disk: &dyn Disk, folder: &Maildir) -> Result<NumberedBy, DiskError> {
    let files = [EXPORTED, REGISTER_FILE, dovecot::FORMAT.file, courier::FORMAT.file];
    let found = disk.stat_all(folder.root(), &files)?;
    Ok(match found.iter().position(Option::is_some) {
        None => NumberedBy::Nobody,
        Some(1) => NumberedBy::Us,
        Some(_) => NumberedBy::Another,
    })
}

/// The numbers that another program has given in a folder, if one has: of two programs those that were written last.
///
/// # Errors
/// What the disk said.
pub fn first_numbers(disk: &dyn Disk, folder: &Maildir) -> Result<Option<Numbers>, DiskError> {
    Ok(newest(disk, folder)?.map(|(numbers, _)| numbers))
}

fn newest(
    disk: &dyn Disk,
    folder: &Maildir,
) -> Result<Option<(Numbers, &'static Format)>, DiskError> {
    let mut files = Vec::new();
    for format in &FORMATS {
        match disk.modified(&folder.root().join(format.file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            modified => files.push((modified?, format)),
        }
    }
    // The first one of two that are as old.
    files.sort_by_key(|(modified, _)| std::cmp::Reverse(*modified));
    for (_, format) in files {
        if let Some(numbers) = read(disk, &folder.root().join(format.file), format)? {
            return Ok(Some((numbers, format)));
        }
    }
    Ok(None)
}

fn read(disk: &dyn Disk, file: &Path, format: &Format) -> Result<Option<Numbers>, DiskError> {
    let mut reading = Reading::default();
    small_file::blocks_of_lines(disk, file, |lines| reading.take(format, lines))?;
    Ok(reading.numbers())
}

/// Whatever others have written gives numbers that can be, or none; written anew they are the same.
pub(crate) fn fuzz(octets: &[u8]) {
    for format in &FORMATS {
        let mut reading = Reading::default();
        reading.take(format, octets);
        let Some(numbers) = reading.numbers() else { continue };
        assert!(numbers.uid_validity > 0 && numbers.uid_next > 0, "numbers that can't be");
        let mut uids = numbers.letters.iter().map(|letter| letter.uid);
        assert!(uids.clone().is_sorted_by(|one, other| one < other), "UIDs that don't grow");
        assert!(
            uids.next_back().is_none_or(|last| last < numbers.uid_next),
            "UIDs from the future"
        );
        let mut again = Reading::default();
        again.take(&dovecot::FORMAT, &dovecot::text(&numbers, "07"));
        assert_eq!(again.numbers(), Some(numbers));
    }
    courier::fuzz(octets);
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use postroad_disk::OsDisk;

    use super::*;

    #[test]
    fn of_two_programs_the_one_that_wrote_last() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Maildir::at(dir.path());
        let write = |file: &str, text: &str, second: u64| {
            std::fs::write(dir.path().join(file), text).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            let file = std::fs::File::open(dir.path().join(file)).unwrap();
            file.set_modified(time).unwrap();
        };
        let validity =
            || first_numbers(&OsDisk, &folder).unwrap().map(|numbers| numbers.uid_validity);
        assert_eq!(validity(), None);
        write("courierimapuiddb", "1 7 2\n1 1.a\n", 100);
        assert_eq!(validity(), Some(7));
        write("dovecot-uidlist", "3 V8 N2 Gabc\n1 :1.a\n", 100);
        assert_eq!(validity(), Some(8));
        write("courierimapuiddb", "1 7 2\n1 1.a\n", 101);
        assert_eq!(validity(), Some(7));
        // One that is damaged counts for nothing.
        write("courierimapuiddb", "\0\0\0\n", 102);
        assert_eq!(validity(), Some(8));
        write("dovecot-uidlist", "", 103);
        assert_eq!(validity(), None);
    }
}
