//! Which directory the mailbox is. The wall around a worker lets it into that one: where somebody moves it away and puts
//! another in its place, as from a backup, the worker is locked out, and another worker isn't.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The mailbox's directory, as it was before the wall.
#[derive(Debug)]
pub(super) struct Home {
    maildir: PathBuf,
    was: Option<(u64, u64)>,
    /// Open: a directory that is removed keeps its number for as long, so that the next one gets another.
    _held: Option<File>,
}

impl Home {
    pub(super) fn at(maildir: &Path) -> Self {
        let held = File::open(maildir).ok();
        Self { maildir: maildir.to_owned(), was: which(maildir), _held: held }
    }

    pub(super) fn path(&self) -> &Path {
        &self.maildir
    }

    /// Whether another directory is in its place. One that is away may come back.
    pub(super) fn is_replaced(&self) -> bool {
        which(&self.maildir).is_some_and(|now| self.was != Some(now))
    }
}

/// Its file system, and its number there.
fn which(maildir: &Path) -> Option<(u64, u64)> {
    let metadata = fs::metadata(maildir).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_directory_in_its_place_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let (here, away) = (dir.path().join("alice"), dir.path().join("away"));
        fs::create_dir(&here).unwrap();
        let home = Home::at(&here);
        assert!(!home.is_replaced());
        fs::rename(&here, &away).unwrap();
        assert!(!home.is_replaced());
        fs::create_dir(&here).unwrap();
        assert!(home.is_replaced());
        fs::remove_dir(&here).unwrap();
        fs::rename(&away, &here).unwrap();
        assert!(!home.is_replaced());
    }

    #[test]
    fn one_that_was_removed_and_made_again_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().join("alice");
        fs::create_dir(&here).unwrap();
        let home = Home::at(&here);
        fs::remove_dir(&here).unwrap();
        // Many file systems give the number again at once.
        fs::create_dir(&here).unwrap();
        assert!(home.is_replaced());
    }
}
