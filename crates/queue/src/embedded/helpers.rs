//! A few threads for blocking work that must not hold up the log's writer: large messages, reads of
//! what isn't in memory any more, cleaning.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use tokio::sync::oneshot;

use super::limits::HELPER_THREADS;

type Job = Box<dyn FnOnce() + Send>;

/// The threads' inbox; they end when it is dropped and empty.
#[derive(Debug)]
pub(crate) struct Helpers {
    inbox: mpsc::Sender<Job>,
}

impl Helpers {
    pub(crate) fn start() -> std::io::Result<Self> {
        let (inbox, jobs) = mpsc::channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..HELPER_THREADS {
            let jobs = Arc::clone(&jobs);
            std::thread::Builder::new().name("queue-helper".to_owned()).spawn(move || {
                loop {
                    let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = job else { return };
                    // A panic ends the job alone: whoever waits for it sees its sender dropped.
                    let _ = catch_unwind(AssertUnwindSafe(job));
                }
            })?;
        }
        Ok(Self { inbox })
    }

    /// Runs it some time soon; nobody waits.
    pub(crate) fn spawn(&self, job: impl FnOnce() + Send + 'static) {
        // The threads outlive the inbox, so there is always one to receive.
        let _ = self.inbox.send(Box::new(job));
    }

    /// Runs it and gives what it gives.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (done, result) = oneshot::channel();
        self.spawn(move || {
            let _ = done.send(job());
        });
        result
    }
}
