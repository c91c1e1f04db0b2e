//! What is done to letters: marks, moves, and taking them back.

use std::collections::HashMap;

use postroad_catalog::CatalogError;
use postroad_store::{FlagChange, MailboxName, Maildir};
use postroad_tui::data::{FolderId, LetterId, Marks, Role, UndoLabel};
use postroad_tui::effect::{FlagEdit, Job, Target};
use postroad_tui::msg::What;

use super::{Actor, Done, Request};
use crate::full::mail::deeds::{self, Deeds, letters as counted};
use crate::full::mail::mapped::{self, ROLES};
use crate::full::mail::{Across, How};
use crate::safe_line;
use crate::safe_text::SafeText;
use crate::undo::{Deed, Was};

impl Actor {
    pub(super) fn flag(&mut self, job: Job, letters: &[LetterId], edit: FlagEdit) -> Done {
        let (folder, uids) = self.of_letters(letters)?;
        let was = deeds::as_they_are(folder, &uids);
        let deed = Deed::Flagged { folder: folder.place().root().to_owned(), letters: was };
        self.deeds.push(deed);
        let (folder, uids) = self.of_letters(letters)?;
        let changes = [
            (edit.add, FlagChange::Add(mapped::flags(edit.add))),
            (edit.remove, FlagChange::Remove(mapped::flags(edit.remove))),
        ];
        for (marks, change) in changes {
            if marks != Marks::NONE {
                folder.set_flags(&uids, change)?;
            }
        }
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
        let done = if *folder.name() == name {
            // What is thrown away a second time is gone.
            let gone = folder.expunge(&uids)?;
            tracing::info!(letters = gone.len(), "removed for good");
            None
        } else {
            let was: HashMap<String, Was> = deeds::as_they_are(folder, &uids)
                .into_iter()
                .map(|was| (was.name.clone(), was))
                .collect();
            let (from, to) = (folder.place().root().to_owned(), target.place().root().to_owned());
            let mut moving = Vec::new();
            // The deeds can't be at hand while the folder is.
            let mut deeds = std::mem::replace(&mut self.deeds, Deeds::new(None));
            let moved = self.of_letters(letters).and_then(|(folder, uids)| {
                folder.move_told(&uids, &mut target, &mut |renamed| {
                    let next = renamed.iter().filter_map(|(name, now)| {
                        let was = was.get(&*String::from_utf8_lossy(name))?.clone();
                        let now = String::from_utf8_lossy(now).into_owned();
                        Some(Was { now: Some(now).filter(|now| *now != was.name), ..was })
                    });
                    moving = next.collect();
                    let (from, to, letters) = (from.clone(), to.clone(), moving.clone());
                    deeds.push(Deed::Moved { from, to, letters });
                })
            });
            self.deeds = deeds;
            let words = safe_line!("{} moved to {}", counted(moved?.len()), name.to_utf8());
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
        let letters = copies.iter().map(|name| Was {
            keywords: None,
            name: String::from_utf8_lossy(name).into_owned(),
            now: None,
            flags: String::new(),
        });
        let (to, letters) = (target.place().root().to_owned(), letters.collect());
        self.deeds.push(Deed::Copied { to, letters });
        let _ = self.catalog.count(&mut target);
        // They may be in this folder.
        self.look_again(Job::NONE);
        self.tell.tell(job, What::Done(UndoLabel { words, held: None }));
        self.folders_again();
        Ok(())
    }

    /// Tells who has letters for a folder here where that is.
    pub(super) fn tell_where(&self, folder: FolderId, across: Across) {
        let place = match self.name_of(folder) {
            MailboxName::Inbox => self.start.inbox.clone(),
            MailboxName::Folder(name) => self.start.inbox.folder(&name),
        };
        across.from.clone().send(Request::Across(across, place));
    }

    /// Puts letters into another account's folder. They go from here when all their copies are durable: after a crash they are
    /// here, there, or in both.
    pub(super) fn put_across(&mut self, across: &Across, to: &Maildir) {
        let put = |actor: &mut Self| {
            let (folder, uids) = actor.of_letters(&across.letters)?;
            let copied = folder.copy_out(&uids, to)?;
            if across.how == How::Move {
                folder.expunge(&copied)?;
            }
            Ok(copied.len())
        };
        let (done, doing) = match across.how {
            How::Move => ("moved", "move the letters"),
            How::Copy => ("copied", "copy the letters"),
        };
        match put(self) {
            Ok(count) => {
                self.show(Job::NONE);
                let words = safe_line!("{} {done} to {}", counted(count), across.title.as_str());
                self.tell.tell(across.job, What::Told(words));
                self.folders_again();
            }
            Err(error) => self.failed(across.job, doing, &error),
        }
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
        match self.deeds.take_back() {
            Ok(Some(words)) => {
                self.look_again(Job::NONE);
                self.tell.tell(job, What::Undone(words));
                self.folders_again();
            }
            Ok(None) => self.tell.failed(job, "there is nothing to take back", ""),
            Err(error) => {
                let words = SafeText::line(&crate::error::Error::from(error).words());
                self.tell.failed(job, safe_line!("cannot take it back: {}", words.as_str()), "");
            }
        }
        Ok(())
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
