//! Which letter stands for which keyword in a folder: the file `dovecot-keywords` in it, as Dovecot writes it.
//!
//! ```text
//! 0 $Label1        a in a file's name
//! 1 work           b
//! ```
//! There are 26 letters; what finds none left is left out. A letter never changes its keyword, and the file is
//! durable before any letter that uses it shows: what a crash leaves is a keyword that no letter has.
//!
//! Dovecot changes the file under the dot lock of its list of UIDs, and so do we. One that a crash left counts
//! for nothing after [`DOT_LOCK_AGE_MAX`], as with Dovecot. Known keywords, as most, are read without a lock.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use postroad_disk::{Disk, DiskError};

use crate::limits::DOT_LOCK_AGE_MAX;
use crate::small_file::{self, patiently};
use crate::{Maildir, StoreError};

pub(crate) const FILE: &str = "dovecot-keywords";
const DOT_LOCK: &str = "dovecot-uidlist.lock";

/// As many as there are letters.
const KEYWORDS_MAX: usize = 26;

/// Keywords that a letter is filed without.
#[derive(Debug, thiserror::Error)]
pub enum KeywordsLeftOut {
    /// The folder has 26 others.
    #[error("{}: the folder has 26 other keywords", .0.join(" "))]
    NoneFree(Vec<String>),
    /// The folder's file can't be read or written in this moment.
    #[error("{}: the folder can't be told of them", names.join(" "))]
    Unknown {
        /// The keywords.
        names: Vec<String>,
        /// Why.
        source: StoreError,
    },
}

/// The letters of these keywords, in whatever order, and which have none. New ones are added, by way of a new file
/// `by`.
pub(crate) fn letters(
    disk: &dyn Disk,
    folder: &Maildir,
    by: &Path,
    names: &[String],
) -> (Vec<char>, Option<KeywordsLeftOut>) {
    if names.is_empty() {
        return (Vec::new(), None);
    }
    match known_or_added(disk, folder, by, names) {
        Ok(known) => {
            let (mut letters, mut rest) = (Vec::new(), Vec::new());
            for name in names {
                match known.letter(name) {
                    Some(letter) if letters.contains(&letter) => {}
                    Some(letter) => letters.push(letter),
                    None => rest.push(name.clone()),
                }
            }
            (letters, (!rest.is_empty()).then_some(KeywordsLeftOut::NoneFree(rest)))
        }
        Err(error) => {
            let left_out = KeywordsLeftOut::Unknown { names: names.to_vec(), source: error.into() };
            (Vec::new(), Some(left_out))
        }
    }
}

/// What the small letters in a file's name stand for; those that stand for nothing are left out.
pub(crate) fn names(
    disk: &dyn Disk,
    folder: &Maildir,
    info: &[u8],
) -> Result<Vec<String>, DiskError> {
    if !info.iter().any(u8::is_ascii_lowercase) {
        return Ok(Vec::new());
    }
    let known = by_letter(disk, folder)?;
    let number = |letter: &u8| usize::from(letter.wrapping_sub(b'a'));
    Ok(info.iter().filter_map(|letter| known.get(number(letter))?.clone()).collect())
}

/// What each small letter stands for.
pub(crate) fn by_letter(
    disk: &dyn Disk,
    folder: &Maildir,
) -> Result<[Option<String>; KEYWORDS_MAX], DiskError> {
    Ok(Keywords::parse(&small_file::read(disk, &path_in(folder))?).0)
}

/// Where it is.
pub(crate) fn path_in(folder: &Maildir) -> PathBuf {
    folder.root().join(FILE)
}

/// Takes the lock under which Dovecot changes its files in a folder. The caller has the turn.
pub(crate) fn lock<'a>(disk: &'a dyn Disk, folder: &Maildir) -> Result<DotLock<'a>, DiskError> {
    DotLock::take(disk, folder.root().join(DOT_LOCK))
}

fn known_or_added(
    disk: &dyn Disk,
    folder: &Maildir,
    by: &Path,
    names: &[String],
) -> Result<Keywords, DiskError> {
    let file = path_in(folder);
    let mut known = Keywords::parse(&small_file::read(disk, &file)?);
    if known.add(names.iter()) == Added::Nothing {
        return Ok(known);
    }
    let _turn = folder.turn(disk)?;
    let _lock = lock(disk, folder)?;
    let mut known = Keywords::parse(&small_file::read(disk, &file)?);
    if known.add(names.iter()) == Added::Some {
        small_file::replace(disk, by, &file, known.text().as_bytes())?;
    }
    Ok(known)
}

/// By their letters.
#[derive(Debug, Default, PartialEq, Eq)]
struct Keywords([Option<String>; KEYWORDS_MAX]);

/// Whether a folder got new keywords.
#[derive(Debug, PartialEq, Eq)]
enum Added {
    Nothing,
    Some,
}

impl Keywords {
    /// Lines that are none are left out, and the first of two for one letter counts.
    fn parse(file: &[u8]) -> Self {
        let mut keywords = Self::default();
        for line in String::from_utf8_lossy(file).lines() {
            let Some((number, name)) = line.split_once(' ') else { continue };
            let slot = number.parse().ok().and_then(|number: usize| keywords.0.get_mut(number));
            if let Some(slot @ None) = slot {
                *slot = Some(name.to_owned());
            }
        }
        keywords
    }

    fn text(&self) -> String {
        let lines = self.0.iter().enumerate();
        let lines =
            lines.filter_map(|(number, name)| Some(format!("{number} {}\n", name.as_ref()?)));
        lines.collect()
    }

    fn letter(&self, name: &str) -> Option<char> {
        let is_it = |other: &Option<String>| {
            other.as_ref().is_some_and(|other| other.eq_ignore_ascii_case(name))
        };
        ('a'..='z').zip(&self.0).find(|(_, other)| is_it(other)).map(|(letter, _)| letter)
    }

    fn add<'a>(&mut self, names: impl Iterator<Item = &'a String>) -> Added {
        let mut added = Added::Nothing;
        for name in names {
            // Behind the last: letters may still have one that was taken out in between.
            let end = self.0.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
            if self.letter(name).is_none()
                && let Some(slot) = self.0.get_mut(end)
            {
                *slot = Some(name.clone());
                added = Added::Some;
            }
        }
        added
    }
}

/// A lock as Dovecot has it: the file's being there. Dropped, it is given back.
pub(crate) struct DotLock<'a> {
    disk: &'a dyn Disk,
    path: PathBuf,
}

impl<'a> DotLock<'a> {
    fn take(disk: &'a dyn Disk, path: PathBuf) -> Result<Self, DiskError> {
        patiently(|| match disk.create_new(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if is_abandoned(disk, &path) {
                    // None of ours is in the way of that: only one has the turn.
                    disk.remove(&path)?;
                }
                Err(error)
            }
            made => made.map(drop),
        })?;
        Ok(Self { disk, path })
    }
}

impl Drop for DotLock<'_> {
    fn drop(&mut self) {
        // Where that fails, it counts for nothing soon.
        let _ = self.disk.remove(&self.path);
    }
}

fn is_abandoned(disk: &dyn Disk, path: &Path) -> bool {
    let age = disk.modified(path).ok().and_then(|at| SystemTime::now().duration_since(at).ok());
    age.is_some_and(|age| age > DOT_LOCK_AGE_MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use postroad_disk::OsDisk;

    use super::*;

    struct Place {
        _dir: tempfile::TempDir,
        folder: Maildir,
    }

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let folder = Maildir::at(dir.path().join("alice"));
            folder.create(&OsDisk, "1.x").unwrap();
            Self { _dir: dir, folder }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.root().join(name)
        }

        /// The letters, and what is left out.
        fn letters(&self, names: &[&str]) -> (String, String) {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let (letters, left) = letters(&OsDisk, &self.folder, &self.path("tmp/1.new"), &names);
            (letters.iter().collect(), left.map(|left| left.to_string()).unwrap_or_default())
        }

        fn file(&self) -> String {
            fs::read_to_string(self.path(FILE)).unwrap()
        }
    }

    #[test]
    fn a_keyword_keeps_its_letter() {
        let place = Place::new();
        assert_eq!(place.letters(&["$Label1", "work"]).0, "ab");
        assert_eq!(place.letters(&["WORK"]).0, "b");
        assert_eq!(place.letters(&["new", "$label1"]).0, "ca");
        assert_eq!(place.file(), "0 $Label1\n1 work\n2 new\n");
        // Nothing is left of a lock, or of the way there.
        let is_left = |name: &str| place.path(name).exists();
        assert!(!is_left(DOT_LOCK) && !is_left("tmp/1.new"));
    }

    #[test]
    fn what_finds_no_letter_left_is_left_out() {
        let place = Place::new();
        let names: Vec<String> = (0..27).map(|number| format!("k{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (letters, left) = place.letters(&names);
        assert_eq!(letters, ('a'..='z').collect::<String>());
        assert_eq!(left, "k26: the folder has 26 other keywords");
        assert_eq!(place.letters(&["k25", "x"]).0, "z");
    }

    #[test]
    fn files_of_others() {
        for (file, letters, after) in [
            ("0 a\n3 d\n", "de", "0 a\n3 d\n4 new\n"),
            ("garbage\n1\n-1 x\n99 y\n 2 z\n0 d", "ab", "0 d\n1 new\n"),
            ("25 d\n", "z", "25 d\n"),
            ("0 d\n0 other\n", "ab", "0 d\n1 new\n"),
        ] {
            let place = Place::new();
            fs::write(place.path(FILE), file).unwrap();
            assert_eq!(place.letters(&["d", "new"]).0, letters, "{file:?}");
            assert_eq!(place.file(), after);
        }
    }

    #[test]
    fn a_lock_is_waited_for_and_one_that_was_left_is_not() {
        let place = Place::new();
        fs::write(place.path(FILE), "0 known\n").unwrap();
        let lock = fs::File::create_new(place.path(DOT_LOCK)).unwrap();
        assert_eq!(place.letters(&["known"]), ("a".to_owned(), String::new()));
        let (letters, left) = place.letters(&["known", "new"]);
        assert_eq!(
            (letters.as_str(), left.as_str()),
            ("", "known new: the folder can't be told of them")
        );
        assert!(place.path(DOT_LOCK).exists());
        lock.set_modified(SystemTime::now() - 2 * DOT_LOCK_AGE_MAX).unwrap();
        assert_eq!(place.letters(&["known", "new"]).0, "ab");
        assert!(!place.path(DOT_LOCK).exists());
    }

    #[test]
    fn threads_lose_none_of_each_others() {
        let place = Place::new();
        let names: Vec<String> = (0..24).map(|number| format!("k{number}")).collect();
        std::thread::scope(|scope| {
            for (number, name) in names.iter().enumerate() {
                let by = place.path(&format!("tmp/1.{number}"));
                let folder = &place.folder;
                scope.spawn(move || {
                    let (letters, left) = letters(&OsDisk, folder, &by, std::slice::from_ref(name));
                    assert!(letters.len() == 1 && left.is_none(), "{left:?}");
                });
            }
        });
        assert_eq!(place.file().lines().count(), 24);
    }
}
