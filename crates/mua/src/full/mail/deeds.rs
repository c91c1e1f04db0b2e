//! What was done to letters and can be taken back. It is in the account's journal before it is done: so it can be taken back after a
//! restart, too, and by `postroad-mua undo`; and here what commands have done.

use std::time::SystemTime;

use postroad_catalog::{CatalogError, Folder};
use postroad_tui::data::UndoLabel;

use crate::full::limits::{UNDO_MAX, UNDO_OFFERED_FOR};
use crate::mailbox::MailboxError;
use crate::mailbox::folder::{Folder as Known, was};
use crate::safe_text::SafeText;
use crate::undo::{Deed, Journal, Was};

/// The last things that were done.
#[derive(Debug)]
pub(super) struct Deeds {
    journal: Option<Journal>,
    /// Where there is no journal: while the program runs.
    here: Vec<Deed>,
}

impl Deeds {
    pub(super) fn new(journal: Option<Journal>) -> Self {
        Self { journal, here: Vec::new() }
    }

    /// Writes one down, which is done next. Where the disk won't have it, it can be taken back as long as the program runs, and
    /// is the last thing until then.
    pub(super) fn push(&mut self, deed: Deed) {
        if let Some(journal) = &self.journal
            && self.here.is_empty()
        {
            match journal.push(deed.clone()) {
                Ok(()) => return,
                Err(error) => tracing::warn!(%error, "a deed isn't remembered for the next start"),
            }
        }
        self.here.push(deed);
        if self.here.len() > UNDO_MAX {
            self.here.remove(0);
        }
    }

    /// What was done before the program was started, and not too long ago; the last thing last.
    pub(super) fn labels(&self) -> Vec<UndoLabel> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let since = now.saturating_sub(UNDO_OFFERED_FOR).as_secs();
        let Some(Ok(turn)) = self.journal.as_ref().map(Journal::turn) else { return Vec::new() };
        let deeds = turn.deeds().iter().filter(|done| done.at >= since);
        let is_here = |deed: &Deed| {
            matches!(deed, Deed::Moved { .. } | Deed::Copied { .. } | Deed::Flagged { .. })
        };
        let deeds = deeds.filter(|done| is_here(&done.deed));
        let label = |words: String| UndoLabel { words: SafeText::line(&words), held: None };
        let mut labels: Vec<UndoLabel> = deeds.map(|done| label(done.deed.words())).collect();
        let older = labels.len().saturating_sub(UNDO_MAX);
        labels.split_off(older)
    }

    /// Takes the last thing back; what that was, in words, and nothing where there is none.
    ///
    /// # Errors
    /// What the disk said: it can be tried again.
    pub(super) fn take_back(&mut self) -> Result<Option<SafeText>, MailboxError> {
        if let Some(deed) = self.here.last() {
            back(deed, &mut |_, _| {})?;
            return Ok(self.here.pop().map(|deed| SafeText::line(&deed.words())));
        }
        let Some(journal) = &self.journal else { return Ok(None) };
        let failed = |error| MailboxError::from(CatalogError::from(error));
        let mut turn = journal.turn().map_err(failed)?;
        loop {
            let Some(last) = turn.deeds().last().map(|done| done.deed.clone()) else {
                return Ok(None);
            };
            // Letters that are held are had back by another way, and this one has left.
            if !matches!(last, Deed::Held { .. }) {
                back(&last, &mut |folder, names| {
                    if let Err(error) = turn.rename(folder, names) {
                        tracing::warn!(%error, "what was done to letters before is lost");
                    }
                })?;
                turn.forget_last().map_err(failed)?;
                return Ok(Some(SafeText::line(&last.words())));
            }
            turn.forget_last().map_err(failed)?;
        }
    }
}

/// Hears what letters of a folder are called next.
type Renamed<'t> = &'t mut dyn FnMut(&std::path::Path, &[crate::undo::Renaming]);

fn back(deed: &Deed, tell: Renamed<'_>) -> Result<(), MailboxError> {
    // Those that have moved on meanwhile stay where they are.
    let _ = match deed {
        Deed::Moved { from, to, letters } => {
            Known::open(to)?.move_back(letters, from, &mut |names| tell(from, names))?
        }
        Deed::Copied { to, letters } => Known::open(to)?.remove(letters)?,
        Deed::Flagged { folder, letters } => Known::open(folder)?.give_flags_back(letters)?,
        Deed::MovedThere { server, .. } | Deed::FlaggedThere { server, .. } => {
            return Err(MailboxError::DoneAt { server: server.clone() });
        }
        Deed::Held { .. } => 0,
    };
    Ok(())
}

/// Letters as they are before something is done to them.
pub(super) fn as_they_are(folder: &Folder, uids: &[u32]) -> Vec<Was> {
    uids.iter().filter_map(|uid| was(folder, *uid)).collect()
}

/// "1 letter", "3 letters"
pub(super) fn letters(count: usize) -> String {
    if count == 1 { "1 letter".into() } else { format!("{count} letters") }
}
