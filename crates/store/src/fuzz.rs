//! What the fuzz targets in `tests/fuzz` run, and plain tests over the seeds.

use std::path::PathBuf;

use postroad_disk::{DiskError, DiskFile, EntryKind, Owner, Stat};

/// What one target runs.
pub type Body = fn(&[u8]);

/// Every target, by the name of its file and its folder of seeds.
pub const TARGETS: [(&str, Body); 4] =
    [("cache", cache), ("status", status), ("neighbours", neighbours), ("register", register)];

/// A folder's cache.
pub fn cache(octets: &[u8]) {
    crate::cache::fuzz_cache(octets);
}

/// The counts of a mailbox's folders.
pub fn status(octets: &[u8]) {
    let _ = crate::status::parse(octets, "");
    let crc = crc32fast::hash(octets).to_le_bytes();
    let count = octets.first().map_or(0, |octet| u32::from(*octet)).to_le_bytes();
    let _ = crate::status::parse(&[b"PRstate2", &count[..], &crc, octets].concat(), "");
}

/// Files that Dovecot and Courier have written.
pub fn neighbours(octets: &[u8]) {
    crate::neighbours::fuzz(octets);
}

/// A folder's register: its snapshot, and frames behind it; and what is said of letters that move.
pub fn register(octets: &[u8]) {
    crate::mailbox::fuzz_moving(octets);
    crate::mailbox::fuzz_register(octets);
}

/// Octets as a file.
#[derive(Debug)]
pub(crate) struct Octets(pub(crate) Vec<u8>);

impl DiskFile for Octets {
    fn write_all_at(&mut self, buffers: &[&[u8]], offset: u64) -> Result<(), DiskError> {
        let (octets, start) = (buffers.concat(), usize::try_from(offset).unwrap_or(usize::MAX));
        self.0.resize(self.0.len().max(start + octets.len()), 0);
        self.0.iter_mut().skip(start).zip(octets).for_each(|(to, from)| *to = from);
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, DiskError> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let octets = self.0.get(from..).unwrap_or_default();
        let count = octets.len().min(buffer.len());
        buffer.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        Ok(count)
    }

    fn len(&self) -> Result<u64, DiskError> {
        Ok(self.0.len() as u64)
    }

    fn stat(&self) -> Result<Stat, DiskError> {
        let octets = self.0.len() as u64;
        Ok(Stat {
            kind: EntryKind::File,
            octets,
            owner: Owner::Ours,
            mode: 0o600,
            links: 1,
            number: 1,
        })
    }

    fn truncate(&mut self, len: u64) -> Result<(), DiskError> {
        let too_long = |_| DiskError {
            operation: "truncate",
            path: PathBuf::new(),
            source: std::io::ErrorKind::FileTooLarge.into(),
        };
        self.0.resize(usize::try_from(len).map_err(too_long)?, 0);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        Ok(())
    }
}
