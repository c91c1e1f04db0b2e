//! What a list shows of a letter that is in sight.

use std::collections::{HashMap, VecDeque};

use postroad_imap::response::{Addressed, first_address, subject};
use postroad_message::{Address, decoded};
use postroad_store::{Columns, Facts};

use crate::facts::Read;
use crate::limits::ROWS_KEPT_MAX;

/// What a list shows of a letter. Texts are as letters have them, encoded words read: any character may be in them, and
/// whoever shows them makes them safe.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawRow {
    /// Who wrote it: the first of From.
    pub from: Option<Person>,
    /// Who it was written to: the first of To.
    pub to: Option<Person>,
    /// What it is about.
    pub subject: String,
    /// Octets on the wire.
    pub octets: u64,
    /// When it was sent, in seconds since 1970, and the zone that it says, in minutes east of UTC.
    pub sent: Option<(i64, i16)>,
    /// When it came, in seconds since 1970.
    pub arrived: i64,
}

/// Who is meant by an address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// What they are called; of a group, its name.
    pub name: Option<String>,
    /// `local@domain`; nothing of a group.
    pub address: String,
}

impl RawRow {
    /// What a list shows of a letter with these facts; `None` where its header isn't among them.
    pub fn of(facts: &Facts<'_>) -> Option<Self> {
        let envelope = facts.envelope?;
        let person = |of| first_address(envelope, of).map(|address| Person::of(&address));
        Some(Self {
            from: person(Addressed::From),
            to: person(Addressed::To),
            subject: subject(envelope).map(|raw| decoded(&raw)).unwrap_or_default(),
            octets: facts.columns.size,
            sent: facts.columns.sent.map(|sent| (sent.at, sent.zone)),
            arrived: facts.columns.arrived,
        })
    }
}

impl Person {
    fn of(address: &Address) -> Self {
        let text = |octets: &Option<Vec<u8>>| octets.as_deref().map(decoded).unwrap_or_default();
        let name = address.name.as_deref().map(decoded).filter(|name| !name.is_empty());
        match &address.host {
            // RFC 9051 §7.5.2: a group begins.
            None => Self { name: Some(text(&address.mailbox)), address: String::new() },
            Some(host) if host.is_empty() => Self { name, address: text(&address.mailbox) },
            Some(_) => {
                let address = format!("{}@{}", text(&address.mailbox), text(&address.host));
                Self { name, address }
            }
        }
    }
}

/// What was read out of letters and is in no cache: another process was writing it, or the folder has none.
#[derive(Debug, Default)]
pub(crate) struct Apart {
    columns: HashMap<u32, Columns>,
    rows: HashMap<u32, RawRow>,
    /// Those that have rows, the one that came first in front.
    order: VecDeque<u32>,
}

impl Apart {
    pub(crate) fn columns(&self, uid: u32) -> Option<Columns> {
        self.columns.get(&uid).copied()
    }

    pub(crate) fn row(&self, uid: u32) -> Option<RawRow> {
        self.rows.get(&uid).cloned()
    }

    /// Keeps what is shown of a letter, for as long as no more others are in sight than rows are kept.
    pub(crate) fn keep(&mut self, uid: u32, read: &Read) {
        let facts = read.facts();
        self.columns.insert(uid, facts.columns);
        let Some(row) = RawRow::of(&facts) else { return };
        if self.rows.insert(uid, row).is_none() {
            self.order.push_back(uid);
        }
        if self.order.len() > ROWS_KEPT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.rows.remove(&oldest);
        }
    }

    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}
