//! Signals that would end the process: Exim bounces a letter whose delivery agent was killed by one.

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};

/// Those that ask us to end. XCPU comes where a caller's limit on processor time is used up; ALRM, VTALRM and PROF
/// from clocks that a caller has set, which outlive exec (row M08).
const ENDING: [Signal; 8] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGALRM,
    Signal::SIGVTALRM,
    Signal::SIGPROF,
    Signal::SIGXCPU,
];

/// The signals that are held until somebody asks for them.
#[derive(Debug)]
pub(super) struct Signals(SigSet);

impl Default for Signals {
    fn default() -> Self {
        Self(ENDING.into_iter().collect())
    }
}

impl Signals {
    /// Holds them, in this thread and in all that it will start. XFSZ is held for good: what is written beyond
    /// a limit on file sizes (Postfix's local sets one, `mailbox_size_limit`) then is an error like others. So
    /// are those that mean nothing to us, and would end us (USR1 and USR2 are switches of procmail's log).
    pub(super) fn hold() -> Result<Self, Errno> {
        let ending = Self::default();
        let mut held = ending.0;
        for signal in [Signal::SIGXFSZ, Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGIO] {
            held.add(signal);
        }
        held.thread_block()?;
        Ok(ending)
    }

    /// Waits for the next one that asks us to end, and gives its name.
    pub(super) fn next(&self) -> &'static str {
        self.0.wait().map_or("a signal", Signal::as_str)
    }
}
