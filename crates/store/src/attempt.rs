//! A delivery that may have been tried before: the reply was lost, or we were killed, or the power went.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use postroad_disk::{Disk, DiskLock};

use crate::key::DeliveryKey;
use crate::ledger::{LOCK, Ledger, Ledgers, Page, Step};
use crate::{Draft, Maildir, StoreError, listing};

/// One try of a delivery into one mailbox. As long as it lives, no other try of the same is begun, by any process.
#[derive(Debug)]
pub struct Attempt {
    disk: Arc<dyn Disk>,
    ledgers: Arc<Ledgers>,
    inbox: Maildir,
    key: DeliveryKey,
    before: Before,
    page: Page,
    /// Whether what is sent on has left, in this try or before.
    has_sent: bool,
    /// The first thing that the ledger can't.
    trouble: Option<StoreError>,
    _turn: Option<Box<dyn DiskLock>>,
}

/// What became of the tries before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// There was none.
    Nothing,
    /// Its letters are in their folders, or not.
    InDoubt {
        sent: bool,
    },
    Done,
}

/// What is there of a delivery's letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// All of them, or a try before was done.
    All,
    /// Some: what is sent on had left before the first of them.
    Some,
    /// None.
    Nothing,
}

/// Whether a line in the ledger may wait for the next sync that comes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durably {
    /// A letter's file is there to tell.
    No,
    /// Nothing else tells.
    Yes,
}

impl Attempt {
    /// Begins one; `None` where another is under way.
    pub(crate) fn begin(
        disk: &Arc<dyn Disk>,
        ledgers: &Arc<Ledgers>,
        inbox: Maildir,
        key: DeliveryKey,
    ) -> Option<Self> {
        let mut trouble = None;
        let turn = match disk.lock_part(&inbox.root().join(LOCK), key.number()) {
            Ok(turn) => Some(turn),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            // A file system without locks: two tries in the same moment are two letters.
            Err(error) => {
                trouble = Some(error);
                None
            }
        };
        let ledger = Ledger { disk: disk.as_ref(), inbox: &inbox, now: now() };
        let mut page = Page::default();
        let before = match ledgers.reached(ledger, key, &mut page) {
            Ok(None) => Before::Nothing,
            Ok(Some(Step::Done)) => Before::Done,
            Ok(Some(Step::Begun)) => Before::InDoubt { sent: false },
            Ok(Some(Step::Sent)) => Before::InDoubt { sent: true },
            Err(error) => {
                // The names are asked instead.
                trouble = trouble.or(Some(error));
                Before::InDoubt { sent: false }
            }
        };
        Some(Self {
            disk: Arc::clone(disk),
            ledgers: Arc::clone(ledgers),
            inbox,
            key,
            before,
            page,
            has_sent: matches!(before, Before::InDoubt { sent: true } | Before::Done),
            trouble: trouble.map(StoreError::from),
            _turn: turn,
        })
    }

    /// Whether there is no mailbox to note anything in.
    pub(crate) fn has_no_mailbox(&self) -> bool {
        matches!(&self.trouble, Some(StoreError::Disk(error)) if error.kind() == io::ErrorKind::NotFound)
    }

    /// Whether all of it was done before.
    pub fn is_done(&self) -> bool {
        self.before == Before::Done
    }

    /// When the try before came as far as it did, where that is known.
    pub fn before_at(&self) -> Option<SystemTime> {
        let seconds = self.ledgers.noted_at(self.inbox.root(), self.key)?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    }

    /// Whether what is sent on has left.
    pub fn has_sent(&self) -> bool {
        self.has_sent
    }

    /// Marks drafts as this delivery's, and leaves out those whose letters are there from a try before.
    ///
    /// # Errors
    /// It can't be known whether a letter is there, or whether it stays. It has to come again.
    pub fn leave_out(&self, drafts: &mut Vec<Draft>) -> Result<Found, StoreError> {
        let mut shown = match self.before {
            Before::Nothing => Vec::new(),
            Before::InDoubt { .. } => self.shown()?,
            Before::Done => {
                drafts.clear();
                return Ok(Found::All);
            }
        };
        // As many as there are to be: some may have been moved to other folders since. (None are to be where rules
        // remember the letter, and drop it as a duplicate of itself.)
        if !shown.is_empty() && shown.len() >= drafts.len() {
            drafts.clear();
            return Ok(Found::All);
        }
        let found = if shown.is_empty() { Found::Nothing } else { Found::Some };
        drafts.retain(|draft| match shown.iter().position(|folder| folder == draft.folder()) {
            Some(at) => {
                shown.swap_remove(at);
                false
            }
            None => true,
        });
        drafts.iter_mut().for_each(|draft| draft.set_key(self.key));
        Ok(found)
    }

    /// Adds to the ledger how far it is. That fails no delivery: see [`Attempt::take_trouble`].
    pub fn note(&mut self, step: Step, durably: Durably) {
        self.has_sent |= step == Step::Sent;
        let step = match (step, durably, &self.trouble) {
            // Who can't rely on the ledger may take the letter's file back: it alone shall say that it is there.
            (Step::Done, Durably::No, Some(_)) if self.has_sent => Step::Sent,
            (Step::Done, Durably::No, Some(_)) => Step::Begun,
            (step, _, _) => step,
        };
        let ledger = Ledger { disk: self.disk.as_ref(), inbox: &self.inbox, now: now() };
        let noted = match durably {
            Durably::No => self.ledgers.note(ledger, &mut self.page, self.key, step),
            Durably::Yes => self.ledgers.note_durably(ledger, &mut self.page, self.key, step),
        };
        if let Err(error) = noted {
            self.trouble.get_or_insert(error.into());
        }
    }

    /// What the ledger couldn't: a repeat may not be known again.
    pub fn take_trouble(&mut self) -> Option<StoreError> {
        self.trouble.take()
    }

    /// The mailbox.
    pub fn mailbox(&self) -> &Path {
        self.inbox.root()
    }

    /// The folders in which there is a letter of this delivery, each as often as there is one. Their names are
    /// durable: whoever showed them may have been killed before that.
    fn shown(&self) -> Result<Vec<PathBuf>, StoreError> {
        let letters = match listing::letters(self.disk.as_ref(), &self.inbox) {
            // One that we may not list can still take a letter: twice is better than not at all.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Vec::new(),
            // Any other trouble passes, or is an operator's: it doesn't say that there is nothing (row M15).
            letters => letters?,
        };
        let mut shown = Vec::new();
        for letter in letters.into_iter().filter(|letter| letter.key == self.key) {
            self.disk.sync_dir(&letter.directory)?;
            shown.push(letter.folder);
        }
        Ok(shown)
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use postroad_testkit::{FaultyDisk, Plan};

    use super::*;

    #[test]
    fn what_may_be_taken_back_is_not_remembered_as_done() {
        let disk = FaultyDisk::new();
        let inbox = Maildir::at("/mail/alice");
        for part in ["tmp", "new", "cur"] {
            disk.put_dir(&inbox.root().join(part));
        }
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let ledgers = Arc::new(Ledgers::new("boot".to_owned()));
        let key = DeliveryKey::of_digest(&[7; 32]);
        let begin = || Attempt::begin(&shared, &ledgers, inbox.clone(), key).unwrap();
        for (durably, is_done) in [(Durably::No, false), (Durably::Yes, true)] {
            // ENOLCK: a file system without locks.
            disk.plan(Plan::FailNext { operation: "lock", errno: 37 });
            let mut first = begin();
            first.note(Step::Begun, Durably::No);
            first.note(Step::Sent, Durably::Yes);
            first.note(Step::Done, durably);
            assert!(first.take_trouble().is_some());
            drop(first);
            let next = begin();
            assert_eq!((next.is_done(), next.has_sent()), (is_done, true));
        }
    }
}
