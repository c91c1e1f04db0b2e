//! What is done to letters: marks, moves, and taking them back.

use postroad_catalog::CatalogError;
use postroad_store::{FlagChange, MailboxName};
use postroad_tui::data::{FolderId, LetterId, Marks, Role, UndoLabel};
use postroad_tui::effect::{FlagEdit, Job, Target};
use postroad_tui::msg::What;

use super::{Actor, Done};
use crate::full::mail::deeds::{self, Deed, letters as counted};
use crate::full::mail::mapped::{self, ROLES};
use crate::safe_line;

impl Actor {
    pub(super) fn flag(&mut self, job: Job, letters: &[LetterId], edit: FlagEdit) -> Done {
        let (folder, uids) = self.of_letters(letters)?;
        let mut before: Vec<(_, Vec<Vec<u8>>)> = Vec::new();
        for uid in &uids {
            let (Some(flags), Some(identity)) = (folder.flags(*uid), folder.identity(*uid)) else {
                continue;
            };
            match before.iter_mut().find(|(known, _)| *known == flags) {
                Some((_, letters)) => letters.push(identity),
                None => before.push((flags, vec![identity])),
            }
        }
        let changes = [
            (edit.add, FlagChange::Add(mapped::flags(edit.add))),
            (edit.remove, FlagChange::Remove(mapped::flags(edit.remove))),
        ];
        for (marks, change) in changes {
            if marks != Marks::NONE {
                folder.set_flags(&uids, change)?;
            }
        }
        let folder = folder.name().clone();
        self.deeds.push(Deed::Flagged { folder, before });
        let words = safe_line!("{} marked", counted(uids.len()));
        self.show(Job::NONE);
        self.tell.tell(job, What::Done(UndoLabel { words, held: None }));
        self.folders_again();
        Ok(())
    }

    pub(super) fn move_letters(&mut self, job: Job, letters: &[LetterId], to: Target) -> Done {
        let name = self.target(to)?;
        let mut target = self.catalog.open(&name)?;
        let (folder, uids) = self.of_letters(letters)?;
        let from = folder.name().clone();
        let done = if from == name {
            // What is thrown away a second time is gone.
            let gone = folder.expunge(&uids)?;
            tracing::info!(letters = gone.len(), "removed for good");
            None
        } else {
            let moved = folder.move_to(&uids, &mut target)?;
            let letters: Vec<_> =
                moved.iter().filter_map(|(_, uid)| target.identity(*uid)).collect();
            let words = safe_line!("{} moved to {}", counted(moved.len()), name.to_utf8());
            self.deeds.push(Deed::Moved { from, to: name, letters });
            Some(UndoLabel { words, held: None })
        };
        // Others' counts have it, too.
        let _ = self.catalog.count(&mut target);
        self.show(Job::NONE);
        self.tell.tell(job, done.map_or(What::Ended, What::Done));
        self.folders_again();
        Ok(())
    }

    pub(super) fn copy_letters(&mut self, job: Job, letters: &[LetterId], to: Target) -> Done {
        let name = self.target(to)?;
        let mut target = self.catalog.open(&name)?;
        let (folder, uids) = self.of_letters(letters)?;
        let copies = folder.copy_to(&uids, &mut target)?;
        let words = safe_line!("{} copied to {}", counted(copies.len()), name.to_utf8());
        self.deeds.push(Deed::Copied { to: name, letters: copies });
        let _ = self.catalog.count(&mut target);
        // They may be in this folder.
        self.look_again(Job::NONE);
        self.tell.tell(job, What::Done(UndoLabel { words, held: None }));
        self.folders_again();
        Ok(())
    }

    fn target(&self, to: Target) -> Result<MailboxName, CatalogError> {
        match to {
            Target::Folder(id) => Ok(self.name_of(id)),
            Target::Role(role) => self.folder_for(role),
            Target::Named(name) => self.catalog.folder_named(&name),
        }
    }

    fn folder_for(&self, role: Role) -> Result<MailboxName, CatalogError> {
        match ROLES.iter().find(|(known, _, _)| *known == role) {
            Some((_, attribute, made_as)) => self.catalog.folder_for(attribute, made_as),
            None => Ok(MailboxName::Inbox),
        }
    }

    pub(super) fn undo(&mut self, job: Job) -> Done {
        let Some(deed) = self.deeds.pop() else {
            self.tell.failed(job, "there is nothing to take back", "");
            return Ok(());
        };
        match deeds::take_back(&self.catalog, &deed) {
            Ok(words) => {
                self.look_again(Job::NONE);
                self.tell.tell(job, What::Undone(words));
                Ok(())
            }
            Err(error) => {
                // It can be tried again.
                self.deeds.push(deed);
                Err(error)
            }
        }
    }

    pub(super) fn take_in(&mut self, job: Job, id: FolderId) -> Done {
        if let Some(opened) = self.opened.as_mut().filter(|opened| opened.id == id) {
            opened.folder.take_in()?;
            self.catalog.count(&mut opened.folder)?;
            self.show(Job::NONE);
            self.folders_again();
        }
        self.ended(job)
    }
}
