//! Which letters of several folders belong together: answers stand elsewhere than what they answer.

use std::collections::HashSet;

use postroad_message::MessageId;

use crate::facts::message_id;
use crate::folder::{Folder, Kind};
use crate::order::{Head, Order};

/// The names of letters that belong together.
#[derive(Debug, Clone, Default)]
pub struct Related(HashSet<MessageId>);

impl Related {
    /// Takes in what a letter is called, and what it names; nothing where nothing is remembered of it.
    pub fn take(&mut self, folder: &mut Folder, uid: u32) {
        if let Some((id, references)) = names(folder, uid) {
            self.0.extend(id);
            self.0.extend(references);
        }
    }

    /// The letters of a folder that are among these or name one of them, in the order in which they were sent; they are taken in,
    /// too.
    pub fn among(&mut self, folder: &mut Folder) -> Vec<Head> {
        let mut found = Vec::new();
        // An answer comes behind what it answers.
        for head in folder.heads(Order::Sent) {
            let Some((id, references)) = names(folder, head.uid) else { continue };
            if id.iter().chain(&references).any(|name| self.0.contains(name)) {
                self.0.extend(id);
                self.0.extend(references);
                found.push(head);
            }
        }
        found
    }
}

/// What a letter is called (`Message-ID`), and those that it names (`References`, `In-Reply-To`).
fn names(folder: &mut Folder, uid: u32) -> Option<(Option<MessageId>, Vec<MessageId>)> {
    let Kind::Kept(kept) = &mut folder.kind else { return None };
    let (mailbox, cache) = kept.parts();
    let entry = mailbox.entry(uid)?;
    let facts = cache?.get(uid, entry.identity())?;
    let references = facts.references.iter().copied().map(message_id).collect();
    Some((facts.message_id.map(message_id), references))
}

impl Folder {
    /// The letters of a letter's thread, as a list in threads has them; itself alone where it has none.
    pub fn thread_of(&mut self, uid: u32) -> Vec<u32> {
        let heads = self.heads(Order::Threads);
        let mut threads = heads.chunk_by(|_, below| below.depth > 0);
        let thread = threads.find(|thread| thread.iter().any(|head| head.uid == uid));
        thread.map_or_else(|| vec![uid], |thread| thread.iter().map(|head| head.uid).collect())
    }
}
