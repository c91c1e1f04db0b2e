//! The letter of the user's that another one is about: by its Message-ID, in the folder for what was sent.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Zoned;
use jiff::tz::TimeZone;
use postroad_catalog::pattern::Pattern;
use postroad_catalog::{Catalog, CatalogError, Folder, Letters, Search, Who};
use postroad_disk::OsDisk;
use postroad_store::{MailboxName, Maildir};

use super::Bounce;
use crate::account::{Account, Inbox};
use crate::compose::MessageId;
use crate::render::{Summary, View};
use crate::safe_text::SafeText;
use crate::sent;

/// Where letters that were sent are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentFolder {
    inbox: PathBuf,
    folder: MailboxName,
}

/// A letter of the user's.
#[derive(Debug)]
pub struct Original {
    /// Its folder.
    pub folder: Folder,
    /// Its number there.
    pub uid: u32,
    /// Its header.
    pub summary: Summary,
}

impl SentFolder {
    /// An account's; `None` where none is known on this host.
    pub fn of(account: &Account) -> Option<Self> {
        let Inbox::Maildir(inbox) = &account.inbox else { return None };
        let folder = MailboxName::from_utf8(&sent::notes(account).copy?).ok()?;
        Some(Self { inbox: inbox.clone(), folder })
    }

    /// What it is called.
    pub fn name(&self) -> &MailboxName {
        &self.folder
    }

    /// A catalog of the account's folders.
    pub fn catalog(&self) -> Catalog {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Catalog::new(Arc::new(OsDisk), Maildir::at(&self.inbox), &host)
    }

    /// The letter with this Message-ID; `None` where none was sent, as far as its folder tells.
    ///
    /// # Errors
    /// Where the folder can't be read.
    pub fn find(&self, catalog: &Catalog, id: &str) -> Result<Option<Original>, CatalogError> {
        let pattern = pattern(id);
        let (Some(id), Some(pattern)) = (MessageId::parse(id), pattern) else { return Ok(None) };
        let mut folder = match catalog.open(&self.folder) {
            Err(CatalogError::Folder(_)) => return Ok(None),
            folder => folder?,
        };
        folder.refresh()?;
        // What was sent last has come back, most likely.
        let uids = folder.uids().into_iter().rev().collect();
        let letters = Letters { uids, ..Letters::default() };
        let mut search = Search::new(&mut folder, &pattern, &Who::default(), letters);
        loop {
            let step = search.step(&mut folder);
            for uid in step.found {
                // A part of an id is like it, too: anybody can write one that all have.
                let Some(summary) = header(&mut folder, uid) else { continue };
                if summary.message_id.as_deref() == Some(id.as_str()) {
                    return Ok(Some(Original { folder, uid, summary }));
                }
            }
            if step.is_over {
                return Ok(None);
            }
        }
    }
}

/// What a letter says of another one, and whether that is the user's.
#[derive(Debug)]
pub struct Tied {
    /// What it says.
    pub bounce: Bounce,
    /// Where the other one was looked for.
    sent: Option<SentFolder>,
    /// Its header, if it is there.
    found: Option<Summary>,
}

impl Tied {
    /// Ties a letter to the one that it is about; `None` where it is about none.
    pub fn of(raw: &[u8], view: &View, sent: Option<&SentFolder>) -> Option<Self> {
        let bounce = Bounce::of(raw, view)?;
        let id = bounce.returned.message_id.as_deref();
        let found = id.zip(sent).and_then(|(id, sent)| {
            sent.find(&sent.catalog(), id).unwrap_or_else(|error| {
                tracing::warn!(%error, "cannot look for the letter that has come back");
                None
            })
        });
        let found = found.map(|found| found.summary);
        Some(Self { bounce, sent: sent.cloned(), found })
    }

    /// The Message-ID of the letter that it is about, if that one is the user's.
    pub fn id(&self) -> Option<&str> {
        self.found.as_ref().and(self.bounce.returned.message_id.as_deref())
    }

    /// The folder in which that one is.
    pub fn found_in(&self) -> Option<String> {
        self.sent.as_ref().filter(|_| self.found.is_some()).map(|sent| sent.name().to_utf8())
    }

    /// Which letter it is about, and a line for each recipient, those first that it didn't reach.
    pub fn lines(&self) -> Vec<String> {
        std::iter::once(self.whose()).chain(self.bounce.lines()).collect()
    }

    /// Which letter it is about: what is found says more than anybody else can.
    pub fn whose(&self) -> String {
        let about = |subject: &str| match subject.trim() {
            "" => "without a subject".to_owned(),
            subject => format!("\"{}\"", SafeText::line(subject).cut(60)),
        };
        let told = about(&self.bounce.returned.subject);
        match (&self.found, &self.sent) {
            (Some(found), _) => {
                let date = found.date.map(|date| date.to_zoned(TimeZone::system()));
                let date = date.map(|date| date.strftime(" of %Y-%m-%d %H:%M").to_string());
                format!("About your letter {}{}", about(&found.subject), date.unwrap_or_default())
            }
            (None, Some(_)) => format!(
                "About a letter {told}, which isn't among those that you sent: it needn't be yours"
            ),
            (None, None) => format!("About a letter {told}"),
        }
    }
}

/// mutt's `=i`: a text in the Message-ID. An id that would end the text early is nobody's.
fn pattern(id: &str) -> Option<Pattern> {
    let is_harmless = !id.contains(['"', '\\', '\'', '`']);
    is_harmless.then(|| Pattern::parse(&format!("=i \"{id}\""), &Zoned::now()).ok()).flatten()
}

fn header(folder: &mut Folder, uid: u32) -> Option<Summary> {
    let letter = folder.open_letter(uid).ok()?;
    Some(Summary::of(&postroad_catalog::read::whole(&letter).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(letters: &[&str]) -> (tempfile::TempDir, SentFolder) {
        let home = tempfile::tempdir().unwrap();
        let inbox = home.path().join("Maildir");
        for part in ["cur", "new", "tmp", ".Sent/cur", ".Sent/new", ".Sent/tmp"] {
            std::fs::create_dir_all(inbox.join(part)).unwrap();
        }
        std::fs::write(inbox.join(".Sent/maildirfolder"), "").unwrap();
        for (place, id) in letters.iter().enumerate() {
            let letter = format!("Message-ID: <{id}>\nSubject: letter {place}\n\nhi\n");
            std::fs::write(inbox.join(format!(".Sent/cur/{place}.M1.host:2,S")), letter).unwrap();
        }
        let folder = MailboxName::from_utf8("Sent").unwrap();
        (home, SentFolder { inbox, folder })
    }

    #[test]
    fn a_letter_is_found_by_all_of_its_id() {
        let (_home, folder) = sent(&["a@x.example", "b@x.example", "b@x.example.org"]);
        let catalog = folder.catalog();
        let subject =
            |id: &str| folder.find(&catalog, id).unwrap().map(|original| original.summary.subject);
        assert_eq!(subject("b@x.example").as_deref(), Some("letter 1"));
        for nobodys in ["@", "x.example", "c@x.example", "a@x.example\" | ~A", "", "a b"] {
            assert_eq!(subject(nobodys), None, "{nobodys}");
        }
    }

    #[test]
    fn without_a_folder_nothing_is_found() {
        let (home, folder) = sent(&[]);
        std::fs::remove_dir_all(home.path().join("Maildir/.Sent")).unwrap();
        assert!(folder.find(&folder.catalog(), "a@x.example").unwrap().is_none());
    }
}
