//! Sets aside what was found altered in the log, so that an operator can look at it.

use std::path::PathBuf;

use postroad_disk::{Disk, DiskError};

use super::layout::Layout;

/// Copies a stretch of a segment into `damaged/` and gives the copy's name. Where an earlier start has
/// done so there is nothing more to do.
pub(crate) fn keep(
    disk: &dyn Disk,
    layout: &Layout,
    segment: u32,
    from: u64,
    to: u64,
) -> Result<PathBuf, DiskError> {
    let path = layout.segment(segment);
    let kept = layout.damaged_dir().join(format!("{segment:010}-{from}"));
    let mut copy = match disk.create_new(&kept) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(kept),
        other => other?,
    };
    let original = disk.open_read(&path)?;
    let mut buffer = vec![0; 256 * 1024];
    let mut at = from;
    while at < to {
        let wanted = usize::try_from(to - at).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = original.read_at(buffer.get_mut(..wanted).unwrap_or_default(), at)?;
        if read == 0 {
            break;
        }
        copy.write_all_at(&[buffer.get(..read).unwrap_or_default()], at - from)?;
        at += read as u64;
    }
    copy.sync()?;
    disk.sync_dir(&layout.damaged_dir())?;
    Ok(kept)
}
