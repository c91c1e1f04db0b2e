//! The whole file system: nodes and the names that lead to them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use postroad_disk::{EntryKind, Owner, Stat};

use super::directory::{DirectoryNode, Lost, Names};
use super::file::FileNode;
use super::survival::Survival;

/// All that is on the disk. A clone is a snapshot and costs little.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    nodes: BTreeMap<u64, Arc<Node>>,
    next_node: u64,
    next_change: u64,
    /// Power cuts that it has seen.
    cuts: u64,
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    File(FileNode),
    Directory(DirectoryNode),
    /// A symbolic link, a FIFO: something that isn't to be opened.
    Other,
}

impl Node {
    pub(super) fn kind(&self) -> EntryKind {
        match self {
            Self::File(_) => EntryKind::File,
            Self::Directory(_) => EntryKind::Directory,
            Self::Other => EntryKind::Other,
        }
    }
}

const ROOT: u64 = 0;

impl Default for Tree {
    fn default() -> Self {
        let root = Arc::new(Node::Directory(DirectoryNode::default()));
        Self { nodes: BTreeMap::from([(ROOT, root)]), next_node: 1, next_change: 0, cuts: 0 }
    }
}

impl Tree {
    /// The node at a path.
    pub(super) fn find(&self, path: &Path) -> Option<u64> {
        path.iter().skip(1).try_fold(ROOT, |node, name| self.names(node)?.get(name).copied())
    }

    /// How often the power went.
    pub(super) fn cuts(&self) -> u64 {
        self.cuts
    }

    pub(super) fn node(&self, node: u64) -> Option<&Node> {
        self.nodes.get(&node).map(Arc::as_ref)
    }

    pub(super) fn file(&self, node: u64) -> Option<&FileNode> {
        match self.node(node)? {
            Node::File(file) => Some(file),
            Node::Directory(_) | Node::Other => None,
        }
    }

    pub(super) fn file_mut(&mut self, node: u64) -> Option<&mut FileNode> {
        match self.nodes.get_mut(&node).map(Arc::make_mut)? {
            Node::File(file) => Some(file),
            Node::Directory(_) | Node::Other => None,
        }
    }

    pub(super) fn names(&self, node: u64) -> Option<&Names> {
        match self.node(node)? {
            Node::Directory(directory) => Some(directory.names()),
            Node::File(_) | Node::Other => None,
        }
    }

    fn directory_mut(&mut self, node: u64) -> Option<&mut DirectoryNode> {
        match self.nodes.get_mut(&node).map(Arc::make_mut)? {
            Node::Directory(directory) => Some(directory),
            Node::File(_) | Node::Other => None,
        }
    }

    /// Names that lead to a node.
    pub(super) fn links(&self, wanted: u64) -> u64 {
        let of = |node: &u64| {
            self.names(*node).map_or(0, |names| names.values().filter(|n| **n == wanted).count())
        };
        self.nodes.keys().map(of).sum::<usize>() as u64
    }

    /// What a node is; what is gone is nothing that mail is stored in.
    pub(super) fn stat(&self, number: u64) -> Stat {
        let node = self.node(number);
        let (octets, mode, links) = match node {
            Some(Node::File(file)) => (file.shown().len() as u64, file.mode, self.links(number)),
            Some(Node::Directory(_)) => (0, 0o700, 1),
            Some(Node::Other) | None => (0, 0o777, 1),
        };
        let kind = node.map_or(EntryKind::Other, Node::kind);
        Stat { kind, octets, owner: Owner::Ours, mode, links, number }
    }

    /// Adds a node under a name that must be free.
    pub(super) fn add(&mut self, path: &Path, node: Node) -> io::Result<u64> {
        let number = self.next_node;
        self.link(number, path)?;
        self.nodes.insert(number, Arc::new(node));
        self.next_node += 1;
        Ok(number)
    }

    /// Gives a node a name that must be free.
    pub(super) fn link(&mut self, node: u64, path: &Path) -> io::Result<()> {
        self.must_be_free(path)?;
        self.change(path, &[(name_of(path), Some(node))], None).map(drop)
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.find(path).ok_or(io::ErrorKind::NotFound)?;
        self.change(path, &[(name_of(path), None)], None).map(drop)
    }

    /// Renames, replacing what is there.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = self.find(from).ok_or(io::ErrorKind::NotFound)?;
        let (add, remove) = ((name_of(to), Some(node)), (name_of(from), None));
        if self.parent(from)? == self.parent(to)? {
            return self.change(to, &[remove, add], None).map(drop);
        }
        let added = self.change(to, &[add], None)?;
        self.change(from, &[remove], Some(added)).map(drop)
    }

    pub(super) fn must_be_free(&self, path: &Path) -> io::Result<()> {
        let names = self.names(self.parent(path)?).ok_or(io::ErrorKind::NotFound)?;
        match names.contains_key(name_of(path)) {
            true => Err(io::ErrorKind::AlreadyExists.into()),
            false => Ok(()),
        }
    }

    fn parent(&self, path: &Path) -> io::Result<u64> {
        let parent = path.parent().and_then(|parent| self.find(parent));
        Ok(parent.ok_or(io::ErrorKind::NotFound)?)
    }

    /// Changes names in the directory that holds `path`; gives the change's number.
    fn change(
        &mut self,
        path: &Path,
        names: &[(&OsStr, Option<u64>)],
        needs: Option<u64>,
    ) -> io::Result<u64> {
        let (parent, number) = (self.parent(path)?, self.next_change);
        let directory = self.directory_mut(parent).ok_or(io::ErrorKind::NotFound)?;
        directory.change(number, names, needs);
        self.next_change += 1;
        Ok(number)
    }

    /// Makes the names in a directory durable.
    pub(super) fn sync_names(&mut self, path: &Path) -> io::Result<()> {
        let node = self.find(path).ok_or(io::ErrorKind::NotFound)?;
        let directory = self.directory_mut(node).ok_or(io::ErrorKind::NotFound)?;
        for needed in directory.sync() {
            self.each_directory(|directory| directory.sync_one(needed));
        }
        Ok(())
    }

    fn each_directory(&mut self, mut change: impl FnMut(&mut DirectoryNode)) {
        for node in self.nodes.values_mut() {
            if let Node::Directory(_) = node.as_ref()
                && let Node::Directory(directory) = Arc::make_mut(node)
            {
                change(directory);
            }
        }
    }

    fn each_file(&mut self, mut change: impl FnMut(&mut FileNode)) {
        for node in self.nodes.values_mut() {
            if let Node::File(_) = node.as_ref()
                && let Node::File(file) = Arc::make_mut(node)
            {
                change(file);
            }
        }
    }

    /// Makes everything durable.
    pub(super) fn sync_all(&mut self) {
        self.each_file(FileNode::whole_sync);
        self.each_directory(|directory| drop(directory.sync()));
    }

    /// A sync of everything that fails.
    pub(super) fn fail_sync_all(&mut self, got_there: &mut Survival) {
        self.each_file(|file| file.fail_whole_sync(got_there));
    }

    /// The page cache is emptied of all that counts as clean.
    pub(super) fn evict(&mut self) {
        self.each_file(FileNode::evict);
    }

    /// The power goes, and comes back.
    pub(super) fn lose_power(&mut self, survival: &mut Survival) {
        self.cuts += 1;
        self.each_file(|file| file.lose_power(survival));
        let lost = self.lost_names(survival);
        self.each_directory(|directory| directory.lose_power(&lost));
    }

    /// In the order in which the changes were made, for later ones build on earlier ones.
    fn lost_names(&self, survival: &mut Survival) -> Lost {
        let mut pending: Vec<(u64, &DirectoryNode)> = Vec::new();
        for node in self.nodes.values() {
            if let Node::Directory(directory) = node.as_ref() {
                pending.extend(directory.pending().map(|number| (number, directory)));
            }
        }
        pending.sort_unstable_by_key(|(number, _)| *number);
        let mut lost = Lost::new();
        for (number, directory) in pending {
            if !directory.survives(number, &lost, survival) {
                lost.insert(number);
            }
        }
        lost
    }

    /// Puts something there, or replaces it, durably.
    pub(super) fn put(&mut self, path: &Path, node: Node) {
        let number = self.find(path).unwrap_or(self.next_node);
        let parent = self.parent(path).ok().and_then(|parent| self.directory_mut(parent));
        let Some(directory) = parent else {
            panic!("{} has no directory to stand in", path.display());
        };
        directory.put(name_of(path), number);
        self.nodes.insert(number, Arc::new(node));
        self.next_node = self.next_node.max(number + 1);
    }

    /// All that isn't a directory, by path.
    pub(super) fn files(&self) -> Vec<(PathBuf, &Node)> {
        let mut files = Vec::new();
        self.collect(ROOT, Path::new("/"), &mut |path, node| {
            if !matches!(node, Node::Directory(_)) {
                files.push((path, node));
            }
        });
        files
    }

    /// Two trees that look the same to a reader have the same one.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.collect(ROOT, Path::new("/"), &mut |path, node| {
            path.hash(&mut hasher);
            match node {
                Node::File(file) => (file.shown(), file.note()).hash(&mut hasher),
                Node::Directory(_) => 1_u8.hash(&mut hasher),
                Node::Other => 2_u8.hash(&mut hasher),
            }
        });
        hasher.finish()
    }

    fn collect<'a>(&'a self, directory: u64, at: &Path, seen: &mut dyn FnMut(PathBuf, &'a Node)) {
        for (name, number) in self.names(directory).into_iter().flatten() {
            let Some(node) = self.node(*number) else { continue };
            let path = at.join(name);
            seen(path.clone(), node);
            self.collect(*number, &path, seen);
        }
    }
}

fn name_of(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}
