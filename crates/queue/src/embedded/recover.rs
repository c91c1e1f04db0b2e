//! Start-up: takes the lock, reads the log, clears away what a crash left.
//!
//! What is read is made durable before anything is built on it: a process that was killed leaves
//! records in the page cache that a power cut would still take away.

use std::path::Path;
use std::sync::Arc;

use postroad_disk::{Disk, DiskError, DiskFile, DiskLock};

use super::codec::Storage;
use super::damage::{self, Gap};
use super::index::{Fate, Index};
use super::layout::{Layout, Segments};
use super::record::{Contents, Found, HEADER_OCTETS, Reader};
use super::replay::{Flaws, Replay, mark_of};
use super::{events, large};
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

/// Whether all that was known to be stored can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Log {
    /// It can, but perhaps for what was being written at a crash.
    Whole,
    /// Records are missing, nobody knows of what.
    Damaged,
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
    let Segments { log, spares } = layout.segments(disk)?;
    let doubtful = doubtful_from(disk, layout, &log)?;
    let mut replay = Replay::default();
    let mut state = Log::Whole;
    for number in &log {
        let contents = if *number >= doubtful { Contents::Check } else { Contents::Skip };
        state = state.max(segment(disk, layout, &mut replay, *number, contents)?);
    }
    let Replay { mut index, last_id, .. } = replay;
    for spare in spares {
        disk.remove(&layout.spare(spare))?;
    }
    remove_unused(disk, layout, &mut index)?;
    sweep_large(disk, layout, &index, state)?;
    let next_segment = log.last().map_or(1, |last| last + 1);
    Ok(Recovered { lock, index, next_segment, last_id })
}

/// The first segment whose last group may be torn: the one that was being written, and those behind which a run
/// in trouble got no further than one group. A second group is written only when the first is durable, and that
/// one holds the cancellations of what a failed sync left in the segment before.
pub(crate) fn doubtful_from(
    disk: &dyn Disk,
    layout: &Layout,
    log: &[u32],
) -> Result<u32, OpenError> {
    for number in log.iter().rev() {
        if has_two_groups(disk, &layout.segment(*number), *number)? {
            return Ok(*number);
        }
    }
    Ok(0)
}

fn has_two_groups(disk: &dyn Disk, path: &Path, number: u32) -> Result<bool, OpenError> {
    let file = disk.open_read(path)?;
    let Some(mark) = mark_of(file.as_ref(), number, path)? else { return Ok(false) };
    let mut reader = Reader::new(file.as_ref(), mark, Contents::Skip)?;
    loop {
        match reader.step()? {
            Found::Record { head, .. } if u64::from(head.group) > HEADER_OCTETS as u64 => {
                return Ok(true);
            }
            Found::Record { .. } | Found::ContentDamaged { .. } | Found::Damaged { .. } => {}
            Found::End { .. } => return Ok(false),
        }
    }
}

/// Reads a segment, and makes durable what is read of it where a run was cut off.
fn segment(
    disk: &dyn Disk,
    layout: &Layout,
    replay: &mut Replay,
    number: u32,
    contents: Contents,
) -> Result<Log, OpenError> {
    let path = layout.segment(number);
    let mut file = disk.open(&path)?;
    let Some(mark) = mark_of(file.as_ref(), number, &path)? else {
        return without_records(disk, layout, replay, number, file.as_ref());
    };
    let flaws = match contents {
        Contents::Check => {
            file.sync()?;
            // The last run's syncs may have failed: then the page cache shows what the device doesn't hold.
            let device = disk.open_past_cache(&path)?;
            replay.segment(number, mark, device.as_ref(), contents)?
        }
        Contents::Skip => replay.segment(number, mark, file.as_ref(), contents)?,
    };
    if !flaws.unread.is_empty() {
        replay.index.segments.entry(number).or_default().fate = Fate::Kept;
    }
    set_aside(disk, layout, number, file, contents, &flaws)
}

/// Tells the torn tail of the last write from damage, and keeps both out of the way.
fn set_aside(
    disk: &dyn Disk,
    layout: &Layout,
    number: u32,
    mut file: Box<dyn DiskFile>,
    contents: Contents,
    flaws: &Flaws,
) -> Result<Log, OpenError> {
    let is_torn = |gap: &Gap| contents == Contents::Check && flaws.is_torn(*gap);
    let path = layout.segment(number);
    let (torn, damaged): (Vec<Gap>, Vec<Gap>) = flaws.gaps.iter().partition(|gap| is_torn(gap));
    if let [first, ..] = damaged.as_slice() {
        let kept = damage::keep(disk, layout, number, &damaged)?;
        let octets = damaged.iter().map(|gap| gap.to - gap.from).sum();
        events::damaged(&path, first.from, damaged.len(), octets, &kept);
    }
    if let [first, ..] = torn.as_slice() {
        let kept = damage::keep(disk, layout, number, &torn)?;
        events::torn_tail(&path, first.from, &kept);
    }
    // The start after this one doesn't look at contents. So that it takes nothing torn for a letter, nor for
    // damage, a torn tail is cut off, and what has whole records behind it is covered.
    let octets = file.len()?;
    for gap in torn.iter().rev() {
        match gap.to == octets {
            true => file.truncate(gap.from)?,
            false => damage::cover(file.as_mut(), flaws, *gap)?,
        }
    }
    if !torn.is_empty() {
        file.sync()?;
    }
    Ok(if damaged.is_empty() { Log::Whole } else { Log::Damaged })
}

/// A segment that was begun and not finished, or that is damaged from its first octet on.
fn without_records(
    disk: &dyn Disk,
    layout: &Layout,
    replay: &mut Replay,
    number: u32,
    file: &dyn DiskFile,
) -> Result<Log, OpenError> {
    let octets = file.len()?;
    let usage = replay.index.segments.entry(number).or_default();
    // It stays in the list, so that it goes in its turn.
    usage.octets = octets;
    if octets <= HEADER_OCTETS as u64 {
        return Ok(Log::Whole);
    }
    let (_, unread) = damage::salvage(file, 0, octets)?;
    if !unread.is_empty() {
        usage.fate = Fate::Kept;
    }
    let kept = damage::keep(disk, layout, number, &[Gap { from: 0, to: octets }])?;
    events::damaged(&layout.segment(number), 0, 1, octets, &kept);
    Ok(Log::Damaged)
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

/// Removes files of large messages that no record leads to, and reports records whose file is missing. Where
/// records are missing, one of them may have led to the file: then it is kept for the operator.
fn sweep_large(disk: &dyn Disk, layout: &Layout, index: &Index, log: Log) -> Result<(), DiskError> {
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
            None if log == Log::Damaged => keep_large(disk, layout, id)?,
            Some(Storage::Inline) | None => {
                events::swept(&path);
                large::remove(disk, &path);
            }
        }
    }
    Ok(())
}

fn keep_large(disk: &dyn Disk, layout: &Layout, id: QueueId) -> Result<(), DiskError> {
    let (path, kept) = (layout.large(id), layout.damaged_large(id));
    disk.rename_noreplace(&path, &kept)?;
    disk.sync_dir(&layout.damaged_dir())?;
    disk.sync_dir(&layout.large_dir())?;
    events::large_without_record(id, &kept);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use postroad_protocol::address::{Address, ReversePath};
    use postroad_protocol::envelope::{Envelope, Recipient};
    use postroad_testkit::FaultyDisk;

    use super::super::codec::{MessageRecord, Record, encode_envelope};
    use super::super::record::{HEAD_OCTETS, Head, Header, Version, read_content};
    use super::super::segment::{Segment, Stamp, draw};
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
        let mut segment = Segment::create(&disk, &layout(), Stamp::new(1, draw())).unwrap();
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
    fn q01_a_torn_letter_before_a_whole_one_never_surfaces() {
        let disk = FaultyDisk::new();
        layout().prepare(&disk).unwrap();
        let mut segment = Segment::create(&disk, &layout(), Stamp::new(1, draw())).unwrap();
        append(&mut segment, &[0]);
        let group = usize::try_from(segment.end).unwrap();
        append(&mut segment, &[1, 2, 3]);
        let mut octets = disk.read(&layout().segment(1)).unwrap();
        let record = HEAD_OCTETS + message(1).encode().len() + content(1).len();
        // The content of the first and the head of the second, as if two sectors were missing.
        octets[group + record - 1] ^= 1;
        octets[group + record + 9] ^= 1;
        assert_eq!(check(&disk, &octets, "torn"), [0, 3]);
        // With a newer segment behind it this one is read without its contents.
        append(&mut Segment::create(&disk, &layout(), Stamp::new(2, draw())).unwrap(), &[9]);
        let before = disk.files();
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let recovered = recover(&shared, &layout()).unwrap();
        let ids: Vec<_> = recovered.index.messages.keys().map(|id| id.number()).collect();
        assert_eq!(ids, [0, 3, 9]);
        assert_eq!(disk.files(), before, "nothing is taken for damage");
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
        let header = Header { version: Version::NEWEST as u32 + 1, number: 1, mark: 1 };
        disk.put(&layout().segment(1), &header.encode());
        let shared: Arc<dyn Disk> = Arc::new(disk);
        let error = recover(&shared, &layout()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/queue/segments/0000000001.log: format 2, and this release reads 1; use the release that wrote it"
        );
    }
}
