//! A delivery that always ends: in time, by no panic, and by no signal.
//!
//! It runs in the thread that it is asked for in, which no other then has to be woken for; a second thread watches over
//! it, and ends the process with "try later" where it hangs.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Verdict;
use super::signals::{Heard, Signals, Wakeable};
use crate::limits;

/// How far it is.
#[derive(Debug)]
enum State {
    /// At work, until then at most.
    Working(Instant),
    /// Ended so; what comes afterwards may take until then.
    Ended(Verdict, Instant),
    /// One of the two threads has the last word.
    Over,
}

/// Whoever measures the time of a delivery, and sees to what comes after it.
pub(super) struct Clock {
    begun: Instant,
    watch: Arc<Watch>,
    afterwards: RefCell<Vec<Box<dyn FnOnce()>>>,
}

/// What the two threads share.
struct Watch {
    state: Mutex<State>,
    woken: Wakeable,
}

impl Clock {
    /// How long the delivery may take in all.
    pub(super) fn time_max(&self, time_max: Duration) {
        self.watch.reach(State::Working(self.begun + time_max));
    }

    /// Something that changes nothing about how the delivery ended, and may take
    /// [`limits::ONE_SHOT_AFTERWARDS_MAX`] at most.
    pub(super) fn afterwards(&self, work: impl FnOnce() + 'static) {
        self.afterwards.borrow_mut().push(Box::new(work));
    }
}

/// How it ended, or why it was not begun.
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    watcher: Option<JoinHandle<Option<Verdict>>>,
}

impl Outcome {
    /// The same once the watching thread is gone and hears no signals any more.
    pub(super) fn alone(self) -> Verdict {
        // Its panic changes nothing.
        let _ = self.watcher.map(JoinHandle::join);
        self.verdict
    }
}

/// Runs `work`. Where it takes longer than `time_max`, or than it tells the clock itself, or a signal comes, `end` is
/// called, to end the process without it: what it has in tmp/ is swept, and what it has in new/ comes twice.
pub(super) fn within(
    time_max: Duration,
    signals: &Signals,
    work: impl FnOnce(&Clock) -> Verdict,
    end: impl FnOnce(&Verdict) + Send + 'static,
) -> Outcome {
    match watched(time_max, signals, end) {
        Ok((clock, watcher)) => run(&clock, watcher, work),
        Err(error) => {
            let verdict = Verdict::try_later(&format!("cannot watch the delivery: {error}"));
            Outcome { verdict, watcher: None }
        }
    }
}

/// Begins to watch.
fn watched(
    time_max: Duration,
    signals: &Signals,
    end: impl FnOnce(&Verdict) + Send + 'static,
) -> std::io::Result<(Clock, JoinHandle<Option<Verdict>>)> {
    let begun = Instant::now();
    let state = Mutex::new(State::Working(begun + time_max));
    let watch = Arc::new(Watch { state, woken: signals.wakeable()? });
    let watched = Arc::clone(&watch);
    let watcher = std::thread::Builder::new()
        .name("watch".to_owned())
        .stack_size(limits::ONE_SHOT_WATCH_STACK_OCTETS)
        .spawn(move || {
            let verdict = watched.last_word();
            if let Some(verdict) = &verdict {
                end(verdict);
            }
            verdict
        })?;
    Ok((Clock { begun, watch, afterwards: RefCell::default() }, watcher))
}

fn run(
    clock: &Clock,
    watcher: JoinHandle<Option<Verdict>>,
    work: impl FnOnce(&Clock) -> Verdict,
) -> Outcome {
    let broken_down = || Verdict::try_later("The delivery agent has broken down, try again later");
    let verdict = std::panic::catch_unwind(AssertUnwindSafe(|| work(clock)))
        .unwrap_or_else(|_| broken_down());
    let afterwards = clock.afterwards.take();
    if !afterwards.is_empty() {
        let until = Instant::now() + limits::ONE_SHOT_AFTERWARDS_MAX;
        clock.watch.reach(State::Ended(verdict.clone(), until));
        // It has ended as it has.
        let _ = std::panic::catch_unwind(AssertUnwindSafe(|| {
            afterwards.into_iter().for_each(|work| work());
        }));
    }
    if clock.watch.is_mine() {
        return Outcome { verdict, watcher: Some(watcher) };
    }
    // It ends the process, and with it this thread.
    let verdict = watcher.join().ok().flatten().unwrap_or(verdict);
    Outcome { verdict, watcher: None }
}

impl Watch {
    /// Goes on to a state, unless it is over.
    fn reach(&self, next: State) {
        let mut state = self.state();
        if !matches!(*state, State::Over) {
            *state = next;
            self.wake();
        }
    }

    /// Takes the last word; `false` where the watcher has it.
    fn is_mine(&self) -> bool {
        let before = std::mem::replace(&mut *self.state(), State::Over);
        self.wake();
        !matches!(before, State::Over)
    }

    fn wake(&self) {
        // A watcher that can't be woken looks when it meant to.
        let _ = rustix::io::write(self.woken.wake(), &1_u64.to_ne_bytes());
    }

    /// Waits until the last word is the watcher's, and gives it; `None` once it is the delivery's.
    fn last_word(&self) -> Option<Verdict> {
        loop {
            let until = match &*self.state() {
                State::Working(until) | State::Ended(_, until) => *until,
                State::Over => return None,
            };
            let left = until.saturating_duration_since(Instant::now());
            let text = match self.woken.wait(left) {
                Ok(Heard::Waker) => continue,
                Ok(Heard::Nothing) => "The delivery takes too long, try again later".to_owned(),
                Ok(Heard::Signal(name)) => format!("The delivery was ended by {name}"),
                Err(error) => format!("cannot watch the delivery: {error}"),
            };
            let mut state = self.state();
            match std::mem::replace(&mut *state, State::Over) {
                State::Over => return None,
                State::Working(_) => return Some(Verdict::try_later(&text)),
                // What comes afterwards ends by no signal.
                State::Ended(verdict, until) if Instant::now() < until => {
                    *state = State::Ended(verdict, until);
                }
                State::Ended(verdict, _) => return Some(verdict),
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here is left half changed by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oneshot::Exit;

    const LONG: Duration = Duration::from_secs(900);

    /// Runs what ends by itself.
    fn ends(work: impl FnOnce(&Clock) -> Verdict) -> Verdict {
        within(LONG, &Signals::default(), work, |_| panic!("nobody is to end it")).alone()
    }

    #[test]
    fn a_panic_is_try_later() {
        let verdict = ends(|_| panic!("a bug"));
        assert_eq!(verdict.exit(), Exit::TryLater);
        assert_eq!(
            verdict.to_string(),
            "4.3.0 The delivery agent has broken down, try again later"
        );
    }

    #[test]
    fn what_takes_too_long_is_try_later() {
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let work = move |clock: &Clock| {
            clock.time_max(Duration::from_millis(1));
            // Until the other end is dropped, which is after the verdict.
            let _ = wait.recv();
            Verdict::try_later("too late")
        };
        let verdict = within(LONG, &Signals::default(), work, |_| drop(release)).alone();
        assert_eq!(verdict.to_string(), "4.3.0 The delivery takes too long, try again later");
    }

    #[test]
    fn what_comes_afterwards_changes_nothing() {
        let (tell, hear) = std::sync::mpsc::channel();
        let verdict = ends(move |clock| {
            clock.afterwards(move || tell.send("done").unwrap());
            clock.afterwards(|| panic!("a bug"));
            Verdict::try_later("ended")
        });
        assert_eq!(verdict.to_string(), "4.3.0 ended");
        assert_eq!(hear.recv(), Ok("done"));
    }

    #[test]
    fn what_hangs_afterwards_is_left() {
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let work = move |clock: &Clock| {
            clock.afterwards(move || wait.iter().for_each(drop));
            Verdict::try_later("ended")
        };
        let verdict = within(LONG, &Signals::default(), work, |_| drop(release)).alone();
        assert_eq!(verdict.to_string(), "4.3.0 ended");
    }
}
