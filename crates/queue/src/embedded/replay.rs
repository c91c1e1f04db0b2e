//! Reads the log, segment by segment, into the index. Never writes: start-up does that (`recover.rs`), and
//! looking at a queue from outside (`snapshot.rs`) doesn't.

use std::path::Path;

use postroad_disk::{DiskError, DiskFile};

use super::codec::Record;
use super::damage::{Gap, Unread};
use super::index::{Index, Place};
use super::record::{
    Contents, Found, HEADER_OCTETS, Head, Header, Reader, Version, any_mark, read_content,
};
use crate::spool::{OpenError, QueueId};

/// What the log has said so far.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    pub(crate) index: Index,
    /// The greatest id in the log.
    pub(crate) last_id: Option<QueueId>,
    /// All other messages are passed over.
    only: Option<QueueId>,
}

/// What a segment holds that is no record.
#[derive(Debug, Default)]
pub(crate) struct Flaws {
    /// Of the segment's records.
    pub(crate) mark: u64,
    /// In order.
    pub(crate) gaps: Vec<Gap>,
    /// Where the last group begins: what is damaged from there on was never known to be written.
    pub(crate) last_group: u64,
    /// What of it couldn't be read.
    pub(crate) unread: Unread,
}

impl Flaws {
    /// Whether a stretch is what a write that was cut off has left: it is of the last group, and the disk can
    /// read it.
    pub(crate) fn is_torn(&self, gap: Gap) -> bool {
        gap.from >= self.last_group && !self.unread.touches(gap)
    }
}

impl Replay {
    /// For what is said of one message alone.
    pub(crate) fn only(id: QueueId) -> Self {
        Self { only: Some(id), ..Self::default() }
    }

    /// The same from the beginning.
    pub(crate) fn fresh(&self) -> Self {
        Self { only: self.only, ..Self::default() }
    }

    /// Every record's meta part begins with the id of the message that it is about.
    fn is_wanted(&self, meta: &[u8]) -> bool {
        self.only.is_none_or(|id| meta.starts_with(&id.number().to_le_bytes()))
    }

    /// Reads a segment from a file whose header said this of it.
    pub(crate) fn segment(
        &mut self,
        number: u32,
        mark: u64,
        file: &dyn DiskFile,
        contents: Contents,
    ) -> Result<Flaws, DiskError> {
        let mut reader = Reader::new(file, mark, contents)?;
        let mut flaws = Flaws { mark, ..Flaws::default() };
        // Whether a content that doesn't fit is a torn write or damage shows at the end.
        let mut unfit: Vec<(QueueId, Gap)> = Vec::new();
        let end = loop {
            match reader.step()? {
                Found::Record { offset, head, meta } => {
                    flaws.last_group = flaws.last_group.max(u64::from(head.group));
                    self.record(number, file, offset, head, &meta, &mut flaws)?;
                }
                Found::ContentDamaged { offset, head, meta } => {
                    flaws.last_group = flaws.last_group.max(u64::from(head.group));
                    let gap = Gap { from: offset, to: offset + head.record_octets() };
                    match self.keep_damaged(number, offset, head, &meta) {
                        Some(id) => unfit.push((id, gap)),
                        None => flaws.gaps.push(gap),
                    }
                }
                Found::Damaged { from, to } => flaws.gaps.push(Gap { from, to }),
                Found::End { offset } => break offset,
            }
        };
        flaws.unread = reader.unread();
        for (id, gap) in unfit {
            if flaws.is_torn(gap) {
                self.index.remove(id);
                flaws.gaps.push(gap);
            }
        }
        flaws.gaps.sort_unstable_by_key(|gap| gap.from);
        self.index.segments.entry(number).or_default().octets = end;
        Ok(flaws)
    }

    fn record(
        &mut self,
        number: u32,
        file: &dyn DiskFile,
        offset: u64,
        head: Head,
        meta: &[u8],
        flaws: &mut Flaws,
    ) -> Result<(), DiskError> {
        if !self.is_wanted(meta) {
            return Ok(());
        }
        let place = place_of(number, offset, head);
        let Ok(record) = Record::decode(head.kind, meta) else {
            flaws.gaps.push(Gap { from: offset, to: offset + head.record_octets() });
            return Ok(());
        };
        let id = record.id();
        self.last_id = self.last_id.max(Some(id));
        // A message that is there already was moved here. After a failed sync the copy may be torn, and then
        // the older one is the good one.
        let moved = matches!(record, Record::Message(_)) && self.index.messages.contains_key(&id);
        if moved && !is_sound(file, place, id)? {
            flaws.gaps.push(Gap { from: offset, to: offset + head.record_octets() });
            return Ok(());
        }
        // What is gone leaves a file behind at most, and those are swept at the end.
        let _ = self.index.apply(record, place);
        Ok(())
    }

    /// Takes a message whose content doesn't fit: if it was altered after it had been stored, the message is
    /// queued, and whoever wants to deliver it learns that it can't be. Gives its id if there is such a message.
    fn keep_damaged(
        &mut self,
        number: u32,
        offset: u64,
        head: Head,
        meta: &[u8],
    ) -> Option<QueueId> {
        let record = Record::decode(head.kind, meta).ok()?;
        let id = record.id();
        self.last_id = self.last_id.max(Some(id));
        let new = self.is_wanted(meta)
            && matches!(record, Record::Message(_))
            && !self.index.messages.contains_key(&id);
        if new {
            let _ = self.index.apply(record, place_of(number, offset, head));
        }
        new.then_some(id)
    }
}

/// Whether the content can be had and fits its checksum.
fn is_sound(file: &dyn DiskFile, place: Place, id: QueueId) -> Result<bool, DiskError> {
    match read_content(file, place, id) {
        Ok(content) => Ok(content.is_some()),
        Err(error) if error.is_shortage() => Err(error),
        Err(_) => Ok(false),
    }
}

fn place_of(segment: u32, offset: u64, head: Head) -> Place {
    Place {
        segment,
        offset: u32::try_from(offset).unwrap_or(u32::MAX),
        meta_octets: head.meta_octets,
        content_octets: head.content_octets,
    }
}

/// The mark of a segment's records; `None` where nothing in it can be read.
pub(crate) fn mark_of(
    file: &dyn DiskFile,
    number: u32,
    path: &Path,
) -> Result<Option<u64>, OpenError> {
    let mut octets = [0; HEADER_OCTETS];
    let header = match file.read_at(&mut octets, 0) {
        Ok(HEADER_OCTETS) => Header::decode(&octets),
        Ok(_) => None,
        Err(error) if error.is_shortage() => return Err(error.into()),
        Err(_) => None,
    };
    let Some(header) = header else { return Ok(any_mark(file, number)?) };
    let problem = match Version::of(header.version) {
        // The one reader there is. A second version gets a second one beside it; this one stays.
        Some(Version::One) if header.number == number => return Ok(Some(header.mark)),
        Some(Version::One) => {
            format!("says it is segment {}; a file of the queue was renamed", header.number)
        }
        None => format!(
            "format {}, and this release reads {}; use the release that wrote it",
            header.version,
            Version::NEWEST as u32
        ),
    };
    Err(OpenError::Format { path: path.display().to_string(), problem })
}
