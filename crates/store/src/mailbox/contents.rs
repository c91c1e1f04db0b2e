//! What a register says: all that frames change, whether they were just written or are read.

use super::expunged::Expunged;
use super::frame::{Frame, Intent, Lease, Listed};
use super::letters::{Added, Letters};
use super::name::{KEYWORD_LETTERS, KEYWORDS_MAX};

/// All that a register says.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) uid_validity: u32,
    /// RFC 8474: the same for as long as the mailbox is the same, whatever its name is.
    pub(crate) mailbox_id: [u8; 16],
    /// What was given, and what may be given.
    pub(crate) lease: Lease,
    pub(crate) letters: Letters,
    pub(crate) expunged: Expunged,
    /// Keywords that have no letter, by number.
    pub(crate) keywords: Vec<(u8, String)>,
    pub(crate) listed: Option<Listed>,
    /// What was begun and isn't done.
    pub(crate) intents: Vec<Intent>,
}

/// A frame says what can't be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contradiction;

impl Contents {
    /// A letter's mod-sequence, as clients are told.
    pub(crate) fn modseq(&self, of: u64) -> u64 {
        of.max(self.lease.floor)
    }

    /// Applies what happened.
    pub(crate) fn apply(&mut self, frame: &Frame) -> Result<(), Contradiction> {
        match frame {
            Frame::Assigned { modseq, letters } => {
                self.assign(*modseq, letters.iter().map(Added::borrowed))?;
            }
            Frame::Flagged { modseq, runs } => {
                self.given(*modseq);
                for run in runs {
                    if run.from > run.to {
                        return Err(Contradiction);
                    }
                    self.letters.set_flagged(run.from..=run.to, run.flagged, *modseq);
                }
            }
            Frame::Renamed { modseq, uid, flagged, stored } => {
                self.given(*modseq);
                if !self.letters.rename(*uid, stored, *flagged, *modseq) {
                    return Err(Contradiction);
                }
            }
            Frame::Expunged { modseq, ranges } => {
                self.given(Some(*modseq));
                let sorted = ranges.windows(2).all(|p| matches!(p, [a, b] if a.1 < b.0));
                let falls = self.expunged.ranges().last().is_some_and(|l| l.modseq > *modseq);
                if !sorted || falls || ranges.iter().any(|(from, to)| from > to) {
                    return Err(Contradiction);
                }
                self.letters.remove(ranges);
                self.expunged.add(*modseq, ranges);
            }
            Frame::Keyword { number, name } => {
                if !is_numbered(*number) || self.keywords.iter().any(|(n, _)| n == number) {
                    return Err(Contradiction);
                }
                self.keywords.push((*number, name.clone()));
            }
            Frame::Lease(lease) => {
                if lease.uid_next < self.lease.uid_next || lease.modseq < self.lease.modseq {
                    return Err(Contradiction);
                }
                if lease.floor > self.lease.floor {
                    // What was expunged before may have been lost with the power.
                    self.expunged.forget_until(lease.floor);
                }
                self.lease = lease.clone();
            }
            Frame::Listed(listed) => self.listed = Some(*listed),
            Frame::Intent(intent) => self.intents.push(intent.clone()),
            Frame::Done { intent } => self.intents.retain(|begun| begun.number != *intent),
        }
        Ok(())
    }

    /// Letters got their UIDs.
    pub(crate) fn assign<'a>(
        &mut self,
        modseq: u64,
        letters: impl ExactSizeIterator<Item = Added<&'a [u8]>>,
    ) -> Result<(), Contradiction> {
        self.given(Some(modseq));
        self.letters.expect(letters.len());
        for added in letters {
            let uid = added.uid;
            let is_next = uid >= self.lease.uid_next && uid < u32::MAX;
            if !is_next || !self.letters.push(added, modseq) {
                return Err(Contradiction);
            }
            self.lease.uid_next = uid + 1;
            self.lease.uid_until = self.lease.uid_until.max(uid + 1);
        }
        Ok(())
    }

    /// A mod-sequence was given.
    fn given(&mut self, modseq: Option<u64>) {
        let modseq = modseq.unwrap_or_default();
        self.lease.modseq = self.lease.modseq.max(modseq);
        self.lease.modseq_until = self.lease.modseq_until.max(modseq);
    }

    /// What was written behind the lease may be missing: numbering goes on behind its end, clients ask once more for
    /// flags, and directories are listed.
    pub(crate) fn lose_what_was_not_synced(&mut self) {
        self.lease.uid_next = self.lease.uid_until;
        self.lease.modseq = self.lease.modseq_until;
        self.lease.floor = self.lease.modseq_until;
        self.expunged.forget_until(self.lease.floor);
        self.listed = None;
    }

    /// The number of a keyword that has no letter.
    pub(crate) fn keyword(&self, name: &str) -> Option<u8> {
        let found = self.keywords.iter().find(|(_, known)| known.eq_ignore_ascii_case(name));
        found.map(|(number, _)| *number)
    }

    /// A number for one more keyword.
    pub(crate) fn free_keyword(&self) -> Option<u8> {
        let taken = |number: &u8| self.keywords.iter().any(|(known, _)| known == number);
        (0..KEYWORDS_MAX as u8).filter(|number| is_numbered(*number)).find(|n| !taken(n))
    }
}

/// Whether a keyword of this number stands in the register: others have letters.
pub(crate) fn is_numbered(number: u8) -> bool {
    usize::from(number) < KEYWORDS_MAX && KEYWORD_LETTERS & (1 << number) == 0
}
