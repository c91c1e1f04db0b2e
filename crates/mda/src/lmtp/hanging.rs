//! Mailboxes that hang, as where a file server is gone: each letter for one could cost one more thread, and
//! threads are for everybody.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::limits;

/// The mailboxes that are being written to, and those that hung a while ago.
#[derive(Debug, Default)]
pub(super) struct Hanging(Mutex<HashMap<PathBuf, Mailbox>>);

#[derive(Debug, Default, Clone, Copy)]
struct Mailbox {
    /// Threads that are in it.
    visits: usize,
    /// When somebody last gave up waiting for it.
    hung: Option<Instant>,
}

impl Mailbox {
    /// Whether a letter may be tried: not before all have come back that went in.
    fn is_open(&self, now: Instant) -> bool {
        let rested = |hung| now.saturating_duration_since(hung) >= limits::HANGING_REST;
        self.hung.is_none_or(|hung| self.visits == 0 && rested(hung))
    }
}

/// A thread in a mailbox. Dropped, it has come back.
#[derive(Debug)]
pub(super) struct Visit<'a> {
    hanging: &'a Hanging,
    mailbox: &'a Path,
}

impl Hanging {
    /// Goes into a mailbox; `None` where it hangs.
    pub(super) fn visit<'a>(&'a self, path: &'a Path, now: Instant) -> Option<Visit<'a>> {
        let mut mailboxes = self.lock();
        let mailbox = mailboxes.entry(path.to_owned()).or_default();
        if !mailbox.is_open(now) {
            return None;
        }
        *mailbox = Mailbox { visits: mailbox.visits + 1, hung: None };
        Some(Visit { hanging: self, mailbox: path })
    }

    /// Notes that somebody gave up waiting for a mailbox.
    pub(super) fn hung(&self, path: &Path, now: Instant) {
        let mut mailboxes = self.lock();
        mailboxes.retain(|_, mailbox| mailbox.visits > 0 || !mailbox.is_open(now));
        mailboxes.entry(path.to_owned()).or_default().hung = Some(now);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, Mailbox>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let mut mailboxes = self.hanging.lock();
        if let Some(mailbox) = mailboxes.get_mut(self.mailbox) {
            mailbox.visits -= 1;
            if mailbox.visits == 0 && mailbox.hung.is_none() {
                mailboxes.remove(self.mailbox);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m13_a_mailbox_that_hangs_costs_no_more_threads_until_they_come_back() {
        let (hanging, now) = (Hanging::default(), Instant::now());
        let (hangs, sound) = (Path::new("/mail/bob"), Path::new("/mail/alice"));
        let stuck = [hanging.visit(hangs, now), hanging.visit(hangs, now)];
        assert!(stuck.iter().all(Option::is_some));
        hanging.hung(hangs, now);
        let next_day = now + 1_000 * limits::HANGING_REST;
        assert!(hanging.visit(hangs, now).is_none() && hanging.visit(hangs, next_day).is_none());
        drop(hanging.visit(sound, now));
        drop(stuck);
        assert!(hanging.visit(hangs, now).is_none());
        drop(hanging.visit(hangs, now + limits::HANGING_REST));
        assert!(hanging.lock().is_empty());
    }
}
