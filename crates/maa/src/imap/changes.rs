//! What others have changed in a mailbox, told to a client (RFC 9051 §7.4, §7.5, RFC 7162).

use std::num::NonZeroU32;
use std::sync::Arc;

use postroad_imap::command::Access;
use postroad_imap::encode::FetchWriter;
use postroad_imap::response::{Data, Status, StatusResponse, Vanishing};
use postroad_imap::value::Set;
use postroad_store::{Entry, Mailbox};

use super::capability::Enabled;
use super::ending::Refused;
use super::select::{known_flags, permanent_flags};
use super::selected::Selected;

/// Whether expunged letters may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expunges {
    Now,
    /// The client counts by what it knew.
    Later,
}

/// Whether other flags of letters are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlagNews {
    Told,
    Untold,
}

/// Why nothing was told.
#[derive(Debug)]
pub(super) enum Untold {
    /// UIDs aren't what they were.
    NumbersLost,
    /// The mailbox can't be looked at; logged where that went wrong.
    Unavailable,
}

impl<T: Into<Refused>> From<T> for Untold {
    fn from(why: T) -> Self {
        // What was asked for was done, and the client sees the mailbox as it was.
        let _ = why.into();
        Self::Unavailable
    }
}

impl Selected {
    /// Looks at the mailbox and tells what is new; gives the UIDs of letters that have come.
    ///
    /// # Errors
    /// Where it can't be looked at: the client sees it as it was.
    pub(super) fn tell_changes(
        &mut self,
        enabled: &Enabled,
        expunges: Expunges,
        flags: FlagNews,
        out: &mut Vec<u8>,
    ) -> Result<Vec<u32>, Untold> {
        let open = Arc::clone(&self.open);
        let mut inside = open.inside();
        let mailbox = &mut inside.mailbox;
        mailbox.refresh()?;
        if mailbox.cache_key() != self.key {
            return Err(Untold::NumbersLost);
        }
        self.tell_keywords(mailbox, enabled, out);
        if mailbox.highest_modseq() == self.told && self.gone_told == self.told {
            return Ok(Vec::new());
        }
        if expunges == Expunges::Now {
            self.tell_expunged(mailbox, enabled, out);
        }
        let known = self.uids.last().copied().unwrap_or_default();
        self.tell_new(mailbox, enabled, out)?;
        if flags == FlagNews::Told {
            self.tell_flags(mailbox, known, enabled, out);
        }
        self.told = mailbox.highest_modseq();
        self.own.clear();
        Ok(self.uids.iter().rev().take_while(|uid| **uid > known).copied().collect())
    }

    /// RFC 9051 §7.3.5: keywords that letters may have now and couldn't before.
    pub(super) fn tell_keywords(
        &mut self,
        mailbox: &Mailbox,
        enabled: &Enabled,
        out: &mut Vec<u8>,
    ) {
        let flags = known_flags(mailbox);
        if flags.len() == self.flags_told {
            return;
        }
        self.flags_told = flags.len();
        Data::Flags(flags).write(out, enabled.names());
        let permanent = StatusResponse::untagged(Status::Ok, "Those stay");
        let permanent = permanent.with(permanent_flags(mailbox, self.access));
        permanent.write(out, enabled.names());
    }

    fn tell_expunged(&mut self, mailbox: &Mailbox, enabled: &Enabled, out: &mut Vec<u8>) {
        let names = enabled.names();
        let gone = self.take_out(&mailbox.expunged_since(self.gone_told));
        self.gone_told = mailbox.highest_modseq();
        if enabled.qresync() || enabled.uid_only() {
            // RFC 7162 §3.2.10, and RFC 9586.
            if let Some(uids) = Set::from_numbers(gone.iter().map(|(_, uid)| *uid)) {
                Data::Vanished { when: Vanishing::Now, uids }.write(out, names);
            }
            return;
        }
        for number in gone.iter().filter_map(|(number, _)| NonZeroU32::new(*number)) {
            Data::Expunge(number).write(out, names);
        }
    }

    fn tell_new(
        &mut self,
        mailbox: &mut Mailbox,
        enabled: &Enabled,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused> {
        let last = self.uids.last().copied().unwrap_or_default();
        let Some(first) = last.checked_add(1) else { return Ok(()) };
        let mut new = mailbox.entries_in(first..=u32::MAX).map(|entry| entry.uid()).peekable();
        if new.peek().is_none() {
            return Ok(());
        }
        Arc::make_mut(&mut self.uids).extend(new);
        self.take_in(mailbox)?;
        let names = enabled.names();
        Data::Exists(count(self.uids.len())).write(out, names);
        if !enabled.rev2() {
            Data::Recent(count(self.recent_letters(mailbox))).write(out, names);
        }
        Ok(())
    }

    /// How many letters are recent (RFC 3501 §2.3.2): who may change nothing leaves them so to the next session, too.
    pub(super) fn recent_letters(&self, mailbox: &Mailbox) -> usize {
        match self.access {
            Access::ReadWrite => self.recent.len(),
            Access::ReadOnly => mailbox.entries().filter(Entry::is_new).count(),
        }
    }

    /// Makes letters that nobody has seen this session's recent ones, where it may change anything.
    pub(super) fn take_in(&mut self, mailbox: &mut Mailbox) -> Result<(), Refused> {
        if self.access == Access::ReadWrite {
            // They are new ones: behind those that are known.
            self.recent.extend(mailbox.take_in()?);
            self.recent.sort_unstable();
        }
        Ok(())
    }

    /// Of letters up to the UID `known`: new ones a client asks for itself.
    fn tell_flags(&self, mailbox: &Mailbox, known: u32, enabled: &Enabled, out: &mut Vec<u8>) {
        for entry in mailbox.changed_since(self.told) {
            if entry.uid() > known || self.own.contains(&entry.modseq()) {
                continue;
            }
            let Some(place) = self.place_of(entry.uid()) else { continue };
            self.write_flags(&entry, mailbox, place, enabled, out);
        }
    }

    /// A line with the flags of a letter.
    pub(super) fn write_flags(
        &self,
        entry: &Entry<'_>,
        mailbox: &Mailbox,
        place: usize,
        enabled: &Enabled,
        out: &mut Vec<u8>,
    ) {
        let mut line = FetchWriter::begin(enabled.named(place, entry.uid()), out);
        if !enabled.uid_only() {
            // RFC 7162 §3.2.4, RFC 9051 §7.5.2: the client knows the letter by that, whatever numbers are.
            line.uid(entry.uid(), out);
        }
        line.flag_names(self.flag_names(entry, mailbox, enabled), out);
        if enabled.mod_seqs() {
            line.mod_seq(entry.modseq(), out);
        }
        line.end(out);
    }

    /// Whether a letter is `\Recent` here.
    pub(super) fn is_recent(&self, entry: &Entry<'_>) -> bool {
        self.recent.binary_search(&entry.uid()).is_ok() || entry.is_new()
    }

    /// What a letter's flags are called here.
    pub(super) fn flag_names<'a>(
        &self,
        entry: &Entry<'_>,
        mailbox: &'a Mailbox,
        enabled: &Enabled,
    ) -> Vec<&'a str> {
        let mut names = mailbox.flag_names(entry.flags());
        // RFC 9051 §2.3.2: the second revision knows no \Recent.
        if !enabled.rev2() && self.is_recent(entry) {
            names.push("\\Recent");
        }
        names
    }
}

pub(super) fn count(letters: usize) -> u32 {
    u32::try_from(letters).unwrap_or(u32::MAX)
}
