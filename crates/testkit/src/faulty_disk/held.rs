//! Calls that take as long as a test wants: a device that hangs, or is slow for one file and not for another.

use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, PoisonError};

use super::{FaultyDisk, State};

/// Which calls wait.
#[derive(Debug, Default)]
pub(super) struct Calls {
    kinds: Vec<(&'static str, PathBuf)>,
    waiting: usize,
}

impl Calls {
    fn hold(&self, operation: &str, path: &Path) -> bool {
        self.kinds.iter().any(|(held, under)| *held == operation && path.starts_with(under))
    }
}

/// Calls of one kind are held until this is dropped.
#[derive(Debug)]
pub struct Held {
    disk: FaultyDisk,
    kind: (&'static str, PathBuf),
}

impl FaultyDisk {
    /// From now on calls of this kind wait, as `sync` of all that is under `/queue/large`.
    #[must_use]
    pub fn hold(&self, operation: &'static str, under: &Path) -> Held {
        let kind = (operation, under.to_owned());
        self.state().held.kinds.push(kind.clone());
        Held { disk: self.clone(), kind }
    }

    /// How many calls wait now.
    pub fn waiting(&self) -> usize {
        self.state().held.waiting
    }

    /// Waits for as long as calls of this kind are held and the process lives.
    pub(super) fn when_let_go(&self, operation: &str, path: &Path) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.held.waiting += 1;
        while !state.is_over(self.run) && state.held.hold(operation, path) {
            state = self.let_go.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.held.waiting -= 1;
        state
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if let Some(at) = state.held.kinds.iter().position(|kind| *kind == self.kind) {
            state.held.kinds.remove(at);
        }
        self.disk.let_go.notify_all();
    }
}
