//! The one simulated disk: in memory, it keeps what was written apart from what was synced, fails the
//! calls it is told to, and can lose its power.
//!
//! | looking for | it is in |
//! |---|---|
//! | the calls of [`postroad_disk::Disk`] | `calls`, `open_file` |
//! | what goes wrong, and when | [`Plan`] |
//! | what a power cut leaves of what wasn't synced | `survival` |
//! | a file: page cache, platter, torn writes, failed syncs | `file` |
//! | a directory: names that are seen, names that are durable | `directory` |
//! | the file system as a whole, snapshots | `tree` |
//! | calls that wait until they are let go | [`Held`] |
//! | each state that a disk went through, and its surviving trees | [`Recording`] |
//!
//! [`FaultyDisk`] promises exactly what `postroad_disk` says and takes away the rest:
//! - a *write* that wasn't synced survives a power cut in pieces, torn at 512 octets or 4 KiB, each piece by
//!   itself, and so does the file's new length;
//! - a *name* that was created, linked, renamed or removed survives by itself until its directory is synced.
//!   A rename is whole or not at all; from one directory to another it may leave the old name too;
//! - after a *failed sync* a part of what was to be synced is on the platter and the rest never will be: later
//!   syncs say yes, and the page cache shows all of it until it is emptied ([`FaultyDisk::evict`]).
//!
//! - a *sector* that was broken ([`FaultyDisk::break_sector`]) can't be read until it is written.
//!
//! Which of all this survives is drawn from a seed. [`Plan::Cut`] with [`FaultyDisk::restart`] is the strict
//! case: nothing survives but what was synced. A killed process ([`Plan::Kill`]) leaves all that was written.
//!
//! A handle stands for one run of the process: [`FaultyDisk::restart`] gives the next run's, and the
//! threads of the last run get nothing more done.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use postroad_disk::{DiskError, Space};

mod calls;
mod directory;
mod file;
mod held;
mod open_file;
mod plan;
mod random;
mod recording;
mod survival;
#[cfg(test)]
mod tests;
mod tree;

pub use held::Held;
pub use plan::Plan;
pub use random::Random;
pub use recording::Recording;

use directory::DirectoryNode;
use file::FileNode;
use plan::{Fate, IO_ERROR};
use recording::Frame;
use survival::Survival;
use tree::{Node, Tree};

/// One process's view of the simulated disk. Clones are the same process.
#[derive(Debug, Clone)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
    /// Calls that were held go on.
    let_go: Arc<Condvar>,
    run: u64,
}

#[derive(Debug)]
struct State {
    run: u64,
    plan: Plan,
    calls: Vec<String>,
    dead: bool,
    tree: Tree,
    /// Which file, and which part of it.
    locked: Vec<(u64, Option<u64>)>,
    space: Space,
    /// Other file systems: where they are mounted.
    mounts: Vec<PathBuf>,
    /// Reads past the page cache find zeros.
    forgotten: bool,
    /// Calls that wait.
    held: held::Calls,
    /// What a failing sync gets to the platter.
    failing_sync: Survival,
    /// What the disk was before each call, where that is recorded.
    frames: Option<Vec<Frame>>,
}

impl Default for FaultyDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl FaultyDisk {
    /// A disk with nothing but its root directory, `/`.
    pub fn new() -> Self {
        Self::with(Tree::default())
    }

    fn with(tree: Tree) -> Self {
        let state = State {
            run: 0,
            plan: Plan::Sound,
            calls: Vec::new(),
            dead: false,
            tree,
            locked: Vec::new(),
            space: Space { octets: 1 << 40, inodes: 1 << 20 },
            mounts: Vec::new(),
            forgotten: false,
            held: held::Calls::default(),
            failing_sync: Survival::least(),
            frames: None,
        };
        Self { state: Arc::new(Mutex::new(state)), let_go: Arc::default(), run: 0 }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a plan; its calls count from now.
    pub fn plan(&self, plan: Plan) {
        let mut state = self.state();
        state.plan = plan;
        state.calls.clear();
    }

    /// From now on a sync that fails gets a part of the content to the platter, drawn from this seed; without a
    /// seed, nothing of it.
    pub fn tear_failed_syncs(&self, seed: u64) {
        self.state().failing_sync = Survival::numbered(4, seed);
    }

    /// The calls since the last plan, as `sync /queue/segments/0000000001.log`.
    pub fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    /// How many calls of this kind there were since the last plan.
    pub fn count(&self, operation: &str) -> usize {
        self.state().calls.iter().filter(|call| call.split(' ').next() == Some(operation)).count()
    }

    /// The next run of the process: after a [`Plan::Cut`] that has come, with what was durable alone.
    /// Nothing goes wrong until another plan is made.
    #[must_use]
    pub fn restart(&self) -> Self {
        let mut state = self.state();
        if state.dead && matches!(state.plan, Plan::Cut { .. }) {
            state.tree.lose_power(&mut Survival::least());
        }
        self.next_run(state)
    }

    /// The next run of the process after a power cut right now, with what was durable alone.
    #[must_use]
    pub fn restart_after_cut(&self) -> Self {
        let mut state = self.state();
        state.tree.lose_power(&mut Survival::least());
        self.next_run(state)
    }

    /// The next run of the process after a power cut right now that leaves what this seed says.
    #[must_use]
    pub fn restart_after_torn_cut(&self, seed: u64) -> Self {
        let mut state = self.state();
        state.tree.lose_power(&mut Survival::numbered(4, seed));
        self.next_run(state)
    }

    /// Under the same lock as the power cut: no thread of the last run does anything in between.
    fn next_run(&self, mut state: MutexGuard<'_, State>) -> Self {
        state.run += 1;
        state.plan = Plan::Sound;
        state.dead = false;
        state.forgotten = false;
        state.calls.clear();
        state.locked.clear();
        self.let_go.notify_all();
        Self { state: Arc::clone(&self.state), let_go: Arc::clone(&self.let_go), run: state.run }
    }

    /// Another disk that is what this one is now.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self::with(self.state().tree.clone())
    }

    /// Empties the page cache: what a failed sync didn't get to the platter isn't seen any more.
    pub fn evict(&self) {
        self.state().tree.evict();
    }

    /// The device forgets what it held, until the next run: only the page cache still shows it.
    pub fn forget(&self) {
        self.state().forgotten = true;
    }

    /// The sector of a file that holds this octet can't be read any more.
    ///
    /// # Panics
    /// Where there is no such file.
    pub fn break_sector(&self, path: &Path, octet: usize) {
        self.with_file(path, |file| file.break_sector(octet));
    }

    /// All of a file can be read again.
    ///
    /// # Panics
    /// Where there is no such file.
    pub fn mend(&self, path: &Path) {
        self.with_file(path, FileNode::mend);
    }

    fn with_file(&self, path: &Path, change: impl FnOnce(&mut FileNode)) {
        let mut state = self.state();
        let node = state.tree.find(path);
        let Some(file) = node.and_then(|node| state.tree.file_mut(node)) else {
            panic!("there is no file {}", path.display());
        };
        change(file);
    }

    /// From now on another file system is mounted there.
    pub fn mount(&self, path: &Path) {
        self.state().mounts.push(path.to_owned());
    }

    /// Sets the space that is said to be left. Writes don't use it up.
    pub fn set_space(&self, space: Space) {
        self.state().space = space;
    }

    /// The octets of a file as a process would read them, if it is there.
    pub fn read(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        Some(state.tree.file(state.tree.find(path)?)?.shown().to_vec())
    }

    /// Puts a file there, or replaces one, durably and without a call being counted: what an older
    /// release, an operator or cosmic rays did.
    pub fn put(&self, path: &Path, octets: &[u8]) {
        self.state().tree.put(path, Node::File(FileNode::durable(octets.to_vec())));
    }

    /// Puts something there that is neither a file nor a directory.
    pub fn put_other(&self, path: &Path) {
        self.state().tree.put(path, Node::Other);
    }

    /// Makes a directory and all above it, durably and without a call being counted.
    pub fn put_dir(&self, path: &Path) {
        let mut at = PathBuf::from("/");
        for part in path.iter().skip(1) {
            at.push(part);
            let mut state = self.state();
            if state.tree.find(&at).is_none() {
                state.tree.put(&at, Node::Directory(DirectoryNode::default()));
            }
        }
    }

    /// Every file that is there, by path.
    pub fn files(&self) -> Vec<PathBuf> {
        self.state().tree.files().into_iter().map(|(path, _)| path).collect()
    }

    /// A number for all that a reader sees: the same for the same files with the same content.
    pub fn fingerprint(&self) -> u64 {
        self.state().tree.fingerprint()
    }

    /// Begins to record what the disk is before each call, for [`FaultyDisk::recording`].
    pub fn record(&self) {
        self.state().frames = Some(Vec::new());
    }

    /// Calls that were begun since [`FaultyDisk::record`].
    pub fn recorded(&self) -> usize {
        self.state().frames.as_ref().map_or(0, Vec::len)
    }

    /// What was recorded; the last frame is the disk as it is now. Ends the recording.
    pub fn recording(&self) -> Recording {
        let mut state = self.state();
        let mut frames = state.frames.take().unwrap_or_default();
        frames.push(Frame { call: "nothing more".to_owned(), tree: state.tree.clone() });
        Recording { frames }
    }

    /// Counts a call and lets it fail if it is its turn.
    fn enter(
        &self,
        operation: &'static str,
        path: &Path,
    ) -> Result<MutexGuard<'_, State>, DiskError> {
        let mut state = self.when_let_go(operation, path);
        match state.enter(self.run, operation, path) {
            Ok(()) => Ok(state),
            Err(errno) => Err(calls::error(operation, path, errno)),
        }
    }
}

impl State {
    /// Whether a process of this run still gets anything done.
    fn is_over(&self, run: u64) -> bool {
        self.dead || run != self.run
    }

    fn enter(&mut self, run: u64, operation: &str, path: &Path) -> Result<(), i32> {
        if self.is_over(run) {
            return Err(IO_ERROR);
        }
        let number = self.calls.len() as u64;
        let call = format!("{operation} {}", path.display());
        if let Some(frames) = &mut self.frames {
            frames.push(Frame { call: call.clone(), tree: self.tree.clone() });
        }
        self.calls.push(call);
        match self.plan.fate(number, operation) {
            Fate::Made => Ok(()),
            Fate::Panics => {
                self.plan = Plan::Sound;
                panic!("{operation} {}: as planned", path.display());
            }
            Fate::Ends => {
                self.dead = true;
                Err(IO_ERROR)
            }
            Fate::Fails(errno) => {
                if let Plan::FailNext { .. } = self.plan {
                    self.plan = Plan::Sound;
                }
                Err(errno)
            }
        }
    }
}
