//! The inbox at an IMAP server, for commands: one session, and what they ask of it.

use std::collections::HashMap;

use jiff::Timestamp;
use postroad_imap::command::Change;
use postroad_imap::response::Data;
use postroad_imap::value::MailboxName;
use postroad_tui::data::{Marks, Role};

use super::{Entry, Mark, short_id};
use crate::account::{Account, Server};
use crate::imap::{Header, ImapError, Session, told};
use crate::limits;
use crate::password::Terminal;

/// Headers that are read at once: lists show letters one after the other.
const HEADERS_AHEAD: usize = 50;

/// An open inbox.
pub struct Inbox {
    session: Session,
    entries: Vec<Entry>,
    /// UIDs, by names.
    uids: HashMap<String, u32>,
    headers: HashMap<u32, Vec<u8>>,
}

impl Inbox {
    /// Connects, logs in, and lists.
    ///
    /// # Errors
    /// Any [`ImapError`].
    pub(crate) async fn open(account: &Account, server: &Server) -> Result<Self, ImapError> {
        let mut session = Session::open(account, server, Terminal::Ours).await?;
        let opened = session.select(&MailboxName::inbox(), None, &mut |_| Ok(())).await?;
        let mut letters: Vec<(u32, Marks)> = Vec::new();
        let too_many = session.too_many();
        session
            .marks(1, None, &mut |data| {
                if let Data::Fetch { items, .. } = data
                    && let (Some(uid), Some(marks)) = told(&items)
                {
                    letters.push((uid, marks));
                }
                // Row U13.
                match letters.len() > limits::IMAP_LETTERS_MAX {
                    true => Err(too_many()),
                    false => Ok(()),
                }
            })
            .await?;
        letters.sort_unstable_by_key(|(uid, _)| *uid);
        letters.dedup_by_key(|(uid, _)| *uid);
        let name = |uid: u32| format!("{}.{uid}", opened.validity);
        let entry = |(index, (uid, marks)): (usize, &(u32, Marks))| Entry {
            number: index + 1,
            id: short_id(&name(*uid)),
            name: name(*uid),
            flags: flags(*marks),
            octets: 0,
            arrived: None,
        };
        let entries = letters.iter().enumerate().map(entry).collect();
        let uids = letters.iter().map(|(uid, _)| (name(*uid), *uid)).collect();
        Ok(Self { session, entries, uids, headers: HashMap::new() })
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn uid(&self, entry: &Entry) -> Result<u32, ImapError> {
        self.uids.get(&entry.name).copied().ok_or(ImapError::Gone)
    }

    /// Some fields of a letter's header; those of letters next to it come along.
    pub(super) async fn header(&mut self, entry: &Entry) -> Result<Vec<u8>, ImapError> {
        let uid = self.uid(entry)?;
        if !self.headers.contains_key(&uid) {
            let from = entry.number.saturating_sub(1);
            let ahead = self.entries.iter().skip(from).take(HEADERS_AHEAD);
            let uids: Vec<u32> =
                ahead.filter_map(|entry| self.uids.get(&entry.name)).copied().collect();
            self.headers.clear();
            for header in self.session.headers(&uids, &mut |_| Ok(())).await? {
                self.take(header);
            }
        }
        self.headers.get(&uid).cloned().ok_or(ImapError::Gone)
    }

    fn take(&mut self, header: Header) {
        let at = self.entries.binary_search_by(|entry| {
            self.uids.get(&entry.name).copied().unwrap_or_default().cmp(&header.uid)
        });
        if let Some(entry) = at.ok().and_then(|at| self.entries.get_mut(at)) {
            entry.octets = header.size;
            entry.arrived = Timestamp::from_second(header.arrived).ok();
        }
        self.headers.insert(header.uid, header.fields);
    }

    pub(super) async fn message(&mut self, entry: &Entry) -> Result<Vec<u8>, ImapError> {
        let (uid, mut content) = (self.uid(entry)?, Vec::new());
        let most = limits::MESSAGE_OCTETS_MAX;
        self.session.letter(uid, most, &mut content, &mut |_| Ok(())).await?;
        Ok(content)
    }

    pub(super) async fn mark(&mut self, entry: &Entry, mark: Mark) -> Result<(), ImapError> {
        let uid = self.uid(entry)?;
        let marks = match mark {
            Mark::Seen => Marks::SEEN,
            Mark::Replied => Marks::ANSWERED,
            Mark::Passed => Marks::FORWARDED,
        };
        self.session.mark(&[uid], Change::Add, marks, &mut |_| Ok(())).await
    }

    /// Moves letters to the folder for what is thrown away, which is made where there is none.
    pub(super) async fn delete(&mut self, entries: &[Entry]) -> Result<(), ImapError> {
        let uids: Result<Vec<u32>, _> = entries.iter().map(|entry| self.uid(entry)).collect();
        let trash = self.session.folder_for(Role::Trash).await?;
        self.session.move_to(&uids?, &trash, &mut |_| Ok(())).await?;
        Ok(())
    }

    pub(super) async fn close(self) {
        self.session.log_out().await;
    }
}

/// The letters of flags (maildir(5)).
fn flags(marks: Marks) -> String {
    const LETTERS: [(Marks, char); 6] = [
        (Marks::DRAFT, 'D'),
        (Marks::FLAGGED, 'F'),
        (Marks::FORWARDED, 'P'),
        (Marks::ANSWERED, 'R'),
        (Marks::SEEN, 'S'),
        (Marks::DELETED, 'T'),
    ];
    LETTERS.iter().filter(|(mark, _)| marks.has(*mark)).map(|(_, letter)| letter).collect()
}
