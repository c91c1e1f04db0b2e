//! `FILE.lock` beside a mailbox file: the lock of programs that know no other, and of network file systems of old.
//!
//! It is a file with the number of the process that has it, made whole: written under a name of its own, then linked.
//! Where the folder isn't ours to write to, a program that may can take it ([`DotLocker`]). A lock counts as left
//! behind when it is older than [`limits::MAILBOX_LOCK_AGE_MAX`], or its process is no more; others see it so, too.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use postroad_disk::{Disk, DiskError};
use rustix::process::Pid;

use crate::{limits, small_file};

/// Takes dot locks in folders that we may not write to.
pub trait DotLocker: Send + Sync + fmt::Debug {
    /// Tries once to take the lock for a mailbox file.
    fn lock(&self, mailbox: &Path, lock: &Path) -> DotLocked;
    /// Gives it back.
    fn unlock(&self, lock: &Path);
}

/// How that went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DotLocked {
    /// We have it.
    Taken,
    /// Somebody else has it.
    Held,
    /// It can't be taken here by anybody like us: the file's own lock has to do.
    Impossible,
}

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub(super) enum DotLock {
    Ours { disk: Arc<dyn Disk>, lock: PathBuf, owner: String },
    Helpers { helper: Arc<dyn DotLocker>, lock: PathBuf },
    None,
}

impl DotLock {
    /// Tries once; `None` where somebody else has it. `unique` is a name that no other file has.
    pub(super) fn take(
        disk: &Arc<dyn Disk>,
        helper: Option<&Arc<dyn DotLocker>>,
        mailbox: &Path,
        unique: &str,
    ) -> Result<Option<Self>, DiskError> {
        let lock = beside(mailbox, ".lock");
        let by = beside(mailbox, &format!(".lock.{unique}"));
        let owner = format!("{}\n", std::process::id());
        let mut made = make(disk.as_ref(), &by, &lock, &owner);
        if let Ok(DotLocked::Held) = made
            && is_left_behind(disk.as_ref(), &lock)
        {
            // We have the mailbox's own lock, so no other of ours does this; another program may.
            let _ = disk.remove(&lock);
            made = make(disk.as_ref(), &by, &lock, &owner);
        }
        let made = match (made, helper) {
            // Whose folder it is may have given a helper the right.
            (Err(error), helper) if is_not_ours_to_write(&error) => match helper {
                None => DotLocked::Impossible,
                Some(helper) => match helper.lock(mailbox, &lock) {
                    DotLocked::Taken => {
                        let helper = Arc::clone(helper);
                        return Ok(Some(Self::Helpers { helper, lock }));
                    }
                    other => other,
                },
            },
            (made, _) => made?,
        };
        Ok(match made {
            DotLocked::Taken => Some(Self::Ours { disk: Arc::clone(disk), lock, owner }),
            DotLocked::Held => None,
            DotLocked::Impossible => Some(Self::None),
        })
    }
}

impl Drop for DotLock {
    fn drop(&mut self) {
        match self {
            // Whoever took it for left behind has one of their own there by now.
            Self::Ours { disk, lock, owner } => {
                if small_file::read(disk.as_ref(), lock).is_ok_and(|text| text == owner.as_bytes())
                {
                    // Where it can't be removed, others see that it is left behind.
                    let _ = disk.remove(lock);
                }
            }
            Self::Helpers { helper, lock } => helper.unlock(lock),
            Self::None => {}
        }
    }
}

fn make(disk: &dyn Disk, by: &Path, lock: &Path, owner: &str) -> Result<DotLocked, DiskError> {
    let mut file = disk.create_new(by)?;
    let linked = file
        .write_all_at(&[owner.as_bytes()], 0)
        // Links are made once, also where several hosts write to one folder.
        .and_then(|()| disk.link(by, lock));
    let _ = disk.remove(by);
    match linked {
        Ok(()) => Ok(DotLocked::Taken),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(DotLocked::Held),
        Err(error) => Err(error),
    }
}

fn is_left_behind(disk: &dyn Disk, lock: &Path) -> bool {
    // What can't be read or is gone by now is tried again.
    let (Ok(modified), Ok(text)) = (disk.modified(lock), small_file::read(disk, lock)) else {
        return false;
    };
    let age = SystemTime::now().duration_since(modified).unwrap_or(Duration::ZERO);
    age > limits::MAILBOX_LOCK_AGE_MAX
        || age > limits::MAILBOX_LOCK_OF_NOBODY_AGE_MAX && is_of_nobody(&text)
}

/// Whether it names a process that isn't there. Some programs write nothing, or 0.
fn is_of_nobody(text: &[u8]) -> bool {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.trim().parse::<i32>().ok());
    let Some(process) = number.filter(|number| *number > 0).and_then(Pid::from_raw) else {
        return false;
    };
    rustix::process::test_kill_process(process) == Err(rustix::io::Errno::SRCH)
}

fn is_not_ours_to_write(error: &DiskError) -> bool {
    error.operation == "create"
        && matches!(
            error.kind(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
        )
}

fn beside(mailbox: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(mailbox);
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use postroad_disk::OsDisk;

    use super::*;

    fn take(mailbox: &Path) -> Option<DotLock> {
        let disk: Arc<dyn Disk> = Arc::new(OsDisk);
        DotLock::take(&disk, None, mailbox, "unique").unwrap()
    }

    #[test]
    fn m14_a_dot_lock_is_held_by_one_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mailbox = dir.path().join("alice");
        let held = take(&mailbox).unwrap();
        let text = std::fs::read_to_string(dir.path().join("alice.lock")).unwrap();
        assert_eq!(text.trim().parse(), Ok(std::process::id()));
        assert!(take(&mailbox).is_none());
        drop(held);
        drop(take(&mailbox).unwrap());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn m14_locks_that_are_left_behind_are_removed_and_others_never() {
        let dir = tempfile::tempdir().unwrap();
        let (mailbox, lock) = (dir.path().join("alice"), dir.path().join("alice.lock"));
        // No process has this number: the system's limit is below it.
        let nobody = i32::MAX.to_string();
        let here = std::process::id().to_string();
        let minute = Duration::from_secs(60);
        for (text, age, left) in [
            (here.as_str(), minute, false),
            (here.as_str(), 6 * minute, true),
            ("", 4 * minute, false),
            ("0", 4 * minute, false),
            ("", 6 * minute, true),
            (&nobody, minute / 6, false),
            (&nobody, minute, true),
        ] {
            std::fs::write(&lock, text).unwrap();
            let file = std::fs::File::options().write(true).open(&lock).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
            let next = take(&mailbox);
            assert_eq!(next.is_some(), left, "{text:?} {age:?}");
            // Taken from us meanwhile, it isn't ours to remove.
            std::fs::write(&lock, "another's").unwrap();
            drop(next);
            assert!(lock.exists());
        }
    }

    #[derive(Debug)]
    struct Helper(DotLocked);

    impl DotLocker for Helper {
        fn lock(&self, _: &Path, _: &Path) -> DotLocked {
            self.0
        }
        fn unlock(&self, _: &Path) {}
    }

    #[test]
    fn m14_where_the_folder_is_not_ours_a_helper_is_asked() {
        use postroad_testkit::{FaultyDisk, Plan};
        const EACCES: i32 = 13;
        for (says, taken) in
            [(DotLocked::Taken, true), (DotLocked::Held, false), (DotLocked::Impossible, true)]
        {
            let disk = FaultyDisk::new();
            disk.plan(Plan::FailChanges { call: 0, errno: EACCES });
            let disk: Arc<dyn Disk> = Arc::new(disk);
            let helper: Arc<dyn DotLocker> = Arc::new(Helper(says));
            let got = DotLock::take(&disk, Some(&helper), Path::new("/alice"), "unique").unwrap();
            assert_eq!(got.is_some(), taken, "{says:?}");
            assert!(DotLock::take(&disk, None, Path::new("/alice"), "unique").unwrap().is_some());
        }
    }
}
