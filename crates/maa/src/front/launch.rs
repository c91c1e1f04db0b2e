//! How a worker is started: as ourselves for a user of ours, and for a user of the host by `postroad-as`, beside us, which
//! becomes that user and executes our program (`bins/postroad-as`).
//!
//! The latter is the user's own process from then on: we can't signal it, and who has a shell on this host can do with it
//! what they like. So it gets no standard error of ours, where it could write each line of the log: what it says there is
//! read here, bounded, and logged as its words ([`listen`]). Nor is a descriptor taken from it but of the one kind that
//! can do us no harm ([`is_harmless`]).

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use postroad_accounts::UserName;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::worker::Whose;
use crate::{OURSELVES, events, limits};

const BECOMES_SOMEBODY: &str = "postroad-as";
const AGENT: &str = "postroad-maa";

/// Who is served by one worker, and what of theirs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Charge {
    pub(super) user: UserName,
    pub(super) whose: Whose,
}

impl Charge {
    /// Starts the worker, with that as its standard input.
    pub(super) fn start(&self, ourselves: &Path, channel: OwnedFd) -> io::Result<Child> {
        let mut command = match self.whose {
            Whose::Ours => {
                let mut command = Command::new(ourselves);
                command.arg0(AGENT).arg("worker").env_clear();
                // Whether standard error is the journal.
                let journal = std::env::var_os("JOURNAL_STREAM");
                command.envs(journal.map(|stream| ("JOURNAL_STREAM", stream)));
                command
            }
            Whose::OfHost(part) => {
                let mut command = Command::new(beside_us()?);
                command.args(["--serve", self.user.as_str(), part.word()]).env_clear();
                command.stderr(Stdio::piped());
                command
            }
        };
        command.stdin(Stdio::from(channel)).stdout(Stdio::null()).spawn()
    }
}

/// What becomes somebody else. It executes the agent that is beside it by now: another build than ours wouldn't understand us.
fn beside_us() -> io::Result<PathBuf> {
    let folder = std::env::current_exe()?;
    let (ours, theirs) = (fs::metadata(OURSELVES)?, fs::metadata(folder.with_file_name(AGENT))?);
    match (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino()) {
        true => Ok(folder.with_file_name(BECOMES_SOMEBODY)),
        false => Err(io::Error::other(format!(
            "{AGENT} was replaced since it was started: restart it, and users of the host are served again"
        ))),
    }
}

/// Logs what a worker says that isn't ours, to its end.
pub(super) async fn listen(user: UserName, said: impl AsyncRead + Unpin) {
    let mut said = BufReader::with_capacity(limits::SAID_OCTETS_MAX, said);
    let mut lines = 0;
    loop {
        let Ok(buffered) = said.fill_buf().await else { return };
        if buffered.is_empty() {
            return;
        }
        // The agent's lines come whole, or nearly always; whoever writes others has them cut.
        let whole = buffered.iter().position(|octet| *octet == b'\n').map(|end| end + 1);
        let used = whole.unwrap_or(buffered.len());
        let line = String::from_utf8_lossy(buffered.get(..used).unwrap_or_default());
        events::said_by_user(&user, line.trim_end());
        said.consume(used);
        lines += 1;
        // Journals drop lines of who writes too many, and those would be ours.
        if lines % limits::SAID_LINES_A_SECOND_MAX == 0 {
            sleep(std::time::Duration::from_secs(1)).await;
        }
    }
}

/// Whether a descriptor that a worker gives us is what the kernel tells of changed folders by. Any other may be one of a
/// file system that the user runs, which never ends our call, not even the one that closes it.
pub(super) fn is_harmless(descriptor: &OwnedFd) -> bool {
    // The kernel's own word: a path of a file would begin with "/".
    let link = fs::read_link(format!("/proc/self/fd/{}", descriptor.as_raw_fd()));
    link.is_ok_and(|link| link.as_os_str() == "anon_inode:inotify")
}

/// Closes one that may take for ever.
pub(super) fn close_aside(descriptor: OwnedFd) {
    // Where there is no thread to be had it is closed here.
    let _ = std::thread::Builder::new().name("closing".to_owned()).spawn(move || drop(descriptor));
}

#[cfg(test)]
mod tests {
    use rustix::fs::inotify;

    use super::*;

    #[test]
    fn what_tells_of_folders_and_nothing_else() {
        let watcher = inotify::init(inotify::CreateFlags::CLOEXEC).unwrap();
        assert!(is_harmless(&watcher));
        let dir = tempfile::tempdir().unwrap();
        let named = dir.path().join("anon_inode:inotify");
        fs::write(&named, "").unwrap();
        let file = fs::File::open(&named).unwrap();
        for other in [OwnedFd::from(file), io::pipe().unwrap().0.into()] {
            assert!(!is_harmless(&other));
            close_aside(other);
        }
    }
}
