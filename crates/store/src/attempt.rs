//! A delivery that may have been tried before: the reply was lost, or we were killed, or the power went.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use postroad_disk::{Disk, DiskLock};

use crate::key::DeliveryKey;
use crate::ledger::{LOCK, Ledger, Ledgers, Step};
use crate::{Draft, Maildir, StoreError, listing};

/// One try of a delivery into one mailbox. As long as it lives, no other try of the same is begun, by any process.
#[derive(Debug)]
pub struct Attempt {
    disk: Arc<dyn Disk>,
    ledgers: Arc<Ledgers>,
    inbox: Maildir,
    key: DeliveryKey,
    before: Before,
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
        let before = match ledgers.reached(ledger, key) {
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
            trouble: trouble.map(StoreError::from),
            _turn: turn,
        })
    }

    /// Whether all of it was done before.
    pub fn is_done(&self) -> bool {
        self.before == Before::Done
    }

    /// Whether what is sent on had left before.
    pub fn has_sent(&self) -> bool {
        matches!(self.before, Before::InDoubt { sent: true } | Before::Done)
    }

    /// Marks drafts as this delivery's, and leaves out those whose letters are there from a try before.
    ///
    /// # Errors
    /// A letter is there, and it can't be known whether it stays. It has to come again.
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
        let ledger = Ledger { disk: self.disk.as_ref(), inbox: &self.inbox, now: now() };
        let noted = match durably {
            Durably::No => self.ledgers.note(ledger, self.key, step),
            Durably::Yes => self.ledgers.note_durably(ledger, self.key, step),
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
        // A mailbox that can't be listed can still take a letter: twice is better than not at all.
        let letters = listing::letters(self.disk.as_ref(), &self.inbox).unwrap_or_default();
        let ours = |name: &[u8]| DeliveryKey::of_file(name).is_some_and(|(key, _)| key == self.key);
        let mut shown = Vec::new();
        for letter in letters.into_iter().filter(|letter| ours(letter.name.as_encoded_bytes())) {
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
