//! A folder with a register and a cache of ours.

use std::cell::OnceCell;
use std::sync::Arc;

use postroad_disk::{Disk, DiskError};
use postroad_fulltext::Index;
use postroad_store::{Cache, CacheKey, Mailbox, MailboxError, Written};

use crate::facts::Read;
use crate::folder::Changed;
use crate::row::Apart;

/// The register, and what is remembered of its letters.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) mailbox: Mailbox,
    /// The cache, once somebody has asked: who looks for a few letters may have no use for it, and of a hundred thousand
    /// letters it takes 10 ms to open. `None` where it can't be used: then letters are read again, and that is all.
    cache: OnceCell<Option<Cache>>,
    /// Something was written there, or has gone: whoever looks alone doesn't tidy up.
    is_changed: bool,
    key: CacheKey,
    disk: Arc<dyn Disk>,
    /// What the index knows of texts, once somebody has asked.
    index: Option<Index>,
}

impl Kept {
    pub(crate) fn open(disk: Arc<dyn Disk>, mailbox: Mailbox) -> Self {
        let key = mailbox.cache_key();
        Self { mailbox, cache: OnceCell::new(), is_changed: false, key, disk, index: None }
    }

    /// The register, and the cache where it can be used.
    pub(crate) fn parts(&mut self) -> (&mut Mailbox, Option<&mut Cache>) {
        let open = || Cache::open(Arc::clone(&self.disk), self.mailbox.folder(), self.key).ok();
        self.cache.get_or_init(open);
        (&mut self.mailbox, opened(&mut self.cache))
    }

    /// Whether nobody has asked for what is in the cache.
    pub(crate) fn is_closed(&self) -> bool {
        self.cache.get().is_none()
    }

    /// Looks at what others have changed.
    pub(crate) fn refresh(&mut self) -> Result<Changed, MailboxError> {
        let (uid_next, modseq, exists) =
            (self.mailbox.uid_next(), self.mailbox.highest_modseq(), self.mailbox.exists());
        self.mailbox.refresh()?;
        if self.mailbox.cache_key() != self.key {
            self.key = self.mailbox.cache_key();
            self.cache = OnceCell::new();
            return Ok(Changed { renumbered: true, ..Changed::default() });
        }
        if let Some(cache) = opened(&mut self.cache) {
            // What others have read need not be read again; where it can't be seen, it is.
            let _ = cache.refresh();
        }
        let mut changed = Changed::default();
        if self.mailbox.highest_modseq() == modseq {
            return Ok(changed);
        }
        for entry in self.mailbox.changed_since(modseq) {
            match entry.uid() >= uid_next {
                true => changed.added.push(entry.uid()),
                false => changed.flags.push(entry.uid()),
            }
        }
        changed.removed = (exists + changed.added.len()).saturating_sub(self.mailbox.exists());
        self.is_changed |= changed.removed > 0;
        Ok(changed)
    }

    /// The index of texts, as it is now; `None` where it can't be used: then letters are read.
    pub(crate) fn index(&mut self) -> Option<&mut Index> {
        match &mut self.index {
            Some(index) if index.key() == self.key => {
                if index.refresh().is_err() {
                    self.index = None;
                }
            }
            _ => self.index = self.another_index().ok(),
        }
        self.index.as_mut()
    }

    /// One that is another's, so that nobody waits.
    pub(crate) fn another_index(&self) -> Result<Index, DiskError> {
        Index::open(Arc::clone(&self.disk), self.mailbox.folder(), self.key)
    }

    /// Has the cache remember what letters say; what it doesn't take is kept apart.
    pub(crate) fn remember(&mut self, some: &[(u32, Read)], apart: &mut Apart) {
        let is_written = self.write(some);
        for (uid, read) in some.iter().filter(|_| !is_written) {
            apart.keep(*uid, read);
        }
    }

    /// Whether all of it is in the cache now.
    fn write(&mut self, some: &[(u32, Read)]) -> bool {
        let (mailbox, Some(cache)) = self.parts() else { return false };
        let mut all = cache.refresh().is_ok();
        let mut is_changed = false;
        for (uid, read) in some {
            let Some(entry) = mailbox.entry(*uid) else { continue };
            // Whoever else has read it may have read more of it.
            if cache.columns(*uid, entry.identity()).is_none() {
                is_changed = true;
                let written = cache.remember(*uid, entry.identity(), &read.facts());
                all &= matches!(written, Ok(Written::All));
            }
        }
        all &= matches!(cache.flush(), Ok(Written::All));
        self.is_changed |= is_changed;
        all
    }
}

fn opened(cache: &mut OnceCell<Option<Cache>>) -> Option<&mut Cache> {
    cache.get_mut().and_then(Option::as_mut)
}

/// What has gone leaves the cache, where that is worth it.
impl Drop for Kept {
    fn drop(&mut self) {
        let is_ours = self.is_changed && self.key == self.mailbox.cache_key();
        if let Some(cache) = opened(&mut self.cache).filter(|_| is_ours) {
            // Where that can't be, it is as large as it was.
            let _ = cache.tidy(|uid| self.mailbox.entry(uid).is_some());
        }
    }
}
