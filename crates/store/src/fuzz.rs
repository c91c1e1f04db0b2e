//! What the fuzz targets in `tests/fuzz` run, and plain tests over the seeds.

/// What one target runs.
pub type Body = fn(&[u8]);

/// Every target, by the name of its file and its folder of seeds.
pub const TARGETS: [(&str, Body); 3] =
    [("cache", cache), ("status", status), ("neighbours", neighbours)];

/// A folder's cache.
pub fn cache(octets: &[u8]) {
    crate::cache::fuzz_cache(octets);
}

/// The counts of a mailbox's folders.
pub fn status(octets: &[u8]) {
    let _ = crate::status::parse(octets);
    let crc = crc32fast::hash(octets).to_le_bytes();
    let count = octets.first().map_or(0, |octet| u32::from(*octet)).to_le_bytes();
    let _ = crate::status::parse(&[b"PRstate1", &count[..], &crc, octets].concat());
}

/// Files that Dovecot and Courier have written.
pub fn neighbours(octets: &[u8]) {
    crate::neighbours::fuzz(octets);
}
