//! Making, removing and renaming.

use std::io;
use std::path::Path;

use postroad_disk::{DiskError, EntryKind};

use super::intent::{self, Pair};
use super::{FolderError, Folders, MailboxName, is_inbox};
use crate::limits::REMOVED_DEPTH_MAX;
use crate::{FolderName, Maildir, Quota, keywords, small_file};

/// What the directory of a folder that was removed is called until its files are gone.
const REMOVED: &str = "postroad-removed-";

impl Folders<'_> {
    /// Makes a folder that is for these uses (RFC 6154), and subscribes to it.
    ///
    /// # Errors
    /// Why it can't be, or what the disk said.
    pub fn create(&self, name: &MailboxName, uses: &[&str]) -> Result<(), FolderError> {
        let MailboxName::Folder(name) = name else { return Err(FolderError::Inbox) };
        self.may_be_new(name)?;
        self.courier.may_be_for(self.inbox, uses)?;
        let _turn = self.turn()?;
        if self.on_disk(name)?.is_some() {
            return Err(FolderError::Exists);
        }
        let folder = self.inbox.folder(name);
        self.courier.make_ready(&folder)?;
        for attribute in uses {
            self.courier.assign_use(&folder, attribute)?;
        }
        Ok(())
    }

    /// Removes a folder with all that is in it. Those below it stay (RFC 9051 §6.3.5), and so do subscriptions (§6.3.9).
    ///
    /// # Errors
    /// Why it can't be, or what the disk said.
    pub fn delete(&self, name: &MailboxName) -> Result<(), FolderError> {
        let MailboxName::Folder(name) = name else { return Err(FolderError::Inbox) };
        let _turn = self.turn()?;
        let Some(name) = self.on_disk(name)? else {
            let has_children = !self.family(name)?.is_empty();
            return Err(match has_children {
                true => FolderError::HasChildren,
                false => FolderError::NonExistent,
            });
        };
        self.sweep();
        let folder = self.inbox.folder(&name);
        Quota::of(self.courier, self.inbox, None).goes_with(&folder);
        let removed = self.path(&format!("{REMOVED}{}", self.courier.unique_name()));
        self.disk().rename_noreplace(folder.root(), &removed)?;
        self.disk().sync_dir(self.inbox.root())?;
        // It is gone: what can't be removed now is removed with the next one.
        let _ = self.clear(&removed, 0);
        Ok(())
    }

    /// Renames a folder and those below it, with their letters and numbers. Where it was subscribed to, it is under its
    /// new name, too. Of the inbox the letters go, and it stays (RFC 9051 §6.3.6).
    ///
    /// # Errors
    /// Why it can't be, or what the disk said.
    pub fn rename(&self, from: &MailboxName, to: &MailboxName) -> Result<(), FolderError> {
        let MailboxName::Folder(to) = to else { return Err(FolderError::Exists) };
        self.may_be_new(to)?;
        let _turn = self.turn()?;
        if self.on_disk(to)?.is_some() {
            return Err(FolderError::Exists);
        }
        match from {
            MailboxName::Inbox => self.empty_inbox_into(to),
            MailboxName::Folder(from) => self.rename_folder(from, to),
        }
    }

    /// What a folder that isn't there yet may be called.
    fn may_be_new(&self, name: &FolderName) -> Result<(), FolderError> {
        match name.to_string() {
            _ if is_inbox(name) => Err(FolderError::Exists),
            text if text.starts_with('~') => Err(FolderError::Home),
            _ => Ok(()),
        }
    }

    /// The folder, if it is there, and those below it: as they are called on disk, and what their names have behind its.
    fn family(&self, name: &FolderName) -> Result<Vec<(FolderName, String)>, FolderError> {
        let name = name.clone().as_we_write_it();
        let mut family = Vec::new();
        for on_disk in self.courier.folders(self.inbox)? {
            let other = on_disk.clone().as_we_write_it();
            let rest = if other == name { Some("") } else { other.below(&name) };
            family.extend(rest.map(|rest| (on_disk, rest.to_owned())));
        }
        Ok(family)
    }

    fn rename_folder(&self, from: &FolderName, to: &FolderName) -> Result<(), FolderError> {
        if to.below(from).is_some() {
            return Err(FolderError::IntoItself);
        }
        let mut pairs: Vec<Pair> = Vec::new();
        for (name, rest) in self.family(from)? {
            let new = match rest.as_str() {
                "" => to.clone(),
                rest => FolderName::parse(&format!("{to}{rest}"))?,
            };
            if self.on_disk(&new)?.is_some() {
                return Err(FolderError::Exists);
            }
            pairs.push((name, new));
        }
        match pairs.as_slice() {
            [] => return Err(FolderError::NonExistent),
            [(from, to)] => {
                let (from, to) = (self.inbox.folder(from), self.inbox.folder(to));
                self.disk().rename_noreplace(from.root(), to.root())?;
                self.disk().sync_dir(self.inbox.root())?;
            }
            several => {
                intent::write(self, several)?;
                intent::complete(self)?;
            }
        }
        // Who isn't subscribed finds the folder all the same.
        let _ = self.subscribe_anew(&pairs);
        Ok(())
    }

    fn subscribe_anew(&self, pairs: &[Pair]) -> Result<(), FolderError> {
        let subscribed = self.subscribed()?;
        let was = |name: &FolderName| {
            subscribed.contains(&MailboxName::Folder(name.clone().as_we_write_it()))
        };
        for (_, to) in pairs.iter().filter(|(from, _)| was(from)) {
            self.subscribe(&MailboxName::Folder(to.clone()))?;
        }
        Ok(())
    }

    /// Moves all letters of the inbox, in their order, into a new folder.
    fn empty_inbox_into(&self, to: &FolderName) -> Result<(), FolderError> {
        if self.inbox.inbox_file().is_some() {
            return Err(FolderError::InboxIsAFile);
        }
        let to = self.inbox.folder(to);
        self.courier.make_ready(&to)?;
        // Before any letter that uses one: the letters in files' names mean the same there.
        let file = keywords::FILE;
        let known = small_file::read(self.disk(), &self.path(file))?;
        if !known.is_empty() {
            small_file::replace(self.disk(), &self.by(), &to.root().join(file), &known)?;
        }
        let directories = |of: &Maildir| [of.new_dir(), of.cur_dir()];
        for (from, to) in directories(self.inbox).iter().zip(&directories(&to)) {
            for entry in self.disk().read_dir(from)? {
                if entry.kind == EntryKind::File {
                    self.move_file(&from.join(&entry.name), &to.join(&entry.name))?;
                }
            }
        }
        for directory in directories(&to).iter().chain(&directories(self.inbox)) {
            self.disk().sync_dir(directory)?;
        }
        Ok(())
    }

    fn move_file(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        match self.disk().rename_noreplace(from, to) {
            // A reader has renamed or removed it: under its new name it stays.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            moved => moved,
        }
    }

    /// Removes what a crash has left of folders that were removed. Its failure is nobody's loss.
    pub(crate) fn sweep(&self) {
        for entry in self.disk().read_dir(self.inbox.root()).unwrap_or_default() {
            let name = entry.name.as_encoded_bytes();
            if entry.kind == EntryKind::Directory && name.starts_with(REMOVED.as_bytes()) {
                let _ = self.clear(&self.inbox.root().join(&entry.name), 0);
            }
        }
    }

    /// Removes a directory and what is in it, as far as a folder has directories in directories.
    fn clear(&self, directory: &Path, depth: usize) -> Result<(), DiskError> {
        for entry in self.disk().read_dir(directory)? {
            let path = directory.join(&entry.name);
            match entry.kind {
                EntryKind::Directory if depth < REMOVED_DEPTH_MAX => {
                    self.clear(&path, depth + 1)?
                }
                // A link goes, and what it leads to stays.
                _ => self.disk().remove(&path)?,
            }
        }
        self.disk().remove_dir(directory)
    }
}
