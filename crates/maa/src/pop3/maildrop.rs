//! A user's Maildir as a POP3 maildrop: locked, listed once, read and deleted from.
//!
//! - The lock is `flock` on a file in the Maildir: it ends with the session, and with the process however
//!   that ends. Delivery agents and IMAP don't heed it, nor need they: letters that come stay unseen until
//!   the next login, and letters that somebody moves or removes are looked for, then reported as gone.
//! - Letters stay where they are. Reading marks nothing as seen, as POP3 knows no such thing; only QUIT
//!   removes files, and answers when their directories are synced.
//! - An error is never "empty" (row M15): a client that believes its maildrop to be empty forgets what
//!   it has read, and reads everything again.
//!
//! The `maildir` crate is not used here: to it an unreadable folder is empty, a file in `cur/` without
//! flags is an error without a name, a name that isn't UTF-8 becomes another one (and so does what UIDL is
//! made of), a folder counts as a letter, and every look-up lists the folder anew. What would be left of it
//! is `read_dir`. The tests hold our listing against its own. All calls block; callers choose the thread.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use postroad_pop3::content::Size;
use postroad_pop3::server::Message;
use rustix::fs::{FlockOperation, OFlags};

use crate::limits;

mod listing;
mod sizes;

use listing::{Folder, Letter};
pub(crate) use sizes::Sizes;

/// The file that is locked. Other programs leave files beside `cur`, `new` and `tmp` alone.
const LOCK_FILE: &str = "postroad-pop3.lock";

/// Why a maildrop, or a letter in it, can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MaildropError {
    /// Another session has it open.
    #[error("another session has the maildrop open")]
    InUse,
    /// The letter was removed by somebody else.
    #[error("the letter is gone")]
    Gone,
    /// The system failed.
    #[error("cannot {operation} {}", path.display())]
    System {
        /// The verb, as in "cannot list PATH".
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// An open maildrop. Dropping it ends the lock.
#[derive(Debug)]
pub(crate) struct Maildrop {
    root: PathBuf,
    /// In the order of the session's message numbers.
    letters: Vec<Letter>,
    /// The letter that is being read, as far as it isn't read yet.
    reading: Option<File>,
    /// None where no letter has ever come: there is nothing to lock.
    _lock: Option<File>,
}

impl Maildrop {
    /// Locks the Maildir and lists its letters, oldest first.
    pub(crate) fn open(root: &Path, sizes: &Sizes) -> Result<(Self, Vec<Message>), MaildropError> {
        let lock = lock(root)?;
        let letters = match lock {
            Some(_) => listing::list(root)?,
            None => Vec::new(),
        };
        let mut maildrop =
            Self { root: root.to_owned(), letters: Vec::new(), reading: None, _lock: lock };
        let mut messages = Vec::with_capacity(letters.len());
        for letter in letters {
            let octets = match letter.octets_on_the_wire() {
                Some(octets) => octets,
                None => match sizes.get_or(root, letter.base(), || maildrop.measure(&letter)) {
                    Ok(octets) => octets,
                    // Removed since it was listed.
                    Err(MaildropError::Gone) => continue,
                    Err(error) => return Err(error),
                },
            };
            messages.push(Message { octets, unique_id: letter.unique_id() });
            maildrop.letters.push(letter);
        }
        Ok((maildrop, messages))
    }

    /// Opens a letter and reads its first piece; [`Maildrop::read_on`] gives the others.
    pub(crate) fn read(&mut self, index: usize) -> Result<Vec<u8>, MaildropError> {
        self.reading = None;
        let file = match self.letter(index).and_then(|letter| self.open_letter(letter)) {
            Err(MaildropError::Gone) => {
                self.find_again()?;
                self.open_letter(self.letter(index)?)?
            }
            opened => opened?,
        };
        self.reading = Some(file);
        self.read_on().map_err(|source| MaildropError::System {
            operation: "read",
            path: self.letter(index).map_or_else(|_| self.root.clone(), |l| self.path(l)),
            source,
        })
    }

    /// The next piece of the letter; empty at its end.
    pub(crate) fn read_on(&mut self) -> io::Result<Vec<u8>> {
        let Some(file) = &mut self.reading else { return Ok(Vec::new()) };
        let mut piece = Vec::new();
        file.take(limits::PIECE_OCTETS as u64).read_to_end(&mut piece)?;
        // A short piece is the last one, and needs no further read to know it.
        if piece.len() < limits::PIECE_OCTETS {
            self.reading = None;
        }
        Ok(piece)
    }

    /// Whether the letter is read to its end.
    pub(crate) fn is_read(&self) -> bool {
        self.reading.is_none()
    }

    /// Removes letters for good: after `Ok` they are gone after a power cut too. Tries them all, and
    /// gives the first error.
    pub(crate) fn delete(&mut self, indices: &[usize]) -> Result<(), MaildropError> {
        let mut result = Ok(());
        let mut missing = Vec::new();
        for index in indices {
            match self.remove(*index) {
                Err(MaildropError::Gone) => missing.push(*index),
                removed => result = result.and(removed),
            }
        }
        // Somebody moved them: they are looked for once, all together.
        if !missing.is_empty() {
            result = result.and(self.find_again());
            for index in missing {
                match self.remove(index) {
                    // Removed by somebody else: so it is gone, as was asked.
                    Err(MaildropError::Gone) => {}
                    removed => result = result.and(removed),
                }
            }
        }
        let synced = Folder::ALL.map(|folder| self.sync(folder));
        synced.into_iter().fold(result, Result::and)
    }

    fn remove(&self, index: usize) -> Result<(), MaildropError> {
        let path = self.path(self.letter(index)?);
        fs::remove_file(&path).map_err(letter_error("remove", &path))
    }

    fn sync(&self, folder: Folder) -> Result<(), MaildropError> {
        let path = self.root.join(folder.name());
        File::open(&path).and_then(|folder| folder.sync_all()).map_err(system("sync", &path))
    }

    fn letter(&self, index: usize) -> Result<&Letter, MaildropError> {
        self.letters.get(index).ok_or(MaildropError::Gone)
    }

    fn path(&self, letter: &Letter) -> PathBuf {
        self.root.join(letter.folder.name()).join(&letter.name)
    }

    fn open_letter(&self, letter: &Letter) -> Result<File, MaildropError> {
        let path = self.path(letter);
        // Neither a link, which could lead to somebody else's file, nor a FIFO, which would hang us.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let open =
            OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(&path);
        open.map_err(letter_error("open", &path))
    }

    /// Counts the octets on the wire of a letter whose name doesn't say.
    fn measure(&self, letter: &Letter) -> Result<u64, MaildropError> {
        let mut file = self.open_letter(letter)?;
        let (mut size, mut piece) = (Size::default(), vec![0; limits::PIECE_OCTETS]);
        loop {
            let path = self.path(letter);
            match file.read(&mut piece).map_err(letter_error("read", &path))? {
                0 => return Ok(size.finish()),
                octets => size.push(piece.get(..octets).unwrap_or_default()),
            }
        }
    }

    /// Lists the folders again and notes where the letters are now: somebody has moved one from `new/`
    /// to `cur/`, or changed its flags.
    fn find_again(&mut self) -> Result<(), MaildropError> {
        listing::find_again(&self.root, &mut self.letters)
    }
}

/// Takes the lock; none where there is no Maildir yet.
fn lock(root: &Path) -> Result<Option<File>, MaildropError> {
    let path = root.join(LOCK_FILE);
    let open = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(&path);
    let file = match open {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::symlink_metadata(root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Ok(_) | Err(_) => return Err(system("open", &path)(error)),
        },
        Err(error) => return Err(system("open", &path)(error)),
    };
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(MaildropError::InUse),
        Err(error) => Err(system("lock", &path)(error.into())),
    }
}

fn system(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> MaildropError {
    let path = path.to_owned();
    move |source| MaildropError::System { operation, path, source }
}

/// As [`system`], but a letter that isn't there is [`MaildropError::Gone`].
fn letter_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> MaildropError {
    let other = system(operation, path);
    move |source| match source.kind() {
        io::ErrorKind::NotFound => MaildropError::Gone,
        _ => other(source),
    }
}
