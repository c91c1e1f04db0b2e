//! Signals that would end the process: Exim bounces a letter whose delivery agent was killed by one.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};

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

    /// Waits for the next one that asks us to end.
    pub(super) fn wait(&self) -> Result<(), Errno> {
        self.0.wait().map(drop)
    }

    /// To wait for the next one that asks us to end, or for somebody's word.
    pub(super) fn wakeable(&self) -> io::Result<Wakeable> {
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Wakeable {
            signals: SignalFd::with_flags(&self.0, flags)?,
            waker: rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }
}

/// Waits for signals and for a word of another thread.
#[derive(Debug)]
pub(super) struct Wakeable {
    signals: SignalFd,
    waker: OwnedFd,
}

/// What ended the waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// One that asks us to end, by its name.
    Signal(&'static str),
    /// The waker was written to.
    Waker,
    /// Nothing in that time.
    Nothing,
}

impl Wakeable {
    /// The waker: eight octets, as eventfd(2) has it.
    pub(super) fn wake(&self) -> BorrowedFd<'_> {
        self.waker.as_fd()
    }

    /// Waits. The waker's word comes first: a delivery that has ended has.
    pub(super) fn wait(&self, time_max: Duration) -> io::Result<Heard> {
        let mut polled =
            [PollFd::new(&self.waker, PollFlags::IN), PollFd::new(&self.signals, PollFlags::IN)];
        let time_max = Timespec::try_from(time_max).ok();
        match rustix::event::poll(&mut polled, time_max.as_ref()) {
            Ok(0) => return Ok(Heard::Nothing),
            // Somebody stopped us and had us go on.
            Err(rustix::io::Errno::INTR) => return Ok(Heard::Waker),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        if rustix::io::read(&self.waker, &mut [0; 8]).is_ok() {
            return Ok(Heard::Waker);
        }
        let signal = self.signals.read_signal()?.and_then(|signal| {
            let number = i32::try_from(signal.ssi_signo).ok()?;
            Signal::try_from(number).ok()
        });
        Ok(Heard::Signal(signal.map_or("a signal", Signal::as_str)))
    }
}
