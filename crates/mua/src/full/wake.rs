//! Channels that wake a thread out of `poll`: a queue, and a socket that is readable when there is something in it.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use postroad_tui::effect::Job;
use postroad_tui::msg::{Report, What};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// The end that sends.
#[derive(Debug)]
pub(super) struct Outgoing<T> {
    queue: mpsc::Sender<T>,
    bell: Arc<UnixStream>,
}

impl<T> Clone for Outgoing<T> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), bell: Arc::clone(&self.bell) }
    }
}

impl<T> Outgoing<T> {
    /// Sends, and wakes who waits. Where nobody listens any more it is lost: the program ends.
    pub(super) fn send(&self, what: T) {
        if self.queue.send(what).is_ok() {
            // A bell that is full has been rung.
            let _ = (&*self.bell).write(&[0]);
        }
    }
}

/// The end that waits.
#[derive(Debug)]
pub(super) struct Incoming<T> {
    queue: mpsc::Receiver<T>,
    bell: UnixStream,
    is_closed: std::cell::Cell<bool>,
}

/// A queue with a bell.
///
/// # Errors
/// Where the system has no sockets left.
pub(super) fn channel<T>() -> std::io::Result<(Outgoing<T>, Incoming<T>)> {
    let (ringing, bell) = UnixStream::pair()?;
    ringing.set_nonblocking(true)?;
    bell.set_nonblocking(true)?;
    let (sender, queue) = mpsc::channel();
    Ok((
        Outgoing { queue: sender, bell: Arc::new(ringing) },
        Incoming { queue, bell, is_closed: false.into() },
    ))
}

/// What else was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Other {
    /// There is nothing of it.
    Quiet,
    /// It can be read.
    Readable,
    /// It is gone.
    Gone,
}

/// What is readable when something has come.
impl<T> AsFd for Incoming<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

impl<T> Incoming<T> {
    /// Waits until something has come, `other` can be read, or the time is over. An error is a wait that was too short.
    pub(super) fn wait(&self, other: Option<BorrowedFd<'_>>, most: Option<Duration>) -> Other {
        let most = most.and_then(|most| Timespec::try_from(most).ok());
        let bell = PollFd::from_borrowed_fd(self.bell.as_fd(), PollFlags::IN);
        let gone =
            |flags: PollFlags| flags.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
        let Some(other) = other else {
            let _ = poll(&mut [bell], most.as_ref());
            return Other::Quiet;
        };
        let mut all = [bell, PollFd::from_borrowed_fd(other, PollFlags::IN)];
        match poll(&mut all, most.as_ref()).map(|_| all[1].revents()) {
            Ok(flags) if gone(flags) => Other::Gone,
            Ok(flags) if flags.contains(PollFlags::IN) => Other::Readable,
            Ok(_) | Err(_) => Other::Quiet,
        }
    }

    /// All that has come.
    pub(super) fn drain(&self) -> Vec<T> {
        // First the bell: what comes behind this rings again.
        let mut rung = [0; 256];
        loop {
            match (&self.bell).read(&mut rung) {
                Ok(0) => {
                    self.is_closed.set(true);
                    break;
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        self.queue.try_iter().collect()
    }

    /// Whether nothing can come any more, as the last [`Incoming::drain`] has seen.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }
}

/// What the screen's thread hears of.
#[derive(Debug)]
pub(super) enum News {
    /// What has come of a job, and in the account with which place.
    Report(usize, Box<Report>),
    /// The terminal has another size.
    Resized,
    /// `^C`, where lines are typed.
    Interrupted,
    /// The terminal is gone, or somebody wants this to end.
    End,
    /// An actor has done all that was asked of it, and is gone.
    Ended,
}

/// How actors tell what has come of what was asked, and of which account they are.
#[derive(Debug, Clone)]
pub(super) struct Teller(pub(super) Outgoing<News>, pub(super) usize);

impl Teller {
    pub(super) fn tell(&self, job: Job, what: What) {
        self.0.send(News::Report(self.1, Box::new(Report { job, what })));
    }

    pub(super) fn failed(
        &self,
        job: Job,
        words: impl Into<crate::safe_text::SafeText>,
        hint: &'static str,
    ) {
        self.tell(job, What::Failed { words: words.into(), hint: hint.into() });
    }
}

/// Says that an actor is gone, however it went.
#[derive(Debug)]
pub(super) struct Farewell(pub(super) Teller);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.0.send(News::Ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_wakes_who_waits() {
        let (sender, receiver) = channel().unwrap();
        let thread = std::thread::spawn(move || sender.send(7));
        assert_eq!(receiver.wait(None, None), Other::Quiet);
        assert_eq!(receiver.drain(), [7]);
        thread.join().unwrap();
        // Nothing is left that would wake it again.
        assert_eq!(receiver.wait(None, Some(Duration::ZERO)), Other::Quiet);
        assert!(receiver.drain().is_empty());
    }

    #[test]
    fn a_bell_that_nobody_hears_holds_nobody_up() {
        let (sender, receiver) = channel().unwrap();
        (0..100_000).for_each(|number| sender.send(number));
        assert_eq!(receiver.drain().len(), 100_000);
        assert!(!receiver.is_closed());
        drop(sender);
        receiver.wait(None, None);
        assert!(receiver.drain().is_empty() && receiver.is_closed());
    }

    #[test]
    fn another_thing_that_is_gone_is_told() {
        let (_sender, receiver) = channel::<()>().unwrap();
        let (one, other) = UnixStream::pair().unwrap();
        assert_eq!(receiver.wait(Some(one.as_fd()), Some(Duration::ZERO)), Other::Quiet);
        (&other).write_all(b"x").unwrap();
        assert_eq!(receiver.wait(Some(one.as_fd()), None), Other::Readable);
        drop(other);
        assert_eq!(receiver.wait(Some(one.as_fd()), None), Other::Gone);
    }
}
