//! What is read out of a letter once, and cached.

use postroad_imap::encode::{Extent, body_structure, envelope};
use postroad_message::{Envelope, Part, wire};
use postroad_store::{Columns, Facts};

/// What a letter says of itself, as the cache keeps it.
#[derive(Debug)]
pub(super) struct Read {
    columns: Columns,
    envelope: Vec<u8>,
    structure: Vec<u8>,
    preview: String,
}

impl Read {
    /// Takes a letter apart that was received at `arrived` (seconds since 1970).
    pub(super) fn of(letter: &[u8], part: &Part, arrived: i64) -> Self {
        let header = letter.get(part.header.clone()).unwrap_or_default();
        let (mut summary, mut structure) = (Vec::new(), Vec::new());
        envelope(&Envelope::of(header), &mut summary);
        body_structure(part, Extent::Extended, &mut structure);
        Self {
            columns: Columns { size: wire::octets(letter), sent: None, arrived },
            envelope: summary,
            structure,
            preview: part.preview(letter),
        }
    }

    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            columns: self.columns,
            envelope: Some(&self.envelope),
            structure: Some(&self.structure),
            preview: Some(self.preview.as_bytes()),
            ..Facts::default()
        }
    }
}
