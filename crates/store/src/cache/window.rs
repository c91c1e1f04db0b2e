//! A piece of a file in memory.

use postroad_disk::DiskFile;

/// Octets that are read at once by whoever asks here and there.
const FEW: usize = 16 * 1024;
/// Octets that are read at once by whoever asks for one after the other.
const MANY: usize = 512 * 1024;

#[derive(Debug, Default)]
pub(super) struct Window {
    buffer: Vec<u8>,
    at: u64,
    filled: usize,
}

impl Window {
    /// So many octets of a file from there on; `None` where they can't be had.
    pub(super) fn read(&mut self, file: &dyn DiskFile, at: u64, octets: u32) -> Option<&[u8]> {
        let octets = usize::try_from(octets).ok()?;
        let place = match self.place(at, octets) {
            Some(place) => place,
            None => {
                self.fill(file, at, octets)?;
                self.place(at, octets)?
            }
        };
        self.buffer.get(place..place + octets)
    }

    /// Where in the buffer they are.
    fn place(&self, at: u64, octets: usize) -> Option<usize> {
        let place = usize::try_from(at.checked_sub(self.at)?).ok()?;
        (place.checked_add(octets)? <= self.filled).then_some(place)
    }

    fn fill(&mut self, file: &dyn DiskFile, at: u64, octets: usize) -> Option<()> {
        let end = self.at + self.filled as u64;
        let goes_on = self.filled > 0 && at >= self.at && at <= end + FEW as u64;
        let octets = octets.max(if goes_on { MANY } else { FEW });
        if self.buffer.len() < octets {
            self.buffer.resize(octets, 0);
        }
        self.filled = 0;
        self.filled = file.read_at(self.buffer.get_mut(..octets)?, at).ok()?;
        self.at = at;
        Some(())
    }
}
