//! What was done to letters and can be taken back, while the program runs.

use postroad_catalog::{Catalog, CatalogError, Folder};
use postroad_store::{FlagChange, LetterFlags, MailboxName};

use crate::full::limits::UNDO_MAX;
use crate::safe_line;
use crate::safe_text::SafeText;

/// One thing that was done.
#[derive(Debug)]
pub(super) enum Deed {
    /// Letters of a folder have other flags; those that they had.
    Flagged {
        /// Where.
        folder: MailboxName,
        /// The flags, and the letters, by what stays of their names.
        before: Vec<(LetterFlags, Vec<Vec<u8>>)>,
    },
    /// Letters were copied; by what stays of their copies' names.
    Copied {
        /// There.
        to: MailboxName,
        /// Which.
        letters: Vec<Vec<u8>>,
    },
    /// Letters were moved; by what stays of their names where they are now.
    Moved {
        /// From here.
        from: MailboxName,
        /// To there.
        to: MailboxName,
        /// Which.
        letters: Vec<Vec<u8>>,
    },
}

/// The last things that were done.
#[derive(Debug, Default)]
pub(super) struct Deeds(Vec<Deed>);

impl Deeds {
    pub(super) fn push(&mut self, deed: Deed) {
        self.0.push(deed);
        if self.0.len() > UNDO_MAX {
            self.0.remove(0);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Deed> {
        self.0.pop()
    }
}

/// Numbers of letters in a folder, by what stays of their names; those that have gone are left out.
fn numbers(folder: &Folder, letters: &[Vec<u8>]) -> Vec<u32> {
    letters.iter().filter_map(|identity| folder.find(identity)).collect()
}

/// Takes a thing back; what that was, in words.
///
/// # Errors
/// What the disk said, or that the folder has gone.
pub(super) fn take_back(catalog: &Catalog, deed: &Deed) -> Result<SafeText, CatalogError> {
    match deed {
        Deed::Flagged { folder, before } => {
            let mut folder = catalog.open(folder)?;
            folder.refresh()?;
            let mut count = 0;
            for (flags, letters) in before {
                let uids = numbers(&folder, letters);
                count += folder.set_flags(&uids, FlagChange::Replace(*flags))?.len();
            }
            Ok(safe_line!("marks of {}", letters(count)))
        }
        Deed::Copied { to, letters: copies } => {
            let mut folder = catalog.open(to)?;
            folder.refresh()?;
            let uids = numbers(&folder, copies);
            let gone = folder.expunge(&uids)?;
            Ok(safe_line!("copies of {} in {}", letters(gone.len()), to.to_utf8()))
        }
        Deed::Moved { from, to, letters: moved } => {
            let (mut source, mut target) = (catalog.open(to)?, catalog.open(from)?);
            source.refresh()?;
            let uids = numbers(&source, moved);
            let back = source.move_to(&uids, &mut target)?;
            Ok(safe_line!("{} from {}", letters(back.len()), to.to_utf8()))
        }
    }
}

/// "1 letter", "3 letters"
pub(super) fn letters(count: usize) -> String {
    if count == 1 { "1 letter".into() } else { format!("{count} letters") }
}
