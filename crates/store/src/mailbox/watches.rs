//! Who is told what a process notices of changes in directories: one watcher, and a feed for each open mailbox.

use std::cell::Cell;
use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use postroad_disk::{DiskError, Noticed, WatchNumber, Watcher};

use super::name::Place;
use crate::Maildir;
use crate::limits::NOTICED_MAX;

/// Who is told of a directory, and which of a folder's it is to them.
type Feeds = HashMap<WatchNumber, Vec<(Place, Weak<Feed>)>>;

/// All feeds of a process.
#[derive(Debug)]
pub(crate) struct Watches {
    watcher: Box<dyn Watcher>,
    feeds: Mutex<Feeds>,
    stirred: Stirred,
}

/// Called where there is something for [`Watches::changed`] that the system shows no more: a look at one folder takes
/// what was noticed of all.
pub(crate) struct Stirred(pub(crate) Box<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for Stirred {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stirred")
    }
}

/// What was noticed of one folder.
#[derive(Debug)]
pub(crate) struct Feed {
    root: PathBuf,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    names: Vec<Change>,
    incomplete: bool,
    ended: bool,
    /// What was in here was taken and found to be news, by one of those who share the mailbox.
    seen: bool,
}

/// A name that came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) place: Place,
    pub(crate) name: Vec<u8>,
    pub(crate) now: Presence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    There,
    Gone,
}

/// What a feed has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// All changes since the last time, in their order.
    Changes(Vec<Change>),
    /// Some are missing.
    Incomplete,
    /// Nothing will be noticed any more: the folder has another name, or is gone.
    Ended,
}

impl Watches {
    pub(crate) fn new(watcher: Box<dyn Watcher>, stirred: Stirred) -> Self {
        Self { watcher, feeds: Mutex::default(), stirred }
    }

    pub(crate) fn readable(&self) -> Option<BorrowedFd<'_>> {
        self.watcher.readable()
    }

    /// What changes in a folder from now on.
    pub(crate) fn feed(&self, folder: &Maildir) -> Result<Arc<Feed>, DiskError> {
        let feed = Arc::new(Feed { root: folder.root().to_owned(), queue: Mutex::default() });
        // Held, so that nothing is read of a watch that has no feed yet.
        let mut feeds = lock(&self.feeds);
        self.give_up_unused(&mut feeds);
        for (place, directory) in [(Place::New, folder.new_dir()), (Place::Cur, folder.cur_dir())] {
            let watch = self.watcher.add(&directory)?;
            feeds.entry(watch).or_default().push((place, Arc::downgrade(&feed)));
        }
        Ok(feed)
    }

    /// Ends what nobody is told of any more.
    pub(crate) fn give_up(&self) {
        self.give_up_unused(&mut lock(&self.feeds));
    }

    fn give_up_unused(&self, feeds: &mut Feeds) {
        feeds.retain(|watch, of| {
            of.retain(|(_, feed)| feed.strong_count() > 0);
            if of.is_empty() {
                self.watcher.remove(*watch);
            }
            !of.is_empty()
        });
    }

    /// Hands out what was noticed, to who tells all of it.
    pub(crate) fn pump(&self) -> Result<(), DiskError> {
        self.hand_out(None).1
    }

    /// Hands out what was noticed, to who looks at one folder: others are told, since the system won't show it again.
    pub(crate) fn pump_for(&self, feed: &Arc<Feed>) -> Result<(), DiskError> {
        let (of_others, read) = self.hand_out(Some(feed));
        if of_others {
            (self.stirred.0)();
        }
        read
    }

    /// Somebody has looked at a folder and seen news, of which those who share it are to hear.
    pub(crate) fn seen(&self, feed: &Feed) {
        lock(&feed.queue).seen = true;
        (self.stirred.0)();
    }

    /// Gives whether there was something for other feeds, too.
    fn hand_out(&self, taker: Option<&Arc<Feed>>) -> (bool, Result<(), DiskError>) {
        let feeds = lock(&self.feeds);
        let of_others = Cell::new(false);
        let tell = |watch: WatchNumber, tell: &dyn Fn(Place, &mut Queue)| {
            for (place, feed) in feeds.get(&watch).into_iter().flatten() {
                if let Some(feed) = feed.upgrade() {
                    tell(*place, &mut lock(&feed.queue));
                    let is_other = taker.is_none_or(|taker| !Arc::ptr_eq(taker, &feed));
                    of_others.set(of_others.get() || is_other);
                }
            }
        };
        let read = self.watcher.read(&mut |noticed| match noticed {
            Noticed::Added(watch, name) => {
                tell(watch, &|place, queue| queue.push(place, name, Presence::There));
            }
            Noticed::Removed(watch, name) => {
                tell(watch, &|place, queue| queue.push(place, name, Presence::Gone));
            }
            Noticed::Ended(watch) => tell(watch, &|_, queue| queue.ended = true),
            Noticed::Overflowed => {
                feeds.keys().for_each(|watch| tell(*watch, &|_, queue| queue.lose()));
            }
        });
        (of_others.get(), read)
    }

    /// Folders of which there is something new.
    pub(crate) fn changed(&self) -> Vec<PathBuf> {
        let feeds = lock(&self.feeds);
        let feeds = feeds.values().flatten().filter_map(|(_, feed)| feed.upgrade());
        let has_news = |feed: &Arc<Feed>| {
            let mut queue = lock(&feed.queue);
            let seen = std::mem::take(&mut queue.seen);
            seen || queue.ended || queue.incomplete || !queue.names.is_empty()
        };
        let mut roots: Vec<_> = feeds.filter(has_news).map(|feed| feed.root.clone()).collect();
        roots.sort();
        roots.dedup();
        roots
    }
}

impl Feed {
    pub(crate) fn take(&self) -> News {
        let mut queue = lock(&self.queue);
        if queue.ended {
            return News::Ended;
        }
        let names = std::mem::take(&mut queue.names);
        match std::mem::take(&mut queue.incomplete) {
            true => News::Incomplete,
            false => News::Changes(names),
        }
    }
}

impl Queue {
    fn push(&mut self, place: Place, name: &std::ffi::OsStr, now: Presence) {
        if self.names.len() >= NOTICED_MAX {
            self.lose();
        }
        if !self.incomplete {
            self.names.push(Change { place, name: name.as_encoded_bytes().to_vec(), now });
        }
    }

    fn lose(&mut self) {
        (self.names, self.incomplete) = (Vec::new(), true);
    }
}

/// Nothing in here is left half changed by a panic: the next one may go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
