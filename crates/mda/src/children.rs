//! Programs that we run end in a way that we hear of.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// To be called before a program is run. A caller that ignores SIGCHLD leaves that to us, and the exit code of no
/// program would be ours to know (row M08): what was sent on would be sent again. A handler takes its place, and
/// stays for as long as the process lives.
///
/// # Errors
/// What the system said.
pub(crate) fn heed_their_ends() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _within = runtime.enter();
    signal(SignalKind::child()).map(drop)
}
