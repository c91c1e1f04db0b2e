//! A letter that is open for reading: its file, and its octets as they go over the wire.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use postroad_disk::{Disk, DiskFile};

use super::{Mailbox, MailboxError};
use crate::line_ends::OnTheWire;

/// Octets that are read at once.
const PIECE_OCTETS: usize = 64 * 1024;

/// A letter's file. It stays readable whatever becomes of its name.
#[derive(Debug)]
pub struct Letter {
    file: Box<dyn DiskFile>,
    octets: u64,
    received: SystemTime,
}

/// Where a letter's file was when it was last seen.
#[derive(Debug)]
pub struct LetterFile {
    disk: Arc<dyn Disk>,
    uid: u32,
    path: PathBuf,
}

impl LetterFile {
    /// A letter's file at `path`, of a folder whose letters are numbered by somebody else.
    pub fn at(disk: Arc<dyn Disk>, uid: u32, path: PathBuf) -> Self {
        Self { disk, uid, path }
    }

    /// Whose it is.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Opens it, without the mailbox at hand. Where it isn't there any more, [`Mailbox::open_letter`] looks for it.
    ///
    /// # Errors
    /// [`MailboxError::Gone`] where it isn't there, and what the disk said.
    pub fn open(&self) -> Result<Letter, MailboxError> {
        match self.disk.open_read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(MailboxError::Gone { uid: self.uid })
            }
            file => Letter::of(file?),
        }
    }
}

impl Mailbox {
    /// The file of a letter, to be opened later.
    ///
    /// # Errors
    /// Where there is no such letter.
    pub fn letter_file(&self, uid: u32) -> Result<LetterFile, MailboxError> {
        let path = self.entry(uid).ok_or(MailboxError::Gone { uid })?.path();
        Ok(LetterFile { disk: Arc::clone(&self.all.disk), uid, path })
    }

    /// Octets of a letter's file: its name tells, or the disk.
    ///
    /// # Errors
    /// Where the letter is gone, and what the disk said.
    pub fn file_octets(&mut self, uid: u32) -> Result<u64, MailboxError> {
        match self.entry(uid).and_then(|entry| entry.octets()) {
            Some(octets) => Ok(octets),
            None => Ok(self.with_file(uid, |disk, path| disk.stat(path))?.octets),
        }
    }

    /// Opens a letter, wherever others have moved it meanwhile.
    ///
    /// # Errors
    /// Where it is gone, and what the disk said.
    pub fn open_letter(&mut self, uid: u32) -> Result<Letter, MailboxError> {
        Letter::of(self.with_file(uid, |disk, path| disk.open_read(path))?)
    }
}

impl Letter {
    fn of(file: Box<dyn DiskFile>) -> Result<Self, MailboxError> {
        let stamp = file.stamp()?;
        Ok(Self { file, octets: stamp.octets, received: stamp.modified })
    }

    /// When it was received (INTERNALDATE): its file's time.
    pub fn received(&self) -> SystemTime {
        self.received
    }

    /// Octets of the file.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Reads from the file as it is; gives the octets read, fewer only at its end.
    ///
    /// # Errors
    /// What the disk said.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, MailboxError> {
        Ok(self.file.read_at(buffer, offset)?)
    }

    /// Octets with CRLF: what [`Letter::wire`] gives. Reads the file.
    ///
    /// # Errors
    /// What the disk said.
    pub fn wire_octets(&self) -> Result<u64, MailboxError> {
        let (mut octets, mut wire) = (0, self.wire());
        while wire.advance()? {
            octets += wire.piece.len() as u64;
        }
        Ok(octets)
    }

    /// The letter as it goes over the wire: a line ends with CRLF, however it does in the file; a CR that stands alone
    /// stays.
    pub fn wire(&self) -> WireReader<'_> {
        WireReader {
            letter: self,
            offset: 0,
            ends: OnTheWire::default(),
            read: Vec::new(),
            piece: Vec::new(),
            taken: 0,
        }
    }
}

/// Reads a letter with CRLF.
#[derive(Debug)]
pub struct WireReader<'a> {
    letter: &'a Letter,
    offset: u64,
    ends: OnTheWire,
    read: Vec<u8>,
    piece: Vec<u8>,
    taken: usize,
}

impl WireReader<'_> {
    /// The next piece; `false` at the end.
    fn advance(&mut self) -> Result<bool, MailboxError> {
        self.piece.clear();
        self.taken = 0;
        // No more than there is, and one that shows its end.
        let left = self.letter.octets.saturating_sub(self.offset).saturating_add(1);
        let piece = usize::try_from(left).map_or(PIECE_OCTETS, |left| left.min(PIECE_OCTETS));
        self.read.resize(piece, 0);
        let octets = self.letter.file.read_at(&mut self.read, self.offset)?;
        self.offset += octets as u64;
        self.ends.push(self.read.get(..octets).unwrap_or_default(), &mut self.piece);
        Ok(octets > 0)
    }
}

impl Read for WireReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.piece.len() && !self.advance().map_err(io::Error::other)? {
            return Ok(0);
        }
        let rest = self.piece.get(self.taken..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.taken += count;
        Ok(count)
    }
}
