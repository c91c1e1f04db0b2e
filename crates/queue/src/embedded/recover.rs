//! Start-up: takes the lock, reads the log, clears away what a crash left.
//!
//! What is read is made durable before anything is built on it: a process that was killed leaves
//! records in the page cache that a power cut would still take away.

use std::sync::Arc;

use postroad_disk::{Disk, DiskError, DiskFile, DiskLock};

use super::codec::{Record, Storage};
use super::index::{Index, Place};
use super::layout::{Layout, Segments};
use super::record::{Contents, Found, HEADER_OCTETS, Header, Reader, VERSION, first_mark};
use super::{damage, events, large};
use crate::spool::{OpenError, QueueId};

/// What start-up found.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) lock: Box<dyn DiskLock>,
    pub(crate) index: Index,
    /// The number for the next segment: greater than any that is there.
    pub(crate) next_segment: u32,
    /// The greatest id in the log.
    pub(crate) last_id: Option<QueueId>,
}

/// Takes the queue and reads it.
pub(crate) fn recover(disk: &Arc<dyn Disk>, layout: &Layout) -> Result<Recovered, OpenError> {
    let disk = disk.as_ref();
    layout.prepare(disk)?;
    let lock = disk.lock(&layout.lock()).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => {
            OpenError::Taken { name: layout.dir.display().to_string() }
        }
        _ => error.into(),
    })?;
    let mut replay = Replay { disk, layout, index: Index::default(), last_id: None };
    let Segments { log, spares } = layout.segments(disk)?;
    for number in &log {
        let contents = if Some(number) == log.last() { Contents::Check } else { Contents::Skip };
        replay.segment(*number, contents)?;
    }
    let Replay { index, last_id, .. } = replay;
    for spare in spares {
        disk.remove(&layout.spare(spare))?;
    }
    sweep_large(disk, layout, &index)?;
    let next_segment = log.last().map_or(1, |last| last + 1);
    Ok(Recovered { lock, index, next_segment, last_id })
}

struct Replay<'a> {
    disk: &'a dyn Disk,
    layout: &'a Layout,
    index: Index,
    last_id: Option<QueueId>,
}

/// A stretch of a segment that is no intact record.
#[derive(Debug, Clone, Copy)]
struct Gap {
    from: u64,
    to: u64,
}

impl Replay<'_> {
    fn segment(&mut self, number: u32, contents: Contents) -> Result<(), OpenError> {
        let path = self.layout.segment(number);
        let mut file = self.disk.open(&path)?;
        let Some(mark) = mark_of(file.as_ref(), number, &path)? else {
            return self.without_records(number, file);
        };
        if contents == Contents::Check {
            file.sync()?;
        }
        let mut reader = Reader::new(file.as_ref(), mark, contents)?;
        let mut gaps: Vec<Gap> = Vec::new();
        let mut last_group = 0;
        let end = loop {
            match reader.step()? {
                Found::Record { offset, head, meta } => {
                    last_group = last_group.max(u64::from(head.group));
                    let place = Place {
                        segment: number,
                        offset: u32::try_from(offset).unwrap_or(u32::MAX),
                        meta_octets: head.meta_octets,
                        content_octets: head.content_octets,
                    };
                    match Record::decode(head.kind, &meta) {
                        Ok(record) => self.apply(record, place),
                        Err(_) => {
                            gaps.push(Gap { from: offset, to: offset + head.record_octets() })
                        }
                    }
                }
                Found::Damaged { from, to } => gaps.push(Gap { from, to }),
                Found::End { offset } => break offset,
            }
        };
        self.index.segments.entry(number).or_default().octets = end;
        self.set_aside(number, file, contents, &gaps, last_group)
    }

    fn apply(&mut self, record: Record, place: Place) {
        let id = match &record {
            Record::Message(message) => message.id,
            Record::Outcomes { id, .. } | Record::Edited { id, .. } => *id,
        };
        self.last_id = self.last_id.max(Some(id));
        // What is gone leaves a file behind at most, and those are swept at the end.
        let _ = self.index.apply(record, place);
    }

    /// Tells the torn tail of the last write from damage, and keeps both out of the way.
    fn set_aside(
        &mut self,
        number: u32,
        mut file: Box<dyn DiskFile>,
        contents: Contents,
        gaps: &[Gap],
        last_group: u64,
    ) -> Result<(), OpenError> {
        let octets = file.len()?;
        for gap in gaps {
            let kept = damage::keep(self.disk, self.layout, number, gap.from, gap.to)?;
            let torn = contents == Contents::Check && gap.from >= last_group;
            if torn {
                events::torn_tail(&self.layout.segment(number), gap.from, &kept);
            } else {
                events::damaged(&self.layout.segment(number), gap.from, gap.to - gap.from, &kept);
            }
        }
        // Cut a torn tail off, so that the start after this one doesn't take it for damage.
        let tail = gaps.last().filter(|gap| gap.to == octets && gap.from >= last_group);
        if let (Some(tail), Contents::Check) = (tail, contents) {
            file.truncate(tail.from)?;
            file.sync()?;
        }
        Ok(())
    }

    /// A segment that was begun and not finished, or that is damaged from its first octet on.
    fn without_records(&mut self, number: u32, file: Box<dyn DiskFile>) -> Result<(), OpenError> {
        let octets = file.len()?;
        if octets > HEADER_OCTETS as u64 {
            let kept = damage::keep(self.disk, self.layout, number, 0, octets)?;
            events::damaged(&self.layout.segment(number), 0, octets, &kept);
        }
        // It stays in the list, so that it is removed in its turn.
        self.index.segments.entry(number).or_default().octets = octets;
        Ok(())
    }
}

/// The mark of a segment's records; `None` where nothing in it can be read.
fn mark_of(
    file: &dyn DiskFile,
    number: u32,
    path: &std::path::Path,
) -> Result<Option<u64>, OpenError> {
    let mut octets = [0; HEADER_OCTETS];
    let read = file.read_at(&mut octets, 0)?;
    let header = (read == HEADER_OCTETS).then(|| Header::decode(&octets)).flatten();
    let problem = match header {
        None => return Ok(first_mark(file)?),
        Some(Header { version, .. }) if version != VERSION => {
            format!(
                "format {version}, and this release reads {VERSION}; use the release that wrote it"
            )
        }
        Some(header) if header.number != number => {
            format!("says it is segment {}; a file of the queue was renamed", header.number)
        }
        Some(header) => return Ok(Some(header.mark)),
    };
    Err(OpenError::Format { path: path.display().to_string(), problem })
}

/// Removes files of large messages that no record leads to, and reports records whose file is missing.
fn sweep_large(disk: &dyn Disk, layout: &Layout, index: &Index) -> Result<(), DiskError> {
    for id in layout.large_ids(disk)? {
        let path = layout.large(id);
        match index.messages.get(&id).map(|entry| entry.storage) {
            Some(Storage::Large { octets, .. }) if disk.stat(&path)?.octets == octets => {}
            Some(Storage::Large { .. }) => events::large_missing(id, &path),
            Some(Storage::Inline) | None => {
                events::swept(&path);
                large::remove(disk, &path);
            }
        }
    }
    Ok(())
}
