//! The outbox: where a letter is safe once the command that sends it has said 0.
//!
//! ```text
//! mail, sendmail, send ──► drop/new/ ────┬──► queue/ ──► submission server
//! full screen ───────────► drop/held/ ───┘     log          (one sender)
//!      (any number)          files  10 s
//! ```
//! | looking for | it is in |
//! |---|---|
//! | how a letter is left, by many at once | [`DropOff`] |
//! | how it is held, and taken back | `held` |
//! | the file that it is in | `letter_file` |
//! | what becomes of it besides: the copy in Sent | `copies` |
//! | copies that could not be filed, and are filed later | `unfiled` |
//! | the drafts that letters were made of | `on_their_way`, [`crate::drafts`] |
//! | how letters leave, by one sender at a time | [`sender`] |
//! | what waits, and why | [`listing`] |
//!
//! The queue is the queue crate's, with one route: the account's submission server. It takes no letter
//! itself that it could still lose: a letter is in drop/ until the queue has made it durable.
//!
//! | the process ends | the letter | what the next start does |
//! |---|---|---|
//! | before exit 0 was said | may be in drop/new/, whole, or nowhere | sends it if it is there |
//! | after that | is in drop/new/, or in drop/held/ | takes it in, from held/ when it is due |
//! | while it is taken back | is in drop/held/, or in drop/tmp/ | sends it if it is in held/ |
//! | while it is taken in | in drop/taken/ID, perhaps in the queue too | asks the queue for ID |
//! | while it is sent | in the queue | sends it again: a second copy only where the server's reply was lost |
//!
//! `pending` is there while the queue may hold letters to be tried; `sender.lock` is held by the one sender, `queue/` has the queue's own lock, which the sender holds
//! only while it works: between tries the other commands can have it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use postroad_disk::{Disk, DiskError, DiskLock, OsDisk};
use postroad_queue::{Embedded, OpenError, OwnedShard};

use crate::compose::Letter;
use crate::limits;

mod copies;
mod drop_off;
mod held;
#[cfg(test)]
mod kills;
mod letter_file;
pub mod listing;
mod on_their_way;
pub mod sender;
pub mod start;
mod unfiled;

pub use drop_off::{DropOff, Ready};
pub(crate) use letter_file::decode_notify;
pub use letter_file::{Found, Left, Notes};
pub use on_their_way::OnTheirWay;

/// An outbox in a folder.
#[derive(Debug, Clone)]
pub struct Outbox {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
}

/// Why the outbox can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The disk.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The queue.
    #[error("cannot open the outbox's queue")]
    Open(#[source] OpenError),
    /// The queue can't be written.
    #[error("the outbox's queue takes no letters: {0}")]
    Accept(#[from] postroad_queue::AcceptError),
    /// The sender is at work all the time.
    #[error("the sender is at work; try again in a moment")]
    Busy,
    /// The queue was taken from us.
    #[error(transparent)]
    Fenced(#[from] postroad_queue::Fenced),
    /// It can't be taken back any more.
    #[error("the letter {0} has left already; see outbox list")]
    Left(String),
    /// There is no such letter.
    #[error("no letter {0} in the outbox; see outbox list")]
    Unknown(String),
}

/// The file that is there while the queue may hold letters that are tried by themselves: it saves all
/// others the opening of the queue.
const PENDING: &str = "pending";

/// Whether there may be letters to send, without opening anything.
pub fn has_letters(folder: &Path) -> bool {
    let has_entries = |part: &str| {
        std::fs::read_dir(folder.join(part)).is_ok_and(|mut entries| entries.next().is_some())
    };
    let parts = ["drop/new", "drop/held", "drop/taken", unfiled::UNFILED];
    parts.into_iter().any(has_entries) || folder.join(PENDING).exists()
}

impl Outbox {
    /// The outbox in this folder, which is made where it is missing.
    ///
    /// # Errors
    /// Where it can't be made.
    pub fn open(folder: &Path) -> Result<Self, OutboxError> {
        let disk: Arc<dyn Disk> = Arc::new(OsDisk);
        drop_off::make_with_parents(disk.as_ref(), folder)?;
        Ok(Self { disk, folder: folder.to_owned() })
    }

    /// Leaves a letter: after `Ok` a power cut doesn't lose it.
    ///
    /// # Errors
    /// Where the disk is full or fails.
    pub fn leave(&self, letter: &Letter, notes: &Notes) -> Result<(), OutboxError> {
        Ok(self.drop_off()?.leave(letter, notes)?)
    }

    /// Leaves a letter that can be taken back until then; gives its name. As durable as [`Outbox::leave`].
    ///
    /// # Errors
    /// Where the disk is full or fails.
    pub fn hold(
        &self,
        letter: &Letter,
        notes: &Notes,
        until: SystemTime,
    ) -> Result<String, OutboxError> {
        Ok(self.drop_off()?.hold(letter, notes, until)?)
    }

    /// Takes a letter back that is held. Once what comes out is safe elsewhere, [`Outbox::forget_taken_back`].
    ///
    /// # Errors
    /// Where it has left, or the disk fails.
    pub fn take_back(&self, name: &str) -> Result<Found, OutboxError> {
        let drop_off = self.drop_off()?;
        // What is no name of ours is no path either.
        let is_held = drop_off.held()?.iter().any(|held| held == name);
        let found = if is_held { drop_off.take_back(name)? } else { None };
        found.ok_or_else(|| OutboxError::Left(name.to_owned()))
    }

    /// Removes what is left of a letter that was taken back.
    pub fn forget_taken_back(&self, name: &str) {
        if let Ok(drop_off) = self.drop_off()
            && !name.contains('/')
        {
            drop_off.forget_taken_back(name);
        }
    }

    fn copies(&self) -> copies::Copies {
        copies::Copies::new(Arc::clone(&self.disk), self.folder.clone())
    }

    fn unfiled(&self) -> unfiled::Unfiled {
        unfiled::Unfiled::new(Arc::clone(&self.disk), self.folder.clone())
    }

    fn drop_off(&self) -> Result<DropOff, DiskError> {
        DropOff::open(Arc::clone(&self.disk), self.folder.join("drop"))
    }

    /// Says that the queue may hold letters; durable before the first of them is in it.
    fn expect_letters(&self) -> Result<(), DiskError> {
        match self.disk.create_new(&self.folder.join(PENDING)) {
            Ok(_) => self.disk.sync_dir(&self.folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether that was said.
    fn expects_letters(&self) -> Result<bool, DiskError> {
        match self.disk.stat(&self.folder.join(PENDING)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            there => there.map(|_| true),
        }
    }

    /// Says that it holds none that is tried by itself.
    fn expect_none(&self) {
        // Where it stays, the queue is opened once in vain.
        let _ = self.disk.remove(&self.folder.join(PENDING));
    }

    /// The right to send; `None` where another process has it.
    fn try_lock(&self) -> Result<Option<Box<dyn DiskLock>>, DiskError> {
        match self.disk.lock(&self.folder.join("sender.lock")) {
            Ok(lock) => Ok(Some(lock)),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The queue, as soon as whoever has it puts it down.
    async fn queue(&self, patience: Duration) -> Result<Arc<dyn OwnedShard>, OutboxError> {
        const LOOK: Duration = Duration::from_millis(20);
        let engine = Embedded::new(Arc::clone(&self.disk), self.folder.join("queue"));
        let end = Instant::now() + patience;
        loop {
            match engine.open_blocking() {
                Ok(shard) => return Ok(shard),
                Err(OpenError::Taken { .. }) if Instant::now() < end => {
                    tokio::time::sleep(LOOK).await;
                }
                Err(OpenError::Taken { .. }) => return Err(OutboxError::Busy),
                Err(error) => return Err(OutboxError::Open(error)),
            }
        }
    }

    /// Lets letters go again that were refused or wait, or all of them where no id is named.
    ///
    /// # Errors
    /// Where there is no such letter, or the sender doesn't put the queue down.
    pub async fn retry(&self, ids: &[String]) -> Result<u64, OutboxError> {
        self.expect_letters()?;
        self.edit(ids, postroad_queue::Edit::Retry).await
    }

    /// Throws letters away that haven't left.
    ///
    /// # Errors
    /// As [`Outbox::retry`].
    pub async fn discard(&self, ids: &[String]) -> Result<u64, OutboxError> {
        let drop_off = self.drop_off()?;
        let (held, waiting) = (drop_off.held()?, drop_off.waiting()?);
        let mut dropped = 0;
        let mut rest = Vec::new();
        for id in ids {
            if waiting.contains(id) {
                drop_off.discard(id)?;
            } else if held.contains(id) {
                self.take_back(id)?;
                drop_off.forget_taken_back(id);
            } else {
                rest.push(id.clone());
                continue;
            }
            dropped += 1;
        }
        if rest.is_empty() {
            return Ok(dropped);
        }
        Ok(dropped + self.edit(&rest, postroad_queue::Edit::Delete).await?)
    }

    async fn edit(&self, ids: &[String], edit: postroad_queue::Edit) -> Result<u64, OutboxError> {
        let unknown = |id: &String| OutboxError::Unknown(id.clone());
        let parsed: Result<Vec<_>, _> =
            ids.iter().map(|id| id.parse().map_err(|_| unknown(id))).collect();
        let filter = postroad_queue::Filter {
            ids: Some(parsed?).filter(|ids| !ids.is_empty()),
            ..postroad_queue::Filter::default()
        };
        let shard = self.queue(limits::OUTBOX_WAIT).await?;
        let edited = shard.edit(&filter, edit).await;
        listing::keep(&self.folder, &sender::all_rows(shard.as_ref()).await);
        shard.release().await;
        match (edited?, ids) {
            (0, [id, ..]) => Err(unknown(id)),
            (count, _) => Ok(count),
        }
    }
}
