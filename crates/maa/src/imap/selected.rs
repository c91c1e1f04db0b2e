//! The mailbox that a session has open, as its client knows it: which letter has which number, and what was told.

use std::ops::Range;
use std::sync::Arc;

use postroad_imap::command::Access;
use postroad_imap::response::Code;
use postroad_imap::value::{MailboxName, Numbers, SequenceSet, Set};
use postroad_store::{CacheKey, Mailbox};

use super::ending::{ANOTHER_MAILBOX, Refused};
use super::shared::Open;

/// The mailbox that a session has open.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) open: Arc<Open>,
    pub(super) name: MailboxName,
    pub(super) access: Access,
    /// The UIDVALIDITY that the client was told.
    pub(super) uid_validity: u32,
    /// Which mailbox that was.
    pub(super) key: CacheKey,
    /// UIDs that the client was told of, in the order of their sequence numbers. The mailbox's own list, until they differ.
    pub(super) uids: Arc<Vec<u32>>,
    /// Changes up to this mod-sequence were told.
    pub(super) told: u64,
    /// The same for letters that are gone: those may have to wait.
    pub(super) gone_told: u64,
    /// Mod-sequences of changes beyond that of which the client was told, since it has made them itself.
    pub(super) own: Vec<u64>,
    /// Flags and keywords of which the client knows that letters may have them.
    pub(super) flags_told: usize,
    /// Letters that are `\Recent` in this session (RFC 3501 §2.3.2); sorted.
    pub(super) recent: Vec<u32>,
    /// What the last SEARCH has saved (RFC 5182).
    pub(super) saved: Vec<u32>,
}

/// A sequence number that no letter has (RFC 9051 §2.3.1.2: BAD).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoSuchNumber;

/// Letters of a mailbox: places in [`Selected::uids`], sorted, which don't touch.
pub(super) type Places = Vec<Range<usize>>;

impl Selected {
    /// Looks whether the mailbox is the one whose numbers the client knows: it may have been removed, and another one made
    /// of that name.
    ///
    /// # Errors
    /// Where it isn't: nothing may be done by those numbers (RFC 9051 §2.3.1.1).
    pub(super) fn check_numbers(&self, mailbox: &mut Mailbox) -> Result<(), Refused> {
        mailbox.refresh()?;
        self.check_view(mailbox)
    }

    /// The same of what is in view: where the mailbox wasn't held all the time, another session may have looked again. What
    /// is in view when UIDs are given to the mailbox is the one that they are taken for (`MailboxError::Renumbered`).
    pub(super) fn check_view(&self, mailbox: &Mailbox) -> Result<(), Refused> {
        match mailbox.cache_key() == self.key {
            true => Ok(()),
            false => Err(Refused::no_with(Code::NonExistent, ANOTHER_MAILBOX)),
        }
    }

    /// How many letters the client knows of.
    pub(super) fn exists(&self) -> usize {
        self.uids.len()
    }

    /// Which letters a command means. UIDs that aren't there are left out (RFC 9051 §6.4.9).
    pub(super) fn places(
        &self,
        numbers: Numbers,
        set: &SequenceSet,
    ) -> Result<Places, NoSuchNumber> {
        match (set, numbers) {
            // RFC 5182 §2.1: what isn't there any more is left out.
            (SequenceSet::Saved, _) => Ok(self.places_of(self.saved.iter().copied())),
            (SequenceSet::Set(set), Numbers::Uid) => Ok(self.by_uid(set)),
            (SequenceSet::Set(set), Numbers::Sequence) => self.by_number(set),
        }
    }

    /// The same for what is searched (RFC 9051 §6.4.4): numbers that no letter has mean none. Many a client searches
    /// `1:*` in an empty mailbox.
    pub(super) fn places_there(&self, numbers: Numbers, set: &SequenceSet) -> Places {
        match (set, numbers) {
            (SequenceSet::Set(set), Numbers::Sequence) => {
                let exists = self.exists();
                let largest = u32::try_from(exists).unwrap_or(u32::MAX);
                let place = |range: std::ops::RangeInclusive<u32>| {
                    index(*range.start())..(index(*range.end()) + 1).min(exists)
                };
                let places = set.resolve(largest).into_iter().map(place);
                places.filter(|range| !range.is_empty()).collect()
            }
            (set, numbers) => self.places(numbers, set).unwrap_or_default(),
        }
    }

    fn by_uid(&self, set: &Set) -> Places {
        let largest = self.uids.last().copied().unwrap_or_default();
        let place = |range: std::ops::RangeInclusive<u32>| {
            let begin = self.uids.partition_point(|uid| uid < range.start());
            begin..self.uids.partition_point(|uid| uid <= range.end())
        };
        set.resolve(largest).into_iter().map(place).filter(|range| !range.is_empty()).collect()
    }

    fn by_number(&self, set: &Set) -> Result<Places, NoSuchNumber> {
        let largest = u32::try_from(self.exists()).unwrap_or(u32::MAX);
        let place = |range: std::ops::RangeInclusive<u32>| match *range.end() <= largest {
            true => Ok(index(*range.start())..index(*range.end()) + 1),
            false => Err(NoSuchNumber),
        };
        set.resolve(largest).into_iter().map(place).collect()
    }

    /// The places of sorted UIDs.
    pub(super) fn places_of(&self, uids: impl IntoIterator<Item = u32>) -> Places {
        let mut places = Places::new();
        for place in uids.into_iter().filter_map(|uid| self.place_of(uid)) {
            match places.last_mut() {
                Some(last) if last.end == place => last.end += 1,
                _ => places.push(place..place + 1),
            }
        }
        places
    }

    /// Where a letter stands.
    pub(super) fn place_of(&self, uid: u32) -> Option<usize> {
        self.uids.binary_search(&uid).ok()
    }

    /// The UIDs of letters.
    pub(super) fn uids_at<'a>(&'a self, places: &'a Places) -> impl Iterator<Item = u32> + 'a {
        let of = |range: &Range<usize>| self.uids.get(range.clone()).unwrap_or_default();
        places.iter().flat_map(of).copied()
    }

    /// Takes letters out that are gone, given as sorted ranges of UIDs; gives the sequence numbers that the client is to
    /// be told, each as it is once those before it are gone, and their UIDs.
    pub(super) fn take_out(&mut self, gone: &[(u32, u32)]) -> Vec<(u32, u32)> {
        let mut expunged = Vec::new();
        if gone.is_empty() {
            return expunged;
        }
        let mut ranges = gone.iter().peekable();
        let mut kept = 0_u32;
        Arc::make_mut(&mut self.uids).retain(|uid| {
            while ranges.next_if(|(_, to)| to < uid).is_some() {}
            let is_gone = ranges.peek().is_some_and(|(from, _)| from <= uid);
            if is_gone {
                expunged.push((kept + 1, *uid));
            } else {
                kept += 1;
            }
            !is_gone
        });
        if !expunged.is_empty() {
            let is_there = |uid: &u32| expunged.binary_search_by_key(uid, |(_, uid)| *uid).is_err();
            self.recent.retain(is_there);
            self.saved.retain(is_there);
        }
        expunged
    }
}

/// A sequence number's place.
fn index(number: u32) -> usize {
    usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX)
}

/// A place's sequence number.
pub(super) fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX).saturating_add(1)
}
