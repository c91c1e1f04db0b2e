//! A disk in memory that keeps what was written apart from what was synced, fails the call it is told
//! to, and can lose its power.
//!
//! [`FaultyDisk`] promises exactly what `postroad_disk` says and takes away the rest. At a power cut
//! ([`Plan::Cut`]) every file is what its last successful sync left, and every directory lists what its
//! last `sync_dir` listed. A killed process ([`Plan::Kill`]) leaves all that was written. After a sync
//! that failed, later syncs of the same file succeed and make nothing durable, as Linux has it.
//!
//! A handle stands for one run of the process: [`FaultyDisk::restart`] gives the next run's, and the
//! threads of the last run get nothing more done.
//!
//! Not simulated yet: writes that a cut tears, or that reach the disk in another order than they were made.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use postroad_disk::{
    DirEntry, Disk, DiskError, DiskFile, DiskLock, EntryKind, Owner, Space, Stat, Volume,
};

/// What goes wrong, and when. Calls count from 0, from the moment the plan is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Nothing.
    Sound,
    /// This one call fails with this error; a write gets half of its octets written.
    Fail {
        /// Which one.
        call: u64,
        /// As the system numbers it: 5 is EIO, 28 is ENOSPC.
        errno: i32,
    },
    /// This call and all after it fail.
    FailFrom {
        /// The first one.
        call: u64,
        /// The error's number.
        errno: i32,
    },
    /// No space is left: whatever needs some fails with ENOSPC.
    Full,
    /// The power fails at this call: it and all after it do nothing, and what wasn't synced is lost.
    Cut {
        /// The first one that isn't made.
        call: u64,
    },
    /// The process is killed at this call: what was written stays.
    Kill {
        /// The first one that isn't made.
        call: u64,
    },
}

/// One process's view of the simulated disk. Clones are the same process.
#[derive(Debug, Clone)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
    run: u64,
}

#[derive(Debug)]
struct State {
    run: u64,
    plan: Plan,
    calls: Vec<String>,
    dead: bool,
    nodes: BTreeMap<u64, Node>,
    locked: Vec<u64>,
    space: Space,
}

#[derive(Debug, Clone)]
enum Node {
    File(FileNode),
    Directory(Names, Names),
    /// A symbolic link, a FIFO: something that isn't to be opened.
    Other,
}

/// Names in a directory; a node has as many names as point to it.
type Names = BTreeMap<OsString, u64>;

#[derive(Debug, Clone, Default)]
struct FileNode {
    written: Vec<u8>,
    durable: Vec<u8>,
    /// A sync failed: later ones only pretend.
    failed_sync: bool,
    /// It was a sync of the whole disk: the file's own next sync tells it too.
    untold: bool,
    mode: u32,
}

const ROOT: u64 = 0;
const FULL: i32 = 28;
const IO_ERROR: i32 = 5;

impl Default for FaultyDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl FaultyDisk {
    /// A disk with nothing but its root directory, `/`.
    pub fn new() -> Self {
        let root = Node::Directory(Names::new(), Names::new());
        let state = State {
            run: 0,
            plan: Plan::Sound,
            calls: Vec::new(),
            dead: false,
            nodes: BTreeMap::from([(ROOT, root)]),
            locked: Vec::new(),
            space: Space { octets: 1 << 40, inodes: 1 << 20 },
        };
        Self { state: Arc::new(Mutex::new(state)), run: 0 }
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
            state.lose_power();
        }
        self.next_run(state)
    }

    /// The next run of the process after a power cut right now.
    #[must_use]
    pub fn restart_after_cut(&self) -> Self {
        let mut state = self.state();
        state.lose_power();
        self.next_run(state)
    }

    /// Under the same lock as the power cut: no thread of the last run does anything in between.
    fn next_run(&self, mut state: MutexGuard<'_, State>) -> Self {
        state.run += 1;
        state.plan = Plan::Sound;
        state.dead = false;
        state.calls.clear();
        state.locked.clear();
        Self { state: Arc::clone(&self.state), run: state.run }
    }

    /// Sets the space that is said to be left. Writes don't use it up.
    pub fn set_space(&self, space: Space) {
        self.state().space = space;
    }

    /// The octets of a file as a process would read them, if it is there.
    pub fn read(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        match state.nodes.get(&state.find(path)?)? {
            Node::File(file) => Some(file.written.clone()),
            Node::Directory(..) | Node::Other => None,
        }
    }

    /// Puts a file there, or replaces one, durably and without a call being counted: what an older
    /// release, an operator or cosmic rays did.
    pub fn put(&self, path: &Path, octets: &[u8]) {
        let octets = octets.to_vec();
        let file = FileNode {
            written: octets.clone(),
            durable: octets,
            failed_sync: false,
            untold: false,
            mode: 0o600,
        };
        self.state().put(path, Node::File(file));
    }

    /// Puts something there that is neither a file nor a directory.
    pub fn put_other(&self, path: &Path) {
        self.state().put(path, Node::Other);
    }

    /// Makes a directory and all above it, durably and without a call being counted.
    pub fn put_dir(&self, path: &Path) {
        let mut at = PathBuf::from("/");
        for part in path.iter().skip(1) {
            at.push(part);
            let mut state = self.state();
            if state.find(&at).is_none() {
                state.put(&at, Node::Directory(Names::new(), Names::new()));
            }
        }
    }

    /// Every file that is there, by path.
    pub fn files(&self) -> Vec<PathBuf> {
        let state = self.state();
        let mut files = Vec::new();
        state.collect(ROOT, Path::new("/"), &mut files);
        files
    }

    /// Counts a call and lets it fail if it is its turn.
    fn enter(
        &self,
        operation: &'static str,
        path: &Path,
    ) -> Result<MutexGuard<'_, State>, DiskError> {
        let mut state = self.state();
        match state.enter(self.run, operation, path) {
            Ok(()) => Ok(state),
            Err(errno) => Err(error(operation, path, errno)),
        }
    }

    fn open_as(
        &self,
        operation: &'static str,
        path: &Path,
    ) -> Result<Box<dyn DiskFile>, DiskError> {
        let state = self.enter(operation, path)?;
        let node =
            state.find(path).ok_or_else(|| kind_error(operation, path, io::ErrorKind::NotFound))?;
        match state.nodes.get(&node) {
            Some(Node::File(_)) => Ok(self.file(node, path)),
            // As O_NOFOLLOW and friends would refuse it.
            Some(Node::Directory(..) | Node::Other) | None => Err(error(operation, path, IO_ERROR)),
        }
    }

    fn file(&self, node: u64, path: &Path) -> Box<dyn DiskFile> {
        Box::new(FaultyFile { disk: self.clone(), node, path: path.to_owned() })
    }
}

fn error(operation: &'static str, path: &Path, errno: i32) -> DiskError {
    DiskError { operation, path: path.to_owned(), source: io::Error::from_raw_os_error(errno) }
}

fn kind_error(operation: &'static str, path: &Path, kind: io::ErrorKind) -> DiskError {
    DiskError { operation, path: path.to_owned(), source: kind.into() }
}

fn name_of(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

impl State {
    fn enter(&mut self, run: u64, operation: &str, path: &Path) -> Result<(), i32> {
        if run != self.run || self.dead {
            return Err(IO_ERROR);
        }
        let number = self.calls.len() as u64;
        self.calls.push(format!("{operation} {}", path.display()));
        match self.plan {
            Plan::Fail { call, errno } if number == call => Err(errno),
            Plan::FailFrom { call, errno } if number >= call => Err(errno),
            Plan::Full if matches!(operation, "write" | "create" | "create_dir" | "link") => {
                Err(FULL)
            }
            Plan::Cut { call } | Plan::Kill { call } if number >= call => {
                self.dead = true;
                Err(IO_ERROR)
            }
            Plan::Sound
            | Plan::Full
            | Plan::Fail { .. }
            | Plan::FailFrom { .. }
            | Plan::Cut { .. }
            | Plan::Kill { .. } => Ok(()),
        }
    }

    fn lose_power(&mut self) {
        for node in self.nodes.values_mut() {
            match node {
                Node::File(file) => {
                    file.written.clone_from(&file.durable);
                    file.failed_sync = false;
                }
                Node::Directory(names, durable) => names.clone_from(durable),
                Node::Other => {}
            }
        }
    }

    fn find(&self, path: &Path) -> Option<u64> {
        path.iter().skip(1).try_fold(ROOT, |node, name| match self.nodes.get(&node)? {
            Node::Directory(names, _) => names.get(name).copied(),
            Node::File(_) | Node::Other => None,
        })
    }

    fn names_of_parent(&mut self, path: &Path) -> io::Result<&mut Names> {
        let parent = path.parent().and_then(|parent| self.find(parent));
        match parent.and_then(|parent| self.nodes.get_mut(&parent)) {
            Some(Node::Directory(names, _)) => Ok(names),
            Some(Node::File(_) | Node::Other) | None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Adds a node under a name that must be free.
    fn add(&mut self, path: &Path, node: Node) -> io::Result<u64> {
        let number = self.nodes.last_key_value().map_or(0, |(last, _)| last + 1);
        self.name(path, number)?;
        self.nodes.insert(number, node);
        Ok(number)
    }

    /// Gives a node a name that must be free.
    fn name(&mut self, path: &Path, node: u64) -> io::Result<()> {
        let names = self.names_of_parent(path)?;
        if names.contains_key(name_of(path)) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        names.insert(name_of(path).to_owned(), node);
        Ok(())
    }

    fn unname(&mut self, path: &Path) -> io::Result<u64> {
        self.names_of_parent(path)?
            .remove(name_of(path))
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn put(&mut self, path: &Path, node: Node) {
        let next = self.nodes.last_key_value().map_or(0, |(last, _)| last + 1);
        let number = self.find(path).unwrap_or(next);
        let parent = path.parent().and_then(|parent| self.find(parent));
        let parent = parent.and_then(|parent| self.nodes.get_mut(&parent));
        let Some(Node::Directory(names, durable)) = parent else {
            panic!("{} has no directory to stand in", path.display());
        };
        names.insert(name_of(path).to_owned(), number);
        durable.insert(name_of(path).to_owned(), number);
        self.nodes.insert(number, node);
    }

    fn collect(&self, directory: u64, at: &Path, files: &mut Vec<PathBuf>) {
        let Some(Node::Directory(names, _)) = self.nodes.get(&directory) else { return };
        for (name, node) in names {
            let path = at.join(name);
            match self.nodes.get(node) {
                Some(Node::Directory(..)) => self.collect(*node, &path, files),
                Some(Node::File(_) | Node::Other) => files.push(path),
                None => {}
            }
        }
    }

    fn links(&self, wanted: u64) -> u64 {
        let of = |node: &Node| match node {
            Node::Directory(names, _) => names.values().filter(|node| **node == wanted).count(),
            Node::File(_) | Node::Other => 0,
        };
        self.nodes.values().map(of).sum::<usize>() as u64
    }

    fn file_mut(&mut self, node: u64) -> Option<&mut FileNode> {
        match self.nodes.get_mut(&node) {
            Some(Node::File(file)) => Some(file),
            Some(Node::Directory(..) | Node::Other) | None => None,
        }
    }
}

fn named<T>(operation: &'static str, path: &Path, result: io::Result<T>) -> Result<T, DiskError> {
    result.map_err(|source| DiskError { operation, path: path.to_owned(), source })
}

impl Disk for FaultyDisk {
    fn create_new(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        let mut state = self.enter("create", path)?;
        let file = Node::File(FileNode { mode: 0o600, ..FileNode::default() });
        let node = named("create", path, state.add(path, file))?;
        Ok(self.file(node, path))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        self.open_as("open", path)
    }

    fn open_read(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        self.open_as("open", path)
    }

    fn link(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        let mut state = self.enter("link", to)?;
        let node =
            state.find(from).ok_or_else(|| kind_error("link", from, io::ErrorKind::NotFound))?;
        named("link", to, state.name(to, node))
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        let mut state = self.enter("rename", to)?;
        let node =
            state.find(from).ok_or_else(|| kind_error("rename", from, io::ErrorKind::NotFound))?;
        named("rename", to, state.name(to, node))?;
        named("rename", from, state.unname(from).map(drop))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        let mut state = self.enter("rename", to)?;
        let node =
            state.find(from).ok_or_else(|| kind_error("rename", from, io::ErrorKind::NotFound))?;
        let names = named("rename", to, state.names_of_parent(to))?;
        names.insert(name_of(to).to_owned(), node);
        named("rename", from, state.unname(from).map(drop))
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        let mut state = self.enter("remove", path)?;
        named("remove", path, state.unname(path).map(drop))
    }

    fn create_dir(&self, path: &Path) -> Result<(), DiskError> {
        let mut state = self.enter("create_dir", path)?;
        let directory = Node::Directory(Names::new(), Names::new());
        named("create_dir", path, state.add(path, directory).map(drop))
    }

    fn sync_dir(&self, path: &Path) -> Result<(), DiskError> {
        let mut state = self.enter("sync_dir", path)?;
        let node = state.find(path);
        match node.and_then(|node| state.nodes.get_mut(&node)) {
            Some(Node::Directory(names, durable)) => {
                durable.clone_from(names);
                Ok(())
            }
            Some(Node::File(_) | Node::Other) | None => {
                Err(kind_error("sync_dir", path, io::ErrorKind::NotFound))
            }
        }
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<DirEntry>, DiskError> {
        let state = self.enter("read_dir", path)?;
        let node = state.find(path).and_then(|node| state.nodes.get(&node));
        let Some(Node::Directory(names, _)) = node else {
            return Err(kind_error("read_dir", path, io::ErrorKind::NotFound));
        };
        let entry = |(name, node): (&OsString, &u64)| {
            let kind = state.nodes.get(node).map_or(EntryKind::Other, kind_of);
            DirEntry { name: name.clone(), kind }
        };
        Ok(names.iter().map(entry).collect())
    }

    fn space(&self, path: &Path) -> Result<Space, DiskError> {
        Ok(self.enter("space", path)?.space)
    }

    fn stat(&self, path: &Path) -> Result<Stat, DiskError> {
        let state = self.enter("stat", path)?;
        let number =
            state.find(path).ok_or_else(|| kind_error("stat", path, io::ErrorKind::NotFound))?;
        let node = state.nodes.get(&number);
        let (octets, mode) = match node {
            Some(Node::File(file)) => (file.written.len() as u64, file.mode),
            Some(Node::Directory(..)) => (0, 0o700),
            Some(Node::Other) | None => (0, 0o777),
        };
        let kind = node.map_or(EntryKind::Other, kind_of);
        Ok(Stat { kind, octets, owner: Owner::Ours, mode, links: state.links(number) })
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError> {
        let mut state = self.enter("lock", path)?;
        let node = match state.find(path) {
            Some(node) => node,
            None => named("lock", path, state.add(path, Node::File(FileNode::default())))?,
        };
        if state.locked.contains(&node) {
            return Err(kind_error("lock", path, io::ErrorKind::WouldBlock));
        }
        state.locked.push(node);
        Ok(Box::new(FaultyLock { disk: self.clone(), node }))
    }

    fn volume(&self, path: &Path) -> Result<Option<Box<dyn Volume>>, DiskError> {
        drop(self.enter("volume", path)?);
        Ok(Some(Box::new(FaultyVolume { disk: self.clone() })))
    }
}

#[derive(Debug)]
struct FaultyVolume {
    disk: FaultyDisk,
}

impl Volume for FaultyVolume {
    fn sync(&self) -> Result<(), DiskError> {
        let mut state = self.disk.state();
        let result = state.enter(self.disk.run, "sync_volume", Path::new("/"));
        let dead = state.dead || state.run != self.disk.run;
        for node in state.nodes.values_mut() {
            match (node, &result) {
                (Node::File(file), Ok(())) if !file.failed_sync => {
                    file.durable.clone_from(&file.written);
                }
                (Node::File(file), Err(_)) if !dead && file.written != file.durable => {
                    (file.failed_sync, file.untold) = (true, true);
                }
                (Node::Directory(names, durable), Ok(())) => durable.clone_from(names),
                (Node::File(_), _) | (Node::Directory(..), Err(_)) | (Node::Other, _) => {}
            }
        }
        result.map_err(|errno| error("sync_volume", Path::new("/"), errno))
    }
}

fn kind_of(node: &Node) -> EntryKind {
    match node {
        Node::File(_) => EntryKind::File,
        Node::Directory(..) => EntryKind::Directory,
        Node::Other => EntryKind::Other,
    }
}

#[derive(Debug)]
struct FaultyLock {
    disk: FaultyDisk,
    node: u64,
}

impl DiskLock for FaultyLock {}

impl Drop for FaultyLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.run == self.disk.run {
            state.locked.retain(|node| *node != self.node);
        }
    }
}

#[derive(Debug)]
struct FaultyFile {
    disk: FaultyDisk,
    node: u64,
    path: PathBuf,
}

impl FaultyFile {
    fn enter(&self, operation: &'static str) -> Result<MutexGuard<'_, State>, DiskError> {
        self.disk.enter(operation, &self.path)
    }
}

impl DiskFile for FaultyFile {
    fn write_all_at(&mut self, buffers: &[&[u8]], offset: u64) -> Result<(), DiskError> {
        let octets = buffers.concat();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut state = self.disk.state();
        let result = state.enter(self.disk.run, "write", &self.path);
        let written = match result {
            Ok(()) => octets.as_slice(),
            Err(_) if state.dead || state.run != self.disk.run => &[],
            Err(_) => octets.get(..octets.len() / 2).unwrap_or_default(),
        };
        if let Some(file) = state.file_mut(self.node) {
            let end = start + written.len();
            if file.written.len() < end {
                file.written.resize(end, 0);
            }
            file.written.get_mut(start..end).unwrap_or_default().copy_from_slice(written);
        }
        result.map_err(|errno| error("write", &self.path, errno))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, DiskError> {
        let mut state = self.enter("read")?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let file = state.file_mut(self.node).ok_or_else(|| error("read", &self.path, IO_ERROR))?;
        let octets = file.written.get(start..).unwrap_or_default();
        let count = octets.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(octets) {
            *to = *from;
        }
        Ok(count)
    }

    fn len(&self) -> Result<u64, DiskError> {
        let mut state = self.enter("len")?;
        let file = state.file_mut(self.node).ok_or_else(|| error("len", &self.path, IO_ERROR))?;
        Ok(file.written.len() as u64)
    }

    fn truncate(&mut self, len: u64) -> Result<(), DiskError> {
        let mut state = self.enter("truncate")?;
        let len = usize::try_from(len).map_err(|_| error("truncate", &self.path, FULL))?;
        let file =
            state.file_mut(self.node).ok_or_else(|| error("truncate", &self.path, IO_ERROR))?;
        file.written.resize(len, 0);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        let mut state = self.disk.state();
        let mut result = state.enter(self.disk.run, "sync", &self.path);
        let dead = state.dead || state.run != self.disk.run;
        if let Some(file) = state.file_mut(self.node)
            && std::mem::take(&mut file.untold)
        {
            result = Err(IO_ERROR);
        }
        if let Some(file) = state.file_mut(self.node) {
            match result {
                Ok(()) if !file.failed_sync => file.durable.clone_from(&file.written),
                Ok(()) => {}
                Err(_) => file.failed_sync |= !dead,
            }
        }
        result.map_err(|errno| error("sync", &self.path, errno))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> PathBuf {
        PathBuf::from(text)
    }

    #[test]
    fn a_power_cut_takes_what_was_not_synced() {
        let disk = FaultyDisk::new();
        let mut file = disk.create_new(&path("/a")).unwrap();
        file.write_all_at(&[b"one"], 0).unwrap();
        file.sync().unwrap();
        disk.sync_dir(&path("/")).unwrap();
        file.write_all_at(&[b"two"], 3).unwrap();
        disk.create_new(&path("/b")).unwrap().sync().unwrap();
        let disk = disk.restart_after_cut();
        assert_eq!(disk.read(&path("/a")).unwrap(), b"one");
        assert_eq!(disk.read(&path("/b")), None);
    }

    #[test]
    fn a_kill_leaves_what_was_written() {
        let disk = FaultyDisk::new();
        disk.plan(Plan::Kill { call: 2 });
        let mut file = disk.create_new(&path("/a")).unwrap();
        file.write_all_at(&[b"one"], 0).unwrap();
        assert!(file.sync().is_err());
        let next = disk.restart();
        assert!(file.write_all_at(&[b"two"], 0).is_err(), "a thread of the killed process");
        assert_eq!(next.read(&path("/a")).unwrap(), b"one");
    }

    #[test] // Row F06.
    fn f06_after_a_failed_sync_the_next_one_only_pretends() {
        let disk = FaultyDisk::new();
        let mut file = disk.create_new(&path("/a")).unwrap();
        disk.sync_dir(&path("/")).unwrap();
        file.write_all_at(&[b"one"], 0).unwrap();
        disk.plan(Plan::Fail { call: 0, errno: IO_ERROR });
        assert!(file.sync().is_err());
        file.sync().unwrap();
        assert_eq!(disk.read(&path("/a")).unwrap(), b"one");
        assert_eq!(disk.restart_after_cut().read(&path("/a")).unwrap(), b"");
    }

    #[test]
    fn a_failed_write_gets_half_way() {
        let disk = FaultyDisk::new();
        let mut file = disk.create_new(&path("/a")).unwrap();
        disk.plan(Plan::Fail { call: 0, errno: FULL });
        assert!(file.write_all_at(&[b"12", b"34"], 0).unwrap_err().is_full());
        assert_eq!(disk.read(&path("/a")).unwrap(), b"12");
        assert_eq!(disk.calls(), ["write /a"]);
    }

    #[test]
    fn names_are_never_replaced_but_by_rename() {
        let disk = FaultyDisk::new();
        disk.put(&path("/a"), b"a");
        disk.put(&path("/b"), b"b");
        let kind = |result: Result<(), DiskError>| result.unwrap_err().kind();
        assert_eq!(kind(disk.link(&path("/a"), &path("/b"))), io::ErrorKind::AlreadyExists);
        assert_eq!(
            kind(disk.rename_noreplace(&path("/a"), &path("/b"))),
            io::ErrorKind::AlreadyExists
        );
        disk.link(&path("/a"), &path("/c")).unwrap();
        assert_eq!(disk.stat(&path("/a")).unwrap().links, 2);
        disk.rename(&path("/a"), &path("/b")).unwrap();
        assert_eq!(disk.files(), [path("/b"), path("/c")]);
        assert_eq!(disk.read(&path("/b")).unwrap(), b"a");
    }
}
