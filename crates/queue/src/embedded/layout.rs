//! Where what stands in the queue's directory, and whether it may be trusted.
//!
//! ```text
//! DIR/lock                      held by the process that owns the queue
//! DIR/epoch                     the number of the last start, from which ids grow
//! DIR/ages                      for how long the queue was served at which id (`crate::ages`)
//! DIR/segments/0000000001.log   the log, oldest first
//! DIR/segments/0000000001.spare a segment that has gone, kept to be written over by a new one
//! DIR/large/0123456789ABC       contents of large messages, by queue id
//! DIR/damaged/                  what start-up or cleaning found altered, for the operator
//! ```

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use postroad_disk::{Disk, DiskError, EntryKind, Owner, Stat};

use super::events;
use crate::spool::{OpenError, QueueId};

/// The queue's directory.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) dir: PathBuf,
}

impl Layout {
    pub(crate) fn lock(&self) -> PathBuf {
        self.dir.join("lock")
    }

    pub(crate) fn epoch(&self) -> PathBuf {
        self.dir.join("epoch")
    }

    pub(crate) fn epoch_next(&self) -> PathBuf {
        self.dir.join("epoch.next")
    }

    pub(crate) fn segments_dir(&self) -> PathBuf {
        self.dir.join("segments")
    }

    pub(crate) fn segment(&self, number: u32) -> PathBuf {
        self.segments_dir().join(format!("{number:010}.log"))
    }

    /// The name of a segment that is kept to be written over.
    pub(crate) fn spare(&self, number: u32) -> PathBuf {
        self.segments_dir().join(format!("{number:010}.spare"))
    }

    pub(crate) fn large_dir(&self) -> PathBuf {
        self.dir.join("large")
    }

    pub(crate) fn large(&self, id: QueueId) -> PathBuf {
        self.large_dir().join(id.to_string())
    }

    pub(crate) fn damaged_dir(&self) -> PathBuf {
        self.dir.join("damaged")
    }

    /// Where a segment goes that couldn't be read whole.
    pub(crate) fn damaged_segment(&self, number: u32) -> PathBuf {
        self.damaged_dir().join(format!("{number:010}.log"))
    }

    /// Where the content of a large message goes whose record is lost.
    pub(crate) fn damaged_large(&self, id: QueueId) -> PathBuf {
        self.damaged_dir().join(format!("large-{id}"))
    }

    /// Creates what is missing and refuses what others could have put there (row Q03).
    pub(crate) fn prepare(&self, disk: &dyn Disk) -> Result<(), OpenError> {
        create_missing(disk, &self.dir)?;
        self.sync_parent(disk)?;
        let volume = disk.volume_number(&self.dir)?;
        for dir in [self.segments_dir(), self.large_dir(), self.damaged_dir()] {
            create_missing(disk, &dir)?;
            if disk.volume_number(&dir)? != volume {
                return Err(elsewhere(&dir, &self.dir));
            }
        }
        Ok(disk.sync_dir(&self.dir)?)
    }

    /// Makes the queue's own name durable, each time: the start that created it may have been killed
    /// before it could. Where we may not even read the parent, it wasn't us who created the name.
    fn sync_parent(&self, disk: &dyn Disk) -> Result<(), DiskError> {
        let parent = match self.dir.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => return Ok(()),
        };
        match disk.sync_dir(parent) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
            result => result,
        }
    }

    /// The segments that are there; anything else is reported and left alone.
    pub(crate) fn segments(&self, disk: &dyn Disk) -> Result<Segments, DiskError> {
        let mut found = Segments::default();
        for name in ours(disk, &self.segments_dir(), SegmentName::parse)? {
            match name {
                SegmentName::Log(number) => found.log.push(number),
                SegmentName::Spare(number) => found.spares.push(number),
            }
        }
        found.log.sort_unstable();
        Ok(found)
    }

    /// The ids of the large messages that are there.
    pub(crate) fn large_ids(&self, disk: &dyn Disk) -> Result<BTreeSet<QueueId>, DiskError> {
        let ids = ours(disk, &self.large_dir(), |name| {
            let id: QueueId = name.parse().ok()?;
            (id.to_string() == name).then_some(id)
        })?;
        Ok(ids.into_iter().collect())
    }
}

/// The segments in a queue's directory, by number.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    /// The log, in order.
    pub(crate) log: Vec<u32>,
    /// To be written over.
    pub(crate) spares: Vec<u32>,
}

enum SegmentName {
    Log(u32),
    Spare(u32),
}

impl SegmentName {
    fn parse(name: &str) -> Option<Self> {
        let (digits, suffix) = name.split_once('.')?;
        let number = digits.parse().ok()?;
        match suffix {
            _ if format!("{number:010}") != digits => None,
            "log" => Some(Self::Log(number)),
            "spare" => Some(Self::Spare(number)),
            _ => None,
        }
    }
}

/// What stands in a directory under a name of ours and can be trusted. Whatever else is there is
/// reported, never opened and never followed (row Q02).
fn ours<T>(
    disk: &dyn Disk,
    dir: &Path,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, DiskError> {
    let mut found = Vec::new();
    // Ours, but for an operator who looks at a queue as another user.
    let owner = disk.stat(dir)?.owner;
    for entry in disk.read_dir(dir)? {
        let path = dir.join(&entry.name);
        let Some(value) = OsStr::to_str(&entry.name).and_then(&parse) else {
            events::foreign(&path, "this name is none of ours");
            continue;
        };
        let stat = match disk.stat(&path) {
            // The former owner's last removals may still be under way.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            stat => stat?,
        };
        match distrust(stat, owner) {
            Some(why) => events::foreign(&path, why),
            None => found.push(value),
        }
    }
    Ok(found)
}

/// Why a file isn't one that we wrote, if it isn't.
fn distrust(stat: Stat, owner: Owner) -> Option<&'static str> {
    match stat {
        Stat { kind: EntryKind::Directory | EntryKind::Other, .. } => Some("it is no regular file"),
        Stat { owner: other, .. } if other != owner => Some("it belongs to another user"),
        Stat { links, .. } if links != 1 => Some("it has a second name"),
        Stat { mode, .. } if mode & 0o022 != 0 => Some("others may write to it"),
        Stat { .. } => None,
    }
}

/// What is said of free space is said of the queue's own file system.
fn elsewhere(dir: &Path, queue: &Path) -> OpenError {
    let queue = queue.display();
    let problem = format!(
        "is on another file system than {queue}; unmount it, or name a folder there for the whole queue"
    );
    OpenError::Format { path: dir.display().to_string(), problem }
}

fn create_missing(disk: &dyn Disk, dir: &Path) -> Result<(), OpenError> {
    let stat = match disk.stat(dir) {
        Ok(stat) => stat,
        Err(error) if error.kind() == ErrorKind::NotFound => match disk.create_dir(dir) {
            // Another process opens the queue for the first time too: the lock says who gets it.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => disk.stat(dir)?,
            made => return Ok(made?),
        },
        Err(error) => return Err(error.into()),
    };
    let shown = dir.display();
    let problem = match stat {
        Stat { kind: EntryKind::File | EntryKind::Other, .. } => {
            "is no directory; move it away or name another folder for the queue".to_owned()
        }
        Stat { owner: Owner::Other(uid), .. } => {
            format!("belongs to user {uid}, not to the one that this runs as; chown -R {shown}")
        }
        Stat { mode, .. } if mode & 0o077 != 0 => {
            format!("is open to other users (mode {mode:03o}); chmod 700 {shown}")
        }
        Stat { .. } => return Ok(()),
    };
    Err(OpenError::Format { path: shown.to_string(), problem })
}
