//! What was found altered: a copy for the operator, and what can still be read of it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use postroad_disk::{Disk, DiskError, DiskFile};

use super::codec::Record;
use super::layout::Layout;
use super::limits::SEGMENT_OCTETS;
use super::record::{HEAD_OCTETS, Head};
use super::replay::Flaws;
use crate::spool::QueueId;

/// A stretch of a segment that is no intact record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// What of a file can't be read at all.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    /// Where the blocks begin.
    blocks: BTreeSet<u64>,
    /// What the disk said of the first one.
    pub(crate) error: Option<DiskError>,
}

impl Unread {
    /// Whether some of these octets are among it.
    pub(crate) fn touches(&self, gap: Gap) -> bool {
        gap.from < gap.to && self.blocks.range(block_of(gap.from)..gap.to).next().is_some()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Adds what isn't known yet.
    pub(crate) fn join(&mut self, other: Self) {
        self.blocks.extend(other.blocks);
        self.error = self.error.take().or(other.error);
    }

    fn add(&mut self, octet: u64, error: DiskError) {
        self.blocks.insert(block_of(octet));
        self.error.get_or_insert(error);
    }
}

/// Where the block begins that holds this octet.
fn block_of(octet: u64) -> u64 {
    octet - octet % BLOCK_OCTETS
}

/// Octets copied at once.
const COPY_OCTETS: u64 = 256 * 1024;
/// What a device reads at once, and so what is lost where it can't.
const BLOCK_OCTETS: u64 = 4096;

/// Copies stretches of a segment into a file in `damaged/`, one behind the other, and gives its name. Where an
/// earlier start has done so there is nothing more to do.
pub(crate) fn keep(
    disk: &dyn Disk,
    layout: &Layout,
    segment: u32,
    gaps: &[Gap],
) -> Result<PathBuf, DiskError> {
    let first = gaps.first().map_or(0, |gap| gap.from);
    let name = match gaps.len() {
        0 | 1 => format!("{segment:010}-{first}"),
        several => format!("{segment:010}-{first}-and-{}-more", several - 1),
    };
    let kept = layout.damaged_dir().join(name);
    let mut copy = match disk.create_new(&kept) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(kept),
        other => other?,
    };
    let original = disk.open_read(&layout.segment(segment))?;
    let mut end = 0;
    for gap in gaps {
        let mut at = gap.from;
        while at < gap.to {
            let (octets, _) = salvage(original.as_ref(), at, (gap.to - at).min(COPY_OCTETS))?;
            copy.write_all_at(&[&octets], end)?;
            end += octets.len() as u64;
            at += octets.len() as u64;
        }
    }
    copy.sync()?;
    disk.sync_dir(&layout.damaged_dir())?;
    Ok(kept)
}

/// So many octets from a place on, with zeros for those that can't be read, and which those are.
///
/// # Errors
/// Where memory or the like is short: then nothing is known to be wrong with the octets.
pub(crate) fn salvage(
    file: &dyn DiskFile,
    from: u64,
    octets: u64,
) -> Result<(Vec<u8>, Unread), DiskError> {
    let mut salvaged = vec![0; usize::try_from(octets).unwrap_or(0)];
    match file.read_at(&mut salvaged, from) {
        Ok(_) => return Ok((salvaged, Unread::default())),
        Err(error) if error.is_shortage() => return Err(error),
        Err(_) => salvaged.fill(0),
    }
    let mut unread = Unread::default();
    // The first piece ends where the device's block does.
    let mut at = from;
    let mut rest = salvaged.as_mut_slice();
    while !rest.is_empty() {
        let block = block_of(at) + BLOCK_OCTETS - at;
        let count = usize::try_from(block).unwrap_or(usize::MAX).min(rest.len());
        let Some((piece, behind)) = rest.split_at_mut_checked(count) else { break };
        match file.read_at(piece, at) {
            Ok(_) => {}
            Err(error) if error.is_shortage() => return Err(error),
            Err(error) => {
                piece.fill(0);
                unread.add(at, error);
            }
        }
        at += count as u64;
        rest = behind;
    }
    Ok((salvaged, unread))
}

/// Writes over a stretch that was kept elsewhere a record that says nothing. It is durable after a sync.
pub(crate) fn cover(file: &mut dyn DiskFile, flaws: &Flaws, gap: Gap) -> Result<(), DiskError> {
    let nothing = Record::Outcomes { id: QueueId::from_number(0), states: Vec::new() };
    let meta = nothing.encode();
    let overhead = (HEAD_OCTETS + meta.len()) as u64;
    let mut from = gap.from;
    // Nothing shorter is ever a torn record.
    while gap.to - from >= overhead {
        let left = gap.to - from;
        // As long as a record can be; the rest is never too short for another one.
        let octets = if left > SEGMENT_OCTETS { SEGMENT_OCTETS / 2 } else { left };
        let (content, _) = salvage(file, from + overhead, octets.saturating_sub(overhead))?;
        let head = Head {
            mark: flaws.mark,
            kind: nothing.kind(),
            group: u32::try_from(flaws.last_group).unwrap_or(u32::MAX),
            meta_octets: u32::try_from(meta.len()).unwrap_or(u32::MAX),
            content_octets: u32::try_from(content.len()).unwrap_or(u32::MAX),
            content_crc: crc32fast::hash(&content),
        };
        file.write_all_at(&[&head.encode(&meta), &meta], from)?;
        from += octets;
    }
    Ok(())
}
