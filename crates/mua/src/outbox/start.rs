//! Starting the detached sender: one process that outlives the command that left the letter.
//!
//! It is this program again, with `outbox flush --detached`, in the root folder, with nothing of ours
//! open but what it inherits by name in its environment. It makes itself the leader of a session of its
//! own, so that a closing terminal doesn't end it.

use std::process::{Child, Command, Stdio};

use crate::account::Overrides;

/// Starts a sender; should there be one, the new one ends at once. Who goes on for long waits for the child.
///
/// # Errors
/// Where the program can't be started: the letter is safe, and goes with the next start.
pub fn start(overrides: &Overrides) -> std::io::Result<Child> {
    // The name under which it was called (mail, sendmail) would make another program of it.
    let program = std::env::current_exe()?;
    let mut command = Command::new(program);
    command
        .args(["outbox", "flush", "--detached"])
        .envs(overrides.to_environment())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // Commands don't wait for it: when they end, init inherits it.
    command.spawn()
}

/// Leaves the caller's session and terminal; the sender calls it first.
pub fn leave_session() {
    // It fails only for the leader of a process group, whom no terminal ends either.
    let _ = rustix::process::setsid();
}
