//! Where letters are read: a Maildir or a mailbox file on this host, or a server's mailbox, by IMAP or POP3.
//!
//! All name a letter for ever (what stays of its file's name, unique id); what a person types is a short id made of that
//! name, the same whatever flags the letter gets.

use std::path::PathBuf;

use jiff::Timestamp;
use postroad_store::LetterFlags;

use crate::account::{Account, Inbox};
use crate::imap::ImapError;
use crate::undo::Deed;

pub mod folder;
pub(crate) mod folders;
pub mod imap;
pub mod mbox;
pub mod pop3;

/// One letter in a mailbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its position, from 1, oldest first.
    pub number: usize,
    /// Its short id.
    pub id: String,
    /// The mailbox's own name for it.
    pub name: String,
    /// The letters of its flags (maildir(5)); a POP3 server knows none.
    pub flags: String,
    /// Its keywords, as far as they are known without asking.
    pub keywords: Vec<String>,
    /// Octets.
    pub octets: u64,
    /// When it arrived, where the mailbox knows.
    pub arrived: Option<Timestamp>,
}

/// Who writes down what is done next, so that it can be taken back.
pub type Remember<'r> = &'r mut dyn FnMut(Deed);

/// A flag that reading sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It was shown.
    Seen,
    /// It was answered.
    Replied,
    /// It was sent on.
    Passed,
}

impl Mark {
    /// The mark of a letter, as [`Mark::letter`] gives it.
    pub(crate) fn of(letter: char) -> Option<Self> {
        [Self::Seen, Self::Replied, Self::Passed].into_iter().find(|mark| mark.letter() == letter)
    }

    /// The letter that stands for it (maildir(5)).
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Seen => 'S',
            Self::Replied => 'R',
            Self::Passed => 'P',
        }
    }

    fn flag(self) -> LetterFlags {
        match self {
            Self::Seen => LetterFlags::SEEN,
            Self::Replied => LetterFlags::ANSWERED,
            Self::Passed => LetterFlags::FORWARDED,
        }
    }
}

/// What becomes of letters' flags.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edit {
    /// Those that they get.
    pub add: LetterFlags,
    /// Those that they lose.
    pub remove: LetterFlags,
    /// Keywords that they get.
    pub add_keywords: Vec<String>,
    /// Keywords that they lose.
    pub remove_keywords: Vec<String>,
}

impl Edit {
    /// Whether keywords are changed.
    fn has_keywords(&self) -> bool {
        !self.add_keywords.is_empty() || !self.remove_keywords.is_empty()
    }
}

/// What becomes of a folder that isn't there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Nothing is done.
    Refused,
    /// It is made.
    Made,
}

/// The letters of maildir(5), in their order.
const FLAGS: [(LetterFlags, char); 6] = [
    (LetterFlags::DRAFT, 'D'),
    (LetterFlags::FLAGGED, 'F'),
    (LetterFlags::FORWARDED, 'P'),
    (LetterFlags::ANSWERED, 'R'),
    (LetterFlags::SEEN, 'S'),
    (LetterFlags::DELETED, 'T'),
];

/// The letters of flags.
fn letters_of(flags: LetterFlags) -> String {
    FLAGS.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, letter)| letter).collect()
}

/// What has neither folders nor flags.
const POP3: &str = "a POP3 server";
const MBOX: &str = "a mailbox file";

/// Why a mailbox can't be read.
#[derive(Debug, thiserror::Error)]
pub enum MailboxError {
    /// It isn't a Maildir.
    #[error("{} is no Maildir (no tmp/, new/ and cur/ in it); set inbox, or give --inbox", path.display())]
    NoMaildir {
        /// What was named.
        path: PathBuf,
    },
    /// It can't be read.
    #[error("cannot {operation} {}", path.display())]
    Disk {
        /// What was being done.
        operation: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A folder on this host.
    #[error(transparent)]
    Folder(#[from] postroad_catalog::CatalogError),
    /// No letter has that id.
    #[error("no letter {key} here; list shows what there is")]
    Unknown {
        /// What was asked for.
        key: String,
    },
    /// Several letters have an id that begins like that.
    #[error("several letters begin with {key}; give more of the id")]
    Ambiguous {
        /// What was asked for.
        key: String,
    },
    /// A letter that is larger than any we show.
    #[error("letter {id} has {octets} octets, which is more than this program reads")]
    TooLarge {
        /// Its id.
        id: String,
        /// How large it says it is.
        octets: u64,
    },
    /// Nothing is changed there.
    #[error("a mailbox file is only read by this program: nothing in it can be deleted or moved")]
    OnlyRead,
    /// There is no folder of that name.
    #[error("there is no folder {name}")]
    NoFolder {
        /// What was named.
        name: String,
    },
    /// Nothing but the inbox is there, and letters can't be marked.
    #[error("{0} has no folders and no flags")]
    NoFolders(&'static str),
    /// It is no keyword.
    #[error("{name:?} can be neither a flag nor a keyword")]
    NoKeyword {
        /// What was named.
        name: String,
    },
    /// It was done somewhere else.
    #[error("that was done at {server}, which isn't this account's server now")]
    DoneAt {
        /// Whose account at which server.
        server: String,
    },
    /// The server, or the way there.
    #[error(transparent)]
    Pop3(#[from] pop3::Pop3Error),
    /// The same by IMAP.
    #[error(transparent)]
    Imap(#[from] ImapError),
}

/// An open mailbox.
pub enum Mailbox {
    /// A Maildir.
    Maildir(Box<folder::Folder>),
    /// A session with a POP3 server.
    Pop3(Box<pop3::Maildrop>),
    /// A session with an IMAP server.
    Imap(Box<imap::Selected>),
    /// A mailbox file.
    Mbox(mbox::Mbox),
}

impl Mailbox {
    /// Opens the account's inbox.
    ///
    /// # Errors
    /// Where it isn't there, or can't be read, or the server doesn't let us in.
    pub async fn open(account: &Account) -> Result<Self, MailboxError> {
        Self::open_at(account, None).await
    }

    /// Opens a folder of the account by its name: its inbox, where none is named.
    ///
    /// # Errors
    /// As [`Mailbox::open`], and where there is no such folder.
    pub async fn open_at(account: &Account, folder: Option<&str>) -> Result<Self, MailboxError> {
        let folder = folder.filter(|name| !name.eq_ignore_ascii_case("INBOX"));
        match (&account.inbox, folder) {
            (Inbox::Maildir(path), None) => {
                Ok(Self::Maildir(Box::new(folder::Folder::open(path)?)))
            }
            (Inbox::Maildir(path), Some(name)) => {
                Ok(Self::Maildir(Box::new(folder::Folder::open(path)?.called(name)?)))
            }
            (Inbox::Imap(server), folder) => {
                Ok(Self::Imap(Box::new(imap::Selected::open(account, server, folder).await?)))
            }
            (Inbox::Pop3 { .. }, Some(_)) => Err(MailboxError::NoFolders(POP3)),
            (Inbox::Mbox(_), Some(_)) => Err(MailboxError::NoFolders(MBOX)),
            (Inbox::Pop3 { host, port, tls }, None) => {
                let drop = pop3::Maildrop::open(account, host, *port, *tls).await?;
                Ok(Self::Pop3(Box::new(drop)))
            }
            (Inbox::Mbox(path), None) => mbox::Mbox::open(path).map(Self::Mbox),
        }
    }

    /// Whether the account has a letter.
    ///
    /// # Errors
    /// As [`Mailbox::open`].
    pub async fn has_letters(account: &Account) -> Result<bool, MailboxError> {
        if let Inbox::Maildir(path) = &account.inbox {
            return folder::has_letters(path);
        }
        let mailbox = Self::open(account).await?;
        let has_some = !mailbox.is_empty();
        mailbox.close().await?;
        Ok(has_some)
    }

    /// How many letters there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Maildir(folder) => folder.len(),
            Self::Pop3(maildrop) => maildrop.entries().len(),
            Self::Imap(inbox) => inbox.entries().len(),
            Self::Mbox(mbox) => mbox.entries().len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The letter of a number, from 1: the one that has come first.
    pub fn entry(&mut self, number: usize) -> Option<Entry> {
        match self {
            Self::Maildir(folder) => folder.entry(number),
            Self::Pop3(maildrop) => maildrop.entries().get(number.checked_sub(1)?).cloned(),
            Self::Imap(inbox) => inbox.entries().get(number.checked_sub(1)?).cloned(),
            Self::Mbox(mbox) => mbox.entries().get(number.checked_sub(1)?).cloned(),
        }
    }

    /// The letter that `key` means: its number, its short id or the beginning of it, the mailbox's own
    /// name for it, or `latest`.
    ///
    /// # Errors
    /// Where none or several fit.
    pub fn find(&mut self, key: &str) -> Result<Entry, MailboxError> {
        match self {
            Self::Maildir(folder) => folder.find(key),
            Self::Pop3(maildrop) => find(maildrop.entries(), key).cloned(),
            Self::Imap(inbox) => find(inbox.entries(), key).cloned(),
            Self::Mbox(mbox) => find(mbox.entries(), key).cloned(),
        }
    }

    /// The letters that keys mean, each once, oldest first; all are found before anything is done to one.
    ///
    /// # Errors
    /// As [`Mailbox::find`].
    pub fn find_all(&mut self, keys: &[String]) -> Result<Vec<Entry>, MailboxError> {
        let found: Result<Vec<Entry>, _> = keys.iter().map(|key| self.find(key)).collect();
        found.map(each_once)
    }

    /// Header and, where it is cheap, more of a letter.
    ///
    /// # Errors
    /// Where it can't be read.
    pub async fn header(&mut self, entry: &Entry) -> Result<Vec<u8>, MailboxError> {
        match self {
            Self::Maildir(folder) => folder.header(entry),
            Self::Pop3(maildrop) => Ok(maildrop.header(entry).await?),
            Self::Imap(inbox) => Ok(inbox.header(entry).await?),
            Self::Mbox(mbox) => mbox.header(entry),
        }
    }

    /// A whole letter.
    ///
    /// # Errors
    /// Where it can't be read, or is too large.
    pub async fn message(&mut self, entry: &Entry) -> Result<Vec<u8>, MailboxError> {
        match self {
            Self::Maildir(folder) => folder.message(entry),
            Self::Pop3(maildrop) => Ok(maildrop.message(entry).await?),
            Self::Imap(inbox) => Ok(inbox.message(entry).await?),
            Self::Mbox(mbox) => mbox.message(entry),
        }
    }

    /// Sets a flag; a POP3 server has none, which is no error.
    ///
    /// # Errors
    /// Where the disk or the server fails.
    pub async fn mark(&mut self, entry: &Entry, mark: Mark) -> Result<(), MailboxError> {
        match self {
            Self::Maildir(folder) => folder.mark(entry, mark),
            Self::Pop3(_) | Self::Mbox(_) => Ok(()),
            Self::Imap(inbox) => Ok(inbox.mark(entry, mark).await?),
        }
    }

    /// Deletes letters: into the Trash folder of a Maildir, which `remember` is told of before it is done; into that of an
    /// IMAP server; marked for QUIT at a POP3 server. Those that are in the Maildir's Trash, or at a POP3 server, are gone for
    /// good.
    ///
    /// # Errors
    /// Where the disk fails, or the server refuses.
    pub async fn delete(
        &mut self,
        entries: &[Entry],
        remember: Remember<'_>,
    ) -> Result<(), MailboxError> {
        match self {
            Self::Maildir(folder) => folder.delete(entries, remember),
            Self::Pop3(maildrop) => {
                for entry in entries {
                    maildrop.delete(entry).await?;
                }
                Ok(())
            }
            Self::Imap(selected) => Ok(selected.delete(entries, remember).await?),
            Self::Mbox(_) => Err(MailboxError::OnlyRead),
        }
    }

    /// Gives letters flags, and takes some away; `remember` is told of it before it is done.
    ///
    /// # Errors
    /// Where letters have no flags there, and where the disk fails or the server refuses.
    pub async fn tag(
        &mut self,
        entries: &[Entry],
        edit: &Edit,
        remember: Remember<'_>,
    ) -> Result<(), MailboxError> {
        match self {
            Self::Maildir(folder) => folder.tag(entries, edit, remember),
            Self::Pop3(_) => Err(MailboxError::NoFolders(POP3)),
            Self::Imap(selected) => selected.tag(entries, edit, remember).await,
            Self::Mbox(_) => Err(MailboxError::OnlyRead),
        }
    }

    /// Moves letters into another folder; `false` where there is none, and none is to be made. `remember` is told of it.
    ///
    /// # Errors
    /// Where there are no folders, and where the disk fails or the server refuses.
    pub async fn move_to(
        &mut self,
        entries: &[Entry],
        to: &str,
        missing: Missing,
        remember: Remember<'_>,
    ) -> Result<bool, MailboxError> {
        match self {
            Self::Maildir(folder) => folder.move_to_named(entries, to, missing, remember),
            Self::Pop3(_) => Err(MailboxError::NoFolders(POP3)),
            Self::Imap(selected) => selected.move_to(entries, to, missing, remember).await,
            Self::Mbox(_) => Err(MailboxError::OnlyRead),
        }
    }

    /// Ends the session; only then does a POP3 server delete (RFC 1939 §6).
    ///
    /// # Errors
    /// Where the server doesn't confirm it.
    pub async fn close(self) -> Result<(), MailboxError> {
        match self {
            Self::Maildir(_) | Self::Mbox(_) => Ok(()),
            Self::Pop3(maildrop) => Ok(maildrop.close().await?),
            Self::Imap(inbox) => {
                inbox.close().await;
                Ok(())
            }
        }
    }
}

/// Eight characters for a name of any length: 40 bits of FNV-1a, in the queue ids' alphabet. Two letters
/// that share one are told apart by the names themselves.
fn short_id(name: &str) -> String {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    let digits =
        postroad_queue::QueueId::from_number(hash ^ (hash >> 40)).to_string().to_lowercase();
    digits.get(digits.len() - 8..).unwrap_or_default().to_owned()
}

/// Numbers in a list have fewer digits than ids have characters.
const NUMBER_DIGITS_MAX: usize = 6;

fn each_once(mut found: Vec<Entry>) -> Vec<Entry> {
    found.sort_by_key(|entry| entry.number);
    found.dedup_by_key(|entry| entry.number);
    found
}

fn find<'a>(entries: &'a [Entry], key: &str) -> Result<&'a Entry, MailboxError> {
    let unknown = || MailboxError::Unknown { key: key.to_owned() };
    if key == "latest" {
        return entries.last().ok_or_else(unknown);
    }
    if let Some(entry) = entries.iter().find(|entry| entry.name == key) {
        return Ok(entry);
    }
    if key.len() <= NUMBER_DIGITS_MAX && key.bytes().all(|b| b.is_ascii_digit()) {
        let number: usize = key.parse().map_err(|_| unknown())?;
        return entries.iter().find(|entry| entry.number == number).ok_or_else(unknown);
    }
    let key_lower = key.to_lowercase();
    let mut fitting =
        entries.iter().filter(|entry| !key.is_empty() && entry.id.starts_with(&key_lower));
    match (fitting.next(), fitting.next()) {
        (Some(entry), None) => Ok(entry),
        (Some(_), Some(_)) => Err(MailboxError::Ambiguous { key: key.to_owned() }),
        (None, _) => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(names: &[&str]) -> Vec<Entry> {
        let entry = |(index, name): (usize, &&str)| Entry {
            number: index + 1,
            id: short_id(name),
            name: (*name).into(),
            flags: String::new(),
            keywords: Vec::new(),
            octets: 0,
            arrived: None,
        };
        names.iter().enumerate().map(entry).collect()
    }

    #[test]
    fn keys_and_what_they_mean() {
        let entries = entries(&["a", "b", "c"]);
        let name = |key: &str| find(&entries, key).map(|entry| entry.name.clone()).ok();
        assert_eq!(name("1").as_deref(), Some("a"));
        assert_eq!(name("latest").as_deref(), Some("c"));
        assert_eq!(name("b").as_deref(), Some("b"));
        assert_eq!(name(&short_id("c")).as_deref(), Some("c"));
        assert_eq!(name(&short_id("c").to_uppercase()).as_deref(), Some("c"));
        for key in ["0", "4", "", "zzzz", "999999999999999999999"] {
            assert_eq!(name(key), None, "{key}");
        }
    }

    #[test]
    fn ids_are_short_and_differ() {
        let ids: std::collections::HashSet<String> =
            (0..20_000).map(|n| short_id(&format!("{n}.host"))).collect();
        assert_eq!(ids.len(), 20_000);
        assert!(ids.iter().all(|id| id.len() == 8));
    }
}
