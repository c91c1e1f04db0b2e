//! A letter that a line is made of.

use postroad_catalog::facts::Read;
use postroad_catalog::limits::HEADER_PIECE_OCTETS;
use postroad_catalog::object_id::Hashing;
use postroad_catalog::read::{Extent, ReadLetter};
use postroad_store::{Facts, Letter, LetterFile, Mailbox, MailboxError};

use super::line::{Line, WantedFacts};

/// Octets of a letter, or of a header, that may be more than was known before: many at once don't harm.
const UNFORESEEN_OCTETS_MAX: u64 = 64 * 1024;

/// A letter that has to be read.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) place: usize,
    pub(super) file: LetterFile,
    extent: Extent,
    /// What is cached of it.
    known: Option<Read>,
    /// What of that isn't there.
    wants: WantedFacts,
    hashing: Hashing,
    /// Octets on the wire, where its file's name tells.
    size: Option<u64>,
    /// Octets that it is expected to be held in memory with.
    pub(super) octets: u64,
}

/// Whether other letters are held in memory, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Company {
    Others,
    Alone,
}

/// A letter that was read.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) letter: ReadLetter,
    /// What the cache hadn't got.
    pub(super) new: Option<Read>,
}

impl Unread {
    pub(super) fn of(
        mailbox: &mut Mailbox,
        uid: u32,
        place: usize,
        line: &Line<'_>,
        known: Option<&Facts<'_>>,
    ) -> Result<Self, MailboxError> {
        let size = mailbox.entry(uid).and_then(|entry| entry.wire_octets());
        let wants = match known.is_some_and(|known| line.is_in(known)) {
            true => WantedFacts::None,
            false => line.wanted_facts(),
        };
        let extent = line.extent().max(match (wants, size) {
            (WantedFacts::None, _) | (WantedFacts::OfHeader, Some(_)) => Extent::Header,
            (WantedFacts::OfHeader, None) | (WantedFacts::OfOctets, _) => Extent::Octets,
            (WantedFacts::Structure | WantedFacts::Preview, _) => Extent::Parts,
        });
        let octets = mailbox.file_octets(uid)?;
        let octets = match extent {
            Extent::Header => octets.min(HEADER_PIECE_OCTETS as u64),
            Extent::Octets | Extent::Parts => octets,
        };
        let file = mailbox.letter_file(uid)?;
        let (known, hashing) = (known.map(Read::kept), line.hashing());
        Ok(Self { place, file, extent, known, wants, hashing, size, octets })
    }

    /// `None` where it is longer than it seemed, and has to be read alone.
    pub(super) fn read(
        &self,
        letter: &Letter,
        company: Company,
    ) -> Result<Option<Fetched>, MailboxError> {
        let is_too_long = |octets: u64| {
            company == Company::Others && octets > self.octets.max(UNFORESEEN_OCTETS_MAX)
        };
        if self.extent > Extent::Header && is_too_long(letter.octets()) {
            return Ok(None);
        }
        let letter = ReadLetter::read(letter, self.extent)?;
        if is_too_long(letter.octets.len() as u64) {
            return Ok(None);
        }
        let facts = || letter.facts(self.size, self.known.as_ref(), self.hashing);
        let new = match self.wants {
            WantedFacts::None => None,
            WantedFacts::OfHeader | WantedFacts::OfOctets | WantedFacts::Structure => facts(),
            WantedFacts::Preview => {
                facts().map(|facts| facts.with_preview(&letter.octets, &letter.part))
            }
        };
        Ok(Some(Fetched { letter, new }))
    }

    /// What is known of it, with what was read.
    pub(super) fn facts<'a>(&'a self, fetched: &'a Fetched) -> Facts<'a> {
        fetched.new.as_ref().or(self.known.as_ref()).map(Read::facts).unwrap_or_default()
    }
}
