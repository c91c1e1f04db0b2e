//! What a mailbox may hold and what it holds, by the file `maildirsize` that it shares with Dovecot, Courier,
//! maildrop and Exim (Maildir++).
//!
//! | step | call | what a crash after it leaves |
//! |---|---|---|
//! | read what it holds | [`Quota::standing`] | - |
//! | count a letter, which is still in tmp/ | [`Quota::count`] | a letter counted that isn't there |
//! | deliver it | [`crate::Draft::deliver`] | - |
//! | it stays counted, or is counted back | [`Counted`] | - |
//!
//! So what a crash leaves of the file is a mailbox that looks fuller than it is (after a power cut, that lost
//! lines: emptier). No letter depends on it: nobody is refused, and no owner warned, by a sum that isn't fresh
//! ([`Quota::confirmed`] counts the mailbox first). Nobody locks the file: lines are appended in one piece, and a
//! new file replaces it whole. Who counts while others deliver may miss those letters, until the next count.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use postroad_disk::{Disk, DiskError};

use crate::{Courier, Maildir, StoreError, small_file};

mod count;
mod size_file;

pub use size_file::{Limits, Usage};

use size_file::SizeFile;

/// The file, in the mailbox itself; folders have none.
const FILE: &str = "maildirsize";

/// Nobody is refused by a file that is older (Maildir++): letters may have been removed by those who don't say so.
const FILE_AGE_MAX: Duration = Duration::from_secs(15 * 60);

/// One mailbox's quota.
#[derive(Debug)]
pub struct Quota<'a> {
    courier: &'a Courier,
    mailbox: &'a Maildir,
    limits: Option<Limits>,
}

/// What a mailbox may hold and holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What it may hold.
    pub limits: Limits,
    /// What it holds.
    pub usage: Usage,
    source: Source,
}

/// How it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Letters were counted just now.
    Counted,
    /// The file's sum, with so many lines that were added since it was made.
    Summed { changes: usize },
}

impl Standing {
    /// Whether letters were counted just now, so that somebody may be refused by it.
    pub fn is_confirmed(&self) -> bool {
        self.source == Source::Counted
    }

    /// The same, once something has come.
    #[must_use]
    pub fn with(self, adding: Usage) -> Self {
        Self { usage: self.usage.and(adding), ..self }
    }

    /// The same without some of it.
    #[must_use]
    pub fn without(self, part: Usage) -> Self {
        Self { usage: self.usage.less(part), ..self }
    }

    /// Whether it takes nothing any more.
    pub fn is_full(&self) -> bool {
        self.limits.is_full(self.usage)
    }

    /// As [`Limits::fit`].
    pub fn fits(&self, adding: Usage, above: u64) -> bool {
        self.limits.fit(self.usage, adding, above)
    }

    /// As [`Limits::percent`].
    pub fn percent(&self) -> u64 {
        self.limits.percent(self.usage)
    }
}

impl<'a> Quota<'a> {
    /// The quota of a mailbox. `limits` is what the settings say; where they say nothing, the limits count that
    /// the mailbox's `maildirsize` begins with, as `maildirmake -q` writes them.
    pub fn of(courier: &'a Courier, mailbox: &'a Maildir, limits: Option<Limits>) -> Self {
        Self { courier, mailbox, limits }
    }

    /// What the mailbox holds, counted only where the file can't be trusted; `None` where there are no limits.
    ///
    /// # Errors
    /// What the disk said.
    pub fn standing(&self) -> Result<Option<Standing>, StoreError> {
        if self.limits.is_some_and(|limits| limits.is_none()) {
            return Ok(None);
        }
        let file = SizeFile::parse(&self.read()?);
        let Some(limits) = self.limits.or(file.limits).filter(|limits| !limits.is_none()) else {
            return Ok(None);
        };
        // Whoever changes the limits makes the file anew (Maildir++).
        let usage = file.usage.filter(|_| file.limits == Some(limits));
        match usage {
            Some(usage) => {
                let source = Source::Summed { changes: file.changes };
                Ok(Some(Standing { limits, usage, source }))
            }
            None => self.count_all(limits).map(Some),
        }
    }

    /// The same, so that somebody may be refused or warned by it: the letters are counted, unless they were just
    /// now and nothing has changed.
    ///
    /// # Errors
    /// What the disk said.
    pub fn confirmed(&self, standing: Standing) -> Result<Standing, StoreError> {
        match standing.source {
            Source::Counted => Ok(standing),
            Source::Summed { changes: 0 } if self.nothing_has_changed()? => {
                Ok(Standing { source: Source::Counted, ..standing })
            }
            Source::Summed { .. } => self.count_all(standing.limits),
        }
    }

    /// What was delivered after that moment and is still there.
    ///
    /// # Errors
    /// What the disk said.
    pub fn since(&self, moment: SystemTime) -> Result<Usage, StoreError> {
        let moment = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let directories = count::directories(self.disk(), self.mailbox.root())?;
        let is_young = |name: &[u8]| count::delivered(name).is_some_and(|at| at > moment);
        Ok(count::usage(self.disk(), &directories, is_young)?)
    }

    /// Counts what is about to be delivered.
    ///
    /// # Errors
    /// What the disk said; it isn't counted.
    pub fn count(&self, adding: Usage) -> Result<Counted, StoreError> {
        let disk = Arc::clone(self.courier.disk());
        disk.append(&self.file(), adding.came().as_bytes())?;
        Ok(Counted { disk, file: self.file(), usage: adding, fate: Fate::Open })
    }

    /// Letters are gone that counted: they are counted back. Where that fails, the mailbox looks fuller than it is until it
    /// is counted.
    pub fn went(&self, usage: Usage) {
        if usage != Usage::default() && self.disk().stat(&self.file()).is_ok() {
            let _ = self.disk().append(&self.file(), usage.went().as_bytes());
        }
    }

    /// A folder is about to be removed: its letters are counted back. Where that fails, the mailbox looks fuller than it
    /// is until it is counted.
    pub(crate) fn goes_with(&self, folder: &Maildir) {
        let directories = [folder.new_dir(), folder.cur_dir()];
        if !folder.is_trash()
            && let Ok(usage) = count::usage(self.disk(), &directories, |_| true)
        {
            self.went(usage);
        }
    }

    fn file(&self) -> PathBuf {
        self.mailbox.root().join(FILE)
    }

    fn disk(&self) -> &dyn Disk {
        self.courier.disk().as_ref()
    }

    fn read(&self) -> Result<Vec<u8>, DiskError> {
        match small_file::read(self.disk(), &self.file()) {
            // No writer of such files makes one that is so long.
            Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => Ok(Vec::new()),
            other => other,
        }
    }

    /// Whether the file is young, and no letter came or went since it was made.
    fn nothing_has_changed(&self) -> Result<bool, StoreError> {
        let made = self.disk().modified(&self.file())?;
        let is_young = SystemTime::now().duration_since(made).is_ok_and(|age| age < FILE_AGE_MAX);
        Ok(is_young && {
            let directories = count::directories(self.disk(), self.mailbox.root())?;
            count::changed(self.disk(), &directories)? <= made
        })
    }

    /// Counts the letters and makes the file anew.
    fn count_all(&self, limits: Limits) -> Result<Standing, StoreError> {
        let directories = count::directories(self.disk(), self.mailbox.root())?;
        let usage = count::usage(self.disk(), &directories, |_| true)?;
        let standing = Standing { limits, usage, source: Source::Counted };
        if self.mailbox.exists(self.disk())? {
            let file = format!("{limits}\n{}", usage.came());
            self.replace(file.as_bytes())?;
        }
        Ok(standing)
    }

    fn replace(&self, file: &[u8]) -> Result<(), DiskError> {
        // In tmp/, where what a crash leaves is swept.
        let by: &Path = &self.mailbox.tmp().join(self.courier.unique_name());
        small_file::replace(self.disk(), by, &self.file(), file)
    }
}

/// A letter that is counted. Dropped before [`Counted::stays`], it is counted back.
#[derive(Debug)]
pub struct Counted {
    disk: Arc<dyn Disk>,
    file: PathBuf,
    usage: Usage,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Stays,
}

impl Counted {
    /// The letter is delivered.
    pub fn stays(&mut self) {
        self.fate = Fate::Stays;
    }

    /// It isn't, or was taken back.
    pub fn goes(mut self) {
        self.fate = Fate::Open;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.fate == Fate::Open {
            // Where that fails, the mailbox looks fuller than it is until it is counted.
            let _ = self.disk.append(&self.file, self.usage.went().as_bytes());
        }
    }
}
