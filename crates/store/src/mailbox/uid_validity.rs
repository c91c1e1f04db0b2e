//! Numbers that are greater than all before: what a mailbox's UIDs are valid with (RFC 9051 §2.3.1.1).
//!
//! The last one stands in a file beside the inbox, for all folders: one that was removed and made again has a greater
//! one, however the clock was set. Dovecot's file of the same purpose is read, and raised where it gets numbers back.
//!
//! ```text
//! 1764471611                     the last one
//! 1500000000 .Lists.rust         taken over from another program, once: UIDs that we gave since then are in no other
//!                                file, so that without our register they would be given again
//! ```

use std::path::Path;
use std::time::SystemTime;

use postroad_disk::{Disk, DiskError};

use crate::neighbours::dovecot_validity;
use crate::small_file;

const FILE: &str = "postroad-uidvalidity";

/// What the file says.
#[derive(Debug, Default)]
pub(crate) struct Given {
    last: u32,
    taken_over: Vec<(u32, String)>,
}

impl Given {
    /// The caller has the mailbox's turn.
    pub(crate) fn read(disk: &dyn Disk, mailbox: &Path) -> Result<Self, DiskError> {
        let text = small_file::read(disk, &mailbox.join(FILE))?;
        let text = String::from_utf8_lossy(&text);
        let mut lines = text.lines();
        let last = lines.next().and_then(|line| line.trim().parse().ok()).unwrap_or_default();
        let last = dovecot_validity::read(disk, mailbox)?.max(last);
        let taken_over = lines.filter_map(|line| {
            let (number, folder) = line.split_once(' ')?;
            Some((number.parse().ok()?, folder.to_owned()))
        });
        Ok(Self { last, taken_over: taken_over.collect() })
    }

    /// The last one that was given; 0 where none was.
    pub(crate) fn last(&self) -> u32 {
        self.last
    }

    /// Whether a folder may have a number of another program: it hasn't had it before.
    pub(crate) fn may_take_over(&self, number: u32, folder: &str) -> bool {
        number > 0 && !self.taken_over.iter().any(|(n, of)| *n == number && of == folder)
    }

    /// One more; or `known`, which another program has given, and that none after it goes below. Durable when it returns.
    pub(crate) fn give(
        &mut self,
        disk: &dyn Disk,
        mailbox: &Path,
        by: &Path,
        known: Option<u32>,
    ) -> Result<u32, DiskError> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
        let number = known.unwrap_or_else(|| now.max(self.last.saturating_add(1)));
        if number > self.last {
            self.last = number;
            self.write(disk, mailbox, by)?;
        }
        Ok(number)
    }

    /// A folder has taken over a number: its register is written.
    pub(crate) fn taken_over(
        &mut self,
        disk: &dyn Disk,
        mailbox: &Path,
        by: &Path,
        (number, folder): (u32, &str),
    ) -> Result<(), DiskError> {
        self.taken_over.push((number, folder.to_owned()));
        self.write(disk, mailbox, by)
    }

    /// What a folder has taken over may be taken over again.
    pub(crate) fn give_back(
        mut self,
        disk: &dyn Disk,
        mailbox: &Path,
        by: &Path,
        folder: &str,
    ) -> Result<(), DiskError> {
        let before = self.taken_over.len();
        self.taken_over.retain(|(_, of)| of != folder);
        match self.taken_over.len() == before {
            true => Ok(()),
            false => self.write(disk, mailbox, by),
        }
    }

    fn write(&self, disk: &dyn Disk, mailbox: &Path, by: &Path) -> Result<(), DiskError> {
        let mut text = format!("{}\n", self.last);
        for (number, folder) in &self.taken_over {
            text += &format!("{number} {folder}\n");
        }
        small_file::replace(disk, by, &mailbox.join(FILE), text.as_bytes())
    }
}
