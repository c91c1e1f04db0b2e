//! Small files beside the letters, written whole or not at all.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::time::Instant;

use postroad_disk::{Disk, DiskError, DiskFile, DiskLock};

use crate::ledger::LOCK;
use crate::limits::{TURN_LOOK_EVERY, TURN_WAIT_MAX};

/// Octets of such a file at most: twenty thousand folders' names.
const OCTETS_MAX: u64 = 1024 * 1024;

/// Octets that are read at once of a file that isn't read whole.
const BLOCK_OCTETS: usize = 32 * 1024;

/// Reads one; a file that isn't there is empty.
pub(crate) fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, DiskError> {
    match open(disk, path)? {
        Some(file) => read_part(path, file.as_ref(), 0..file.len()?),
        None => Ok(Vec::new()),
    }
}

/// Opens one for reading, where it is there.
pub(crate) fn open(disk: &dyn Disk, path: &Path) -> Result<Option<Box<dyn DiskFile>>, DiskError> {
    match disk.open_read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some),
    }
}

/// Reads a part of one that is open.
pub(crate) fn read_part(
    path: &Path,
    file: &dyn DiskFile,
    part: Range<u64>,
) -> Result<Vec<u8>, DiskError> {
    let octets = part.end.saturating_sub(part.start);
    check_octets("read", path, octets)?;
    let mut content = vec![0; usize::try_from(octets).unwrap_or_default()];
    let read = file.read_at(&mut content, part.start)?;
    content.truncate(read);
    Ok(content)
}

/// Refuses a length that no such file has, before one is written that couldn't be read.
pub(crate) fn check_octets(
    operation: &'static str,
    path: &Path,
    octets: u64,
) -> Result<(), DiskError> {
    match octets > OCTETS_MAX {
        true => {
            let source = io::ErrorKind::FileTooLarge.into();
            Err(DiskError { operation, path: path.to_owned(), source })
        }
        false => Ok(()),
    }
}

/// Reads one block by block, each of whole lines; what has no line end yet is left out, and so is what is longer than a
/// block without one. A file that isn't there is empty.
pub(crate) fn blocks_of_lines(
    disk: &dyn Disk,
    path: &Path,
    take: impl FnMut(&[u8]),
) -> Result<(), DiskError> {
    match open(disk, path)? {
        Some(file) => blocks_of_lines_in(file.as_ref(), take),
        None => Ok(()),
    }
}

/// The same of one that is open.
pub(crate) fn blocks_of_lines_in(
    file: &dyn DiskFile,
    mut take: impl FnMut(&[u8]),
) -> Result<(), DiskError> {
    let mut block = vec![0; BLOCK_OCTETS];
    let (mut offset, mut kept) = (0, 0);
    loop {
        let read = file.read_at(block.get_mut(kept..).unwrap_or_default(), offset)?;
        let filled = block.get(..kept + read).unwrap_or_default();
        let end = memchr::memrchr(b'\n', filled).map_or(0, |end| end + 1);
        take(filled.get(..end).unwrap_or_default());
        if kept + read < block.len() {
            return Ok(());
        }
        offset += read as u64;
        kept = if end == 0 { 0 } else { block.len() - end };
        block.copy_within(end.., 0);
    }
}

/// Writes `path` anew by way of the file `by`, which must not be there yet. Whatever happens, what was there
/// before is there still, or what is new.
pub(crate) fn replace(
    disk: &dyn Disk,
    by: &Path,
    path: &Path,
    content: &[u8],
) -> Result<(), DiskError> {
    let mut file = disk.create_new(by)?;
    let written = file
        .write_all_at(&[content], 0)
        // Before the rename: else a power cut leaves an empty file in place of what was there.
        .and_then(|()| file.sync())
        .and_then(|()| disk.rename(by, path));
    match (written, path.parent()) {
        (Ok(()), Some(folder)) => disk.sync_dir(folder),
        (Ok(()), None) => Ok(()),
        (Err(error), _) => {
            // The error that counts is the first one.
            let _ = disk.remove(by);
            Err(error)
        }
    }
}

/// The part of a mailbox's lock that is held by whoever reads one and writes it anew (keys of deliveries are odd).
const TURN: u64 = 2;

/// The same for whoever makes, removes and renames folders: on the way, small files change.
const FOLDERS_TURN: u64 = 4;

/// Waits for the turn to change the small files of a mailbox: two that change one in the same moment would lose
/// what the first has written. A file system without locks gives none, and that may happen there.
pub(crate) fn turn(
    disk: &dyn Disk,
    mailbox: &Path,
) -> Result<Option<Box<dyn DiskLock>>, DiskError> {
    turn_of(disk, mailbox, TURN)
}

/// Waits for the turn to change which folders there are.
pub(crate) fn folders_turn(
    disk: &dyn Disk,
    mailbox: &Path,
) -> Result<Option<Box<dyn DiskLock>>, DiskError> {
    turn_of(disk, mailbox, FOLDERS_TURN)
}

fn turn_of(
    disk: &dyn Disk,
    mailbox: &Path,
    part: u64,
) -> Result<Option<Box<dyn DiskLock>>, DiskError> {
    patiently(|| match disk.lock_part(&mailbox.join(LOCK), part) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
        turn => Ok(turn.ok()),
    })
}

/// Tries again for a while what somebody else is about to give free.
pub(crate) fn patiently<T>(
    mut attempt: impl FnMut() -> Result<T, DiskError>,
) -> Result<T, DiskError> {
    let since = Instant::now();
    loop {
        match attempt() {
            Err(error) if is_taken(&error) && since.elapsed() < TURN_WAIT_MAX => {
                std::thread::sleep(TURN_LOOK_EVERY);
            }
            result => return result,
        }
    }
}

fn is_taken(error: &DiskError) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::AlreadyExists)
}
