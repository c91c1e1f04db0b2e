//! What folders are for (RFC 6154): `\Sent`, `\Drafts`, `\Trash`, `\Junk`, `\Archive` and others.
//!
//! A folder's uses are in its annotation `/private/specialuse` (RFC 6154 §5.4), parted by spaces. A folder that has
//! none there is for what its name says, so that mailboxes of others need no preparation.

use std::io;
use std::path::PathBuf;

use crate::metadata::{Annotated, EntryName, Metadata};
use crate::{Courier, FolderError, FolderName, Maildir, StoreError, listing};

const ENTRY: &str = "/private/specialuse";

/// Names that say what a folder is for: those that clients give it. The first that is there is used.
const BY_NAME: [(&str, &[&str]); 5] = [
    ("\\Sent", &["Sent", "Sent Items", "Sent Messages"]),
    ("\\Drafts", &["Drafts"]),
    ("\\Trash", &["Trash", "Deleted Items", "Deleted Messages"]),
    ("\\Junk", &["Junk", "Spam", "Junk E-mail"]),
    ("\\Archive", &["Archive", "Archives"]),
];

/// How it is known what a folder is for; the better first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    Assigned,
    /// Which of the names.
    ByName(usize),
}

impl Courier {
    /// The folders of a mailbox, in the order of their names: directories that are called so, and may have no cur/.
    ///
    /// # Errors
    /// What the disk said.
    pub fn folders(&self, inbox: &Maildir) -> Result<Vec<FolderName>, StoreError> {
        let paths = match listing::folders(self.disk().as_ref(), inbox.root()) {
            // It is made with its first letter.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            paths => paths?,
        };
        let name = |path: &PathBuf| {
            let name = path.file_name()?.to_str()?.strip_prefix('.')?;
            FolderName::on_disk(name).ok()
        };
        let mut names: Vec<FolderName> = paths.iter().skip(1).filter_map(name).collect();
        names.sort();
        Ok(names)
    }

    /// Whether a folder is for that, `None`: any folder. Attributes are in any case.
    ///
    /// # Errors
    /// What the disk said.
    pub fn is_for(
        &self,
        inbox: &Maildir,
        folder: Option<&FolderName>,
        attribute: &str,
    ) -> Result<bool, StoreError> {
        match folder {
            Some(name) => Ok(self.exists(&inbox.folder(name))?
                && self.known_for(inbox, name, attribute)?.is_some()),
            None => Ok(self.folder_for(inbox, attribute, None)?.is_some()),
        }
    }

    /// The folder that is for that: the named one, if it is; else one to which it was assigned; else one by its name.
    /// As long as nobody changes that, it is the same each time (RFC 8579 §4).
    ///
    /// # Errors
    /// What the disk said.
    pub fn folder_for(
        &self,
        inbox: &Maildir,
        attribute: &str,
        named: Option<&FolderName>,
    ) -> Result<Option<FolderName>, StoreError> {
        if let Some(name) = named
            && self.is_for(inbox, Some(name), attribute)?
        {
            return Ok(Some(name.clone()));
        }
        let mut best: Option<(Known, FolderName)> = None;
        for name in self.folders(inbox)? {
            if let Some(known) = self.known_for(inbox, &name, attribute)?
                && best.as_ref().is_none_or(|(other, _)| known < *other)
                && self.exists(&inbox.folder(&name))?
            {
                best = Some((known, name));
            }
        }
        Ok(best.map(|(_, name)| name))
    }

    /// Says what a folder is for, beside what it is for already.
    ///
    /// # Errors
    /// What the disk said, or that its turn didn't come.
    pub fn assign_use(&self, folder: &Maildir, attribute: &str) -> Result<(), StoreError> {
        self.change_metadata(Annotated::Folder(folder), |metadata| {
            let Ok(entry) = EntryName::parse(ENTRY) else { return };
            let mut uses = assigned(metadata).unwrap_or_default();
            if !uses.iter().any(|other| other.eq_ignore_ascii_case(attribute)) {
                uses.push(attribute.to_owned());
                // A folder with so many annotations that this one is too many is known by its name.
                let _ = metadata.set(entry, Some(uses.join(" ").into()));
            }
        })
        .map(drop)
    }

    /// What each folder is for that is for something, as LIST says it: of those that it is known of by their names, the
    /// one that is used.
    ///
    /// # Errors
    /// What the disk said.
    pub fn uses(&self, inbox: &Maildir) -> Result<Vec<(FolderName, Vec<String>)>, StoreError> {
        let (mut uses, mut by_name) = (Vec::new(), Vec::new());
        for name in self.folders(inbox)? {
            match assigned(&self.metadata(Annotated::Folder(&inbox.folder(&name)))?) {
                Some(assigned) => uses.push((name, assigned)),
                None => by_name.push(name),
            }
        }
        for (attribute, names) in BY_NAME {
            let is_assigned = |(_, uses): &(FolderName, Vec<String>)| {
                uses.iter().any(|other| other.eq_ignore_ascii_case(attribute))
            };
            if uses.iter().any(is_assigned) {
                continue;
            }
            let rank = |name: &FolderName| by_name_of(name, names);
            let ranked = by_name.iter().filter_map(|name| Some((rank(name)?, name)));
            if let Some((_, name)) = ranked.min_by_key(|(rank, _)| *rank) {
                uses.push((name.clone(), vec![attribute.to_owned()]));
            }
        }
        Ok(uses)
    }

    /// Whether a new folder may be for that.
    pub(crate) fn may_be_for(&self, inbox: &Maildir, wanted: &[&str]) -> Result<(), FolderError> {
        if wanted.is_empty() {
            return Ok(());
        }
        let taken: Vec<String> = self.assigned_uses(inbox)?;
        for attribute in wanted {
            let is_it = |other: &str| other.eq_ignore_ascii_case(attribute);
            // `\All` and `\Flagged` would be views of other folders (RFC 6154 §2).
            let can_be = BY_NAME.iter().any(|(other, _)| is_it(other)) || is_it("\\Important");
            if !can_be || taken.iter().any(|other| is_it(other)) {
                return Err(FolderError::Use { attribute: (*attribute).to_owned() });
            }
        }
        Ok(())
    }

    fn assigned_uses(&self, inbox: &Maildir) -> Result<Vec<String>, StoreError> {
        let mut uses = Vec::new();
        for name in self.folders(inbox)? {
            let metadata = self.metadata(Annotated::Folder(&inbox.folder(&name)))?;
            uses.extend(assigned(&metadata).unwrap_or_default());
        }
        Ok(uses)
    }

    fn known_for(
        &self,
        inbox: &Maildir,
        name: &FolderName,
        attribute: &str,
    ) -> Result<Option<Known>, StoreError> {
        let metadata = self.metadata(Annotated::Folder(&inbox.folder(name)))?;
        Ok(match assigned(&metadata) {
            Some(uses) => {
                let is_assigned = uses.iter().any(|other| other.eq_ignore_ascii_case(attribute));
                is_assigned.then_some(Known::Assigned)
            }
            None => by_name(name, attribute),
        })
    }
}

fn assigned(metadata: &Metadata) -> Option<Vec<String>> {
    let uses = metadata.get(&EntryName::parse(ENTRY).ok()?)?;
    let uses = String::from_utf8_lossy(uses);
    Some(uses.split_ascii_whitespace().map(str::to_owned).collect())
}

fn by_name(name: &FolderName, attribute: &str) -> Option<Known> {
    let (_, names) = BY_NAME.iter().find(|(other, _)| other.eq_ignore_ascii_case(attribute))?;
    by_name_of(name, names).map(Known::ByName)
}

/// Which of the names it has.
fn by_name_of(name: &FolderName, names: &[&str]) -> Option<usize> {
    let name = name.to_string();
    names.iter().position(|other| other.eq_ignore_ascii_case(&name))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use postroad_disk::OsDisk;

    use super::*;

    #[test] // Tests RFC 6154 §2, RFC 8579 §4.
    fn assigned_or_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let courier = Courier::new(Arc::new(OsDisk), "host");
        let inbox = Maildir::at(dir.path().join("alice"));
        let name = |name: &str| FolderName::parse(name).unwrap();
        for folder in ["Spam", "Junk", "Lists.Junk", "Bin"] {
            drop(courier.begin(&inbox.folder(&name(folder))).unwrap());
        }
        // No folder.
        std::fs::create_dir(inbox.root().join(".Sent")).unwrap();
        let found = |attribute: &str, named: &str| {
            let found = courier.folder_for(&inbox, attribute, Some(&name(named))).unwrap();
            found.map(|name| name.to_string()).unwrap_or_default()
        };
        assert_eq!(
            (found("\\junk", "Lists.Junk").as_str(), found("\\Junk", "Spam").as_str()),
            ("Junk", "Spam")
        );
        assert_eq!(
            (found("\\Sent", "Sent"), found("\\Trash", "Trash")),
            (String::new(), String::new())
        );
        let assign = |folder: &str, attribute| {
            courier.assign_use(&inbox.folder(&name(folder)), attribute).unwrap();
        };
        assign("Bin", "\\Trash");
        assign("Bin", "\\Junk");
        assert_eq!((found("\\Trash", "X").as_str(), found("\\Junk", "X").as_str()), ("Bin", "Bin"));
        assert_eq!(found("\\Junk", "Junk"), "Junk");
        // Who has said what it is for has said what it isn't.
        assign("Junk", "\\Archive");
        assert_eq!(found("\\Junk", "Junk"), "Bin");
        let is_for = |folder: Option<&str>, attribute| {
            courier.is_for(&inbox, folder.map(name).as_ref(), attribute).unwrap()
        };
        assert!(is_for(None, "\\Archive") && !is_for(Some("Junk"), "\\Junk"));
        assert!(!is_for(None, "\\Flagged") && !is_for(Some("Sent"), "\\Sent"));
    }
}
