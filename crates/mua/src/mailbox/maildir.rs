//! A Maildir, read through the `maildir` crate, with what it leaves to its callers: a folder that can't
//! be read is an error and not empty, a file in cur/ without flags is a letter, a letter that somebody
//! renamed meanwhile is looked for again, and nothing is ever replaced.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use maildir::{MailEntry, Maildir};
use postroad_disk::{Disk as _, OsDisk};

use super::{Entry, MailboxError, Mark, number};
use crate::limits;
use crate::undo::Was;

/// The Maildir++ folder that deleted letters go to.
const TRASH: &str = "Trash";

/// A Maildir that was listed.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    entries: Vec<Entry>,
}

impl Folder {
    /// Lists a Maildir.
    ///
    /// # Errors
    /// Where it is none, or can't be read.
    pub fn open(root: &Path) -> Result<Self, MailboxError> {
        let mut entries = Vec::new();
        for file in files(root)? {
            let octets = std::fs::metadata(&file.path).map_or(0, |metadata| metadata.len());
            let arrived = arrived(&file.name);
            let (number, id) = (0, String::new());
            entries.push(Entry { number, id, name: file.name, flags: file.flags, octets, arrived });
        }
        Ok(Self { root: root.to_owned(), entries: number(entries) })
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn header(&self, entry: &Entry) -> Result<Vec<u8>, MailboxError> {
        self.read(entry, limits::HEADER_OCTETS_MAX)
    }

    pub(super) fn message(&self, entry: &Entry) -> Result<Vec<u8>, MailboxError> {
        if entry.octets > limits::MESSAGE_OCTETS_MAX {
            return Err(MailboxError::TooLarge { id: entry.id.clone(), octets: entry.octets });
        }
        self.read(entry, limits::MESSAGE_OCTETS_MAX)
    }

    fn read(&self, entry: &Entry, octets_max: u64) -> Result<Vec<u8>, MailboxError> {
        self.with_file(entry, "read", |file| {
            let mut octets = Vec::new();
            let file = std::fs::File::open(&file.path)?;
            file.take(octets_max).read_to_end(&mut octets)?;
            Ok(octets)
        })
    }

    pub(crate) fn mark(&self, entry: &Entry, mark: Mark) -> Result<(), MailboxError> {
        self.set_flags(entry, |flags| format!("{flags}{}", mark.letter()))
    }

    /// Gives a letter other flags, made of those that it has.
    pub(crate) fn set_flags(
        &self,
        entry: &Entry,
        change: impl Fn(&str) -> String,
    ) -> Result<(), MailboxError> {
        self.with_file(entry, "set a flag of", |file| {
            let flags = sorted(&change(&file.flags));
            self.rename(file, &self.root.join("cur").join(format!("{}:2,{flags}", file.name)))
        })
    }

    /// The folder that deleted letters go to; `None` where this is it.
    pub(crate) fn trash(&self) -> Option<PathBuf> {
        let trash = self.root.join(format!(".{TRASH}"));
        (self.root.file_name() != trash.file_name()).then_some(trash)
    }

    pub(super) fn delete(&self, entry: &Entry) -> Result<(), MailboxError> {
        match self.trash() {
            Some(trash) => {
                self.move_to(std::slice::from_ref(entry), &trash, |flags| format!("{flags}S"))
            }
            // In the Trash already: there is nowhere further to go.
            None => self.with_file(entry, "remove", |file| std::fs::remove_file(&file.path)),
        }
    }

    /// Moves letters into another folder, which is made where it is missing.
    pub(crate) fn move_to(
        &self,
        entries: &[Entry],
        folder: &Path,
        change: impl Fn(&str) -> String,
    ) -> Result<(), MailboxError> {
        for part in ["", "tmp", "new", "cur"] {
            match OsDisk.create_dir(&folder.join(part)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => made?,
            }
        }
        let cur = folder.join("cur");
        for entry in entries {
            self.with_file(entry, "move", |file| {
                let flags = sorted(&change(&file.flags));
                self.rename(file, &cur.join(format!("{}:2,{flags}", file.name)))
            })?;
        }
        Ok(OsDisk.sync_dir(&cur)?)
    }

    /// Puts letters back into a folder, with the flags that they had; says how many aren't here.
    pub(crate) fn restore(&self, letters: &[Was], folder: &Path) -> Result<usize, MailboxError> {
        let mut files: std::collections::HashMap<String, File> = files(&self.root)?
            .into_iter()
            .map(|file| (identity(&file.name).to_owned(), file))
            .collect();
        let cur = folder.join("cur");
        let mut missing = 0;
        for letter in letters {
            let Some(file) = files.remove(identity(&letter.name)) else {
                missing += 1;
                continue;
            };
            let to = cur.join(format!("{}:2,{}", file.name, sorted(&letter.flags)));
            match self.rename(&file, &to) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => missing += 1,
                Err(source) => {
                    let (operation, path) = ("move back", file.path);
                    return Err(MailboxError::Disk { operation, path, source });
                }
                Ok(()) => {}
            }
        }
        OsDisk.sync_dir(&cur)?;
        Ok(missing)
    }

    fn rename(&self, file: &File, to: &Path) -> io::Result<()> {
        if file.path == to {
            return Ok(());
        }
        OsDisk.rename_noreplace(&file.path, to).map_err(|error| error.source)
    }

    /// Does something with a letter's file, wherever another program has moved it meanwhile.
    fn with_file<T>(
        &self,
        entry: &Entry,
        operation: &'static str,
        act: impl Fn(&File) -> io::Result<T>,
    ) -> Result<T, MailboxError> {
        const LOOKS: usize = 3;
        for look in 1..=LOOKS {
            let file = files(&self.root)?.into_iter().find(|file| file.name == entry.name);
            let file = file.ok_or_else(|| MailboxError::Unknown { key: entry.id.clone() })?;
            match act(&file) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && look < LOOKS => {}
                Err(source) => {
                    return Err(MailboxError::Disk { operation, path: file.path, source });
                }
                Ok(value) => return Ok(value),
            }
        }
        Err(MailboxError::Unknown { key: entry.id.clone() })
    }
}

/// A letter's file.
#[derive(Debug)]
struct File {
    /// Its base name.
    name: String,
    flags: String,
    path: PathBuf,
}

impl From<MailEntry> for File {
    fn from(entry: MailEntry) -> Self {
        Self {
            name: entry.id().to_owned(),
            flags: entry.flags().to_owned(),
            path: entry.path().clone(),
        }
    }
}

fn files(root: &Path) -> Result<Vec<File>, MailboxError> {
    // The crate says "empty" where it may not look.
    for part in ["new", "cur"] {
        let path = root.join(part);
        match std::fs::read_dir(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(MailboxError::NoMaildir { path: root.to_owned() });
            }
            Err(source) => return Err(MailboxError::Disk { operation: "list", path, source }),
        }
    }
    let maildir = Maildir::from(root.to_owned());
    let listed = maildir.list_new().chain(maildir.list_cur());
    // What the crate takes for an error in cur/ is a letter without flags: those come from below.
    let mut files: Vec<File> = listed.flatten().map(File::from).collect();
    files.extend(without_flags(&root.join("cur"))?);
    Ok(files)
}

/// Letters in cur/ whose name has no `:2,`: legal, and some programs make them.
fn without_flags(cur: &Path) -> Result<Vec<File>, MailboxError> {
    let failed = |source| MailboxError::Disk { operation: "list", path: cur.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(cur).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && !name.contains(":2,") {
            files.push(File { name, flags: String::new(), path: entry.path() });
        }
    }
    Ok(files)
}

/// A file's name without what programs append to it: sizes (`,S=`) and flags.
fn identity(name: &str) -> &str {
    name.split([',', ':']).next().unwrap_or(name)
}

/// maildir(5): in ASCII order, each once.
fn sorted(flags: &str) -> String {
    let mut flags: Vec<char> = flags.chars().collect();
    flags.sort_unstable();
    flags.dedup();
    flags.into_iter().collect()
}

/// Base names begin with the seconds of their delivery, and ours go on with `.M` and the microseconds.
fn arrived(name: &str) -> Option<Timestamp> {
    let mut parts = name.split('.');
    let seconds: i64 = parts.next()?.parse().ok()?;
    let micros = parts
        .next()
        .and_then(|part| part.split('M').nth(1))
        .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>())
        .and_then(|digits| digits.parse::<i32>().ok())
        .filter(|micros| *micros < 1_000_000)
        .unwrap_or(0);
    Timestamp::new(seconds, micros * 1_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maildir(files: &[(&str, &str)]) -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        for part in ["tmp", "new", "cur"] {
            std::fs::create_dir(dir.path().join(part)).unwrap();
        }
        for (path, content) in files {
            std::fs::write(dir.path().join(path), content).unwrap();
        }
        let folder = Folder::open(dir.path()).unwrap();
        (dir, folder)
    }

    #[test]
    fn letters_are_listed_by_arrival_whatever_their_flags() {
        let (_dir, folder) = maildir(&[
            ("cur/200.M5P1.h:2,RS", "b"),
            ("new/100.M9P1.h", "a"),
            ("cur/200.M000009P1.h", "c: without flags"),
            ("new/300.h:2,F", "d"),
            ("new/.hidden", ""),
        ]);
        let shown: Vec<(&str, &str)> =
            folder.entries().iter().map(|e| (e.name.as_str(), e.flags.as_str())).collect();
        assert_eq!(
            shown,
            [("100.M9P1.h", ""), ("200.M5P1.h", "RS"), ("200.M000009P1.h", ""), ("300.h", "F")]
        );
    }

    #[test]
    fn ids_stay_when_flags_change_and_marks_are_kept() {
        let (dir, folder) = maildir(&[("new/100.h", "a")]);
        let entry = folder.entries()[0].clone();
        for (mark, name) in
            [(Mark::Seen, "100.h:2,S"), (Mark::Replied, "100.h:2,RS"), (Mark::Seen, "100.h:2,RS")]
        {
            folder.mark(&entry, mark).unwrap();
            assert!(dir.path().join("cur").join(name).exists(), "{name}");
        }
        assert_eq!(Folder::open(dir.path()).unwrap().entries()[0].id, entry.id);
        assert_eq!(folder.message(&entry).unwrap(), b"a");
    }

    #[test]
    fn deleted_letters_are_in_the_trash() {
        let (dir, folder) = maildir(&[("cur/100.h:2,RS", "a")]);
        folder.delete(&folder.entries()[0]).unwrap();
        assert!(Folder::open(dir.path()).unwrap().entries().is_empty());
        let trash = Folder::open(&dir.path().join(".Trash")).unwrap();
        assert_eq!(trash.entries()[0].flags, "RS");
        trash.delete(&trash.entries()[0]).unwrap();
        assert!(Folder::open(&dir.path().join(".Trash")).unwrap().entries().is_empty());
    }

    #[test]
    fn a_folder_that_is_none_is_said_to_be_none() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Folder::open(dir.path()), Err(MailboxError::NoMaildir { .. })));
        let (dir, folder) = maildir(&[("new/100.h", "a")]);
        let entry = folder.entries()[0].clone();
        std::fs::remove_file(dir.path().join("new/100.h")).unwrap();
        assert!(matches!(folder.message(&entry), Err(MailboxError::Unknown { .. })));
    }
}
