//! Texts of letters are indexed for SEARCH (`postroad_fulltext`): in the background, and with what others leave.
//!
//! A worker has a thread for it while there is something to index in a mailbox that a session has open: the lowest
//! priority, a mailbox held for no longer than it takes to open one letter, a thousand letters in memory as bits. It
//! ends with the sessions of the mailbox; what it hasn't written then is indexed another time. Letters that aren't in
//! the index are read by SEARCH, and so a few are left to be: those that have come since.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use postroad_catalog::index::{Indexed, Letters, bring_up};
use postroad_fulltext::{Index, Told};
use postroad_message::Needle;
use postroad_store::{CacheKey, Letter, Mailbox, MailboxError};
use tokio::sync::{Notify, oneshot};

use super::shared::{Open, Shared};
use crate::events;
use crate::limits::{INDEXED_TOGETHER_MIN, INDEXING_DELAY};

/// Whether letters are indexed in the background, and what is waited for until then.
#[derive(Debug, Default)]
pub(super) struct Indexing {
    wanted: Notify,
}

/// The index of a mailbox that is open.
#[derive(Debug, Default)]
pub(super) struct Text {
    /// As searches ask it: opened by the first.
    asked: Mutex<Option<Index>>,
    /// What the mailbox was when the index was last brought up to date.
    seen: Mutex<Option<Seen>>,
}

/// A mailbox at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    key: CacheKey,
    /// UIDNEXT, less the letters that are left to searches.
    uid_next: u32,
    exists: usize,
}

impl Seen {
    fn of(mailbox: &Mailbox) -> Self {
        let (key, uid_next) = (mailbox.cache_key(), mailbox.uid_next());
        Self { key, uid_next, exists: mailbox.exists() }
    }

    /// Whether so many letters have come since, or a quarter of them is gone.
    fn is_old(&self, now: &Self, least: usize) -> bool {
        let new = usize::try_from(now.uid_next.saturating_sub(self.uid_next)).unwrap_or(usize::MAX);
        self.key != now.key || new >= least || now.exists < self.exists - self.exists / 4
    }
}

impl Shared {
    /// A mailbox was opened, or has changed.
    pub(super) fn want_index(&self) {
        if let Some(indexing) = &self.indexing {
            indexing.wanted.notify_one();
        }
    }

    /// Indexes letters whenever something has changed, for as long as sessions are served.
    pub(crate) async fn index(self: Arc<Self>) {
        let Some(indexing) = &self.indexing else { return };
        loop {
            indexing.wanted.notified().await;
            // What a client asks first comes first, and so do many deliveries in a row.
            tokio::time::sleep(INDEXING_DELAY).await;
            let (shared, (done, ended)) = (Arc::clone(&self), oneshot::channel());
            // Not one of the runtime's: its low priority can't be given back.
            let thread = std::thread::Builder::new().name("indexing".to_owned());
            let spawned = thread.spawn(move || {
                let _ = rustix::process::setpriority_process(None, 19);
                shared.index_now(INDEXED_TOGETHER_MIN);
                let _ = done.send(());
            });
            if spawned.is_ok() {
                // An error is a panic of that thread, which the log has.
                let _ = ended.await;
            }
        }
    }

    /// Indexes what is open; a mailbox with fewer than `least` new letters isn't worth it.
    pub(super) fn index_now(&self, least: usize) {
        for open in self.all_open() {
            if let Err(error) = open.index(least) {
                events::not_indexed(&error);
            }
        }
    }
}

impl Open {
    /// Tells each letter (its UID, in that numbering) that certainly hasn't got a text; none where the index can't be
    /// used. Blocks.
    pub(super) fn lacking(&self, uid_validity: u32, needle: &Needle, each: impl FnMut(u32)) {
        let Some(text) = &self.text else { return };
        let (disk, folder, key) = self.inside().place();
        if key.uid_validity != uid_validity {
            return;
        }
        let mut asked = lock(&text.asked);
        match asked.as_mut() {
            Some(index) if index.key() == key => {
                if index.refresh().is_err() {
                    *asked = None;
                }
            }
            _ => *asked = Index::open(disk, &folder, key).ok(),
        }
        let Some(index) = asked.as_mut() else { return };
        // Those that aren't told are read.
        if let Ok(Told::Damaged) = index.lacking(needle, each) {
            events::index_damaged(&folder);
            *lock(&text.seen) = None;
        }
    }

    /// Brings the index up to date; fewer than `least` new letters aren't worth it. Blocks, for long.
    fn index(self: &Arc<Self>, least: usize) -> Result<(), MailboxError> {
        let Some(text) = self.text.as_ref().filter(|_| self.is_wanted()) else { return Ok(()) };
        let now = Seen::of(&self.inside().mailbox);
        if lock(&text.seen).is_some_and(|seen| !seen.is_old(&now, least)) {
            return Ok(());
        }
        let ((disk, folder, key), uids) = {
            let inside = self.inside();
            let uids: Vec<u32> = inside.mailbox.entries().map(|entry| entry.uid()).collect();
            (inside.place(), uids)
        };
        // One of its own: no search waits for it.
        let mut index = Index::open(disk, &folder, key)?;
        let Indexed::ButFor(left) = bring_up(&mut index, &uids, least, &Unindexed(self))? else {
            return Ok(());
        };
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        let uid_next = now.uid_next.saturating_sub(left);
        *lock(&text.seen) = Some(Seen { uid_next, ..now });
        Ok(())
    }

    /// Whether a session has it open: we have it ourselves.
    fn is_wanted(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) > 1
    }
}

/// The letters of a mailbox that a session has open.
struct Unindexed<'a>(&'a Arc<Open>);

impl Letters for Unindexed<'_> {
    fn open(&self, uid: u32) -> Result<Letter, MailboxError> {
        self.0.inside().mailbox.open_letter(uid)
    }

    fn is_wanted(&self) -> bool {
        self.0.is_wanted()
    }

    /// A search will read it, or say that it can't.
    fn unreadable(&self, error: &MailboxError) {
        events::letter_unreadable(error);
    }
}

/// Nothing in here is left half changed by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
