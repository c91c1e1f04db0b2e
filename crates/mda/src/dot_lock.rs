//! `FILE.lock` for mailbox files in folders that we may not write to: by Debian's `dotlockfile`, which has the right to
//! write to `/var/mail`. No program of ours needs it.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use postroad_store::{DotLocked, DotLocker};
use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags};

use crate::programs::wait_for;
use crate::{events, limits};

/// Of the package liblockfile-bin.
const PROGRAM: &str = "/usr/bin/dotlockfile";
/// dotlockfile(1): all tries are used up, somebody has the lock.
const HELD: i32 = 4;

/// Takes dot locks by a program.
#[derive(Debug, Default)]
pub(crate) struct DotLockFile {
    /// It was said that it can't.
    said: AtomicBool,
}

impl DotLocker for DotLockFile {
    fn lock(&self, mailbox: &Path, lock: &Path) -> DotLocked {
        // With the number of the process that calls it: ours.
        let why = match run(Path::new(PROGRAM), &["-l", "-p", "-q", "-r", "0"], lock) {
            Ok(Some(0)) => return DotLocked::Taken,
            Ok(Some(HELD)) => return DotLocked::Held,
            Ok(Some(code)) => format!("{PROGRAM} ends with exit code {code}"),
            Ok(None) => format!("{PROGRAM} was ended by a signal, or takes too long"),
            Err(error) => format!("cannot run {PROGRAM}: {error}"),
        };
        if !self.said.swap(true, Ordering::Relaxed) {
            events::no_dot_lock(mailbox, &why);
        }
        DotLocked::Impossible
    }

    fn unlock(&self, lock: &Path) {
        // Where it stays, others see by its age that it is left behind.
        let _ = run(Path::new(PROGRAM), &["-q", "-u"], lock);
    }
}

/// Runs it to its end; `None` where that was no end of its own.
fn run(program: &Path, flags: &[&str], lock: &Path) -> io::Result<Option<i32>> {
    let mut child = Command::new(program)
        .args(flags)
        .arg(lock)
        .env_clear()
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let until = Instant::now() + limits::DOT_LOCK_PROGRAM_TIME_MAX;
    // Where it can't be watched it is waited for.
    if let Some(pidfd) = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .and_then(|pid| rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok())
        && !wait_for(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(until))?
    {
        child.kill()?;
    }
    Ok(child.wait()?.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m14_dotlockfile_is_asked_where_it_is() {
        if !Path::new(PROGRAM).exists() {
            let lock = run(Path::new(PROGRAM), &[], Path::new("x"));
            assert_eq!(lock.unwrap_err().kind(), io::ErrorKind::NotFound);
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let (mailbox, lock) = (dir.path().join("alice"), dir.path().join("alice.lock"));
        let locker = DotLockFile::default();
        assert_eq!(locker.lock(&mailbox, &lock), DotLocked::Taken);
        let owner = std::fs::read_to_string(&lock).unwrap();
        assert_eq!(owner.trim().parse(), Ok(std::process::id()));
        assert_eq!(locker.lock(&mailbox, &lock), DotLocked::Held);
        locker.unlock(&lock);
        assert!(!lock.exists());
        // A folder that isn't there: nobody can.
        let nowhere = dir.path().join("nowhere/alice.lock");
        assert_eq!(locker.lock(&mailbox, &nowhere), DotLocked::Impossible);
    }
}
