//! A delivery that another process of ours watches: OpenSMTPD and Exim give a letter back whose delivery was killed
//! (by the kernel, for want of memory, say), and nobody who was killed can say "try later".

use std::process::{Command, ExitStatus};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::signals::Signals;
use super::{Exit, Verdict};
use crate::programs::supervisor::end_ignoring;

/// Runs a delivery, and gives how it ended: as it says itself, and "try later" where it couldn't. `Err` is still to be
/// said. To be called before there are other threads.
///
/// # Errors
/// Why it is "try later".
pub fn by_second_process(mut delivery: Command) -> Result<Exit, Verdict> {
    let later = |text: &str| Verdict::try_later(text);
    let signals =
        Signals::hold().map_err(|error| later(&format!("cannot hold signals: {error}")))?;
    // Where our caller ignores it, nobody is told how the delivery ends.
    let _handler = end_ignoring(|signal| signal == Signal::CHILD.as_raw())
        .map_err(|error| later(&format!("cannot hear of the delivery's end: {error}")))?;
    let mut child =
        delivery.spawn().map_err(|error| later(&format!("cannot start the delivery: {error}")))?;
    hand_on_signals(signals, [Pid::from_child(&child)]);
    let status =
        child.wait().map_err(|error| later(&format!("cannot wait for the delivery: {error}")))?;
    ending(status).ok_or_else(|| later(&format!("The delivery was ended by {status}")))
}

/// Who asks us to end means the deliveries, which say how they did. Without this they just go on.
pub(super) fn hand_on_signals(signals: Signals, deliveries: impl IntoIterator<Item = Pid>) {
    let opened = deliveries.into_iter().map(|pid| pidfd_open(pid, PidfdFlags::empty()));
    let processes: Vec<_> = opened.flatten().collect();
    let _ = std::thread::Builder::new().name("signals".into()).spawn(move || {
        while signals.wait().is_ok() {
            for process in &processes {
                // It may have ended in this moment.
                let _ = pidfd_send_signal(process, Signal::TERM);
            }
        }
    });
}

/// Only what a delivery says is believed.
pub(super) fn ending(status: ExitStatus) -> Option<Exit> {
    let ends = [Exit::Filed, Exit::NoUser, Exit::TryLater, Exit::Refused];
    ends.into_iter().find(|exit| status.code() == Some(exit.code().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_delivery_says_and_nothing_else() {
        let ends = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            by_second_process(command).map_or_else(|verdict| verdict.exit().code(), Exit::code)
        };
        for (script, code) in [
            ("exit 0", 0),
            ("exit 67", 67),
            ("exit 75", 75),
            ("exit 77", 77),
            ("exit 1", 75),
            ("exit 101", 75),
            ("kill -9 $$", 75),
            ("kill -11 $$", 75),
        ] {
            assert_eq!(ends(script), code, "{script}");
        }
        assert!(by_second_process(Command::new("/nowhere/at/all")).is_err());
    }
}
