//! Letters of all folders that are like a pattern: one folder after the other, some letters between two looks at what else is asked.

use jiff::Zoned;
use postroad_catalog::pattern::Pattern;
use postroad_catalog::{Folder, Letters, Numbered, Search, Who};
use postroad_store::{Existence, LetterFlags, MailboxName};
use postroad_tui::data::{FolderId, FoundRow, LetterId, Marks};
use postroad_tui::effect::Job;
use postroad_tui::msg::What;

use super::{Actor, Done, read_into};
use crate::full::mail::mapped;
use crate::safe_line;
use crate::safe_text::SafeText;

/// What is looked for in all folders.
pub(super) struct Hunt {
    pub(super) job: Job,
    pattern: Pattern,
    /// Those that are still to be looked into, the first one last.
    folders: Vec<MailboxName>,
    /// The one that is.
    now: Option<(FolderId, Folder, Search)>,
}

impl Actor {
    pub(super) fn hunt(&mut self, job: Job, pattern: &str) -> Done {
        let pattern = match Pattern::parse(pattern, &Zoned::now()) {
            Ok(pattern) => pattern,
            Err(error) => {
                self.tell.failed(job, safe_line!("{error}"), "");
                return Ok(());
            }
        };
        let listed = self.catalog.folders()?.into_iter();
        let there = listed.filter(|folder| folder.existence == Existence::Exists);
        let mut folders: Vec<MailboxName> = there.map(|folder| folder.name).collect();
        folders.reverse();
        self.hunt = Some(Hunt { job, pattern, folders, now: None });
        Ok(())
    }

    /// Looks at some letters.
    pub(super) fn hunt_on(&mut self) {
        let Some(mut hunt) = self.hunt.take() else { return };
        let Some((id, folder, search)) = &mut hunt.now else {
            match hunt.folders.pop() {
                Some(name) => {
                    hunt.now = self.begin_in(&name, &hunt.pattern);
                    self.hunt = Some(hunt);
                }
                None => {
                    let what = What::FoundAll { rows: Vec::new(), complete: true };
                    self.tell.tell(hunt.job, what);
                }
            }
            return;
        };
        let step = search.step(folder);
        let rows: Vec<FoundRow> =
            step.found.iter().filter_map(|uid| row(folder, *id, *uid, &self.start.me)).collect();
        if !rows.is_empty() {
            self.tell.tell(hunt.job, What::FoundAll { rows, complete: false });
        }
        if step.is_over {
            hunt.now = None;
        }
        self.hunt = Some(hunt);
    }

    /// A folder that can't be opened has nothing that is found.
    fn begin_in(
        &mut self,
        name: &MailboxName,
        pattern: &Pattern,
    ) -> Option<(FolderId, Folder, Search)> {
        let id = self.id_of(name);
        let mut folder = self.catalog.open(name).ok()?;
        folder.refresh().ok()?;
        let uids: Vec<u32> = folder.uids().into_iter().rev().collect();
        let numbered = Numbered::Back(uids.len().saturating_sub(1));
        let who = Who { addresses: vec![self.start.me.clone()] };
        let letters = Letters { uids, numbered, ..Letters::default() };
        let search = Search::new(&mut folder, pattern, &who, letters);
        Some((id, folder, search))
    }
}

fn row(folder: &mut Folder, id: FolderId, uid: u32, me: &str) -> Option<FoundRow> {
    if folder.row(uid).is_none() {
        read_into(folder, &[uid]);
    }
    let raw = folder.row(uid)?;
    let seen = folder.flags(uid)?.contains(LetterFlags::SEEN);
    let sent = raw.sent.map_or(raw.arrived, |(at, _)| at);
    Some(FoundRow {
        letter: LetterId { folder: id, validity: folder.validity(), uid },
        folder: SafeText::line(&folder.name().to_utf8()),
        sent: u32::try_from(sent.max(0)).unwrap_or(u32::MAX),
        flags: if seen { Marks::SEEN } else { Marks::NONE },
        row: mapped::row_in(folder, uid, &raw, me),
    })
}
