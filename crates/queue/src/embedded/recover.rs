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
    let Replay { mut index, last_id, .. } = replay;
    for spare in spares {
        disk.remove(&layout.spare(spare))?;
    }
    remove_unused(disk, layout, &mut index)?;
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
        None => return Ok(first_mark(file, number)?),
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

/// Removes segments that were begun and never written to, wherever they stand: every start begins one, and
/// not every run has something to write. Of all others only the oldest may go (see `cleaner.rs`).
fn remove_unused(disk: &dyn Disk, layout: &Layout, index: &mut Index) -> Result<(), DiskError> {
    let numbers: Vec<u32> = index.segments.keys().copied().collect();
    for number in numbers {
        let path = layout.segment(number);
        // The file's length, not what could be read of it: what is damaged stays.
        if disk.stat(&path)?.octets <= HEADER_OCTETS as u64 {
            disk.remove(&path)?;
            index.segments.remove(&number);
        }
    }
    Ok(())
}

/// Removes files of large messages that no record leads to, and reports records whose file is missing.
fn sweep_large(disk: &dyn Disk, layout: &Layout, index: &Index) -> Result<(), DiskError> {
    let there = layout.large_ids(disk)?;
    let missing = index.messages.iter().filter(|(id, entry)| {
        matches!(entry.storage, Storage::Large { .. }) && !there.contains(id)
    });
    for (id, _) in missing {
        events::large_missing(*id, &layout.large(*id));
    }
    for id in there {
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use postroad_protocol::address::{Address, ReversePath};
    use postroad_protocol::envelope::{Envelope, Recipient};
    use postroad_testkit::FaultyDisk;

    use super::super::codec::{MessageRecord, encode_envelope};
    use super::super::record::{HEAD_OCTETS, Head, read_content};
    use super::super::segment::Segment;
    use super::super::state::State;
    use super::*;
    use crate::spool::DelayNotice;

    const MESSAGES: u64 = 4;

    fn layout() -> Layout {
        Layout { dir: PathBuf::from("/queue") }
    }

    fn message(number: u64) -> Record {
        let to = Recipient::new(Address::parse(&format!("user{number}@example.org")).unwrap());
        Record::Message(MessageRecord {
            id: QueueId::from_number(number),
            arrived: number,
            delay_notice: DelayNotice::NotSent,
            storage: Storage::Inline,
            states: [State::fresh(number)].into(),
            envelope: encode_envelope(&Envelope::new(ReversePath::Null, vec![to])),
        })
    }

    fn content(number: u64) -> Vec<u8> {
        format!("Subject: {number}\r\n\r\n").into_bytes()
    }

    fn append(segment: &mut Segment, numbers: &[u64]) {
        let group = u32::try_from(segment.end).unwrap();
        let records: Vec<_> = numbers.iter().map(|n| (message(*n).encode(), content(*n))).collect();
        let head = |meta: &[u8], content: &[u8]| Head {
            mark: segment.mark,
            kind: super::super::codec::Kind::Message,
            group,
            meta_octets: u32::try_from(meta.len()).unwrap(),
            content_octets: u32::try_from(content.len()).unwrap(),
            content_crc: crc32fast::hash(content),
        };
        let lines: Vec<_> = records
            .iter()
            .map(|(meta, content)| (head(meta, content), meta.as_slice(), content.as_slice()))
            .collect();
        segment.append(&lines).unwrap();
    }

    /// A queue with messages 0 to 3 in three groups; gives the disk and where each record begins.
    fn queue() -> (FaultyDisk, Vec<usize>) {
        let disk = FaultyDisk::new();
        layout().prepare(&disk).unwrap();
        let mut segment = Segment::create(&disk, &layout(), 1).unwrap();
        for group in [&[0][..], &[1, 2], &[3]] {
            append(&mut segment, group);
        }
        let starts = (0..MESSAGES).scan(HEADER_OCTETS, |at, number| {
            let start = *at;
            *at += HEAD_OCTETS + message(number).encode().len() + content(number).len();
            Some(start)
        });
        (disk, starts.collect())
    }

    /// Starts with this as the segment's octets; gives the messages whose content can be had. What can
    /// be had is what was stored, and whatever can't be is reported or set aside.
    #[track_caller]
    fn check(disk: &FaultyDisk, octets: &[u8], story: &str) -> Vec<u64> {
        let layout = layout();
        disk.put(&layout.segment(1), octets);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let recovered = recover(&shared, &layout).unwrap();
        let Ok(file) = disk.open_read(&layout.segment(1)) else {
            // Nothing was left of it but its header, or less.
            assert!(recovered.index.segments.is_empty(), "{story}");
            return Vec::new();
        };
        let mut intact = Vec::new();
        for (id, entry) in &recovered.index.messages {
            if let Some(read) = read_content(file.as_ref(), entry.place, *id).unwrap() {
                assert_eq!(read, content(id.number()), "{story}");
                intact.push(id.number());
            }
        }
        intact
    }

    #[test]
    fn q01_each_bit_flipped() {
        let (current, starts) = queue();
        let (sealed, _) = queue();
        sealed.put(&layout().segment(2), &[]);
        let sound = current.read(&layout().segment(1)).unwrap();
        for bit in 0..sound.len() * 8 {
            let mut octets = sound.clone();
            octets[bit / 8] ^= 1 << (bit % 8);
            // As the segment that was being written, and with one behind it.
            let current = check(&current, &octets, &format!("bit {bit}"));
            let sealed = check(&sealed, &octets, &format!("bit {bit}"));
            // Only the record that holds the bit may be missing.
            let hit = starts.iter().filter(|start| **start <= bit / 8).count();
            for number in (0..MESSAGES).filter(|number| number + 1 != hit as u64) {
                assert!(
                    sealed.contains(&number) && current.contains(&number),
                    "bit {bit}: {number}"
                );
            }
        }
    }

    #[test]
    fn q01_cut_at_each_octet() {
        let (disk, starts) = queue();
        let sound = disk.read(&layout().segment(1)).unwrap();
        for cut in 0..=sound.len() {
            let whole =
                starts.iter().skip(1).chain([&sound.len()]).filter(|end| **end <= cut).count();
            let expected: Vec<u64> = (0..whole as u64).collect();
            assert_eq!(
                check(&disk, &sound[..cut], &format!("cut at {cut}")),
                expected,
                "cut at {cut}"
            );
            // The start after that one finds nothing to complain about.
            let octets = disk.read(&layout().segment(1)).unwrap_or_default();
            assert_eq!(check(&disk, &octets, "again"), expected, "cut at {cut}, again");
        }
    }

    #[test]
    fn a_former_life_is_not_damage() {
        let (disk, starts) = queue();
        let former = disk.read(&layout().segment(1)).unwrap();
        let (disk, _) = {
            drop(disk);
            queue()
        };
        let now = disk.read(&layout().segment(1)).unwrap();
        for end in &starts {
            let mut octets = former.clone();
            octets[..*end].copy_from_slice(&now[..*end]);
            let whole = starts.iter().filter(|start| *start < end).count() as u64;
            assert_eq!(check(&disk, &octets, "former life"), (0..whole).collect::<Vec<_>>());
        }
        assert!(!disk.files().iter().any(|path| path.starts_with("/queue/damaged")));
    }

    #[test]
    fn what_was_set_aside_is_what_was_damaged() {
        let (disk, starts) = queue();
        let mut octets = disk.read(&layout().segment(1)).unwrap();
        octets[starts[1] + HEAD_OCTETS] ^= 1;
        assert_eq!(check(&disk, &octets, "damaged"), [0, 2, 3]);
        let kept = layout().damaged_dir().join(format!("0000000001-{}", starts[1]));
        assert_eq!(disk.read(&kept).unwrap(), octets[starts[1]..starts[2]]);
    }

    #[test]
    fn q02_foreign_files_are_left_alone() {
        let (disk, _) = queue();
        let layout = layout();
        disk.put(&layout.segments_dir().join("1.log"), b"not ours");
        disk.put(&layout.segments_dir().join("core"), b"not ours");
        disk.put_other(&layout.segment(7));
        disk.link(&layout.segment(1), &layout.segment(9)).unwrap();
        disk.put(&layout.large_dir().join("passwd"), b"not ours");
        disk.put_other(&layout.large(QueueId::from_number(5)));
        let before = disk.files();
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let recovered = recover(&shared, &layout).unwrap();
        // Not even segment 1 can be told from its second name.
        assert_eq!(recovered.index.messages.len(), 0);
        let after: Vec<_> =
            disk.files().into_iter().filter(|path| !path.ends_with("lock")).collect();
        assert_eq!(before, after);
    }

    #[test]
    fn a_later_format_is_refused_whole() {
        let (disk, _) = queue();
        let header = Header { version: VERSION + 1, number: 1, mark: 1 };
        disk.put(&layout().segment(1), &header.encode());
        let shared: Arc<dyn Disk> = Arc::new(disk);
        let error = recover(&shared, &layout()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/queue/segments/0000000001.log: format 2, and this release reads 1; use the release that wrote it"
        );
    }
}
