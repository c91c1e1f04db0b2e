//! Seeing what others have changed, by the cheapest way that can be believed.
//!
//! 1. The system tells of each change (inotify), has told since before the folder was listed, and has told of all.
//! 2. new/ and cur/ are as they were before the last listing that is to be believed: one that began longer than the
//!    clock's grain after their last change, so that any later one shows. The register keeps that, for other processes.
//! 3. The folder is listed.

use std::time::{Duration, SystemTime};

use postroad_disk::{Disk, Stamp};

use super::frame::{Frame, Listed};
use super::lease::Locked;
use super::scan::Look;
use super::watches::News;
use super::{Mailbox, MailboxError, Watching, no_mailbox};
use crate::Maildir;
use crate::limits::{CLOCK_GRAIN, CLOCK_GRAIN_COARSE};

impl Mailbox {
    /// Looks at what others have changed. Afterwards [`Mailbox::highest_modseq`] has grown, if there was anything.
    ///
    /// # Errors
    /// Where the folder can't be read or the register can't be written: what is in view stays.
    pub fn refresh(&mut self) -> Result<(), MailboxError> {
        let before = (self.uid_validity(), self.highest_modseq());
        let looked = self.look();
        if (self.uid_validity(), self.highest_modseq()) != before
            && let (Some(watches), Some(watching)) = (&self.all.watches, &self.watching)
        {
            watches.seen(&watching.feed);
        }
        looked
    }

    fn look(&mut self) -> Result<(), MailboxError> {
        self.watch();
        // In this order: what comes between is told, or shows next time.
        let stamps = self.stamps()?;
        let news = self.news()?;
        self.read_keywords()?;
        match news {
            Some(changes) if changes.is_empty() && self.looked_at == Some(stamps) => {
                self.catch_up()?;
                self.believe(stamps)
            }
            Some(changes) if !changes.is_empty() => {
                let mut locked = self.lock()?;
                self.take_news(&mut locked, &changes, stamps)
            }
            _ if self.is_believed(stamps) => {
                self.catch_up()?;
                if self.is_believed(stamps) {
                    self.looked_at = Some(stamps);
                    self.watching.iter_mut().for_each(|watching| watching.complete = true);
                    return Ok(());
                }
                self.list()
            }
            _ => self.list(),
        }
    }

    /// Looks again although nothing seems to have changed: a file isn't where it was.
    pub(super) fn look_again(&mut self) -> Result<(), MailboxError> {
        let in_view = self.cache_key();
        self.contents.listed = None;
        self.looked_at = None;
        self.refresh()?;
        self.is_in_view(in_view)
    }

    fn list(&mut self) -> Result<(), MailboxError> {
        let mut locked = self.lock()?;
        self.list_locked(&mut locked)
    }

    /// Lists the folder. With the lock, so that nobody else finds the same letters, and gives them other UIDs.
    pub(super) fn list_locked(&mut self, locked: &mut Locked) -> Result<(), MailboxError> {
        let stamps = self.stamps()?;
        let began = SystemTime::now();
        // What was noticed up to here, the listing shows.
        let complete = !matches!(self.drain()?, Some(News::Ended) | None);
        let all = std::sync::Arc::clone(&self.all);
        let unique_name = || all.unique_name();
        let look = Look { disk: all.disk(), folder: &self.folder, unique_name: &unique_name };
        let mut differences = look
            .differences(&mut self.contents.letters)
            .map_err(|error| no_mailbox(&self.folder, error))?;
        if !differences.is_empty() {
            self.reserve(locked, differences.fresh.len())?;
            let modseq = self.contents.lease.modseq + 1;
            let frames =
                differences.frames(&self.contents.letters, modseq, self.contents.lease.uid_next);
            self.write(locked, &frames)?;
        }
        let quiet = !differences.restless && self.stamps()? == stamps;
        self.looked_at = quiet.then_some(stamps);
        self.watching.iter_mut().for_each(|watching| watching.complete = complete);
        if let Some(listed) = believable(stamps, began).filter(|_| quiet) {
            self.write(locked, &[Frame::Listed(listed)])?;
        }
        self.tidy(locked);
        Ok(())
    }

    fn is_believed(&self, stamps: (Stamp, Stamp)) -> bool {
        self.contents.listed.is_some_and(|listed| (listed.new, listed.cur) == stamps)
    }

    /// The system has told of all changes up to here: that is as good as a listing, once the clock has moved on, and
    /// spares other processes one.
    fn believe(&mut self, stamps: (Stamp, Stamp)) -> Result<(), MailboxError> {
        let listed = believable(stamps, SystemTime::now()).filter(|_| !self.is_believed(stamps));
        let Some(listed) = listed else { return Ok(()) };
        let mut locked = self.lock()?;
        // Whoever had the lock may have changed something since.
        let Some(News::Changes(changes)) = self.drain()? else { return Ok(()) };
        if changes.is_empty() && self.stamps()? == stamps {
            return self.write(&mut locked, &[Frame::Listed(listed)]);
        }
        self.take_news(&mut locked, &changes, stamps)
    }

    pub(super) fn stamps(&self) -> Result<(Stamp, Stamp), MailboxError> {
        stamps_of(self.disk(), &self.folder)
    }

    /// Has the system tell of nothing until [`Self::watch`]; what was told is forgotten, so a listing has to follow.
    pub(super) fn stop_watching(&mut self) {
        self.watching = None;
        self.looked_at = None;
        if let Some(watches) = &self.all.watches {
            watches.give_up();
        }
    }

    /// Has the system tell of changes from now on, where it can.
    pub(super) fn watch(&mut self) {
        if self.watching.is_none()
            && let Some(watches) = &self.all.watches
        {
            // Where it can't there are other ways.
            let feed = watches.feed(&self.folder).ok();
            self.watching = feed.map(|feed| Watching { feed, complete: false });
        }
    }

    /// What the system has told of, if that is all.
    pub(super) fn news(&mut self) -> Result<Option<Vec<super::watches::Change>>, MailboxError> {
        let complete = self.watching.as_ref().is_some_and(|watching| watching.complete);
        match self.drain()? {
            Some(News::Changes(changes)) if complete => Ok(Some(changes)),
            Some(News::Ended) => {
                self.watching = None;
                Ok(None)
            }
            Some(News::Incomplete) => {
                self.watching.iter_mut().for_each(|watching| watching.complete = false);
                Ok(None)
            }
            Some(News::Changes(_)) | None => Ok(None),
        }
    }

    /// What was noticed since the last time.
    pub(super) fn drain(&self) -> Result<Option<News>, MailboxError> {
        let (Some(watches), Some(watching)) = (&self.all.watches, &self.watching) else {
            return Ok(None);
        };
        watches.pump_for(&watching.feed)?;
        Ok(Some(watching.feed.take()))
    }
}

/// What a folder's directories are like now.
pub(super) fn stamps_of(disk: &dyn Disk, folder: &Maildir) -> Result<(Stamp, Stamp), MailboxError> {
    let stamp = |path| disk.stamp(path).map_err(|error| no_mailbox(folder, error));
    Ok((stamp(&folder.new_dir())?, stamp(&folder.cur_dir())?))
}

/// What is known for as long as directories have the `stamps` that they had before a listing that began then, if they
/// had them behind it too.
pub(super) fn believable(stamps: (Stamp, Stamp), began: SystemTime) -> Option<Listed> {
    is_old(stamps, began).then_some(Listed { new: stamps.0, cur: stamps.1 })
}

/// Whether any change after `at` gives the directories other times.
fn is_old((new, cur): (Stamp, Stamp), at: SystemTime) -> bool {
    let times = [new.modified, new.changed, cur.modified, cur.changed];
    let in_seconds = |time: &SystemTime| {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        since.subsec_nanos() == 0
    };
    let grain = match times.iter().all(in_seconds) {
        true => CLOCK_GRAIN_COARSE,
        false => CLOCK_GRAIN,
    };
    let age = |time: &SystemTime| at.duration_since(*time).unwrap_or(Duration::ZERO);
    times.iter().all(|time| age(time) > grain)
}
