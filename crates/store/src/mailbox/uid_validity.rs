//! Numbers that are greater than all before: what a mailbox's UIDs are valid with (RFC 9051 §2.3.1.1).
//!
//! The last one stands in a file beside the inbox, for all folders: one that was removed and made again has a greater
//! one, however the clock was set.

use std::path::Path;
use std::time::SystemTime;

use postroad_disk::{Disk, DiskError};

use crate::small_file;

const FILE: &str = "postroad-uidvalidity";

/// One more; or `known`, that another program has given, and that none after it goes below. The caller has the mailbox's
/// turn.
pub(crate) fn next(
    disk: &dyn Disk,
    mailbox: &Path,
    by: &Path,
    known: Option<u32>,
) -> Result<u32, DiskError> {
    let file = mailbox.join(FILE);
    let last = String::from_utf8_lossy(&small_file::read(disk, &file)?).trim().parse::<u32>();
    let last = last.unwrap_or_default();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
    let next = known.unwrap_or_else(|| now.max(last.saturating_add(1)));
    if next > last {
        small_file::replace(disk, by, &file, format!("{next}\n").as_bytes())?;
    }
    Ok(next)
}
