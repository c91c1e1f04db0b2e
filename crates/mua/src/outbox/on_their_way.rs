//! Drafts whose letters are in the outbox: nobody is to write on, or to send them again.

use super::{Outbox, OutboxError};
use crate::drafts::{DraftError, DraftId, Drafts, Listed, OpenDraft};

/// Drafts whose letters are in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OnTheirWay {
    /// Those whose letters can be taken back.
    pub held: Vec<DraftId>,
    /// Those whose letters leave: the drafts go.
    pub gone: Vec<DraftId>,
}

impl Outbox {
    /// The drafts whose letters are here.
    ///
    /// # Errors
    /// Where the outbox can't be read.
    pub fn on_their_way(&self) -> Result<OnTheirWay, OutboxError> {
        let drop_off = self.drop_off()?;
        // In the order in which a letter moves, so that one that moves meanwhile is seen at least once.
        let mut ways = OnTheirWay::default();
        for name in drop_off.held()? {
            ways.held.extend(drop_off.notes(super::drop_off::HELD, &name)?.draft);
        }
        for part in ["new", "taken"] {
            for name in drop_off.names(part)? {
                ways.gone.extend(drop_off.notes(part, &name)?.draft);
            }
        }
        ways.gone.extend(self.copies().all()?.into_iter().filter_map(|notes| notes.draft));
        Ok(ways)
    }

    /// The drafts that are still to be written or sent; those whose letters are beyond the point where they can be
    /// taken back are removed, which a sender that was killed has left.
    ///
    /// # Errors
    /// Where drafts or outbox can't be read.
    pub fn unsent(&self, drafts: &Drafts) -> Result<Vec<Listed>, crate::error::Error> {
        let listed = drafts.list()?;
        let ways = self.on_their_way()?;
        for id in listed.iter().map(|draft| &draft.id).filter(|id| ways.gone.contains(id)) {
            drafts.remove(id)?;
        }
        let is_here = |draft: &Listed| !ways.held.contains(&draft.id) && drafts.is_there(&draft.id);
        Ok(listed.into_iter().filter(is_here).collect())
    }

    /// Opens a draft to write on or to send it.
    ///
    /// # Errors
    /// Where its letter is here, it isn't there, or somebody else has it.
    pub fn open_draft(
        &self,
        drafts: &Drafts,
        id: &DraftId,
    ) -> Result<OpenDraft, crate::error::Error> {
        let draft = drafts.open(id)?;
        // Only now, when nobody else can send it.
        let ways = self.on_their_way()?;
        match ways.held.contains(id) || ways.gone.contains(id) {
            true => Err(DraftError::OnItsWay(id.clone()).into()),
            false => Ok(draft),
        }
    }
}
