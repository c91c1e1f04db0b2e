//! The file of people whom the user knows: a line of JSON for each of them, and for each short name.
//!
//! ```text
//! addresses        replaced whole, synced; for its owner alone
//! addresses.lock   held by whoever changes it
//! ```
//! A line that this version can't read costs nobody else's, and stays where it is: another version may have written it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use postroad_disk::{Disk, DiskError, DiskLock, OsDisk, make_way_to, sync_way_to};
use serde::{Deserialize, Serialize};

use super::{Alias, People, Person, is_alias};
use crate::account::Account;
use crate::compose::Aliases;
use crate::limits;

/// Why the book can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The disk.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// There is nowhere to keep one.
    #[error("there is no folder for the address book: HOME isn't set")]
    NoFolder,
    /// It is larger than any of ours.
    #[error("the address book {} is larger than {max} octets", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        max: u64,
    },
}

/// The book, in its file.
#[derive(Debug, Clone)]
pub struct Book {
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Person(Person),
    Alias(Alias),
}

/// What the file has.
#[derive(Debug, Default)]
struct Content {
    people: People,
    /// Lines that can't be read.
    others: Vec<Vec<u8>>,
}

impl Book {
    /// The book in that file, which is made where it is missing.
    pub fn at(disk: Arc<dyn Disk>, path: PathBuf) -> Self {
        Self { disk, path }
    }

    /// The user's.
    ///
    /// # Errors
    /// Where the caller has no home.
    pub fn of(account: &Account) -> Result<Self, BookError> {
        let path = account.people.clone().ok_or(BookError::NoFolder)?;
        Ok(Self::at(Arc::new(OsDisk), path))
    }

    /// What it has, those first who are written to most; nobody where there is no file.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn people(&self) -> Result<People, BookError> {
        let mut people = self.read()?.people;
        people.sort();
        Ok(people)
    }

    /// Changes it, durably; nobody else can meanwhile.
    ///
    /// # Errors
    /// Where the disk is full or fails, or somebody else has it for too long: it is as it was then.
    pub fn change<T>(&self, change: impl FnOnce(&mut People) -> T) -> Result<T, BookError> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        make_way_to(self.disk.as_ref(), folder)?;
        let _lock = self.lock()?;
        let mut content = self.read()?;
        let before = content.people.clone();
        let done = change(&mut content.people);
        if content.people != before {
            content.people.bound();
            self.write(&content, folder)?;
        }
        Ok(done)
    }

    fn lock(&self) -> Result<Box<dyn DiskLock>, DiskError> {
        const LOOK: Duration = Duration::from_millis(5);
        let end = Instant::now() + limits::PEOPLE_WAIT;
        loop {
            match self.disk.lock(&self.path.with_extension("lock")) {
                Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < end => {
                    std::thread::sleep(LOOK);
                }
                lock => return lock,
            }
        }
    }

    fn read(&self) -> Result<Content, BookError> {
        let file = match self.disk.open_read(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Content::default()),
            file => file?,
        };
        let (length, max) = (file.len()?, limits::PEOPLE_OCTETS_MAX);
        if length > max {
            // To go on with a part of it would be to lose the rest with the next change.
            return Err(BookError::TooLarge { path: self.path.clone(), max });
        }
        let mut octets = vec![0; usize::try_from(length).unwrap_or(0)];
        let read = file.read_at(&mut octets, 0)?;
        octets.truncate(read);
        Ok(Content::of(&octets))
    }

    fn write(&self, content: &Content, folder: &Path) -> Result<(), DiskError> {
        let octets = content.octets();
        let (disk, next) = (&self.disk, self.path.with_extension("next"));
        match disk.remove(&next) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = disk.create_new(&next)?;
        file.write_all_at(&[&octets], 0)?;
        file.sync()?;
        let is_first = disk.stat(&self.path).is_err();
        disk.rename(&next, &self.path)?;
        disk.sync_dir(folder)?;
        if is_first { sync_way_to(disk.as_ref(), folder) } else { Ok(()) }
    }
}

impl Content {
    fn of(octets: &[u8]) -> Self {
        let mut content = Self::default();
        for line in octets.split(|octet| *octet == b'\n') {
            match serde_json::from_slice(line) {
                Ok(Line::Person(person)) => content.people.known.push(person),
                Ok(Line::Alias(alias)) if is_alias(&alias.alias) => {
                    content.people.aliases.push(alias);
                }
                Ok(Line::Alias(_)) | Err(_) if line.trim_ascii().is_empty() => {}
                Ok(Line::Alias(_)) | Err(_) => content.others.push(line.to_vec()),
            }
        }
        content
    }

    /// Their lines, no more than the file may have: the last ones go.
    fn octets(&self) -> Vec<u8> {
        let known = self.people.known.iter().filter_map(|it| serde_json::to_vec(it).ok());
        let aliases = self.people.aliases.iter().filter_map(|it| serde_json::to_vec(it).ok());
        let max = usize::try_from(limits::PEOPLE_OCTETS_MAX).unwrap_or(usize::MAX);
        let mut octets = Vec::new();
        for line in self.others.iter().cloned().chain(aliases).chain(known) {
            if octets.len() + line.len() >= max {
                break;
            }
            octets.extend(line);
            octets.push(b'\n');
        }
        octets
    }
}

/// The short names of an account's user. A book that can't be read is said in the log: letters are written without it.
pub(crate) fn aliases(account: &Account) -> Aliases {
    of_account(account).aliases()
}

/// Who is known to an account's user.
pub(crate) fn of_account(account: &Account) -> People {
    account.people.as_deref().map(at).unwrap_or_default()
}

/// Who is in a book; nobody, and a word in the log, where that can't be read.
pub(crate) fn at(path: &Path) -> People {
    match Book::at(Arc::new(OsDisk), path.to_owned()).people() {
        Ok(people) => people,
        Err(error) => {
            tracing::warn!(error = crate::error::words(&error), "the address book is not read");
            People::default()
        }
    }
}

/// Unix seconds, now.
pub(crate) fn now() -> u32 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::tests::mailbox;
    use super::*;

    fn book(folder: &Path) -> Book {
        Book::at(Arc::new(OsDisk), folder.join("data/addresses"))
    }

    #[test]
    fn what_is_kept_comes_back_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let book = book(folder.path());
        assert_eq!(book.people().unwrap(), People::default());
        book.change(|people| {
            people.written_to(&[mailbox("Ann \"A\" Lee", "ann@x.example")], 7);
            people.call("ann", "Ann <ann@x.example>");
        })
        .unwrap();
        let people = book.people().unwrap();
        assert_eq!(people.known[0].name.as_deref(), Some("Ann \"A\" Lee"));
        assert_eq!((people.known[0].uses, people.known[0].last), (1, 7));
        assert_eq!(people.aliases[0].to, "Ann <ann@x.example>");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&book.path), 0o600);
        assert_eq!(mode(book.path.parent().unwrap()), 0o700);
    }

    #[test]
    fn a_damaged_line_costs_no_other_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let book = book(folder.path());
        std::fs::create_dir_all(book.path.parent().unwrap()).unwrap();
        let lines = "{\"address\":\"ann@x.example\",\"colour\":\"red\"}\n{\"address\":\"no address\"}\n\
            {\"addr\n\n{\"alias\":\"a b\",\"to\":\"c@x.example\"}\n{\"alias\":\"b\",\"to\":\"b@x.example\"}\n\u{ff}";
        std::fs::write(&book.path, lines).unwrap();
        let people = book.people().unwrap();
        assert_eq!((people.known.len(), people.aliases.len()), (1, 1));
        book.change(|people| people.forget("b")).unwrap();
        let kept = String::from_utf8_lossy(&std::fs::read(&book.path).unwrap()).into_owned();
        for line in ["{\"address\":\"no address\"}\n", "{\"addr\n", "\"a b\"", "ann@x.example"] {
            assert!(kept.contains(line), "{line} in {kept}");
        }
        assert!(!kept.contains("b@x.example\"}"), "{kept}");
    }

    #[test]
    fn two_who_change_it_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let book = book(folder.path());
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let book = &book;
                scope.spawn(move || {
                    for letter in 0..10 {
                        let address = format!("a{writer}.{letter}@x.example");
                        book.change(|people| people.written_to(&[mailbox("", &address)], 1))
                            .unwrap();
                    }
                });
            }
        });
        assert_eq!(book.people().unwrap().known.len(), 40);
    }

    #[test]
    fn a_file_that_is_too_large_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let book = book(folder.path());
        std::fs::create_dir_all(book.path.parent().unwrap()).unwrap();
        let file = std::fs::File::create(&book.path).unwrap();
        file.set_len(limits::PEOPLE_OCTETS_MAX + 1).unwrap();
        let changed = book.change(|people| people.written_to(&[mailbox("", "a@x.example")], 1));
        assert!(matches!(changed, Err(BookError::TooLarge { .. })));
        assert_eq!(file.metadata().unwrap().len(), limits::PEOPLE_OCTETS_MAX + 1);
    }
}
