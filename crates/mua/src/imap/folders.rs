//! Folders of a server, and what they are for.

use postroad_imap::command::{Command, ListCommand, ListReturn, SpecialUse, StatusItem};
use postroad_imap::response::{Data, ListItem, MailboxAttribute, StatusValue};
use postroad_imap::value::{MailboxName, NameEncoding, Pattern};
use postroad_tui::data::{FolderCounts, Role};

use super::ImapError;
use super::session::Session;
use super::wire::Heard;
use crate::limits::IMAP_FOLDERS_MAX;

/// Folders that are asked one by one how much is in them, where the server can't tell of all at once.
const COUNTED_ONE_BY_ONE: usize = 50;

/// One folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    /// What the server calls it.
    pub(crate) name: MailboxName,
    /// What stands between the parts of its name.
    pub(crate) separator: Option<char>,
    /// What it is for.
    pub(crate) role: Option<Role>,
    /// Whether it is subscribed to, where the server tells that with the list.
    pub(crate) is_subscribed: bool,
    /// How much is in it.
    pub(crate) counts: Option<FolderCounts>,
}

/// Whether somebody wants to know how much is in folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counting {
    Wanted,
    Spared,
}

/// What is to become of folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is made.
    Make(MailboxName),
    /// It goes, with all that is in it.
    Remove(MailboxName),
    /// It is called otherwise.
    Rename(MailboxName, MailboxName),
    /// It is subscribed to.
    Subscribe(MailboxName),
    /// It isn't any more.
    Unsubscribe(MailboxName),
}

/// What people call folders of which the server doesn't say what they are for.
const NAMES: [(&str, Role); 17] = [
    ("trash", Role::Trash),
    ("deleted", Role::Trash),
    ("deleted items", Role::Trash),
    ("deleted messages", Role::Trash),
    ("bin", Role::Trash),
    ("papierkorb", Role::Trash),
    ("sent", Role::Sent),
    ("sent items", Role::Sent),
    ("sent messages", Role::Sent),
    ("sent mail", Role::Sent),
    ("drafts", Role::Drafts),
    ("draft", Role::Drafts),
    ("junk", Role::Junk),
    ("junk e-mail", Role::Junk),
    ("spam", Role::Junk),
    ("archive", Role::Archive),
    ("archives", Role::Archive),
];

impl Folder {
    fn of(item: ListItem) -> Option<Self> {
        let cannot = [MailboxAttribute::NoSelect, MailboxAttribute::NonExistent];
        if item.attributes.iter().any(|attribute| cannot.contains(attribute)) {
            return None;
        }
        let mut uses = item.attributes.iter().filter_map(|attribute| match attribute {
            MailboxAttribute::Use(SpecialUse::Trash) => Some(Role::Trash),
            MailboxAttribute::Use(SpecialUse::Archive) => Some(Role::Archive),
            MailboxAttribute::Use(SpecialUse::Sent) => Some(Role::Sent),
            MailboxAttribute::Use(SpecialUse::Drafts) => Some(Role::Drafts),
            MailboxAttribute::Use(SpecialUse::Junk) => Some(Role::Junk),
            _ => None,
        });
        let role = if item.mailbox.is_inbox() { Some(Role::Inbox) } else { uses.next() };
        let is_subscribed = item.attributes.contains(&MailboxAttribute::Subscribed);
        let (name, separator) = (item.mailbox, item.separator);
        Some(Self { name, separator, role, is_subscribed, counts: None })
    }
}

impl Session {
    /// All folders that can be opened, the inbox first, with counts where they are wanted and the server tells them.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub(crate) async fn folders(&mut self, counting: Counting) -> Result<Vec<Folder>, ImapError> {
        let all = Pattern::parse(b"*", NameEncoding::Utf7);
        let none = MailboxName::parse(b"", NameEncoding::Utf7);
        let (Some(all), Some(none)) = (all, none) else { return Ok(Vec::new()) };
        let is_new = self.can("IMAP4REV2");
        let mut returns = Vec::new();
        if is_new || self.can("LIST-EXTENDED") {
            returns.push(ListReturn::Subscribed);
        }
        if is_new || self.can("SPECIAL-USE") && self.can("LIST-EXTENDED") {
            returns.push(ListReturn::SpecialUse);
        }
        if counting == Counting::Wanted && (is_new || self.can("LIST-STATUS")) {
            returns.push(ListReturn::Status(vec![StatusItem::Messages, StatusItem::Unseen]));
        }
        let has_counts = returns.iter().any(|it| matches!(it, ListReturn::Status(_)));
        let list =
            ListCommand { selection: Vec::new(), reference: none, patterns: vec![all], returns };
        let (mut folders, mut counts) = (Vec::new(), Vec::new());
        let too_many = self.wire.broken("too many folders");
        let mut too_many = Some(too_many);
        self.run(&Command::List(list), &mut |heard| {
            match heard {
                Heard::Data(Data::List(item)) => folders.extend(Folder::of(item)),
                Heard::Data(Data::Status { mailbox, values }) => {
                    counts.push((mailbox, of(&values)))
                }
                _ => {}
            }
            // Row U13.
            match folders.len().max(counts.len()) > IMAP_FOLDERS_MAX {
                true => too_many.take().map_or(Ok(()), Err),
                false => Ok(()),
            }
        })
        .await?;
        if !folders.iter().any(|folder| folder.name.is_inbox()) {
            let (name, role) = (MailboxName::inbox(), Some(Role::Inbox));
            folders.push(Folder {
                name,
                separator: None,
                role,
                is_subscribed: false,
                counts: None,
            });
        }
        folders.sort_by(|one, other| {
            let key = |it: &Folder| (!it.name.is_inbox(), it.name.as_str().to_lowercase());
            key(one).cmp(&key(other))
        });
        folders.dedup_by(|one, other| one.name == other.name);
        give_roles(&mut folders);
        if counting == Counting::Wanted && !has_counts {
            for folder in folders.iter().take(COUNTED_ONE_BY_ONE) {
                counts.extend(self.count(&folder.name).await?);
            }
        }
        for folder in &mut folders {
            let found = counts.iter().find(|(name, _)| *name == folder.name);
            folder.counts = found.and_then(|(_, counts)| *counts);
        }
        Ok(folders)
    }

    /// The folder that is for something; what one would be called where there is none: whoever moves letters there makes
    /// it.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub(crate) async fn folder_for(&mut self, role: Role) -> Result<MailboxName, ImapError> {
        Ok(name_for(&self.folders(Counting::Spared).await?, role))
    }

    /// Changes something about folders: makes one, removes or renames it, subscribes to it.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub(crate) async fn change(&mut self, change: Change) -> Result<(), ImapError> {
        let command = match change {
            Change::Make(mailbox) => Command::Create { mailbox, uses: Vec::new() },
            Change::Remove(mailbox) => Command::Delete(mailbox),
            Change::Rename(from, to) => Command::Rename { from, to },
            Change::Subscribe(mailbox) => Command::Subscribe(mailbox),
            Change::Unsubscribe(mailbox) => Command::Unsubscribe(mailbox),
        };
        self.run(&command, &mut |_| Ok(())).await.map(drop)
    }

    /// How many letters are in one, where the server tells.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub(crate) async fn letters_in(
        &mut self,
        name: &MailboxName,
    ) -> Result<Option<u32>, ImapError> {
        let counted = self.count(name).await?;
        Ok(counted.and_then(|(_, counts)| counts).map(|counts| counts.letters))
    }

    /// How much is in one.
    async fn count(
        &mut self,
        name: &MailboxName,
    ) -> Result<Option<(MailboxName, Option<FolderCounts>)>, ImapError> {
        let items = vec![StatusItem::Messages, StatusItem::Unseen];
        let mut counts = None;
        let command = Command::Status { mailbox: name.clone(), items };
        let asked = self
            .run(&command, &mut |heard| {
                if let Heard::Data(Data::Status { values, .. }) = heard {
                    counts = Some((name.clone(), of(&values)));
                }
                Ok(())
            })
            .await;
        match asked {
            // One that isn't there, or not for us.
            Err(ImapError::Refused { .. }) => Ok(None),
            asked => asked.map(|_| counts),
        }
    }
}

/// The folder for something, or what one would be called.
pub(crate) fn name_for(folders: &[Folder], role: Role) -> MailboxName {
    if let Some(folder) = folders.iter().find(|folder| folder.role == Some(role)) {
        return folder.name.clone();
    }
    let name = match role {
        Role::Inbox | Role::Inboxes => "INBOX",
        Role::Trash => "Trash",
        Role::Archive => "Archive",
        Role::Sent => "Sent",
        Role::Drafts => "Drafts",
        Role::Junk => "Junk",
    };
    // Where all others are below the inbox, the server takes no others.
    let inbox = folders.iter().find(|folder| folder.name.is_inbox());
    let below = inbox.and_then(|it| it.separator).map(|separator| format!("INBOX{separator}"));
    let others = || folders.iter().filter(|folder| !folder.name.is_inbox());
    let name = match below {
        Some(below)
            if others().next().is_some()
                && others().all(|it| it.name.as_str().starts_with(&below)) =>
        {
            format!("{below}{name}")
        }
        _ => name.to_owned(),
    };
    MailboxName::parse(name.as_bytes(), NameEncoding::Utf8).unwrap_or_else(MailboxName::inbox)
}

fn of(values: &[StatusValue]) -> Option<FolderCounts> {
    let number = |wanted: StatusItem| {
        values.iter().find_map(|value| match value {
            StatusValue::Number(item, number) if *item == wanted => u32::try_from(*number).ok(),
            _ => None,
        })
    };
    let (letters, unread) = (number(StatusItem::Messages), number(StatusItem::Unseen));
    Some(FolderCounts { letters: letters?, unread: unread? })
}

/// Gives roles by names where the server gives none of that kind; each to one folder.
fn give_roles(folders: &mut [Folder]) {
    for role in [Role::Trash, Role::Sent, Role::Drafts, Role::Junk, Role::Archive] {
        let mut first = true;
        for folder in folders.iter_mut().filter(|folder| folder.role == Some(role)) {
            if !std::mem::take(&mut first) {
                folder.role = None;
            }
        }
        if !first {
            continue;
        }
        let is_called = |folder: &&mut Folder| {
            let name = folder.name.as_str();
            let last = folder.separator.and_then(|it| name.rsplit(it).next()).unwrap_or(name);
            let is_role = |(known, of): &(&str, Role)| *of == role && last.to_lowercase() == *known;
            folder.role.is_none() && NAMES.iter().any(is_role)
        };
        // The one that stands highest.
        let found = folders.iter_mut().filter(is_called).min_by_key(|it| it.name.as_str().len());
        if let Some(folder) = found {
            folder.role = Some(role);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_folders_are_for() {
        let folder = |name: &str, role| Folder {
            name: MailboxName::parse(name.as_bytes(), NameEncoding::Utf8).unwrap(),
            separator: Some('.'),
            role,
            is_subscribed: false,
            counts: None,
        };
        let mut folders = vec![
            folder("INBOX", Some(Role::Inbox)),
            folder("INBOX.Trash", None),
            folder("INBOX.old.Trash", None),
            folder("Sent", None),
            folder("Gesendet", Some(Role::Sent)),
            folder("Spam", None),
        ];
        give_roles(&mut folders);
        let roles: Vec<_> = folders.iter().map(|folder| folder.role).collect();
        assert_eq!(
            roles,
            [Some(Role::Inbox), Some(Role::Trash), None, None, Some(Role::Sent), Some(Role::Junk)]
        );
    }
}
