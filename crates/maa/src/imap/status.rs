//! STATUS (RFC 9051 §6.3.11, RFC 7162, RFC 8474, RFC 7889, RFC 9208). What was counted is remembered: a list of hundreds of
//! mailboxes with their counts opens those alone that have changed.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use postroad_disk::Disk;
use postroad_imap::command::StatusItem;
use postroad_imap::response::{Data, StatusValue};
use postroad_imap::value::MailboxName;
use postroad_store::{Counts, LetterFlags, Maildir, StatusCache, Times};

use super::ending::{Done, Ended, Refused};
use super::session::Session;
use super::shared::{Shared, lock};
use crate::limits;

/// Counts of mailboxes, for as long as these don't change.
#[derive(Debug)]
pub(super) struct Statuses {
    disk: Arc<dyn Disk>,
    inbox: Maildir,
    /// Read when it is asked for the first time.
    known: Mutex<Option<StatusCache>>,
}

impl Statuses {
    pub(super) fn new(disk: Arc<dyn Disk>, inbox: Maildir) -> Self {
        Self { disk, inbox, known: Mutex::default() }
    }

    fn with<T>(&self, act: impl FnOnce(&dyn Disk, &mut StatusCache) -> T) -> T {
        let (disk, mut known) = (self.disk.as_ref(), lock(&self.known));
        act(disk, known.get_or_insert_with(|| StatusCache::open(disk, &self.inbox)))
    }

    /// What is remembered of a mailbox, where that is right and has what is asked for.
    pub(super) fn get(&self, folder: &Maildir, items: &[StatusItem]) -> Option<Counts> {
        self.with(|disk, known| {
            let counts = known.get(folder.name(), Times::of(disk, folder).ok()?)?;
            let lacks = |item: &StatusItem| match item {
                StatusItem::Size => counts.size.is_none(),
                StatusItem::DeletedStorage => counts.deleted_size.is_none(),
                _ => false,
            };
            (!items.iter().any(lacks)).then_some(counts)
        })
    }

    /// Counting began at that moment, and is done.
    fn remember(&self, folder: &Maildir, began: SystemTime, counts: Counts) {
        self.with(|disk, known| {
            if let Ok(times) = Times::of(disk, folder) {
                known.remember(folder.name(), (times, began), counts);
            }
        });
    }

    /// Has other processes know it, too. Where it can't be written, they count.
    pub(super) fn keep(&self) {
        let Some(known) = &mut *lock(&self.known) else { return };
        let is_there = |name: &str| {
            let name = postroad_store::FolderName::on_disk(name);
            name.is_ok_and(|name| {
                self.inbox.folder(&name).exists(self.disk.as_ref()).unwrap_or(true)
            })
        };
        let _ = known.write(self.disk.as_ref(), is_there);
    }
}

impl Drop for Statuses {
    fn drop(&mut self) {
        self.keep();
    }
}

pub(super) fn status(
    session: &Session,
    mailbox: &MailboxName,
    items: &[StatusItem],
    out: &mut Vec<u8>,
) -> Ended {
    let values = values(session, mailbox, items)?;
    session.say(&Data::Status { mailbox: mailbox.clone(), values }, out);
    Ok(Done::new("That is how it stands"))
}

/// What is asked of a mailbox.
pub(super) fn values(
    session: &Session,
    mailbox: &MailboxName,
    items: &[StatusItem],
) -> Result<Vec<StatusValue>, Refused> {
    let folder = session.find(mailbox)?;
    let counts = match session.shared.statuses.get(&folder, items) {
        Some(counts) => counts,
        None => count(&session.shared, &folder, items)?,
    };
    Ok(items.iter().map(|item| value(*item, &counts)).collect())
}

fn count(shared: &Shared, folder: &Maildir, items: &[StatusItem]) -> Result<Counts, Refused> {
    let began = SystemTime::now();
    let open = shared.open(folder)?;
    let mut inside = open.inside();
    inside.mailbox.refresh()?;
    let mut counts = Counts::of(&inside.mailbox);
    if items.contains(&StatusItem::Size) {
        counts.size = Some(inside.sizes(|_| true)?);
    }
    if items.contains(&StatusItem::DeletedStorage) {
        let is_deleted = LetterFlags::DELETED;
        counts.deleted_size = Some(inside.sizes(|entry| entry.flags().contains(is_deleted))?);
    }
    shared.statuses.remember(folder, began, counts);
    Ok(counts)
}

fn value(item: StatusItem, counts: &Counts) -> StatusValue {
    let number = match item {
        StatusItem::Messages => counts.exists.into(),
        StatusItem::Recent => counts.recent.into(),
        StatusItem::UidNext => counts.uid_next.into(),
        StatusItem::UidValidity => counts.uid_validity.into(),
        StatusItem::Unseen => counts.unseen.into(),
        StatusItem::Deleted => counts.deleted.into(),
        StatusItem::Size => counts.size.unwrap_or_default(),
        StatusItem::DeletedStorage => counts.deleted_size.unwrap_or_default().div_ceil(1024),
        StatusItem::HighestModSeq => counts.highest_modseq,
        StatusItem::AppendLimit => limits::APPEND_OCTETS_MAX,
        StatusItem::MailboxId => return StatusValue::MailboxId(counts.mailbox_id()),
    };
    StatusValue::Number(item, number)
}
