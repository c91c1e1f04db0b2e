//! Processes that may have so much memory and no more: the kernel kills them when they want it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::peers::{Unavailable, skip};

/// A control group with a limit of its memory; dropping it removes it. End its processes first.
#[derive(Debug)]
pub struct MemoryGroup {
    folder: PathBuf,
    version: Version,
}

/// Control groups have two interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl MemoryGroup {
    /// Makes one; `None`, said loudly, where this machine doesn't let us.
    ///
    /// # Errors
    ///
    /// In CI, as root, also where it isn't allowed.
    pub fn make(octets: u64) -> Result<Option<Self>> {
        match Self::try_to_make(octets) {
            Ok(group) => Ok(Some(group)),
            Err(error) => {
                skip(&Unavailable::because(&format!("no memory can be limited: {error:#}")))?;
                Ok(None)
            }
        }
    }

    fn try_to_make(octets: u64) -> Result<Self> {
        let (top, version) = top().context("no control groups with a limit of memory")?;
        let folder = top.join(format!("postroad-test-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let group = Self { folder, version };
        let (limit, swap) = match version {
            Version::One => ("memory.limit_in_bytes", ("memory.swappiness", "0")),
            Version::Two => ("memory.max", ("memory.swap.max", "0")),
        };
        group.write(limit, &octets.to_string())?;
        // What is swapped out isn't missed; a kernel without swap has no such file.
        group.write(swap.0, swap.1).ok();
        Ok(group)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// What a shell says to be in it, with all that it starts.
    #[must_use]
    pub fn enter(&self) -> String {
        format!("echo $$ >'{}'", self.folder.join("cgroup.procs").display())
    }

    /// How many of its processes the kernel has killed.
    ///
    /// # Errors
    ///
    /// When the kernel doesn't tell.
    pub fn kills(&self) -> Result<u64> {
        let name = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        let text = fs::read_to_string(self.folder.join(name))?;
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        Ok(line.context("no number of kills")?.trim().parse()?)
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // Fails where a process is still ending; an empty group that stays harms nobody.
        fs::remove_dir(&self.folder).ok();
    }
}

/// Where groups are made.
fn top() -> Option<(PathBuf, Version)> {
    let first = Path::new("/sys/fs/cgroup/memory");
    if first.join("memory.limit_in_bytes").is_file() {
        return Some((first.to_owned(), Version::One));
    }
    let second = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
    let limits = |top: &&Path| {
        let given = fs::read_to_string(top.join("cgroup.subtree_control")).unwrap_or_default();
        given.split_whitespace().any(|controller| controller == "memory")
    };
    second.into_iter().find(limits).map(|top| (top.to_owned(), Version::Two))
}
