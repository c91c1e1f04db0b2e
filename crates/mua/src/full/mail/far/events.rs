//! What comes from the network's thread.

use std::path::Path;

use postroad_imap::value::{MailboxName, NameEncoding};
use postroad_tui::data::{FolderCounts, Role, Stage};
use postroad_tui::effect::Job;
use postroad_tui::msg::What;
use serde::{Deserialize, Serialize};

use super::errand::{Came, Deed, Event, Failure};
use super::view::News;
use super::{Actor, Line, Waits, Wanted, places};
use crate::full::limits::PENDING_OCTETS_MAX;
use crate::imap::{Folder, Header};
use crate::safe_line;
use crate::safe_text::SafeText;

impl Actor {
    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::Up => self.up(),
            Event::Again => self.line = Line::Connecting,
            Event::Down(words) => self.down(words),
            Event::Folder { name, validity, mod_seq, news } => {
                self.changed(&name, validity, mod_seq, &news);
            }
            Event::NoFolder { name, words } => {
                if let Some(opened) = self.opened.take_if(|opened| opened.mirror.name == name) {
                    self.tell.failed(opened.job, words, "c: another folder");
                }
            }
            Event::Done(id, result) => self.done(id, result),
            Event::Ended => {}
        }
    }

    fn up(&mut self) {
        if matches!(self.line, Line::Down(_)) {
            let words = safe_line!("Connected again");
            self.tell.tell(Job::NONE, What::Told(words));
        }
        self.line = Line::Up;
        for (deed, waits) in std::mem::take(&mut self.again) {
            self.send(deed, waits);
        }
        self.send_pending();
        if self.told.is_some() {
            self.ask_folders(Job::NONE);
        }
    }

    fn down(&mut self, words: SafeText) {
        let was_down = matches!(self.line, Line::Down(_));
        self.line = Line::Down(words.clone());
        for (_, waits) in std::mem::take(&mut self.again) {
            if let Some(job) = waits.job() {
                self.tell.failed(job, safe_line!("not connected: {}", words.as_str()), "");
            }
        }
        self.give_up_opening(&words);
        if !was_down {
            let words = safe_line!("not connected: {}", words.as_str());
            self.tell.failed(Job::NONE, words, "what is known is shown; it is tried again");
        }
    }

    /// The folder that is watched.
    fn changed(&mut self, name: &MailboxName, validity: u32, mod_seq: u64, news: &News) {
        let Some(opened) = self.opened.as_mut().filter(|it| it.mirror.name == *name) else {
            return;
        };
        let is_new = opened.mirror.validity != validity || !news.is_nothing();
        opened.mirror.take(validity, mod_seq, news);
        if !opened.is_told {
            opened.is_told = true;
            if opened.stage == Stage::Known {
                opened.stage = Stage::Named;
            }
        }
        let unknown = opened.mirror.unknown(1);
        if !unknown.is_empty() && opened.stage == Stage::Complete {
            // A letter has come: it is shown once it has a row.
            opened.stage = Stage::Named;
            return self.fill();
        }
        if is_new {
            self.show(Job::NONE);
            self.folders_again();
        }
        self.fill();
    }

    fn done(&mut self, id: u64, result: Result<Came, Failure>) {
        // One that was cancelled is of no use.
        let Some((deed, waits)) = self.errands.remove(&id) else { return };
        match result {
            Ok(came) => self.came(id, &deed, waits, came),
            Err(failure) => self.failed(id, deed, waits, failure),
        }
    }

    fn came(&mut self, id: u64, deed: &Deed, waits: Waits, came: Came) {
        match (waits, came) {
            (Waits::Folders(job), Came::Folders(folders)) => self.folders_came(job, folders),
            (Waits::Look(job), _) => self.tell.tell(job, What::Ended),
            (Waits::Folder(job, words), _) => {
                self.tell.tell(job, What::Told(words));
                self.ask_folders(Job::NONE);
            }
            (Waits::Headers(wanted), Came::Headers(headers)) => {
                self.headers_came(deed, wanted, &headers);
            }
            (Waits::Letter(job, letter, then), _) => {
                let path = self.path_of(letter);
                self.go_on(job, letter, then, &path);
            }
            (Waits::Change, came) => self.change_is_done(id, came),
            (Waits::Found(job), Came::Found(found)) => self.found_there(job, found),
            (Waits::Hunted(job, name), Came::Hunted(validity, headers)) => {
                self.hunted(job, &name, validity, &headers);
            }
            (Waits::Folders(_) | Waits::Headers(_) | Waits::Found(_) | Waits::Hunted(..), _) => {}
        }
    }

    fn failed(&mut self, id: u64, deed: Deed, waits: Waits, failure: Failure) {
        let words = match failure {
            Failure::Lost => {
                match (&waits, self.line.clone()) {
                    (Waits::Change, _) => {
                        if let Some(change) =
                            self.pending.changes.iter_mut().find(|change| change.id == id)
                        {
                            change.is_under_way = false;
                        }
                    }
                    // To do it twice could take what others have made meanwhile.
                    _ if matches!(deed, Deed::Folder(..)) => {
                        if let Some(job) = waits.job() {
                            let words = "the connection was lost: whether it was done isn't known";
                            self.tell.failed(job, words, "look at the list of folders");
                        }
                    }
                    // What fills the list is asked for by itself.
                    (Waits::Headers(Wanted::Fill), _) => {}
                    (_, Line::Down(words)) => {
                        if let Some(job) = waits.job() {
                            self.offline(job, &words);
                        }
                    }
                    (_, Line::Up | Line::Connecting) => self.again.push((deed, waits)),
                }
                return;
            }
            Failure::Void => SafeText::line("the folder was made anew at the server meanwhile"),
            Failure::Refused(words) => words,
        };
        match waits {
            Waits::Change => {
                self.pending.remove(id);
                self.forget_done(id);
                self.show(Job::NONE);
                self.tell.failed(Job::NONE, words, "it is as it was");
            }
            Waits::Headers(wanted) => {
                // They aren't asked for again and again.
                self.headers_came(&deed, wanted, &[]);
            }
            Waits::Folders(job) if job == Job::NONE => {}
            // The others are looked into all the same.
            Waits::Hunted(..) => self.hunt_on(),
            Waits::Found(job)
            | Waits::Folders(job)
            | Waits::Look(job)
            | Waits::Letter(job, ..)
            | Waits::Folder(job, _) => {
                self.tell.failed(job, words, "");
            }
        }
    }

    fn headers_came(&mut self, deed: &Deed, wanted: Wanted, headers: &[Header]) {
        let Deed::Headers(letters) = deed else { return };
        let opened = self.opened.as_mut().filter(|opened| {
            opened.mirror.name == letters.folder && opened.mirror.validity == letters.validity
        });
        let Some(opened) = opened else { return };
        opened.mirror.remember(&letters.uids, headers);
        if let Wanted::Rows(id) = wanted {
            let (rows, _) = self.known_rows(id, &letters.uids);
            self.tell.tell(Job::NONE, What::Rows { folder: id, rows });
        }
        self.fill();
    }

    fn folders_came(&mut self, job: Job, folders: Vec<Folder>) {
        self.folders = folders;
        if let Err(error) = keep_folders(&self.home, &self.folders) {
            tracing::warn!(%error, "the list of folders isn't kept");
        }
        if job == Job::NONE {
            self.folders_again();
        } else {
            self.tell_folders(job);
        }
    }
}

/// One folder as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    separator: Option<char>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counts: Option<(u32, u32)>,
}

const ROLES: [(&str, Role); 6] = [
    ("inbox", Role::Inbox),
    ("trash", Role::Trash),
    ("archive", Role::Archive),
    ("sent", Role::Sent),
    ("drafts", Role::Drafts),
    ("junk", Role::Junk),
];

/// The folders as they were kept; none where they weren't.
pub(super) fn known_folders(home: &Path) -> Vec<Folder> {
    let octets = postroad_disk::read_whole(&home.join("folders"), PENDING_OCTETS_MAX);
    let kept: Vec<Kept> =
        octets.ok().and_then(|it| serde_json::from_slice(&it).ok()).unwrap_or_default();
    let folder = |kept: Kept| {
        let named = |role: &String| ROLES.iter().find(|(name, _)| name == role);
        Some(Folder {
            name: MailboxName::parse(kept.name.as_bytes(), NameEncoding::Utf8)?,
            separator: kept.separator,
            role: kept.role.as_ref().and_then(named).map(|(_, role)| *role),
            is_subscribed: false,
            counts: kept.counts.map(|(letters, unread)| FolderCounts { letters, unread }),
        })
    };
    kept.into_iter().filter_map(folder).collect()
}

fn keep_folders(home: &Path, folders: &[Folder]) -> std::io::Result<()> {
    let kept = |folder: &Folder| Kept {
        name: folder.name.as_str().to_owned(),
        separator: folder.separator,
        role: folder.role.and_then(|role| {
            ROLES.iter().find(|(_, known)| *known == role).map(|(name, _)| (*name).to_owned())
        }),
        counts: folder.counts.map(|counts| (counts.letters, counts.unread)),
    };
    let kept: Vec<Kept> = folders.iter().map(kept).collect();
    places::write(&home.join("folders"), &serde_json::to_vec(&kept)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_there_again() {
        let home = tempfile::tempdir().unwrap();
        assert!(known_folders(home.path()).is_empty());
        let name = MailboxName::parse("Entwürfe".as_bytes(), NameEncoding::Utf8).unwrap();
        let counts = Some(FolderCounts { letters: 3, unread: 1 });
        let role = Some(Role::Drafts);
        let folders = [
            Folder { name, separator: Some('/'), role, is_subscribed: false, counts },
            Folder {
                name: MailboxName::inbox(),
                separator: None,
                role: None,
                is_subscribed: false,
                counts: None,
            },
        ];
        keep_folders(home.path(), &folders).unwrap();
        assert_eq!(known_folders(home.path()), folders);
    }
}
