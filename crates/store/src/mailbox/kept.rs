//! The mailbox that was closed last: a client that opens it again, as many do all day, waits for no register to be read,
//! and for no listing, since the system goes on telling of it. It is then as if it had been open all the time.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use postroad_disk::{Disk, Stamp};

use super::contents::Contents;
use super::file::{RegisterFile, Tail};
use super::{Mailbox, Watching};
use crate::limits::KEPT_BESIDE_LETTERS_MAX;

/// What was known of it.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Option<Closed>>);

#[derive(Debug)]
struct Closed {
    /// Of the register.
    path: PathBuf,
    file: RegisterFile,
    contents: Contents,
    seen: Seen,
}

/// What its folder was like when somebody looked, and whether the system has told of all since.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) watching: Option<Watching>,
    pub(super) looked_at: Option<(Stamp, Stamp)>,
}

impl Kept {
    /// What is kept of a register, and what others have appended to it since; `None` where that is another one by now.
    pub(super) fn take(
        &self,
        disk: &dyn Disk,
        path: &Path,
    ) -> Option<(RegisterFile, Contents, Tail, Seen)> {
        // A large one would be in memory beside the one that is being opened.
        let is_large = |closed: &Closed| closed.contents.letters.len() > KEPT_BESIDE_LETTERS_MAX;
        let closed = self.slot().take_if(|closed| closed.path == path || is_large(closed))?;
        let Closed { path: of, mut file, mut contents, seen } = closed;
        if of != path {
            return None;
        }
        // Its number isn't another's for as long as it is open.
        let number = disk.stat(path).ok()?.number;
        if number != file.number {
            return None;
        }
        let tail = file.read_on(&mut contents).ok()?;
        Some((file, contents, tail, seen))
    }

    fn keep(&self, closed: Closed) {
        *self.slot() = Some(closed);
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Closed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        // What is in memory is what is in the file.
        if !self.rewrite && !std::thread::panicking() {
            let contents = std::mem::take(&mut self.contents);
            let seen = Seen { watching: self.watching.take(), looked_at: self.looked_at };
            let (path, file) = (self.path.clone(), self.file.clone());
            self.all.kept.keep(Closed { path, file, contents, seen });
        }
    }
}
