//! Ids that never repeat, whatever the clock does.
//!
//! An id is the epoch (upper 26 bits) and a count (lower 38 bits). Each start takes an epoch greater
//! than any before it: greater than the one in the file `epoch`, than any id in the log, and than the
//! minutes since 1970. So a clock that was set back repeats nothing (the file knows better), nor does
//! a queue that was restored from a backup (the clock knows better); ids would repeat only where both
//! are wrong at once. The count begins at the microseconds of the clock: a backup that is put back within
//! the minute, or after many starts in one, would else begin where a lost start did. 26 bits of minutes last
//! until 2097, 37 bits of ids for 13,000 messages a second over 100 days without a restart, and more
//! messages than that merely borrow the next minute's ids.
//!
//! The file is one line, `epoch NUMBER CRC-32-IN-HEX`, replaced by a rename.

use std::path::Path;
use std::time::SystemTime;

use postroad_disk::{Disk, DiskError};

use super::codec::micros;
use super::events;
use super::layout::Layout;
use crate::spool::QueueId;

const COUNT_BITS: u32 = 38;
const EPOCH_MAX: u64 = (1 << (64 - COUNT_BITS)) - 1;
/// Where a count begins at most: half of it is left.
const FIRST_COUNT_MAX: u64 = (1 << (COUNT_BITS - 1)) - 1;

/// Takes the next epoch, durably, and gives its first id.
pub(crate) fn begin(
    disk: &dyn Disk,
    layout: &Layout,
    last_id: Option<QueueId>,
    now: SystemTime,
) -> Result<QueueId, DiskError> {
    // A clock beyond 2097 is wrong, or this code very old: the file and the log have to do.
    let minutes =
        Some(micros(now) / 60_000_000).filter(|minutes| *minutes < EPOCH_MAX).unwrap_or(0);
    let seen = last_id.map_or(0, |id| id.number() >> COUNT_BITS);
    let epoch = minutes.max(seen + 1).max(read(disk, &layout.epoch())? + 1);
    write(disk, layout, epoch)?;
    Ok(QueueId::from_number(epoch << COUNT_BITS | micros(now) & FIRST_COUNT_MAX))
}

/// The epoch in the file; 0 where there is none or it can't be read, for then the log and the clock
/// have to do.
fn read(disk: &dyn Disk, path: &Path) -> Result<u64, DiskError> {
    let file = match disk.open_read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        other => other?,
    };
    let mut octets = [0; 64];
    let read = match file.read_at(&mut octets, 0) {
        Err(error) if error.is_shortage() => return Err(error),
        read => read.unwrap_or(0),
    };
    let epoch = octets.get(..read).and_then(parse);
    if epoch.is_none() {
        events::foreign(path, "it is damaged; ids go on from the log and the clock");
    }
    Ok(epoch.unwrap_or(0))
}

fn parse(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (body, crc) = line.rsplit_once(' ')?;
    let number: u64 = body.strip_prefix("epoch ")?.parse().ok()?;
    let intact = u32::from_str_radix(crc, 16).ok()? == crc32fast::hash(body.as_bytes());
    (intact && number < EPOCH_MAX).then_some(number)
}

fn write(disk: &dyn Disk, layout: &Layout, epoch: u64) -> Result<(), DiskError> {
    let next = layout.epoch_next();
    match disk.remove(&next) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let body = format!("epoch {epoch}");
    let line = format!("{body} {:08x}\n", crc32fast::hash(body.as_bytes()));
    let mut file = disk.create_new(&next)?;
    file.write_all_at(&[line.as_bytes()], 0)?;
    file.sync()?;
    disk.rename(&next, &layout.epoch())?;
    disk.sync_dir(&layout.dir)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use postroad_testkit::FaultyDisk;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    /// Row Q06: whatever the clock says, and whether file or log or both are there.
    #[test]
    fn q06_ids_never_repeat() {
        let disk = FaultyDisk::new();
        disk.put_dir(&PathBuf::from("/queue"));
        let layout = Layout { dir: PathBuf::from("/queue") };
        let now = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        let mut last = QueueId::from_number(0);
        for clock in [
            now,
            now,
            now - DAY,
            now + 3_650 * DAY,
            SystemTime::UNIX_EPOCH,
            now,
            now + 99_999 * DAY,
        ] {
            let next = begin(&disk, &layout, None, clock).unwrap();
            assert!(next > last, "{clock:?}");
            last = next;
        }
        // A backup that is put back within the minute: neither file nor log knows of the start before.
        disk.put(&layout.epoch(), b"epoch 1 00000000\n");
        let clock = now + 99_999 * DAY;
        let lost = begin(&disk, &layout, None, clock).unwrap();
        disk.put(&layout.epoch(), b"epoch 1 00000000\n");
        let again = begin(&disk, &layout, None, clock + Duration::from_millis(1)).unwrap();
        assert_eq!(again.number() - lost.number(), 1_000);
        // Without the file, and with a damaged one, the log knows better.
        for damaged in [&b""[..], b"epoch 1 00000000\n", b"epoch 99999999999 0\n"] {
            disk.put(&layout.epoch(), damaged);
            let next = begin(&disk, &layout, Some(last), SystemTime::UNIX_EPOCH).unwrap();
            assert!(next > last);
            last = next;
        }
    }
}
