//! The segment that is being written.

use postroad_disk::{Disk, DiskError, DiskFile};

use super::layout::Layout;
use super::record::{HEADER_OCTETS, Head, Header, Version};

/// What tells a segment from all others, and its records from those of its file's former life.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    number: u32,
    mark: u64,
}

impl Stamp {
    /// The mark's lower half is the segment's number: never 0, which is what an unwritten part of a file holds, and
    /// never that of the file's former life. The upper half is drawn.
    pub(crate) fn new(number: u32, drawn: u64) -> Self {
        Self { number, mark: drawn & !u64::from(u32::MAX) | u64::from(number) }
    }

    fn header(self) -> [u8; HEADER_OCTETS] {
        let Self { number, mark } = self;
        Header { version: Version::NEWEST as u32, number, mark }.encode()
    }
}

/// The newest segment, open for appending.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) number: u32,
    pub(crate) mark: u64,
    file: Box<dyn DiskFile>,
    /// Where the next group begins; all before it is durable.
    pub(crate) end: u64,
}

impl Segment {
    /// Creates it. When this returns, its header and its name are durable, and so it is known that
    /// a sync in it succeeds.
    pub(crate) fn create(
        disk: &dyn Disk,
        layout: &Layout,
        stamp: Stamp,
    ) -> Result<Self, DiskError> {
        let path = layout.segment(stamp.number);
        let mut file = disk.create_new(&path)?;
        let mut begin = || {
            file.write_all_at(&[&stamp.header()], 0)?;
            file.sync()?;
            disk.sync_dir(&layout.segments_dir())
        };
        if let Err(error) = begin() {
            // Best effort: a start recognises a segment that holds nothing, and removes it.
            let _ = disk.remove(&path);
            return Err(error);
        }
        Ok(Self::begun(stamp, file))
    }

    /// Begins it in the file of a segment that has gone, where there is one: the header first, then
    /// the name, so that under its new name nothing of its former life is ever seen.
    pub(crate) fn begin(
        disk: &dyn Disk,
        layout: &Layout,
        stamp: Stamp,
        spare: Option<u32>,
    ) -> Result<Self, DiskError> {
        let Some(spare) = spare else { return Self::create(disk, layout, stamp) };
        let mut file = disk.open(&layout.spare(spare))?;
        file.write_all_at(&[&stamp.header()], 0)?;
        file.sync()?;
        disk.rename_noreplace(&layout.spare(spare), &layout.segment(stamp.number))?;
        disk.sync_dir(&layout.segments_dir())?;
        Ok(Self::begun(stamp, file))
    }

    fn begun(Stamp { number, mark }: Stamp, file: Box<dyn DiskFile>) -> Self {
        Self { number, mark, file, end: HEADER_OCTETS as u64 }
    }

    /// Writes a group of records and makes them durable.
    pub(crate) fn append(&mut self, records: &[(Head, &[u8], &[u8])]) -> Result<(), AppendError> {
        let heads: Vec<_> = records.iter().map(|(head, meta, _)| head.encode(meta)).collect();
        let mut buffers: Vec<&[u8]> = Vec::with_capacity(records.len() * 3);
        for (head, (_, meta, content)) in heads.iter().zip(records) {
            buffers.extend(
                [head.as_slice(), meta, content].into_iter().filter(|part| !part.is_empty()),
            );
        }
        if let Err(error) = self.file.write_all_at(&buffers, self.end) {
            return Err(self.take_back(error));
        }
        self.file.sync().map_err(AppendError::Unknown)?;
        self.end += buffers.iter().map(|buffer| buffer.len() as u64).sum::<u64>();
        Ok(())
    }

    /// Cuts off what a failed write left, so that nothing of it surfaces after a crash.
    fn take_back(&mut self, error: DiskError) -> AppendError {
        match self.file.truncate(self.end).and_then(|()| self.file.sync()) {
            Ok(()) => AppendError::Nothing(error),
            Err(_) => AppendError::Unknown(error),
        }
    }
}

/// A group was not made durable.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// Nothing of it is in the file.
    Nothing(DiskError),
    /// Some of it may be on the disk; this file can't be trusted with anything more.
    Unknown(DiskError),
}

/// 64 bits from the system.
pub(crate) fn draw() -> u64 {
    let mut octets = [0; 8];
    let drawn = rustix::rand::getrandom(&mut octets, rustix::rand::GetRandomFlags::empty());
    match drawn {
        Ok(8) => u64::from_le_bytes(octets),
        // A kernel without randomness: the hash map's keys are seeded by what it has.
        Ok(_) | Err(_) => {
            use std::hash::{BuildHasher as _, Hasher as _};
            std::hash::RandomState::new().build_hasher().finish()
        }
    }
}
