//! What is left of a session while no process has it: what the next one needs to go on as if it had been there.
//!
//! A client that deflates goes on behind what it has said, if that is short. One that has asked for NOTIFY stays where it is:
//! names, subscriptions and annotations are looked at every 30 seconds, since nobody tells of them, and who rests can't.
//!
//! It goes through the front, which doesn't look inside, to another worker of the same user, and is believed as little as
//! a client is: numbers that can't be the mailbox's end the session.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use postroad_imap::NameEncoding;
use postroad_imap::command::{Access, Extension};
use postroad_imap::value::{MailboxName, Tag};
use serde::{Deserialize, Serialize};

use super::capability::KNOWN;
use super::ending::Refused;
use super::selected::Selected;
use super::session::Session;
use crate::limits::PARKED_OCTETS_MAX;

/// A session that rests.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parked {
    /// The tag of an IDLE that goes on.
    idling: Option<String>,
    /// When the client was heard, in seconds since 1970.
    heard: u64,
    mistakes: usize,
    enabled: Vec<String>,
    selected: Option<ParkedMailbox>,
    /// What a client with COMPRESS has said: each octet is a character.
    said: Option<String>,
}

/// [`Selected`]; UIDs are ranges.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ParkedMailbox {
    name: String,
    /// RFC 8474: it may be another one by now.
    id: String,
    read_only: bool,
    uid_validity: u32,
    uids: Vec<(u32, u32)>,
    told: u64,
    gone_told: u64,
    own: Vec<u64>,
    flags_told: usize,
    recent: Vec<(u32, u32)>,
    saved: Vec<(u32, u32)>,
}

/// A connection that goes on.
pub(super) struct Resumed {
    pub(super) idling: Option<Tag>,
    /// How long ago the client was heard.
    pub(super) silent: Duration,
    pub(super) mistakes: usize,
}

impl Parked {
    /// What a session is, as text; `None` where it has to stay.
    pub(super) fn of(
        session: &Session,
        idling: Option<&Tag>,
        silent: Duration,
        mistakes: usize,
        said: Option<&[u8]>,
    ) -> Option<String> {
        if !session.may_rest() {
            return None;
        }
        let selected = match &session.selected {
            None => None,
            Some(selected) => Some(ParkedMailbox::of(selected)?),
        };
        let enabled = KNOWN.iter().filter(|known| session.enabled.has(known));
        let parked = Self {
            idling: idling.map(|tag| tag.as_str().to_owned()),
            heard: now().saturating_sub(silent).as_secs(),
            mistakes,
            enabled: enabled.map(name_of).collect(),
            selected,
            said: said.map(|said| said.iter().copied().map(char::from).collect()),
        };
        serde_json::to_string(&parked).ok().filter(|text| text.len() <= PARKED_OCTETS_MAX)
    }

    /// What a client has said that deflates.
    pub(super) fn said(text: &str) -> Option<Vec<u8>> {
        let said = serde_json::from_str::<Self>(text).ok()?.said?;
        said.chars().map(|char| u8::try_from(u32::from(char)).ok()).collect()
    }

    /// Makes a session what it was. Blocks.
    ///
    /// # Errors
    /// Where its mailbox isn't there any more, or has other numbers.
    pub(super) fn resume(text: &str, session: &mut Session) -> Result<Resumed, Refused> {
        let lost = || Refused::no("The mailbox isn't what it was");
        let parked: Self = serde_json::from_str(text).map_err(|_| lost())?;
        let enabled = KNOWN.iter().filter(|known| parked.enabled.contains(&name_of(known)));
        enabled.for_each(|known| session.enabled.add(known.clone()));
        session.selected = match parked.selected {
            None => None,
            Some(selected) => Some(selected.open(session)?.ok_or_else(lost)?),
        };
        let idling = match parked.idling {
            None => None,
            Some(tag) => Some(Tag::parse(tag.as_bytes()).ok_or_else(lost)?),
        };
        let silent = now().saturating_sub(Duration::from_secs(parked.heard));
        Ok(Resumed { idling, silent, mistakes: parked.mistakes })
    }
}

impl ParkedMailbox {
    fn of(selected: &Selected) -> Option<Self> {
        let name = selected.name.as_str().to_owned();
        // Few names can't be said again in the same way.
        (parse(&name).as_ref() == Some(&selected.name)).then_some(())?;
        Some(Self {
            name,
            id: selected.open.inside().mailbox.mailbox_id(),
            read_only: selected.access == Access::ReadOnly,
            uid_validity: selected.uid_validity,
            uids: ranges(&selected.uids),
            told: selected.told,
            gone_told: selected.gone_told,
            own: selected.own.clone(),
            flags_told: selected.flags_told,
            recent: ranges(&selected.recent),
            saved: ranges(&selected.saved),
        })
    }

    /// `None` where the numbers aren't the mailbox's.
    fn open(self, session: &Session) -> Result<Option<Selected>, Refused> {
        let Some(name) = parse(&self.name) else { return Ok(None) };
        let open = session.shared.open(&session.find(&name)?)?;
        let below = {
            let mailbox = &open.inside().mailbox;
            let same = mailbox.mailbox_id() == self.id
                && mailbox.uid_validity() == self.uid_validity
                && mailbox.highest_modseq() >= self.told.max(self.gone_told);
            same.then(|| (mailbox.uid_next(), mailbox.cache_key()))
        };
        let Some((below, key)) = below else { return Ok(None) };
        let numbers = |ranges: &[(u32, u32)]| numbers(ranges, below);
        let (Some(uids), Some(recent), Some(saved)) =
            (numbers(&self.uids), numbers(&self.recent), numbers(&self.saved))
        else {
            return Ok(None);
        };
        Ok(Some(Selected {
            open,
            name,
            access: if self.read_only { Access::ReadOnly } else { Access::ReadWrite },
            uid_validity: self.uid_validity,
            key,
            uids: Arc::new(uids),
            told: self.told,
            gone_told: self.gone_told,
            own: self.own,
            flags_told: self.flags_told,
            recent,
            saved,
        }))
    }
}

fn parse(name: &str) -> Option<MailboxName> {
    MailboxName::parse(name.as_bytes(), NameEncoding::Utf8)
}

fn name_of(extension: &Extension) -> String {
    String::from_utf8_lossy(extension.name()).into_owned()
}

fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Numbers, sorted, as ranges.
fn ranges(numbers: &[u32]) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, to)) if to.checked_add(1) == Some(number) => *to = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges
}

/// And back; `None` where they aren't sorted, or not all of them below `below`.
fn numbers(ranges: &[(u32, u32)], below: u32) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    let mut least = 1;
    for &(from, to) in ranges {
        if from < least || to < from || to >= below {
            return None;
        }
        numbers.extend(from..=to);
        least = to.checked_add(1)?;
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ranges_and_back() {
        for (some, expected) in [
            (vec![], vec![]),
            (vec![1], vec![(1, 1)]),
            (vec![1, 2, 3, 7, 9, 10], vec![(1, 3), (7, 7), (9, 10)]),
        ] {
            assert_eq!(ranges(&some), expected);
            assert_eq!(numbers(&expected, 11), Some(some));
        }
        for wrong in
            [vec![(0, 1)], vec![(2, 1)], vec![(1, 3), (3, 4)], vec![(1, u32::MAX)], vec![(1, 11)]]
        {
            assert_eq!(numbers(&wrong, 11), None, "{wrong:?}");
        }
    }
}
