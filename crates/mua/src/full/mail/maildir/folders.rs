//! The folders of the mailbox: their numbers, what they are for, and how much is in them.

use postroad_catalog::CatalogError;
use postroad_disk::OsDisk;
use postroad_store::{Counts, Existence, FolderError, MailboxName, Times};
use postroad_tui::data::{FolderCounts, FolderId, FolderRow, Role};
use postroad_tui::effect::{FolderAsk, Job};
use postroad_tui::msg::What;

use super::{Actor, Done};
use crate::full::mail::mapped::ROLES;
use crate::safe_line;
use crate::safe_text::SafeText;

impl Actor {
    pub(super) fn id_of(&mut self, name: &MailboxName) -> FolderId {
        let place = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.clone());
            self.names.len() - 1
        });
        FolderId(u32::try_from(place).unwrap_or(u32::MAX))
    }

    pub(super) fn name_of(&self, id: FolderId) -> MailboxName {
        let name = usize::try_from(id.0).ok().and_then(|place| self.names.get(place));
        name.unwrap_or(&self.start.first).clone()
    }

    pub(super) fn list_folders(&mut self, job: Job) -> Done {
        let folders = self.folder_rows()?;
        self.folders = Some(folders.clone());
        self.tell.tell(job, What::Folders(folders));
        Ok(())
    }

    fn folder_rows(&mut self) -> Result<Vec<FolderRow>, CatalogError> {
        let mut roles = vec![(MailboxName::Inbox, Role::Inbox)];
        for (role, attribute, _) in ROLES {
            let found = self.courier.folder_for(&self.start.inbox, attribute, None)?;
            roles.extend(found.map(|name| (MailboxName::Folder(name), role)));
        }
        let mut rows = Vec::new();
        for listed in self.catalog.folders()? {
            if listed.existence == Existence::NonExistent {
                continue;
            }
            let id = self.id_of(&listed.name);
            let counts = self.counts(id, &listed.name);
            let counts =
                counts.map(|known| FolderCounts { letters: known.exists, unread: known.unseen });
            let role = roles.iter().find(|(name, _)| *name == listed.name).map(|(_, role)| *role);
            let name = SafeText::line(&listed.name.to_utf8());
            rows.push(FolderRow { id, name, role, counts });
        }
        Ok(rows)
    }

    /// Makes one, renames or removes it, subscribes to it or no more.
    pub(super) fn change_folder(&mut self, job: Job, ask: &FolderAsk) -> Done {
        let named = |name: &str| MailboxName::from_utf8(name).map_err(FolderError::from);
        let words = match ask {
            FolderAsk::Make { name, .. } => {
                self.catalog.create(&named(name)?)?;
                safe_line!("{name} made")
            }
            FolderAsk::Rename { folder, to } => {
                let (from, to) = (self.name_of(*folder), named(to)?);
                self.catalog.rename(&from, &to)?;
                // Numbers stay theirs; those below get others.
                if let Some(name) = self.names.iter_mut().find(|name| **name == from) {
                    *name = to.clone();
                }
                safe_line!("{} is {} now", from.to_utf8(), to.to_utf8())
            }
            FolderAsk::Remove(folder) => {
                let name = self.name_of(*folder);
                self.catalog.remove(&name)?;
                safe_line!("{} removed", name.to_utf8())
            }
            FolderAsk::Subscribe(folder) => {
                let name = self.name_of(*folder);
                self.catalog.subscribe(&name)?;
                safe_line!("{} subscribed to", name.to_utf8())
            }
            FolderAsk::Unsubscribe(folder) => {
                let name = self.name_of(*folder);
                self.catalog.unsubscribe(&name)?;
                safe_line!("{} subscribed to no more", name.to_utf8())
            }
        };
        self.tell.tell(job, What::Told(words));
        self.folders_again();
        Ok(())
    }

    /// How many letters a folder has; where nobody knows they are counted, as soon as nothing else is to be done.
    fn counts(&mut self, id: FolderId, name: &MailboxName) -> Option<Counts> {
        if let Some(opened) = self.opened.as_ref().filter(|opened| opened.id == id) {
            return Some(opened.folder.counts());
        }
        if let Some(counts) = self.catalog.counts(name) {
            return Some(counts);
        }
        let known = self.counted.get(name).copied();
        if known.map(|(times, _)| times) != self.times(name) && !self.uncounted.contains(name) {
            self.uncounted.push(name.clone());
        }
        // Better yesterday's than none.
        known.map(|(_, counts)| counts)
    }

    fn times(&self, name: &MailboxName) -> Option<Times> {
        let place = match name {
            MailboxName::Inbox => self.start.inbox.clone(),
            MailboxName::Folder(name) => self.start.inbox.folder(name),
        };
        Times::of(&OsDisk, &place).ok()
    }

    /// Counts one folder's letters.
    pub(super) fn count_on(&mut self) {
        let Some(name) = self.uncounted.pop() else { return };
        // One that can't be opened has no counts.
        let times = self.times(&name);
        let folder = self.catalog.open(&name);
        let counts = folder.and_then(|mut folder| self.catalog.count(&mut folder));
        if let (Ok(counts), Some(times)) = (counts, times) {
            self.counted.insert(name, (times, counts));
        }
        if self.uncounted.is_empty() {
            self.folders_again();
        }
    }

    /// The list of folders again, where it has changed and somebody has it.
    pub(super) fn folders_again(&mut self) {
        if self.folders.is_none() {
            return;
        }
        // What can't be listed now is listed with the next change.
        if let Ok(rows) = self.folder_rows()
            && self.folders.as_ref() != Some(&rows)
        {
            self.folders = Some(rows.clone());
            self.tell.tell(Job::NONE, What::Folders(rows));
        }
    }
}
