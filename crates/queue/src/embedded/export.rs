//! A queue looked at from outside: what is in it, and one message as it is, whether the agent runs or not, whether
//! all of it is intact or not.
//!
//! Nothing is locked and nothing is written. The log is read as a start would read it, but for what a start
//! clears away. Where the agent runs, segments may go while they are read: what stood in them stands in
//! later ones by then, so the log is read once more. What the agent has only just written and not yet synced may
//! be seen.

use std::io::ErrorKind;
use std::path::Path;

use bytes::Bytes;
use postroad_disk::{Disk, DiskError};

use super::codec::Storage;
use super::damage::salvage;
use super::index::{Entry, Index};
use super::layout::Layout;
use super::record::{Contents, HEAD_OCTETS, HEADER_OCTETS, read_content};
use super::recover::doubtful_from;
use super::replay::{Replay, mark_of};
use crate::spool::{OpenError, QueueId, QueueRow};

/// How often the log is read while segments go; cleaning takes one away every few thousand messages.
const TRIES_MAX: usize = 20;

/// A queued message, whole.
#[derive(Debug, Clone)]
pub struct Exported {
    /// Envelope, arrival and where each recipient stands.
    pub row: QueueRow,
    /// Header and body, CRLF line ends, trace fields on top.
    pub content: Bytes,
    /// Whether the content is what was accepted.
    pub soundness: Soundness,
}

/// Whether a content fits its checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Soundness {
    /// It does.
    Sound,
    /// It doesn't; what can't be read at all is zeros, or is missing at the end.
    Damaged,
}

/// A message of the queue in `dir`; `None` where there is no such message (any more).
///
/// # Errors
/// Where the queue can't be read. Where only a part of it can't, that is an error if the message isn't
/// found in the rest.
pub fn export(disk: &dyn Disk, dir: &Path, id: QueueId) -> Result<Option<Exported>, OpenError> {
    let layout = Layout { dir: dir.to_owned() };
    let mut missing = None;
    for _ in 0..TRIES_MAX {
        let read = read(disk, &layout, Replay::only(id))?;
        let Some(entry) = read.index.messages.get(&id) else {
            return read.unread.map_or(Ok(None), |error| Err(error.into()));
        };
        let Some(row) = entry.row(id) else { return Ok(None) };
        match content(disk, &layout, id, entry) {
            // Delivered or moved in this moment; if it never goes, then its file is lost.
            Err(error) if error.kind() == ErrorKind::NotFound => missing = Some(row),
            Err(error) => return Err(error.into()),
            Ok((content, soundness)) => return Ok(Some(Exported { row, content, soundness })),
        }
    }
    let damaged = |row| Exported { row, content: Bytes::new(), soundness: Soundness::Damaged };
    Ok(missing.map(damaged))
}

/// What is in a queue.
#[derive(Debug)]
pub struct Survey {
    pub(crate) index: Index,
    /// Why some of it couldn't be read, if that is so.
    pub unread: Option<DiskError>,
}

impl Survey {
    /// The messages, in order of arrival.
    pub fn rows(&self) -> impl Iterator<Item = QueueRow> {
        self.index.messages.iter().filter_map(|(id, entry)| entry.row(*id))
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.index.messages.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.index.messages.is_empty()
    }
}

/// All messages of the queue in `dir`, without their contents.
///
/// # Errors
/// Where the queue can't be read at all, or was written by a later release.
pub fn survey(disk: &dyn Disk, dir: &Path) -> Result<Survey, OpenError> {
    read(disk, &Layout { dir: dir.to_owned() }, Replay::default())
}

/// Reads the log until no segment goes meanwhile.
fn read(disk: &dyn Disk, layout: &Layout, begin: Replay) -> Result<Survey, OpenError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let log = layout.segments(disk)?.log;
        let mut replay = begin.fresh();
        let mut unread = None;
        let doubtful = doubtful_from(disk, layout, &log).unwrap_or(u32::MAX);
        for number in &log {
            let contents = if *number >= doubtful { Contents::Check } else { Contents::Skip };
            match segment(disk, layout, &mut replay, *number, contents) {
                Ok(unread_there) => unread = unread.or(unread_there),
                // A disk that fails here may give the rest.
                Err(OpenError::Disk(error)) => unread = Some(error),
                Err(error) => return Err(error),
            }
        }
        let left = layout.segments(disk)?.log;
        let complete = log.iter().all(|number| left.binary_search(number).is_ok());
        if complete || tries == TRIES_MAX {
            return Ok(Survey { index: replay.index, unread });
        }
    }
}

/// Reads a segment; gives why some of it couldn't be read, if that is so.
fn segment(
    disk: &dyn Disk,
    layout: &Layout,
    replay: &mut Replay,
    number: u32,
    contents: Contents,
) -> Result<Option<DiskError>, OpenError> {
    let path = layout.segment(number);
    let file = disk.open_read(&path)?;
    let Some(mark) = mark_of(file.as_ref(), number, &path)? else {
        return Ok(file.read_at(&mut [0; HEADER_OCTETS], 0).err());
    };
    Ok(replay.segment(number, mark, file.as_ref(), contents)?.unread.error)
}

fn content(
    disk: &dyn Disk,
    layout: &Layout,
    id: QueueId,
    entry: &Entry,
) -> Result<(Bytes, Soundness), DiskError> {
    match entry.storage {
        Storage::Inline => {
            let path = layout.segment(entry.place.segment);
            let file = disk.open_read(&path)?;
            if let Ok(Some(content)) = read_content(file.as_ref(), entry.place, id) {
                return Ok((content.into(), Soundness::Sound));
            }
            // Written over since it was opened, unless it still has its name.
            disk.stat(&path)?;
            let place = entry.place;
            let from = u64::from(place.offset) + HEAD_OCTETS as u64 + u64::from(place.meta_octets);
            let (remains, _) = salvage(file.as_ref(), from, u64::from(place.content_octets))?;
            Ok((remains.into(), Soundness::Damaged))
        }
        Storage::Large { octets, checksum } => {
            let file = disk.open_read(&layout.large(id))?;
            let (content, _) = salvage(file.as_ref(), 0, octets.min(file.len()?))?;
            let sound = content.len() as u64 == octets && crc32fast::hash(&content) == checksum;
            let soundness = if sound { Soundness::Sound } else { Soundness::Damaged };
            Ok((content.into(), soundness))
        }
    }
}
