//! A delivery that always ends: in time, by no panic, and by no signal.

use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::{Duration, Instant};

use super::Verdict;
use super::signals::{Heard, Signals};
use crate::limits;

/// What is heard of a delivery.
enum News {
    /// It may take this long in all.
    TimeMax(Duration),
    Ended(Verdict),
}

/// Whoever measures the time of a delivery, and sees to what comes after it.
pub(super) struct Clock {
    tell: Sender<News>,
    /// Whoever waits for signals is woken by it.
    wake: OwnedFd,
    afterwards: RefCell<Vec<Box<dyn FnOnce()>>>,
}

impl Clock {
    /// How long the delivery may take in all.
    pub(super) fn time_max(&self, time_max: Duration) {
        self.tell(News::TimeMax(time_max));
    }

    /// Something that changes nothing about how the delivery ended, and may take
    /// [`limits::ONE_SHOT_AFTERWARDS_MAX`] at most.
    pub(super) fn afterwards(&self, work: impl FnOnce() + 'static) {
        self.afterwards.borrow_mut().push(Box::new(work));
    }

    fn tell(&self, news: News) {
        // Whoever waits may have given up.
        let _ = self.tell.send(news);
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }
}

/// Runs `work` in a thread of its own. Where it takes longer than `time_max`, or than it tells the clock itself, or
/// a signal comes, the process ends without it: what it has in tmp/ is swept, and what it has in new/ comes twice.
pub(super) fn within(
    time_max: Duration,
    signals: &Signals,
    work: impl FnOnce(&Clock) -> Verdict + Send + 'static,
) -> Verdict {
    watched(time_max, signals, work)
        .unwrap_or_else(|error| Verdict::try_later(&format!("cannot watch the delivery: {error}")))
}

fn watched(
    time_max: Duration,
    signals: &Signals,
    work: impl FnOnce(&Clock) -> Verdict + Send + 'static,
) -> std::io::Result<Verdict> {
    let begun = Instant::now();
    let woken = signals.wakeable()?;
    let (tell, hear) = std::sync::mpsc::channel();
    let wake = woken.wake().try_clone_to_owned()?;
    std::thread::Builder::new()
        .name("delivery".to_owned())
        .stack_size(limits::ONE_SHOT_STACK_OCTETS)
        .spawn(move || run(&Clock { tell, wake, afterwards: RefCell::default() }, work))?;
    let mut time_max = time_max;
    loop {
        match hear.try_recv() {
            Ok(News::TimeMax(other)) => time_max = other,
            Ok(News::Ended(verdict)) => {
                wait_for_the_rest(&hear);
                return Ok(verdict);
            }
            Err(TryRecvError::Disconnected) => {
                return Ok(Verdict::try_later("The delivery was broken off"));
            }
            Err(TryRecvError::Empty) => {
                match woken.wait(time_max.saturating_sub(begun.elapsed()))? {
                    Heard::Waker => {}
                    Heard::Signal(name) => {
                        let text = format!("The delivery was ended by {name}");
                        return Ok(Verdict::try_later(&text));
                    }
                    Heard::Nothing => {
                        let text = "The delivery takes too long, try again later";
                        return Ok(Verdict::try_later(text));
                    }
                }
            }
        }
    }
}

fn run(clock: &Clock, work: impl FnOnce(&Clock) -> Verdict) {
    let verdict = std::panic::catch_unwind(AssertUnwindSafe(|| work(clock))).unwrap_or_else(|_| {
        Verdict::try_later("The delivery agent has broken down, try again later")
    });
    clock.tell(News::Ended(verdict));
    let afterwards = clock.afterwards.take();
    // It has ended as it has.
    let _ = std::panic::catch_unwind(AssertUnwindSafe(|| {
        afterwards.into_iter().for_each(|work| work());
    }));
}

/// Until the other end is dropped, with its thread.
fn wait_for_the_rest(hear: &Receiver<News>) {
    let until = Instant::now() + limits::ONE_SHOT_AFTERWARDS_MAX;
    while let Ok(_) | Err(RecvTimeoutError::Timeout) =
        hear.recv_timeout(until.saturating_duration_since(Instant::now()))
        && Instant::now() < until
    {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oneshot::Exit;

    const LONG: Duration = Duration::from_secs(900);

    #[test]
    fn a_panic_is_try_later() {
        let verdict = within(LONG, &Signals::default(), |_| panic!("a bug"));
        assert_eq!(verdict.exit(), Exit::TryLater);
        assert_eq!(
            verdict.to_string(),
            "4.3.0 The delivery agent has broken down, try again later"
        );
    }

    #[test]
    fn what_takes_too_long_is_try_later() {
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let verdict = within(LONG, &Signals::default(), move |clock| {
            clock.time_max(Duration::from_millis(1));
            // Until the other end is dropped, which is after the verdict.
            let _ = wait.recv();
            Verdict::try_later("too late")
        });
        drop(release);
        assert_eq!(verdict.to_string(), "4.3.0 The delivery takes too long, try again later");
    }

    #[test]
    fn what_comes_afterwards_changes_nothing() {
        let (tell, hear) = std::sync::mpsc::channel();
        let verdict = within(LONG, &Signals::default(), move |clock| {
            clock.afterwards(move || tell.send("done").unwrap());
            clock.afterwards(|| panic!("a bug"));
            Verdict::try_later("ended")
        });
        assert_eq!(verdict.to_string(), "4.3.0 ended");
        assert_eq!(hear.recv(), Ok("done"));
    }

    #[test]
    fn what_hangs_afterwards_is_left() {
        let (_release, wait) = std::sync::mpsc::channel::<()>();
        let verdict = within(LONG, &Signals::default(), move |clock| {
            clock.afterwards(move || wait.iter().for_each(drop));
            Verdict::try_later("ended")
        });
        assert_eq!(verdict.to_string(), "4.3.0 ended");
    }
}
