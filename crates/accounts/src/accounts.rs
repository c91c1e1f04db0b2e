//! The current snapshot, made anew when the files change.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use crate::error::AccountsError;
use crate::file::Stamp;
use crate::{Directory, Sources, limits};

/// Gives the current [`Directory`], reading the files again when they have changed.
#[derive(Debug)]
pub struct Accounts {
    current: RwLock<Arc<Directory>>,
    watch: Mutex<Watch>,
}

/// Files that were read and aren't in force yet.
#[derive(Debug)]
#[must_use = "it counts only once it is adopted"]
pub struct Prepared {
    watch: Watch,
    directory: Directory,
}

/// What was looked at, and when.
#[derive(Debug)]
struct Watch {
    sources: Sources,
    files: Vec<(PathBuf, Stamp)>,
    looked_at: Instant,
}

impl Accounts {
    /// Reads the files for the first time. A file that isn't there is empty.
    ///
    /// # Errors
    /// Where a file can't be read, isn't safe, or has a line that is wrong.
    pub fn open(sources: Sources) -> Result<Self, AccountsError> {
        let mut files = Vec::new();
        let directory = Directory::read(&sources, &mut files)?;
        let watch = Watch { sources, files, looked_at: Instant::now() };
        Ok(Self { current: RwLock::new(Arc::new(directory)), watch: Mutex::new(watch) })
    }

    /// The snapshot; looks at the files' times at most once a second and keeps the old snapshot
    /// (with an error in the log) where the new files are wrong, or the file of users is gone: nobody
    /// deletes all users so, and all their mail would bounce.
    pub fn directory(&self) -> Arc<Directory> {
        // One caller looks; the others take what is there.
        if let Ok(mut watch) = self.watch.try_lock()
            && watch.looked_at.elapsed() >= limits::RELOAD_INTERVAL
        {
            watch.looked_at = Instant::now();
            self.look(&mut watch);
        }
        self.current()
    }

    fn current(&self) -> Arc<Directory> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the files now, whenever that was done last.
    ///
    /// # Errors
    /// As [`Accounts::open`]; the old snapshot stays.
    pub fn reload(&self) -> Result<(), AccountsError> {
        let mut watch = self.watch();
        self.replace(self.read(&mut watch)?);
        Ok(())
    }

    /// Reads other files, or the same for other domains; [`Accounts::adopt`] puts them in force.
    ///
    /// # Errors
    /// As [`Accounts::open`].
    pub fn prepare(&self, sources: Sources) -> Result<Prepared, AccountsError> {
        let mut watch = Watch { sources, files: Vec::new(), looked_at: Instant::now() };
        let directory = self.read(&mut watch)?;
        Ok(Prepared { watch, directory })
    }

    /// Puts in force what was prepared: all who share these accounts see it.
    pub fn adopt(&self, prepared: Prepared) {
        let mut watch = self.watch();
        *watch = prepared.watch;
        self.replace(prepared.directory);
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, watch: &mut Watch) {
        let changed = |(path, stamp): &(PathBuf, Stamp)| Stamp::now(path) != *stamp;
        if !watch.files.iter().any(changed) {
            return;
        }
        // An error is told once: the files count as seen until they change again.
        match self.read(watch) {
            Ok(directory) => {
                self.replace(directory);
                tracing::info!("accounts read again");
            }
            Err(error) => {
                let error = Chain(&error).to_string();
                tracing::error!(error, "accounts can't be read again, the old ones stay");
            }
        }
    }

    fn read(&self, watch: &mut Watch) -> Result<Directory, AccountsError> {
        let directory = Directory::read(&watch.sources, &mut watch.files)?;
        let path = &watch.sources.users;
        if has_users(&self.current()) && !has_users(&directory) && Stamp::now(path) == Stamp::ABSENT
        {
            let problem = "it is gone, and with it all users".to_owned();
            return Err(AccountsError::Unsafe { path: path.clone(), problem });
        }
        Ok(directory)
    }

    /// Logs each line of the file of users that is wrong. For agents, at their start; what is read later tells by itself.
    pub fn tell_wrong_lines(&self) {
        tell_wrong_lines(&self.current(), None);
    }

    fn replace(&self, directory: Directory) {
        tell_wrong_lines(&directory, Some(&self.current()));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(directory);
    }
}

/// Each once: those that were wrong before are known.
fn tell_wrong_lines(directory: &Directory, before: Option<&Directory>) {
    let before: Vec<String> = before
        .map(|before| before.wrong_lines().iter().map(ToString::to_string).collect())
        .unwrap_or_default();
    for error in directory.wrong_lines().iter().map(ToString::to_string) {
        if !before.contains(&error) {
            tracing::error!(
                error,
                "a user's line is wrong: nobody logs in as that user until it is mended, letters are filed as ever"
            );
        }
    }
}

fn has_users(directory: &Directory) -> bool {
    directory.users().next().is_some()
}

/// An error with all its causes on one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
