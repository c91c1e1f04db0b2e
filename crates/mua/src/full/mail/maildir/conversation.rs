//! A letter with all that it answers and that answer it, out of the folders where such are: where it is, the inbox, the archive,
//! and what was sent.

use std::time::Instant;

use postroad_catalog::{CatalogError, Folder, Related};
use postroad_store::MailboxName;
use postroad_tui::data::LetterId;
use postroad_tui::effect::Job;

use super::{Actor, Done, read_into};
use crate::full::limits::{CONVERSATION_FILL, CONVERSATION_LETTERS_MAX, FILL_LETTERS};
use crate::full::page::ToLayOut;
use crate::full::page::conversation::OneOf;
use crate::safe_text::SafeText;

impl Actor {
    pub(super) fn conversation(&mut self, job: Job, letter: LetterId) -> Done {
        let (folder, _) = self.of_letters(&[letter])?;
        let mut related = Related::default();
        for uid in folder.thread_of(letter.uid) {
            related.take(folder, uid);
        }
        let mut found = of_folder(folder, &mut related, letter.folder);
        if !found.iter().any(|(_, one)| one.letter == letter) {
            let name = SafeText::line(&folder.name().to_utf8());
            let file = folder.open_letter(letter.uid)?;
            found.push((0, OneOf { letter, folder: name, file }));
        }
        let here = folder.name().clone();
        for name in self.where_else(&here)? {
            let id = self.id_of(&name);
            // A folder that can't be opened now has nothing to tell.
            let Ok(mut other) = self.catalog.open(&name) else { continue };
            other.refresh()?;
            fill(&mut other);
            found.extend(of_folder(&mut other, &mut related, id));
        }
        found.sort_by_key(|(sent, _)| *sent);
        let older = found.len().saturating_sub(CONVERSATION_LETTERS_MAX);
        let letters = found.into_iter().skip(older).map(|(_, one)| one).collect();
        self.pages.send(ToLayOut::Conversation { job, letter, letters });
        Ok(())
    }

    /// The other folders that letters of a conversation may be in, as far as they are there.
    fn where_else(&self, here: &MailboxName) -> Result<Vec<MailboxName>, CatalogError> {
        let mut names = vec![MailboxName::Inbox];
        for attribute in ["\\Archive", "\\Sent"] {
            let found = self.courier.folder_for(&self.start.inbox, attribute, None)?;
            names.extend(found.map(MailboxName::Folder));
        }
        names.retain(|name| name != here);
        Ok(names)
    }
}

/// Reads the headers of letters of which nothing is known, the newest first, and not for too long.
fn fill(folder: &mut Folder) {
    let began = Instant::now();
    while began.elapsed() < CONVERSATION_FILL {
        let uids = folder.unknown(FILL_LETTERS);
        if uids.is_empty() {
            return;
        }
        read_into(folder, &uids);
    }
}

/// The letters of one folder, and when they were sent; those that have gone meanwhile are left out.
fn of_folder(
    folder: &mut Folder,
    related: &mut Related,
    id: postroad_tui::data::FolderId,
) -> Vec<(u32, OneOf)> {
    let name = SafeText::line(&folder.name().to_utf8());
    let validity = folder.validity();
    let mut found = Vec::new();
    for head in related.among(folder) {
        if let Ok(file) = folder.open_letter(head.uid) {
            let letter = LetterId { folder: id, validity, uid: head.uid };
            found.push((head.sent, OneOf { letter, folder: name.clone(), file }));
        }
    }
    found
}
