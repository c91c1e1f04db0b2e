//! A user's sessions that no worker has, and what wakes them: a word of a client, a change in a mailbox where one waits
//! for news, or another session of the user's, so that all are in one worker.
//!
//! Of a change only that there is one is known here: a descriptor becomes readable that the worker has made, behind its
//! wall, to watch its own folders. Nothing is read from it, and nothing of it is this process's to choose.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio_util::sync::CancellationToken;

use crate::limits;

/// From when a worker lets go of its sessions until somebody is woken: then all are.
#[derive(Debug, Clone, Default)]
pub(super) struct Nap(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    over: CancellationToken,
    sleeping: AtomicUsize,
    watches: AtomicUsize,
}

/// A session is asleep until this is dropped. Whoever is the last ends the nap: nothing is to be watched for.
#[derive(Debug)]
pub(super) struct Sleeping(Nap);

impl Nap {
    /// One that is over.
    pub(super) fn over() -> Self {
        let nap = Self::default();
        nap.end();
        nap
    }

    pub(super) fn end(&self) {
        self.0.over.cancel();
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.over.is_cancelled()
    }

    pub(super) async fn ended(&self) {
        self.0.over.cancelled().await;
    }

    pub(super) fn sleep(&self) -> Sleeping {
        self.0.sleeping.fetch_add(1, Ordering::Relaxed);
        Sleeping(self.clone())
    }

    /// How many sleep.
    pub(super) fn sleeping(&self) -> usize {
        self.0.sleeping.load(Ordering::Relaxed)
    }

    /// Ends it when that becomes readable, or can't be watched; `false` where so much is watched that it isn't.
    pub(super) fn watch(&self, shows: OwnedFd) -> bool {
        if self.0.watches.fetch_add(1, Ordering::Relaxed) >= limits::NAP_WATCHES_MAX {
            return false;
        }
        let nap = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = nap.ended() => {}
                // Whatever came of it.
                _ = readable(shows) => nap.end(),
            }
        });
        true
    }
}

impl Sleeping {
    pub(super) async fn woken(&self) {
        self.0.ended().await;
    }
}

impl Drop for Sleeping {
    fn drop(&mut self) {
        if self.0.0.sleeping.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.end();
        }
    }
}

async fn readable(shows: OwnedFd) -> io::Result<()> {
    #[allow(deprecated, reason = "unsound for what lies about its descriptor: this one is owned")]
    let shows = AsyncFd::with_interest(shows, Interest::READABLE)?;
    shows.readable().await.map(drop)
}
