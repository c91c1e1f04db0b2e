//! Numbers for letters that have names alone: the same letter has the same number at each start.
//!
//! `pop3/ACCOUNT/INBOX/numbers` has a line of JSON for each name: `[number, name]`. It can be deleted: then all letters are new.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use super::places;
use crate::full::limits::NUMBERS_OCTETS_MAX;

/// Names' numbers.
#[derive(Debug)]
pub(super) struct Numbers {
    path: PathBuf,
    by_name: HashMap<String, u32>,
    last: u32,
}

impl Numbers {
    pub(super) fn open(folder: &Path) -> Self {
        let path = folder.join("numbers");
        let octets = postroad_disk::read_whole(&path, NUMBERS_OCTETS_MAX).unwrap_or_default();
        let lines = octets.split(|octet| *octet == b'\n');
        let known = lines.filter_map(|line| serde_json::from_slice::<(u32, String)>(line).ok());
        let by_name: HashMap<String, u32> = known.map(|(number, name)| (name, number)).collect();
        let last = by_name.values().copied().max().unwrap_or_default();
        Self { path, by_name, last }
    }

    /// The numbers of these, and of no others: names that are gone are forgotten, and their numbers never given again as long
    /// as higher ones are there.
    ///
    /// # Errors
    /// What the disk said: numbers may be others at the next start.
    pub(super) fn of<'n>(
        &mut self,
        names: impl Iterator<Item = &'n str>,
    ) -> io::Result<Vec<(u32, String)>> {
        let mut all = Vec::new();
        let mut is_other = false;
        for name in names {
            let number = match self.by_name.get(name) {
                Some(number) => *number,
                None => {
                    self.last = self.last.saturating_add(1);
                    is_other = true;
                    self.last
                }
            };
            all.push((number, name.to_owned()));
        }
        is_other |= all.len() != self.by_name.len();
        if is_other {
            self.by_name = all.iter().map(|(number, name)| (name.clone(), *number)).collect();
            let mut octets = Vec::new();
            for pair in &all {
                serde_json::to_writer(&mut octets, pair)?;
                octets.push(b'\n');
            }
            places::write(&self.path, &octets)?;
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_has_the_same_number() {
        let folder = tempfile::tempdir().unwrap();
        let numbers = |names: &[&str]| -> Vec<u32> {
            let mut numbers = Numbers::open(folder.path());
            let all = numbers.of(names.iter().copied()).unwrap();
            all.into_iter().map(|(number, _)| number).collect()
        };
        assert_eq!(numbers(&["a", "../../b\n", "c"]), [1, 2, 3]);
        assert_eq!(numbers(&["../../b\n", "c", "d"]), [2, 3, 4]);
        assert_eq!(numbers(&["a", "d"]), [5, 4]);
    }
}
