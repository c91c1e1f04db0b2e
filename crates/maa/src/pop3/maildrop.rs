//! A user's inbox as a POP3 maildrop: locked, listed once, read and deleted from.
//!
//! - The lock is `flock` on a file in the Maildir: it ends with the session, and with the process however
//!   that ends. Delivery agents and IMAP don't heed it, nor need they: letters that come stay unseen until
//!   the next login, and letters that somebody moves or removes are looked for, then reported as gone.
//! - What is there, and under which UIDs, is the register's to say, which IMAP sessions share: so a letter's unique-id
//!   stays for as long as its UID does.
//! - Letters stay where they are. Reading marks nothing as seen, as POP3 knows no such thing; only QUIT
//!   removes files, and answers when their directories are synced. Where deleted letters are kept (`maa.pop3_deleted`),
//!   QUIT notes that POP3 shows them no more.
//! - An error is never "empty" (row M15): a client that believes its maildrop to be empty forgets what
//!   it has read, and reads everything again.
//!
//! All calls block; callers choose the thread.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postroad_config::Pop3Deleted;
use postroad_pop3::content::Size;
use postroad_pop3::server::Message;
use postroad_pop3::unique_id::UniqueId;
use postroad_store::{CacheKey, Entry, Letter, Mailbox, MailboxError, Pop3Letter};
use rustix::fs::{FlockOperation, OFlags};
use serde::{Deserialize, Serialize};

use crate::imap::{Open, Shared};
use crate::limits;

mod sizes;

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
    /// The mailbox can't be looked at or changed.
    #[error(transparent)]
    Mailbox(MailboxError),
}

impl From<MailboxError> for MaildropError {
    fn from(error: MailboxError) -> Self {
        match error {
            MailboxError::Gone { .. } | MailboxError::Renumbered { .. } => Self::Gone,
            other => Self::Mailbox(other),
        }
    }
}

/// What becomes of letters that are deleted: `postroad_config::Pop3Deleted`, as a worker is told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Deleted {
    Remove,
    RemoveAfter(Duration),
    Keep,
}

impl From<Pop3Deleted> for Deleted {
    fn from(deleted: Pop3Deleted) -> Self {
        match deleted {
            Pop3Deleted::Remove => Self::Remove,
            Pop3Deleted::RemoveAfter(wait) => Self::RemoveAfter(wait),
            Pop3Deleted::Keep => Self::Keep,
        }
    }
}

/// An open maildrop. Dropping it ends the lock.
#[derive(Debug)]
pub(crate) struct Maildrop {
    root: PathBuf,
    /// None where there is no Maildir: nothing is locked, and nothing is there.
    inbox: Option<Inbox>,
    deleted: Deleted,
    /// UIDs in the order of the session's message numbers.
    uids: Vec<u32>,
    /// Those that were fetched whole.
    fetched: Vec<u32>,
    /// The letter that is being read, as far as it isn't read yet.
    reading: Option<(Letter, u64)>,
}

#[derive(Debug)]
struct Inbox {
    shared: Arc<Shared>,
    open: Arc<Open>,
    /// The mailbox whose letters were listed.
    key: CacheKey,
    _lock: File,
}

impl Inbox {
    /// Looks whether what is in view is the mailbox that was listed: it may have been removed, and another one made, and
    /// a session of IMAP have seen that.
    fn check_view(&self, mailbox: &Mailbox) -> Result<(), MaildropError> {
        match mailbox.cache_key() == self.key {
            true => Ok(()),
            false => Err(MaildropError::Gone),
        }
    }
}

/// A letter as it is listed.
struct Listed {
    uid: u32,
    unique_id: UniqueId,
    identity: Vec<u8>,
    octets: Option<u64>,
}

impl Maildrop {
    /// Locks the inbox and lists its letters, oldest first.
    pub(crate) fn open(
        shared: &Arc<Shared>,
        sizes: &Sizes,
        deleted: Deleted,
    ) -> Result<(Self, Vec<Message>), MaildropError> {
        let root = shared.inbox().root().to_owned();
        let (fetched, reading) = (Vec::new(), None);
        let mut maildrop = Self { root, inbox: None, deleted, uids: Vec::new(), fetched, reading };
        let Some(lock) = lock(&maildrop.root)? else { return Ok((maildrop, Vec::new())) };
        let open = shared.open(shared.inbox())?;
        let (key, listed) = list(&open)?;
        maildrop.inbox = Some(Inbox { shared: Arc::clone(shared), open, key, _lock: lock });
        let mut messages = Vec::with_capacity(listed.len());
        for Listed { uid, unique_id, identity, octets } in listed {
            let measure = || Ok::<_, MaildropError>(measured(&maildrop.letter(uid)?)?);
            let octets = match octets {
                Some(octets) => octets,
                None => match sizes.get_or(&maildrop.root, &identity, measure) {
                    Ok(octets) => octets,
                    // Removed since it was listed.
                    Err(MaildropError::Gone) => continue,
                    Err(error) => return Err(error),
                },
            };
            messages.push(Message { octets, unique_id });
            maildrop.uids.push(uid);
        }
        Ok((maildrop, messages))
    }

    /// Opens a letter and reads its first piece; [`Maildrop::read_on`] gives the others.
    pub(crate) fn read(&mut self, index: usize) -> Result<Vec<u8>, MaildropError> {
        self.reading = Some((self.letter(self.uid(index)?)?, 0));
        self.read_on()
    }

    /// The next piece of the letter; empty at its end.
    pub(crate) fn read_on(&mut self) -> Result<Vec<u8>, MaildropError> {
        let Some((letter, offset)) = &mut self.reading else { return Ok(Vec::new()) };
        let mut piece = vec![0; limits::PIECE_OCTETS];
        let read = letter.read_at(&mut piece, *offset)?;
        piece.truncate(read);
        *offset += read as u64;
        // A short piece is the last one, and needs no further read to know it.
        if read < limits::PIECE_OCTETS {
            self.reading = None;
        }
        Ok(piece)
    }

    /// How many letters were listed.
    pub(crate) fn letters(&self) -> usize {
        self.uids.len()
    }

    /// Whether the letter is read to its end.
    pub(crate) fn is_read(&self) -> bool {
        self.reading.is_none()
    }

    /// Notes that a letter was fetched whole; it is kept by [`Maildrop::update`].
    pub(crate) fn fetched(&mut self, index: usize) {
        self.fetched.extend(self.uids.get(index));
    }

    /// Ends the session: has letters gone from POP3, and removes what may be removed, for good: after `Ok` that holds after a
    /// power cut, too.
    pub(crate) fn update(&mut self, indices: &[usize]) -> Result<(), MaildropError> {
        let deleted: Vec<u32> =
            indices.iter().filter_map(|index| self.uids.get(*index)).copied().collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let Some(inbox) = &self.inbox else { return Ok(()) };
        let Inbox { shared, open, .. } = inbox;
        let mut inside = open.inside();
        let mailbox = &mut inside.mailbox;
        inbox.check_view(mailbox)?;
        let due = match self.deleted {
            Deleted::Remove => deleted,
            Deleted::RemoveAfter(_) | Deleted::Keep => {
                let before = mailbox.pop3_letters()?;
                let mut letters = before.clone();
                let is_timed = self.deleted != Deleted::Keep;
                for uid in self.fetched.iter().filter(|_| is_timed).chain(&deleted) {
                    let letter = letters.entry(*uid).or_default();
                    letter.since = if letter.since == 0 { now } else { letter.since };
                }
                for uid in &deleted {
                    letters.entry(*uid).or_default().deleted = true;
                }
                if letters != before {
                    mailbox.keep_pop3_letters(&letters)?;
                }
                let due = letters.iter().filter(|(_, letter)| self.deleted.is_due(letter, now));
                due.map(|(uid, _)| *uid).collect()
            }
        };
        if due.is_empty() {
            return Ok(());
        }
        let counted = mailbox.counted(&due, shared.inbox())?;
        mailbox.expunge(&due)?;
        drop(inside);
        shared.quota().went(counted);
        open.tell();
        ["new", "cur"].into_iter().try_for_each(|folder| self.sync(folder))
    }

    fn sync(&self, folder: &str) -> Result<(), MaildropError> {
        let path = self.root.join(folder);
        File::open(&path).and_then(|folder| folder.sync_all()).map_err(system("sync", &path))
    }

    fn uid(&self, index: usize) -> Result<u32, MaildropError> {
        self.uids.get(index).copied().ok_or(MaildropError::Gone)
    }

    /// A letter, wherever others have moved it meanwhile.
    fn letter(&self, uid: u32) -> Result<Letter, MaildropError> {
        let inbox = self.inbox.as_ref().ok_or(MaildropError::Gone)?;
        let mut inside = inbox.open.inside();
        inbox.check_view(&inside.mailbox)?;
        Ok(inside.mailbox.open_letter(uid)?)
    }
}

impl Deleted {
    /// Whether a letter that was deleted has been kept long enough.
    fn is_due(self, letter: &Pop3Letter, now: u64) -> bool {
        match self {
            Self::Remove | Self::Keep => false,
            Self::RemoveAfter(wait) => {
                letter.deleted && letter.since.saturating_add(wait.as_secs()) <= now
            }
        }
    }
}

/// Which mailbox it is, and all letters but those that POP3 shows no more.
fn list(open: &Open) -> Result<(CacheKey, Vec<Listed>), MaildropError> {
    let mut inside = open.inside();
    let mailbox = &mut inside.mailbox;
    mailbox.refresh()?;
    let mut kept_ids = mailbox.kept_uidls()?;
    // Also where the settings keep none any more: what was deleted once doesn't come back.
    let done = mailbox.pop3_letters()?;
    let is_shown = |entry: &Entry<'_>| done.get(&entry.uid()).is_none_or(|letter| !letter.deleted);
    let listed = mailbox.entries().filter(is_shown).map(|entry| {
        let uid = entry.uid();
        let kept = kept_ids.remove(&uid).and_then(|id| UniqueId::parse(id.as_bytes()));
        let own = || UniqueId::parse(mailbox.uidl(uid).as_bytes());
        let unique_id = kept.or_else(own)?;
        let octets = believed(entry.octets(), entry.wire_octets());
        Some(Listed { uid, unique_id, identity: entry.identity().to_vec(), octets })
    });
    Ok((mailbox.cache_key(), listed.flatten().collect()))
}

/// The octets on the wire of a letter whose name doesn't say: with an end for its last line, which POP3 needs and IMAP
/// doesn't.
fn measured(letter: &Letter) -> Result<u64, MailboxError> {
    let (mut size, mut piece, mut offset) = (Size::default(), vec![0; limits::PIECE_OCTETS], 0);
    loop {
        match letter.read_at(&mut piece, offset)? {
            0 => return Ok(size.finish()),
            octets => {
                size.push(piece.get(..octets).unwrap_or_default());
                offset += octets as u64;
            }
        }
    }
}

/// The octets on the wire, where a letter's name says so (`W=`) and says it sanely: with CRLF a letter is
/// longer than without (`S=`), and at most twice as long and two. And no letter is so long that the sum of a
/// maildrop's could overflow.
fn believed(octets: Option<u64>, with_crlf: Option<u64>) -> Option<u64> {
    let (octets, with_crlf) = (octets?, with_crlf?);
    let sane = octets..=octets.saturating_mul(2).saturating_add(2);
    (sane.contains(&with_crlf) && with_crlf <= limits::LETTER_OCTETS_MAX).then_some(with_crlf)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_in_names_that_are_believed() {
        for (octets, with_crlf, believes) in [
            (Some(10), Some(12), Some(12)),
            (Some(10), Some(22), Some(22)),
            (Some(10), Some(23), None),
            (Some(10), Some(9), None),
            (None, Some(12), None),
            (Some(10), None, None),
            (Some(u64::MAX), Some(u64::MAX), None),
        ] {
            assert_eq!(believed(octets, with_crlf), believes, "{octets:?} {with_crlf:?}");
        }
    }

    #[test]
    fn when_deleted_letters_are_removed() {
        let after = Deleted::RemoveAfter(Duration::from_secs(10));
        for (deleted, since, is_deleted, now, is_due) in [
            (after, 100, true, 110, true),
            (after, 100, true, 109, false),
            (after, 100, false, 110, false),
            (after, u64::MAX, true, 110, false),
            (Deleted::RemoveAfter(Duration::ZERO), 100, true, 100, true),
            (Deleted::Keep, 1, true, 110, false),
        ] {
            let letter = Pop3Letter { since, deleted: is_deleted };
            assert_eq!(deleted.is_due(&letter, now), is_due, "{deleted:?} {letter:?} {now}");
        }
    }
}
