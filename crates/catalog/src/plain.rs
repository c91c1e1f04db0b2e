//! A folder in which nothing of ours is written: another program numbers its letters, or we may not write there.
//!
//! What is told of it is what its files' names tell. Numbers count from 1, by arrival, and are good for as long as the
//! folder is open; what came since is behind them.

use std::collections::{HashMap, HashSet};

use postroad_store::{Courier, FlagChange, MailboxError, Maildir, StoreError, Stored};

use crate::error::of_letter;
use crate::folder::Changed;
use crate::limits::LOOKS_MAX;

/// Letters by their numbers.
#[derive(Debug)]
pub(crate) struct Plain {
    folder: Maildir,
    /// Sorted.
    letters: Vec<Numbered>,
    next: u32,
}

/// A letter that has a number.
#[derive(Debug)]
pub(crate) struct Numbered {
    pub(crate) uid: u32,
    pub(crate) stored: Stored,
}

impl Plain {
    /// Lists a folder.
    pub(crate) fn open(courier: &Courier, folder: Maildir) -> Result<Self, MailboxError> {
        let mut plain = Self { folder, letters: Vec::new(), next: 1 };
        plain.refresh(courier)?;
        Ok(plain)
    }

    pub(crate) fn letters(&self) -> &[Numbered] {
        &self.letters
    }

    pub(crate) fn get(&self, uid: u32) -> Option<&Stored> {
        let at = self.letters.binary_search_by_key(&uid, |letter| letter.uid).ok()?;
        self.letters.get(at).map(|letter| &letter.stored)
    }

    /// Lists it again.
    pub(crate) fn refresh(&mut self, courier: &Courier) -> Result<Changed, MailboxError> {
        let listed = courier.letters(&self.folder).map_err(|error| self.missing(error))?;
        let mut changed = Changed::default();
        let mut known: HashMap<Vec<u8>, u32> = HashMap::with_capacity(self.letters.len());
        for letter in &self.letters {
            known.insert(letter.stored.identity().to_owned(), letter.uid);
        }
        let before = std::mem::take(&mut self.letters);
        let was = |uid: u32| {
            let at = before.binary_search_by_key(&uid, |letter| letter.uid).ok()?;
            before.get(at).map(|letter| &letter.stored)
        };
        let (mut fresh, mut seen) = (Vec::new(), HashSet::new());
        for stored in listed {
            match known.get(stored.identity()) {
                Some(&uid) if seen.insert(uid) => {
                    if was(uid) != Some(&stored) {
                        changed.flags.push(uid);
                    }
                    self.letters.push(Numbered { uid, stored });
                }
                // The same letter under two names, while somebody renames it.
                Some(_) => {}
                None => fresh.push(stored),
            }
        }
        changed.removed = before.len() - self.letters.len();
        fresh.sort_by(|one, other| {
            let key = |stored: &Stored| (stored.arrival(), stored.identity().to_owned());
            key(one).cmp(&key(other))
        });
        for stored in fresh {
            changed.added.push(self.next);
            self.letters.push(Numbered { uid: self.next, stored });
            self.next = self.next.saturating_add(1);
        }
        self.letters.sort_by_key(|letter| letter.uid);
        changed.flags.sort_unstable();
        Ok(changed)
    }

    fn missing(&self, error: StoreError) -> MailboxError {
        match error {
            StoreError::Disk(error) if error.kind() == std::io::ErrorKind::NotFound => {
                MailboxError::NoMailbox { path: self.folder.root().to_owned() }
            }
            error => error.into(),
        }
    }

    /// Does something with a letter's file, wherever others have moved it meanwhile.
    pub(crate) fn with_letter<T>(
        &mut self,
        courier: &Courier,
        uid: u32,
        mut act: impl FnMut(&Stored) -> Result<T, MailboxError>,
    ) -> Result<T, MailboxError> {
        for look in 0..LOOKS_MAX {
            if look > 0 {
                self.refresh(courier)?;
            }
            match act(self.get(uid).ok_or(MailboxError::Gone { uid })?) {
                Err(MailboxError::Gone { .. }) => {}
                done => return done,
            }
        }
        Err(MailboxError::Gone { uid })
    }

    /// Changes the flags of letters; those that are gone are left out.
    pub(crate) fn set_flags(
        &mut self,
        courier: &Courier,
        uids: &[u32],
        change: FlagChange,
    ) -> Result<Vec<u32>, MailboxError> {
        let mut changed = Vec::new();
        for &uid in uids {
            let reflagged = self.with_letter(courier, uid, |stored| {
                let flags = change.of(stored.flags());
                courier.reflag(stored, flags).map_err(|error| of_letter(uid, error))
            });
            match reflagged {
                Err(MailboxError::Gone { .. }) => {}
                stored => {
                    self.put(uid, stored?);
                    changed.push(uid);
                }
            }
        }
        Ok(changed)
    }

    fn put(&mut self, uid: u32, stored: Stored) {
        if let Ok(at) = self.letters.binary_search_by_key(&uid, |letter| letter.uid)
            && let Some(letter) = self.letters.get_mut(at)
        {
            letter.stored = stored;
        }
    }

    /// Removes letters for good; those that are gone already are left out.
    pub(crate) fn remove(
        &mut self,
        courier: &Courier,
        uids: &[u32],
    ) -> Result<Vec<u32>, MailboxError> {
        let mut removed = Vec::new();
        for &uid in uids {
            let gone = self.with_letter(courier, uid, |stored| {
                courier.remove(stored).map_err(|error| of_letter(uid, error))
            });
            match gone {
                Err(MailboxError::Gone { .. }) => {}
                gone => {
                    gone?;
                    removed.push(uid);
                }
            }
        }
        self.refresh(courier)?;
        Ok(removed)
    }
}
