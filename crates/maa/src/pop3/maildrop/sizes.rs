//! Sizes of letters whose names don't say them: files of other delivery agents. Each is read once, and not
//! again at every login that looks for new mail.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::limits;

/// Octets on the wire, by the folder of the Maildir and the letter's name without its flags. What a
/// letter holds never changes under its name (<https://cr.yp.to/proto/maildir.html>).
#[derive(Debug, Default)]
pub(crate) struct Sizes(Mutex<HashMap<(PathBuf, Vec<u8>), u64>>);

impl Sizes {
    /// The size that was measured before, or what `measure` finds.
    pub(super) fn get_or<E>(
        &self,
        root: &Path,
        base: &[u8],
        measure: impl FnOnce() -> Result<u64, E>,
    ) -> Result<u64, E> {
        let key = (root.to_owned(), base.to_owned());
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        if let Some(octets) = known {
            return Ok(octets);
        }
        // Without the lock: it takes as long as the letter is.
        let octets = measure()?;
        let mut sizes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sizes.len() >= limits::SIZES_MAX {
            sizes.clear();
        }
        sizes.insert(key, octets);
        Ok(octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_measured_once_and_errors_are_not_kept() {
        let sizes = Sizes::default();
        let size = |root: &str, base: &[u8], measured: Result<u64, ()>| {
            sizes.get_or(Path::new(root), base, || measured)
        };
        assert_eq!(size("/alice", b"1.x", Err(())), Err(()));
        assert_eq!(size("/alice", b"1.x", Ok(5)), Ok(5));
        assert_eq!(size("/alice", b"1.x", Ok(6)), Ok(5));
        assert_eq!(size("/bob", b"1.x", Ok(7)), Ok(7));
    }

    #[test]
    fn memory_is_bounded() {
        let sizes = Sizes::default();
        for n in 0..=limits::SIZES_MAX {
            let measured = sizes.get_or::<()>(Path::new("/alice"), &n.to_be_bytes(), || Ok(1));
            assert_eq!(measured, Ok(1));
        }
        assert_eq!(sizes.0.lock().expect("no panic").len(), 1);
    }
}
