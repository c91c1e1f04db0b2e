//! A few threads for blocking work that must not hold up the log's writer. Each kind of work has its own, so that
//! a disk that hangs for one kind doesn't starve the others.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use tokio::sync::oneshot;

use super::limits::{LARGE_THREADS, READER_THREADS, UPKEEP_THREADS};

type Job = Box<dyn FnOnce() + Send>;

/// All helpers of a queue.
#[derive(Debug)]
pub(crate) struct Staff {
    /// Write large messages, and remove them.
    pub(crate) large: Arc<Helpers>,
    /// Read what isn't in memory any more.
    pub(crate) readers: Helpers,
    /// Clean, and read again what a failed sync has left: they wait and try again while the disk fails.
    pub(crate) upkeep: Helpers,
}

impl Staff {
    pub(crate) fn start() -> std::io::Result<Self> {
        Ok(Self {
            large: Arc::new(Helpers::start("queue-large", LARGE_THREADS)?),
            readers: Helpers::start("queue-reader", READER_THREADS)?,
            upkeep: Helpers::start("queue-upkeep", UPKEEP_THREADS)?,
        })
    }
}

/// The threads' inbox; they end when it is dropped and empty.
#[derive(Debug)]
pub(crate) struct Helpers {
    inbox: mpsc::Sender<Job>,
}

impl Helpers {
    fn start(name: &str, threads: usize) -> std::io::Result<Self> {
        let (inbox, jobs) = mpsc::channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..threads {
            let jobs = Arc::clone(&jobs);
            std::thread::Builder::new().name(name.to_owned()).spawn(move || {
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
