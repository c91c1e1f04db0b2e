//! A letter that is filed already, and goes into another folder of its mailbox.
//!
//! | crash after | what is on disk |
//! |---|---|
//! | the letter was linked into the other folder | it is in one folder, or in both |
//! | that folder was synced | it is in both |
//! | its first name was removed | in the other one, or in both |
//!
//! So it is there twice at worst, and never nowhere. Its name stays, and with it what it is known again by.
//!
//! Here too, what else is done to letters of a folder whose register isn't ours: other flags, and removing them.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use postroad_disk::EntryKind;

use crate::flags::Flags;
use crate::keywords::{self, KeywordsLeftOut};
use crate::mailbox::{self, Place};
use crate::{Courier, LetterFlags, Maildir, StoreError};

/// Names that are tried where one is taken.
const NAME_TRIES: usize = 8;

/// A letter in new/ or cur/ of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    folder: Maildir,
    place: Place,
    name: OsString,
}

impl Stored {
    /// The letter of a name, in new/ or in cur/.
    pub(crate) fn at(folder: Maildir, place: Place, name: Vec<u8>) -> Self {
        Self { folder, place, name: OsString::from_vec(name) }
    }

    /// Its file.
    pub fn path(&self) -> PathBuf {
        let directory = match self.place {
            Place::New => self.folder.new_dir(),
            Place::Cur => self.folder.cur_dir(),
        };
        directory.join(&self.name)
    }

    /// The folder that it is in.
    pub fn folder(&self) -> &Maildir {
        &self.folder
    }

    /// What stays the same for as long as the letter is there, and is no other letter's.
    pub fn identity(&self) -> &[u8] {
        mailbox::identity(self.name.as_bytes())
    }

    /// Its flags, and as keywords the folder's letters for them.
    pub fn flags(&self) -> LetterFlags {
        mailbox::flags_in(self.name.as_bytes())
    }

    /// Whether nobody has taken it in yet: its file is in new/.
    pub fn is_new(&self) -> bool {
        self.place == Place::New
    }

    /// When it came, as far as its name tells: seconds since 1970, and microseconds; 0 where it doesn't.
    pub fn arrival(&self) -> (u64, u32) {
        mailbox::arrival(self.name.as_bytes())
    }

    /// Its octets with CRLF, where its name tells.
    pub fn wire_octets(&self) -> Option<u64> {
        mailbox::size(self.name.as_bytes(), b'W')
    }

    /// What its name begins with, and the letters of its flags.
    fn parts(&self) -> (&[u8], &[u8]) {
        let name = self.name.as_bytes();
        let info = b":2,";
        let at = memchr::memmem::find(name, info);
        match at.and_then(|at| name.split_at_checked(at)) {
            Some((base, rest)) => (base, rest.get(info.len()..).unwrap_or_default()),
            None => (name, &[]),
        }
    }
}

impl Courier {
    /// The letters of a folder, in the order of their names.
    ///
    /// # Errors
    /// What the disk said.
    pub fn letters(&self, folder: &Maildir) -> Result<Vec<Stored>, StoreError> {
        let mut letters = Vec::new();
        // new/ first: who moves a letter to cur/ meanwhile doesn't hide it.
        for (place, directory) in [(Place::New, folder.new_dir()), (Place::Cur, folder.cur_dir())] {
            for entry in self.disk().read_dir(&directory)? {
                // maildir(5): what begins with a dot is no letter.
                if entry.kind == EntryKind::File && !entry.name.as_bytes().starts_with(b".") {
                    letters.push(Stored { folder: folder.clone(), place, name: entry.name });
                }
            }
        }
        letters.sort_by(|one, other| one.name.cmp(&other.name));
        letters.dedup_by(|one, other| one.parts().0 == other.parts().0);
        Ok(letters)
    }

    /// Gives a letter these flags, and no others, in cur/. As with all flags, a power cut may take them back.
    ///
    /// # Errors
    /// What the disk said, `NotFound` where it has another name by now.
    pub fn reflag(&self, letter: &Stored, flags: LetterFlags) -> Result<Stored, StoreError> {
        let name = OsString::from_vec(mailbox::name_with(letter.name.as_bytes(), flags));
        let changed = Stored { folder: letter.folder.clone(), place: Place::Cur, name };
        if changed != *letter {
            self.disk().rename_noreplace(&letter.path(), &changed.path())?;
        }
        Ok(changed)
    }

    /// Removes a letter, for good.
    ///
    /// # Errors
    /// What the disk said, `NotFound` where it has another name by now.
    pub fn remove(&self, letter: &Stored) -> Result<(), StoreError> {
        Ok(self.disk().remove(&letter.path())?)
    }

    /// Moves a letter into another folder, which is made where it is missing, and gives it these flags beside those
    /// it has. Nothing is replaced. Gives the letter there, and the keywords that it goes without.
    ///
    /// # Errors
    /// What the disk said: the letter is where it was, or in both.
    pub fn refile(
        &self,
        letter: &Stored,
        to: &Maildir,
        flags: &Flags,
    ) -> Result<(Stored, Option<KeywordsLeftOut>), StoreError> {
        self.make_ready(to)?;
        let disk = self.disk().as_ref();
        let (base, old) = letter.parts();
        // Keywords go by their names: the other folder has other letters for them.
        let mut names = keywords::names(disk, &letter.folder, old)?;
        names.extend_from_slice(flags.keywords());
        let by = to.tmp().join(self.unique_name());
        let (keywords, left_out) = keywords::letters(disk, to, &by, &names);
        let info = flags.with_letters(old).info(&keywords);
        let place = if info.is_empty() { letter.place } else { Place::Cur };
        let mut base = OsStr::from_bytes(base).to_owned();
        let mut tries = 0;
        let moved = loop {
            let mut name = base.clone();
            name.push(&info);
            let moved = Stored { folder: to.clone(), place, name };
            if moved.path() == letter.path() {
                return Ok((moved, left_out));
            }
            match disk.link(&letter.path(), &moved.path()) {
                Ok(()) => break moved,
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists && tries < NAME_TRIES =>
                {
                    tries += 1;
                    base = OsString::from_vec(self.unique_name().into_bytes());
                }
                Err(error) => return Err(error.into()),
            }
        };
        for directory in [moved.path(), letter.path()] {
            if directory == letter.path() {
                disk.remove(&directory)?;
            }
            if let Some(directory) = directory.parent() {
                disk.sync_dir(directory)?;
            }
        }
        Ok((moved, left_out))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use postroad_disk::Disk;
    use postroad_testkit::{FaultyDisk, Plan};

    use super::*;
    use crate::FolderName;

    const TEXT: &[u8] = b"Subject: x\n\nx\n";

    fn mailbox() -> (FaultyDisk, Maildir, Maildir) {
        let (disk, inbox) = (FaultyDisk::new(), Maildir::at("/mail/alice"));
        for part in ["tmp", "new", "cur"] {
            disk.put_dir(&inbox.root().join(part));
        }
        disk.put(&inbox.cur_dir().join("1.a,S=14:2,Sb"), TEXT);
        disk.put(&inbox.root().join("dovecot-keywords"), b"0 other\n1 work\n");
        let to = inbox.folder(&FolderName::parse("Lists").unwrap());
        (disk, inbox, to)
    }

    fn refile(disk: &FaultyDisk, inbox: &Maildir, to: &Maildir) -> Result<Stored, StoreError> {
        let courier = Courier::new(Arc::new(disk.clone()), "host");
        let letter = courier.letters(inbox)?.remove(0);
        let flags = Flags::of(&["\\Flagged".to_owned(), "new".to_owned()]).0;
        Ok(courier.refile(&letter, to, &flags)?.0)
    }

    /// In how many places the letter is, whole.
    fn copies(disk: &FaultyDisk) -> usize {
        let is_it = |path: &&PathBuf| disk.read(path).as_deref() == Some(TEXT);
        disk.files().iter().filter(is_it).count()
    }

    #[test]
    fn flags_and_keywords_go_with_it_and_nothing_is_replaced() {
        let (disk, inbox, to) = mailbox();
        let moved = refile(&disk, &inbox, &to).unwrap();
        assert_eq!(moved.path(), Path::new("/mail/alice/.Lists/cur/1.a,S=14:2,FSab"));
        assert_eq!(disk.read(&to.root().join("dovecot-keywords")).unwrap(), b"0 work\n1 new\n");
        assert_eq!(copies(&disk), 1);
        disk.put(&inbox.cur_dir().join("1.a,S=14:2,Sb"), b"another");
        assert_ne!(refile(&disk, &inbox, &to).unwrap().path(), moved.path());
        assert_eq!((disk.read(&moved.path()).unwrap(), copies(&disk)), (TEXT.to_vec(), 1));
    }

    #[test]
    fn whatever_call_fails_or_is_the_last_the_letter_is_there() {
        let (disk, inbox, to) = mailbox();
        disk.plan(Plan::Sound);
        refile(&disk, &inbox, &to).unwrap();
        let calls = disk.calls().len() as u64;
        assert!(calls > 10);
        for call in 0..calls {
            let (disk, inbox, to) = mailbox();
            disk.plan(Plan::Fail { call, errno: 5 });
            let moved = refile(&disk, &inbox, &to);
            assert!(matches!(copies(&disk), 1 | 2), "call {call}");
            assert!(copies(&disk.restart_after_cut()) >= 1, "call {call}");
            if let Ok(moved) = moved {
                assert!(disk.restart_after_cut().stat(&moved.path()).is_ok(), "call {call}");
            }
        }
    }
}
