//! Mailboxes that are open: one of each in a user's process, shared by all sessions.

use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use postroad_disk::{Disk, OsDisk};
use postroad_store::{
    Cache, CacheKey, Courier, Entry, Limits, Mailbox, MailboxError, Mailboxes, Maildir, Quota,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{Notify, watch};

use super::indexing::{Indexing, Text};
use super::status::Statuses;

/// All mailboxes of the user.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) inbox: Maildir,
    pub(super) courier: Courier,
    /// What they may hold together, where the settings say so.
    pub(super) limits: Option<Limits>,
    /// One command at a time is weighed against what is there.
    pub(super) quota_turn: Mutex<()>,
    pub(super) mailboxes: Arc<Mailboxes>,
    /// Told where a session's look at one mailbox has taken news of others.
    stirred: Arc<Notify>,
    open: Mutex<HashMap<PathBuf, Weak<Open>>>,
    /// Counts what happens in any of them.
    news: watch::Sender<u64>,
    /// Counts changes of which mailboxes there are, are subscribed, and what is annotated.
    structure: AtomicU64,
    /// The last of them that got another name, as IMAP has names.
    renamed: Mutex<VecDeque<(String, String)>>,
    /// `None` where letters aren't indexed.
    pub(super) indexing: Option<Indexing>,
    pub(super) statuses: Statuses,
}

/// Mailboxes of which is remembered that they got another name: sessions that are told of it look at once.
const RENAMED_MAX: usize = 64;

/// A mailbox that a session has open. Nobody holds it while a client is waited for.
#[derive(Debug)]
pub(crate) struct Open {
    /// Its folder, when it was opened.
    pub(super) root: PathBuf,
    inside: Mutex<Inside>,
    /// Counts what the system has told of.
    noticed: watch::Sender<u64>,
    /// [`Shared`]'s.
    news: watch::Sender<u64>,
    /// `None` where letters aren't indexed.
    pub(super) text: Option<Text>,
}

/// What is behind its lock.
#[derive(Debug)]
pub(crate) struct Inside {
    pub(crate) mailbox: Mailbox,
    /// Opened when it is asked for the first time.
    cache: Option<(CacheKey, Cache)>,
    disk: Arc<dyn Disk>,
}

impl Shared {
    /// Those in the Maildir at `root`; `host` goes into the names of files.
    pub(crate) fn new(root: PathBuf, host: &str) -> Self {
        // Not followed: links inside of the mailbox. On the way to it they are the operator's.
        let disk: Arc<dyn Disk> = Arc::new(OsDisk);
        let stirred = Arc::new(Notify::new());
        let stir = Arc::clone(&stirred);
        let mailboxes = Mailboxes::new(Arc::clone(&disk), host).watching(move || stir.notify_one());
        let mailboxes = Arc::new(mailboxes);
        let (courier, inbox) = (Courier::new(Arc::clone(&disk), host), Maildir::at(root));
        let statuses = Statuses::new(Arc::clone(&disk), inbox.clone());
        Self {
            disk,
            inbox,
            courier,
            limits: None,
            quota_turn: Mutex::default(),
            mailboxes,
            stirred,
            open: Mutex::default(),
            news: watch::Sender::new(0),
            structure: AtomicU64::new(0),
            renamed: Mutex::default(),
            indexing: None,
            statuses,
        }
    }

    /// With limits for all mailboxes together.
    pub(crate) fn with_limits(self, limits: Option<Limits>) -> Self {
        Self { limits, ..self }
    }

    /// What they may hold together.
    pub(crate) fn quota(&self) -> Quota<'_> {
        Quota::of(&self.courier, &self.inbox, self.limits)
    }

    /// The same; letters are indexed, for whoever calls [`Shared::index`].
    #[must_use]
    pub(crate) fn indexing(self) -> Self {
        Self { indexing: Some(Indexing::default()), ..self }
    }

    /// The inbox.
    pub(crate) fn inbox(&self) -> &Maildir {
        &self.inbox
    }

    /// A folder, as other sessions have it open, or from the disk. Blocks.
    pub(crate) fn open(&self, folder: &Maildir) -> Result<Arc<Open>, MailboxError> {
        // Held: two sessions that open one at the same time have the same one.
        let mut open = lock(&self.open);
        if let Some(open) = open.get(folder.root()).and_then(Weak::upgrade) {
            return Ok(open);
        }
        open.retain(|_, mailbox| mailbox.strong_count() > 0);
        let mailbox = self.mailboxes.open(folder)?;
        let inside = Inside { mailbox, cache: None, disk: Arc::clone(&self.disk) };
        let (noticed, news) = (watch::Sender::new(0), self.news.clone());
        let text = self.indexing.as_ref().map(|_| Text::default());
        let (root, inside) = (folder.root().to_owned(), Mutex::new(inside));
        let opened = Arc::new(Open { root, inside, noticed, news, text });
        open.insert(folder.root().to_owned(), Arc::downgrade(&opened));
        self.want_index();
        Ok(opened)
    }

    /// Whoever waits for news of any mailbox.
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// How often mailboxes, subscriptions or annotations were changed.
    pub(super) fn structure(&self) -> u64 {
        self.structure.load(Ordering::Acquire)
    }

    /// They were changed.
    pub(super) fn tell_structure(&self) {
        self.structure.fetch_add(1, Ordering::AcqRel);
        tell_one_more(&self.news);
    }

    /// Mailboxes that got another name, the last one first.
    pub(super) fn renamed(&self) -> Vec<(String, String)> {
        lock(&self.renamed).iter().cloned().collect()
    }

    /// A mailbox got another name.
    pub(super) fn note_renamed(&self, from: &str, to: &str) {
        let mut renamed = lock(&self.renamed);
        renamed.push_front((from.to_owned(), to.to_owned()));
        renamed.truncate(RENAMED_MAX);
    }

    /// What shows that something changes in one of these folders from now on, to whoever has it, whatever that may read;
    /// `None` where not all of them can be watched. Blocks.
    pub(crate) fn watch_for(&self, folders: &[PathBuf]) -> Option<OwnedFd> {
        // One of its own: nobody here takes away what it shows.
        let watcher = self.disk.watcher().ok().flatten()?;
        for folder in folders {
            ["new", "cur"]
                .iter()
                .try_for_each(|part| watcher.add(&folder.join(part)).map(drop))
                .ok()?;
        }
        watcher.readable()?.try_clone_to_owned().ok()
    }

    /// Tells sessions what the system tells us, for as long as they are served.
    pub(crate) async fn watch(self: Arc<Self>) {
        // Where the system tells nothing, sessions look when they are asked something.
        let Some(readable) = self.mailboxes.readable() else { return };
        let Ok(readable) = readable.try_clone_to_owned() else { return };
        #[allow(
            deprecated,
            reason = "unsound for what lies about its descriptor: this one is owned"
        )]
        let Ok(watched) = AsyncFd::with_interest(readable, Interest::READABLE) else { return };
        loop {
            tokio::select! {
                ready = watched.readable() => match ready {
                    Ok(mut ready) => ready.clear_ready(),
                    Err(_) => return,
                },
                () = self.stirred.notified() => {}
            }
            match self.mailboxes.noticed() {
                Ok(folders) => folders.iter().for_each(|folder| self.tell(folder)),
                // Any may have changed.
                Err(_) => lock(&self.open).values().for_each(tell),
            }
        }
    }

    fn tell(&self, folder: &PathBuf) {
        lock(&self.open).get(folder).into_iter().for_each(tell);
        self.want_index();
    }

    /// All that sessions have open.
    pub(super) fn all_open(&self) -> Vec<Arc<Open>> {
        lock(&self.open).values().filter_map(Weak::upgrade).collect()
    }
}

fn tell(open: &Weak<Open>) {
    if let Some(open) = open.upgrade() {
        open.tell();
    }
}

impl Open {
    /// The mailbox itself; to be let go before a client is waited for.
    pub(crate) fn inside(&self) -> MutexGuard<'_, Inside> {
        lock(&self.inside)
    }

    /// Has all sessions look that wait for news.
    pub(crate) fn tell(&self) {
        tell_one_more(&self.noticed);
        tell_one_more(&self.news);
    }

    /// How often it was told of.
    pub(super) fn told(&self) -> u64 {
        *self.noticed.borrow()
    }

    /// Whoever waits for news.
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.noticed.subscribe()
    }
}

/// The last session has left the mailbox.
impl Drop for Inside {
    fn drop(&mut self) {
        let key = self.mailbox.cache_key();
        if let Some((_, cache)) = self.cache.as_mut().filter(|(of, _)| *of == key) {
            // Where that can't be, it is as large as it was.
            let _ = cache.tidy(|uid| self.mailbox.entry(uid).is_some());
        }
    }
}

impl Inside {
    /// Where the mailbox is, and which one it is.
    pub(super) fn place(&self) -> (Arc<dyn Disk>, Maildir, CacheKey) {
        let folder = self.mailbox.folder().clone();
        (Arc::clone(&self.disk), folder, self.mailbox.cache_key())
    }

    /// Octets on the wire of the letters that are wanted, together: from their names, the cache, or the letters.
    pub(super) fn sizes(
        &mut self,
        is_wanted: impl Fn(&Entry<'_>) -> bool,
    ) -> Result<u64, MailboxError> {
        let (mailbox, mut cache) = self.with_cache();
        let (mut octets, mut unknown) = (0_u64, Vec::new());
        for entry in mailbox.entries().filter(|entry| is_wanted(entry)) {
            let cached = || {
                let columns = cache.as_mut()?.columns(entry.uid(), entry.identity())?;
                Some(columns.size)
            };
            match entry.wire_octets().or_else(cached) {
                Some(size) => octets += size,
                None => unknown.push(entry.uid()),
            }
        }
        for uid in unknown {
            match mailbox.open_letter(uid) {
                Err(MailboxError::Gone { .. }) => {}
                letter => octets += letter?.wire_octets()?,
            }
        }
        Ok(octets)
    }

    /// The mailbox, and what is remembered of its letters.
    pub(super) fn with_cache(&mut self) -> (&mut Mailbox, Option<&mut Cache>) {
        let key = self.mailbox.cache_key();
        if self.cache.as_ref().is_none_or(|(of, _)| *of != key) {
            // Without one letters are read, and that is all.
            let cache = Cache::open(Arc::clone(&self.disk), self.mailbox.folder(), key);
            self.cache = cache.ok().map(|cache| (key, cache));
        }
        (&mut self.mailbox, self.cache.as_mut().map(|(_, cache)| cache))
    }
}

fn tell_one_more(count: &watch::Sender<u64>) {
    count.send_modify(|count| *count = count.wrapping_add(1));
}

/// Nothing in here is left half changed by a panic that looking again wouldn't mend.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use postroad_store::FolderName;

    use super::*;

    /// For as long as a test may take that hangs.
    const TOO_LONG: Duration = Duration::from_secs(30);

    /// On one thread: nobody asks the system between a letter and the look that takes away what it shows.
    #[tokio::test]
    async fn whoever_waits_hears_what_a_look_at_another_mailbox_or_at_the_same_one_has_taken() {
        let dir = tempfile::tempdir().unwrap();
        let inbox = Maildir::at(OsDisk.resolve(dir.path()).unwrap().join("alice"));
        let lists = inbox.folder(&FolderName::parse("Lists").unwrap());
        for folder in [&inbox, &lists] {
            for part in ["tmp", "new", "cur"] {
                std::fs::create_dir_all(folder.root().join(part)).unwrap();
            }
        }
        let shared = Arc::new(Shared::new(inbox.root().to_owned(), "our.example"));
        tokio::spawn(Arc::clone(&shared).watch());
        let (here, there) = (shared.open(&inbox).unwrap(), shared.open(&lists).unwrap());
        for look_at in [&there, &here] {
            for open in [&here, &there] {
                open.inside().mailbox.refresh().unwrap();
            }
            let quiet = async {
                // What the looks themselves had to tell.
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
            };
            quiet.await;
            let mut waiting = here.news();
            waiting.mark_unchanged();
            let name = format!("new/{}.h", here.inside().mailbox.uid_next());
            std::fs::write(inbox.root().join(name), "x").unwrap();
            look_at.inside().mailbox.refresh().unwrap();
            tokio::time::timeout(TOO_LONG, waiting.changed()).await.unwrap().unwrap();
        }
    }
}
