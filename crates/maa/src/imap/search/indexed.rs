//! Texts that are looked for, and letters of which the index knows that they haven't got them: those needn't be read.

use postroad_message::{Needle, Part, Scope};

use super::condition::Condition;
use crate::imap::selected::Selected;

/// A text that is looked for.
#[derive(Debug)]
pub(super) struct Sought {
    needle: Needle,
    /// A bit for each place whose letter hasn't got it.
    lacking: Vec<u64>,
}

impl Sought {
    pub(super) fn new(text: &str) -> Self {
        Self { needle: Needle::new(text), lacking: Vec::new() }
    }

    /// False for a letter that hasn't got it; for others, what looking at them says.
    pub(super) fn if_not_lacking(
        &self,
        place: usize,
        look: impl FnOnce(&Needle) -> Option<bool>,
    ) -> Option<bool> {
        if self.is_lacking(place) { Some(false) } else { look(&self.needle) }
    }

    /// Whether it is in a letter's texts; none where those have to be read.
    pub(super) fn in_letter(
        &self,
        place: usize,
        whole: Option<(&[u8], &Part)>,
        scope: Scope,
    ) -> Option<bool> {
        self.if_not_lacking(place, |needle| {
            whole.map(|(letter, part)| needle.is_in_letter(letter, part, scope))
        })
    }

    fn is_lacking(&self, place: usize) -> bool {
        self.lacking.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    fn ask_index(&mut self, selected: &Selected) {
        let uids = &selected.uids;
        let mut lacking = vec![0_u64; uids.len().div_ceil(64)];
        // Most stand one behind the other.
        let mut next = 0;
        selected.open.lacking(selected.uid_validity, &self.needle, |uid| {
            let place = match uids.get(next) {
                Some(here) if *here == uid => Some(next),
                _ => selected.place_of(uid),
            };
            let Some(place) = place else { return };
            next = place + 1;
            if let Some(word) = lacking.get_mut(place / 64) {
                *word |= 1 << (place % 64);
            }
        });
        self.lacking = lacking;
    }
}

/// Asks the index of a mailbox for all texts of a condition. Blocks.
pub(super) fn ask_index(condition: &mut Condition, selected: &Selected) {
    match condition {
        Condition::All(conditions) | Condition::Any(conditions) => {
            conditions.iter_mut().for_each(|condition| ask_index(condition, selected));
        }
        Condition::Not(condition) => ask_index(condition, selected),
        Condition::Field(_, sought) | Condition::Body(sought) | Condition::Text(sought) => {
            sought.ask_index(selected);
        }
        Condition::Always
        | Condition::Never
        | Condition::Places(_)
        | Condition::Flags(_)
        | Condition::Recent
        | Condition::ModSeq(_)
        | Condition::Saved(_)
        | Condition::Arrived(_)
        | Condition::Sent(_)
        | Condition::Size(_)
        | Condition::EmailId(_)
        | Condition::ThreadId(_) => {}
    }
}
