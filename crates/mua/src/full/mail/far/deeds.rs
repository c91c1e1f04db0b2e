//! What is done to letters: shown at once, kept on disk, done at the server as soon as there is a connection.

use postroad_imap::value::{MailboxName, NameEncoding};
use postroad_tui::data::{FolderId, LetterId, Marks, Role, UndoLabel};
use postroad_tui::effect::{FlagEdit, FolderAsk, Job, Target};
use postroad_tui::msg::What;

use super::errand::{Call, Came, Deed, Errand, Letters};
use super::{Actor, Line, Place, Waits};
use crate::full::limits::UNDO_MAX;
use crate::full::mail::deeds::letters as counted;
use crate::imap::{Change, Moved, name_for};
use crate::safe_line;
use crate::safe_text::SafeText;

/// One thing that was done and can be taken back.
#[derive(Debug)]
pub(super) enum Done {
    /// Letters have other marks; those that they had.
    Flagged { ids: Vec<u64>, before: Vec<(Letters, Marks)> },
    /// Letters were moved, by this errand.
    Moved { id: u64, from: Letters, to: MailboxName },
}

/// Marks that a person changes.
const CHANGED: [Marks; 6] =
    [Marks::SEEN, Marks::ANSWERED, Marks::FLAGGED, Marks::DELETED, Marks::DRAFT, Marks::FORWARDED];

impl Actor {
    /// Letters, as the server calls them; all are of one folder.
    fn called(&self, letters: &[LetterId]) -> Option<Letters> {
        let first = letters.first()?;
        let same =
            letters.iter().filter(|it| (it.folder, it.validity) == (first.folder, first.validity));
        let folder = self.name_of(first.folder);
        let uids = same.map(|letter| letter.uid).collect();
        Some(Letters { folder, validity: first.validity, uids })
    }

    /// Has something done, and shows it as done.
    fn change(&mut self, deed: Deed) -> u64 {
        let id = self.next_id();
        if let Err(error) = self.pending.push(id, deed) {
            let words = safe_line!("cannot write down what is to be done: {error}");
            self.tell.failed(Job::NONE, words, "it is lost if this program ends before it is done");
        }
        self.send_pending();
        id
    }

    /// Has done what is to be done, if there is a connection.
    pub(super) fn send_pending(&mut self) {
        if self.line != Line::Up {
            return self.call(Call::Hurry);
        }
        for change in self.pending.changes.iter_mut().filter(|change| !change.is_under_way) {
            change.is_under_way = true;
            let (id, deed) = (change.id, change.deed.clone());
            let _ = self.net.send(Call::Errand(Errand { id, deed: deed.clone() }));
            self.errands.insert(id, (deed, Waits::Change));
        }
    }

    /// Changes marks; those that letters had.
    pub(super) fn change_marks(
        &mut self,
        letters: &[LetterId],
        edit: FlagEdit,
    ) -> Option<(u64, Vec<(Letters, Marks)>)> {
        let letters = self.called(letters)?;
        let mut before: Vec<(Letters, Marks)> = Vec::new();
        if let Some(opened) = &self.opened {
            let mirror = &opened.mirror;
            let overlay = self.pending.overlay(&mirror.name, mirror.validity);
            for uid in letters.uids.iter().filter(|_| mirror.name == letters.folder) {
                let Some(marks) = mirror.marks(*uid).and_then(|marks| overlay.of(*uid, marks))
                else {
                    continue;
                };
                match before.iter_mut().find(|(_, known)| *known == marks) {
                    Some((letters, _)) => letters.uids.push(*uid),
                    None => before.push((Letters { uids: vec![*uid], ..letters.clone() }, marks)),
                }
            }
        }
        let id = self.change(Deed::Mark { letters, add: edit.add, remove: edit.remove });
        self.show(Job::NONE);
        self.folders_again();
        Some((id, before))
    }

    pub(super) fn flag(&mut self, job: Job, letters: &[LetterId], edit: FlagEdit) {
        if let Some((id, before)) = self.change_marks(letters, edit) {
            self.remember(Done::Flagged { ids: vec![id], before });
        }
        let words = safe_line!("{} marked", counted(letters.len()));
        self.tell.tell(job, What::Done(UndoLabel { words, held: None }));
    }

    pub(super) fn move_letters(&mut self, job: Job, letters: &[LetterId], to: Target) {
        let Some(letters) = self.called(letters) else {
            return self.tell.tell(job, What::Ended);
        };
        let Some(to) = self.target(job, to) else { return };
        let count = letters.uids.len();
        let what = if letters.folder == to || !self.has_folders() {
            // What is thrown away a second time is gone.
            self.change(Deed::Remove(letters));
            What::Ended
        } else {
            let id = self.change(Deed::Move(letters.clone(), to.clone()));
            let words = safe_line!("{} moved to {}", counted(count), to.as_str());
            self.remember(Done::Moved { id, from: letters, to });
            What::Done(UndoLabel { words, held: None })
        };
        self.show(Job::NONE);
        self.tell.tell(job, what);
        self.folders_again();
    }

    /// Whether letters can be moved.
    fn has_folders(&self) -> bool {
        matches!(self.start.place, Place::Imap(_))
    }

    /// Where letters are to go; `None` where that isn't known, which is told.
    fn target(&mut self, job: Job, to: Target) -> Option<MailboxName> {
        let (found, words) = match to {
            // What is thrown away where there is no trash is gone.
            Target::Role(Role::Trash) if !self.has_folders() => (Some(MailboxName::inbox()), ""),
            _ if !self.has_folders() => (None, "there are no folders here"),
            Target::Folder(id) => (Some(self.name_of(id)), ""),
            Target::Role(role) => {
                (self.folder_for(role), "the server hasn't told its folders yet: try again")
            }
            Target::Named(name) => (
                MailboxName::parse(name.as_bytes(), NameEncoding::Utf8),
                "that is no folder's name",
            ),
        };
        if found.is_none() {
            self.tell.failed(job, words, "");
        }
        found
    }

    pub(super) fn copy_letters(&mut self, job: Job, letters: &[LetterId], to: Target) {
        let Some(letters) = self.called(letters) else {
            return self.tell.tell(job, What::Ended);
        };
        let Some(to) = self.target(job, to) else { return };
        let words = safe_line!("{} copied to {}", counted(letters.uids.len()), to.as_str());
        self.change(Deed::Copy(letters, to));
        self.tell.tell(job, What::Told(words));
    }

    /// Makes a folder, renames or removes it, subscribes to it or no more. It isn't shown before it is done.
    pub(super) fn change_folder(&mut self, job: Job, ask: &FolderAsk) {
        if !self.has_folders() {
            return self.tell.failed(job, "there are no folders here", "");
        }
        match self.line.clone() {
            Line::Up => {}
            Line::Connecting => return self.tell.failed(job, "not connected yet", "try again"),
            Line::Down(words) => return self.offline(job, &words),
        }
        // Letters that are still to leave a folder would go with it.
        let takes_away = matches!(ask, FolderAsk::Remove(_) | FolderAsk::Rename { .. });
        if takes_away && !self.pending.changes.is_empty() {
            let words = "what was done to letters isn't done at the server yet";
            return self.tell.failed(job, words, "try again once it is");
        }
        let named = |name: &str| MailboxName::parse(name.as_bytes(), NameEncoding::Utf8);
        let of = |id: &FolderId| self.name_of(*id);
        let (changes, words) = match ask {
            FolderAsk::Make { name, .. } => {
                let Some(mailbox) = named(name) else {
                    return self.tell.failed(job, "that is no folder's name", "");
                };
                // RFC 9051 §6.3.4: to make one doesn't subscribe to it.
                let changes = vec![Change::Make(mailbox.clone()), Change::Subscribe(mailbox)];
                (changes, safe_line!("{name} made"))
            }
            FolderAsk::Rename { folder, to } => {
                let (from, Some(new)) = (of(folder), named(to)) else {
                    return self.tell.failed(job, "that is no folder's name", "");
                };
                let words = safe_line!("{} is {to} now", from.as_str());
                (vec![Change::Rename(from, new)], words)
            }
            FolderAsk::Remove(folder) => {
                let name = of(folder);
                let words = safe_line!("{} removed", name.as_str());
                (vec![Change::Remove(name)], words)
            }
            FolderAsk::Subscribe(folder) => {
                let name = of(folder);
                let words = safe_line!("{} subscribed to", name.as_str());
                (vec![Change::Subscribe(name)], words)
            }
            FolderAsk::Unsubscribe(folder) => {
                let name = of(folder);
                let words = safe_line!("{} subscribed to no more", name.as_str());
                (vec![Change::Unsubscribe(name)], words)
            }
        };
        self.send(Deed::Folder(changes), Waits::Folder(job, words));
    }

    /// The folder for something, where the server's folders are known.
    fn folder_for(&mut self, role: Role) -> Option<MailboxName> {
        if self.folders.is_empty() {
            self.folders = super::events::known_folders(&self.home);
        }
        (!self.folders.is_empty()).then(|| name_for(&self.folders, role))
    }

    fn remember(&mut self, done: Done) {
        self.done.push(done);
        if self.done.len() > UNDO_MAX {
            self.done.remove(0);
        }
    }

    /// It came to nothing: there is nothing to be taken back.
    pub(super) fn forget_done(&mut self, id: u64) {
        self.done.retain(|done| !matches!(done, Done::Moved { id: known, .. } if *known == id));
    }

    /// The server has done it.
    pub(super) fn change_is_done(&mut self, id: u64, came: Came) {
        let Some(change) = self.pending.remove(id) else { return };
        if let Some(opened) = &mut self.opened {
            let mirror = &mut opened.mirror;
            let is_here = |letters: &Letters| {
                letters.folder == mirror.name && letters.validity == mirror.validity
            };
            // Not all servers tell what they have done.
            match &change.deed {
                Deed::Mark { letters, add, remove } if is_here(letters) => {
                    mirror.mark(&letters.uids, *add, *remove);
                }
                Deed::Move(letters, _) | Deed::Remove(letters) if is_here(letters) => {
                    mirror.lose(&letters.uids);
                }
                _ => {}
            }
        }
        if let Came::Moved(moved) = came {
            self.moved.insert(id, moved);
        }
        if matches!(change.deed, Deed::Move(..) | Deed::Copy(..) | Deed::Remove(_)) {
            self.ask_folders(Job::NONE);
        }
    }

    pub(super) fn undo(&mut self, job: Job) {
        let Some(done) = self.done.pop() else {
            return self.tell.failed(job, "there is nothing to take back", "");
        };
        let words = match done {
            Done::Flagged { ids, before } => self.unflag(&ids, before),
            Done::Moved { id, from, to } => match self.unmove(id, &from, &to) {
                Ok(words) => words,
                Err(Later(words)) => {
                    self.done.push(Done::Moved { id, from, to });
                    return self.tell.failed(job, words, "try again");
                }
            },
        };
        self.show(Job::NONE);
        self.folders_again();
        self.tell.tell(job, What::Undone(words));
    }

    fn unflag(&mut self, ids: &[u64], before: Vec<(Letters, Marks)>) -> SafeText {
        let count = before.iter().map(|(letters, _)| letters.uids.len()).sum();
        let is_waiting =
            |id: &u64| self.pending.get(*id).is_some_and(|change| !change.is_under_way);
        if ids.iter().all(is_waiting) {
            for id in ids {
                self.pending.remove(*id);
            }
        } else {
            let all = CHANGED.iter().fold(Marks::NONE, |all, mark| all.with(*mark));
            for (letters, marks) in before {
                let add = marks.without(Marks::RECENT);
                self.change(Deed::Mark { letters, add, remove: all.without(marks) });
            }
        }
        safe_line!("marks of {}", counted(count))
    }

    fn unmove(&mut self, id: u64, from: &Letters, to: &MailboxName) -> Result<SafeText, Later> {
        let words = |count| safe_line!("{} from {}", counted(count), to.as_str());
        if let Some(change) = self.pending.get(id) {
            if change.is_under_way {
                return Err(Later("the letters are still on their way"));
            }
            self.pending.remove(id);
            return Ok(words(from.uids.len()));
        }
        let Some(Moved { validity, pairs }) = self.moved.remove(&id) else {
            return Err(Later("the server hasn't said where the letters are now"));
        };
        if pairs.is_empty() {
            self.moved.insert(id, Moved { validity, pairs });
            return Err(Later("the server doesn't say where the letters are now"));
        }
        let uids: Vec<u32> = pairs.iter().map(|(_, now)| *now).collect();
        let count = uids.len();
        let letters = Letters { folder: to.clone(), validity, uids };
        self.change(Deed::Move(letters, from.folder.clone()));
        Ok(words(count))
    }
}

/// It can't be taken back now, and why.
struct Later(&'static str);
