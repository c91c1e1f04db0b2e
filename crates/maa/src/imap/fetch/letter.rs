//! A letter that a line is made of.

use postroad_message::Part;
use postroad_store::{Letter, Mailbox, MailboxError};

use crate::imap::facts::Read;
use crate::imap::object_id::Hashing;
use crate::imap::read::{seconds, whole};

/// A letter that is open.
#[derive(Debug)]
pub(super) struct Opened {
    uid: u32,
    place: usize,
    letter: Letter,
    arrived: i64,
}

/// A letter in memory.
#[derive(Debug)]
pub(super) struct ReadLetter {
    pub(super) uid: u32,
    pub(super) place: usize,
    pub(super) octets: Vec<u8>,
    pub(super) part: Part,
    pub(super) facts: Read,
}

impl Opened {
    pub(super) fn open(
        mailbox: &mut Mailbox,
        uid: u32,
        place: usize,
    ) -> Result<Self, MailboxError> {
        let arrived = mailbox.internal_date(uid)?;
        let letter = mailbox.open_letter(uid)?;
        Ok(Self { uid, place, letter, arrived: seconds(arrived) })
    }

    pub(super) fn octets(&self) -> u64 {
        self.letter.octets()
    }

    pub(super) fn read(self, hashing: Hashing) -> Result<ReadLetter, MailboxError> {
        let octets = whole(&self.letter)?;
        let part = Part::of(&octets);
        let facts = Read::of(&octets, &part, self.arrived, hashing);
        Ok(ReadLetter { uid: self.uid, place: self.place, octets, part, facts })
    }
}
