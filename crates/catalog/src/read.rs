//! Letters that have to be read: without the mailbox at hand, by several threads, and no more of each than is wanted.

use std::thread;
use std::time::SystemTime;

use postroad_message::{Part, wire};
use postroad_store::{Letter, MailboxError};

use crate::facts::Read;
use crate::limits::{HEADER_PIECE_OCTETS, LETTERS_FOR_A_THREAD, READERS_MAX};
use crate::object_id::Hashing;

/// How much of a letter is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// Its header.
    Header,
    /// All its octets.
    Octets,
    /// And what it is made of.
    Parts,
}

/// A letter in memory.
#[derive(Debug)]
pub struct ReadLetter {
    extent: Extent,
    /// From its beginning on, as they are stored.
    pub octets: Vec<u8>,
    /// What they are made of, as far as that was wanted.
    pub part: Part,
    /// Seconds since 1970.
    arrived: i64,
}

impl ReadLetter {
    /// Reads as much of it as is wanted.
    ///
    /// # Errors
    /// What the disk said.
    pub fn read(letter: &Letter, extent: Extent) -> Result<Self, MailboxError> {
        let octets = match extent {
            Extent::Header => header(letter)?,
            Extent::Octets | Extent::Parts => whole(letter)?,
        };
        let part = match extent {
            Extent::Header | Extent::Octets => Part::undivided(&octets),
            Extent::Parts => Part::of(&octets),
        };
        Ok(Self { extent, octets, part, arrived: seconds(letter.received()) })
    }

    /// What it says of itself, as far as that was read, with what is `known` of it; `None` where a header alone doesn't
    /// tell, since nobody knows the letter's `size` on the wire.
    pub fn facts(&self, size: Option<u64>, known: Option<&Read>, hashing: Hashing) -> Option<Read> {
        let letter = &self.octets;
        let facts = match known.filter(|known| known.has_header()) {
            Some(known) => known.clone(),
            None if self.extent == Extent::Header => {
                Read::of_header(self.header(), size?, self.arrived)
            }
            None => Read::of_header(self.header(), wire::octets(letter), self.arrived),
        };
        Some(match self.extent {
            Extent::Header => facts,
            Extent::Octets => facts.with_email_id(letter, hashing),
            Extent::Parts => facts.with_structure(&self.part).with_email_id(letter, hashing),
        })
    }

    /// Its header, and the empty line behind it.
    pub fn header(&self) -> &[u8] {
        self.octets.get(self.part.header.clone()).unwrap_or_default()
    }
}

/// A letter's file, and how long the letter is on the wire, where the file's name tells.
#[derive(Debug)]
pub struct LetterFile {
    pub(crate) file: postroad_store::LetterFile,
    pub(crate) wire_octets: Option<u64>,
}

impl LetterFile {
    /// A letter's file that is in no folder of ours.
    pub fn at(file: postroad_store::LetterFile) -> Self {
        Self { file, wire_octets: None }
    }

    /// Whose it is.
    pub fn uid(&self) -> u32 {
        self.file.uid()
    }

    /// Opens it, where it was when it was listed.
    ///
    /// # Errors
    /// Where it is gone, and what the disk said.
    pub fn open(&self) -> Result<Letter, MailboxError> {
        self.file.open()
    }

    fn read(&self, extent: Extent) -> Result<Read, MailboxError> {
        let letter = self.file.open()?;
        // Counted piece by piece: a letter may be longer than memory is to be.
        let size = match (extent, self.wire_octets) {
            (Extent::Header, None) => Some(letter.wire_octets()?),
            (_, size) => size,
        };
        let read = ReadLetter::read(&letter, extent)?;
        let facts = read.facts(size, None, Hashing::Spared);
        // Its size was counted.
        facts.ok_or(MailboxError::Gone { uid: self.uid() })
    }
}

/// Reads letters, by several threads and with no folder at hand; what each says, in their order. One that was renamed
/// meanwhile is gone, and has its new place when the folder was looked at again.
pub fn read_some(files: &[LetterFile], extent: Extent) -> Vec<(u32, Result<Read, MailboxError>)> {
    by_threads(files, &|file: &LetterFile| (file.uid(), file.read(extent)))
}

/// Does something with each, by several threads; what comes of it has their order.
pub fn by_threads<L: Sync, T: Send>(letters: &[L], act: &(impl Fn(&L) -> T + Sync)) -> Vec<T> {
    let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = (letters.len() / LETTERS_FOR_A_THREAD).clamp(1, READERS_MAX.min(processors));
    let mut portions = letters.chunks(letters.len().div_ceil(threads).max(1));
    let first = portions.next().unwrap_or_default();
    thread::scope(|scope| {
        let begin = |portion: &'_ [L]| portion.iter().map(act).collect::<Vec<_>>();
        let others: Vec<_> = portions
            .map(|portion| {
                let thread = thread::Builder::new().spawn_scoped(scope, move || begin(portion));
                (portion, thread)
            })
            .collect();
        let mut done = begin(first);
        for (portion, thread) in others {
            done.extend(match thread {
                // Its panic is this command's, and no other's.
                Ok(thread) => {
                    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                }
                // Where the system has none left, this one does all.
                Err(_) => begin(portion),
            });
        }
        done
    })
}

/// All of a letter, as it is stored.
///
/// # Errors
/// What the disk said.
pub fn whole(letter: &Letter) -> Result<Vec<u8>, MailboxError> {
    let mut octets = vec![0; usize::try_from(letter.octets()).unwrap_or(usize::MAX)];
    let read = letter.read_at(&mut octets, 0)?;
    octets.truncate(read);
    Ok(octets)
}

/// A letter's header.
fn header(letter: &Letter) -> Result<Vec<u8>, MailboxError> {
    let mut piece = [0; HEADER_PIECE_OCTETS];
    let mut header = Vec::new();
    loop {
        let before = header.len();
        let rest = letter.octets().saturating_sub(before as u64);
        let wanted = usize::try_from(rest).map_or(piece.len(), |rest| rest.min(piece.len()));
        let wanted = piece.get_mut(..wanted).unwrap_or_default();
        let read = letter.read_at(wanted, before as u64)?;
        let new = wanted.get(..read).unwrap_or_default();
        // Most end in the first piece, and are much shorter: what lies behind takes no room.
        let first = (before == 0).then(|| Part::header_octets(new, 0)).flatten();
        header.extend_from_slice(first.and_then(|end| new.get(..end)).unwrap_or(new));
        let end = first.or_else(|| Part::header_octets(&header, before));
        if let Some(end) = end {
            header.truncate(end);
        }
        if end.is_some() || read == 0 {
            return Ok(header);
        }
    }
}

/// Seconds since 1970.
pub fn seconds(time: SystemTime) -> i64 {
    let after = |since: std::time::Duration| i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => after(since),
        Err(error) => -after(error.duration()),
    }
}
