//! Which files are believed to be what a user wrote (row M04).

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::programs::Program;

/// Why a script that is there is not run. All of it is for an operator or the user to mend; letters wait.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The system said no.
    #[error("cannot read the rules in {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else may have written it.
    #[error("the rules in {} are not followed: {why}", path.display())]
    Unsafe {
        /// The file, or the folder that it is in.
        path: PathBuf,
        /// What is wrong and how to mend it.
        why: &'static str,
    },
}

/// Who may have written a script.
pub(super) struct Owners {
    us: u32,
    mailbox: Option<u32>,
}

impl Owners {
    pub(super) fn of(mailbox: &Path) -> Self {
        Self {
            us: rustix::process::geteuid().as_raw(),
            mailbox: std::fs::symlink_metadata(mailbox).ok().map(|metadata| metadata.uid()),
        }
    }

    /// As somebody else sees it.
    #[cfg(test)]
    pub(super) fn of_nobody(us: u32) -> Self {
        Self { us, mailbox: None }
    }

    /// Root may do anything anyway.
    fn include(&self, uid: u32) -> bool {
        uid == self.us || uid == 0 || self.mailbox == Some(uid)
    }

    /// The script at that path, before it is opened: a device may do what it likes when it is. It may be a link, as
    /// those have it who keep all such files of theirs in one place. Its owner may lead us to files of their own alone,
    /// not to what we may read and they may not; and no folder on the way there is others' to change.
    pub(super) fn script(
        &self,
        path: &Path,
        metadata: Metadata,
    ) -> Result<(PathBuf, Metadata), Unusable> {
        self.check_folder_of(path)?;
        if !metadata.is_symlink() {
            self.check_file(path, &metadata)?;
            return Ok((path.to_owned(), metadata));
        }
        let read = |source| Unusable::Read { path: path.to_owned(), source };
        let file = path.canonicalize().map_err(read)?;
        let target = std::fs::symlink_metadata(&file).map_err(read)?;
        if target.uid() != metadata.uid() {
            let why = "it is a link to another owner's file; link to a file of the link's owner, or put the \
                       script itself there";
            return Err(Unusable::Unsafe { path: path.to_owned(), why });
        }
        self.check_file(&file, &target)?;
        self.check_folder_of(&file)?;
        self.check_way_to(&file)?;
        Ok((file, target))
    }

    pub(super) fn check_file(&self, path: &Path, metadata: &Metadata) -> Result<(), Unusable> {
        let why = if metadata.is_symlink() {
            "it is a symbolic link; name the file that it leads to"
        } else if !metadata.is_file() {
            "it is not a file"
        } else if !self.include(metadata.uid()) {
            "it belongs to somebody else; give it to the mailbox's owner"
        } else if metadata.mode() & 0o022 != 0 {
            "others can write to it; chmod go-w it"
        } else if metadata.nlink() != 1 {
            "it has a second name; remove the other hard link"
        } else {
            return Ok(());
        };
        Err(Unusable::Unsafe { path: path.to_owned(), why })
    }

    /// Opens a file that was looked at, looks once more, and reads it.
    pub(super) fn read(&self, path: &Path) -> Result<(Metadata, Vec<u8>), Unusable> {
        let read = |source| Unusable::Read { path: path.to_owned(), source };
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mut options = OpenOptions::new();
        let options = options.read(true).custom_flags(flags.bits().cast_signed());
        let file = options.open(path).map_err(read)?;
        // It may be another one than a moment ago.
        let metadata = file.metadata().map_err(read)?;
        self.check_file(path, &metadata)?;
        Ok((metadata, octets_of(file).map_err(read)?))
    }

    /// The program at that path. It may be a link: whoever made it could have made a script there that runs the same.
    /// Its folder's folder is looked at too (`~/.postroad` is), and every folder that the file itself lies in.
    pub(super) fn program(&self, path: &Path) -> Result<Program, Unusable> {
        path.parent().map_or(Ok(()), |folder| self.check_folder_of(folder))?;
        self.check_folder_of(path)?;
        let read = |source| Unusable::Read { path: path.to_owned(), source };
        let file = path.canonicalize().map_err(read)?;
        let metadata = std::fs::metadata(&file).map_err(read)?;
        let why = if !metadata.is_file() {
            "it is not a file"
        } else if !self.include(metadata.uid()) {
            "it belongs to somebody else; give it to the mailbox's owner"
        } else if metadata.mode() & 0o022 != 0 {
            "others can write to it; chmod go-w it"
        } else if metadata.mode() & 0o111 == 0 {
            "it can't be executed; chmod +x it"
        } else {
            self.check_folder_of(&file)?;
            self.check_way_to(&file)?;
            return Ok(Program { name: path.to_owned(), file });
        };
        Err(Unusable::Unsafe { path: file, why })
    }

    /// Nobody else can put another folder in the place of one on the way; in a sticky one (/tmp) only an entry's owner
    /// can, and that is checked one further down.
    fn check_way_to(&self, path: &Path) -> Result<(), Unusable> {
        for folder in path.ancestors().skip(2) {
            let read = |source| Unusable::Read { path: folder.to_owned(), source };
            let metadata = std::fs::metadata(folder).map_err(read)?;
            let why = if !self.include(metadata.uid()) {
                "it belongs to somebody else, who could put another file there; give it to root"
            } else if metadata.mode() & 0o022 != 0 && metadata.mode() & 0o1000 == 0 {
                "others can write to it, and put another file there; chmod go-w it"
            } else {
                continue;
            };
            return Err(Unusable::Unsafe { path: folder.to_owned(), why });
        }
        Ok(())
    }

    pub(super) fn check_folder_of(&self, path: &Path) -> Result<(), Unusable> {
        let Some(path) = path.parent() else { return Ok(()) };
        let read = |source| Unusable::Read { path: path.to_owned(), source };
        let metadata = std::fs::metadata(path).map_err(read)?;
        let why = if !self.include(metadata.uid()) {
            "its folder belongs to somebody else; give it to the mailbox's owner"
        } else if metadata.mode() & 0o022 != 0 {
            "others can write to its folder; chmod go-w it"
        } else if metadata.mode() & 0o1000 != 0 {
            // As qmail has it: whoever edits their rules says so by that bit.
            "its folder is sticky, which says \"wait\"; chmod -t it"
        } else {
            return Ok(());
        };
        Err(Unusable::Unsafe { path: path.to_owned(), why })
    }
}

fn octets_of(file: File) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    // One more than a script may have, so that the compiler says that it is too long.
    let limit = postroad_sieve::limits::SCRIPT_OCTETS_MAX as u64 + 1;
    file.take(limit).read_to_end(&mut octets)?;
    Ok(octets)
}
