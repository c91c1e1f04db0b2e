//! One letter on its way into a mailbox file.
//!
//! It is kept in memory until its turn comes: it has to be there whole before the mailbox is locked, and others wait.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::format;
use super::lock::{Locked, Mboxes};
use crate::draft::Filed;
use crate::line_ends::LineEnds;
use crate::{Flags, StoreError};

/// A letter for a mailbox file. Dropped before it is delivered, it leaves nothing.
#[derive(Debug)]
pub(crate) struct MboxDraft {
    mboxes: Arc<Mboxes>,
    path: PathBuf,
    unique: String,
    ends: LineEnds,
    letter: Vec<u8>,
    flags: Flags,
    locked: Option<Locked>,
}

impl MboxDraft {
    pub(crate) fn new(mboxes: &Arc<Mboxes>, path: &Path, unique: String) -> Self {
        Self {
            mboxes: Arc::clone(mboxes),
            path: path.to_owned(),
            unique,
            ends: LineEnds::default(),
            letter: Vec::new(),
            flags: Flags::default(),
            locked: None,
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.unique
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn write(&mut self, octets: &[u8]) {
        self.ends.push(octets, &mut self.letter);
    }

    pub(crate) fn set_flags(&mut self, flags: Flags) {
        self.flags = flags;
    }

    /// Locks the mailbox, until it is delivered or dropped.
    pub(crate) fn lock(&mut self) -> Result<(), StoreError> {
        if self.locked.is_none() {
            self.locked = Some(self.mboxes.lock(&self.path)?);
        }
        Ok(())
    }

    pub(crate) fn deliver(mut self) -> Result<Filed, StoreError> {
        self.ends.finish(&mut self.letter);
        let letter = format::letter(&self.letter, &self.flags, SystemTime::now());
        drop(std::mem::take(&mut self.letter));
        let mut locked = match self.locked.take() {
            Some(locked) => locked,
            None => self.mboxes.lock(&self.path)?,
        };
        let began = Instant::now();
        let appended = self.mboxes.append(&mut locked, &letter)?;
        Ok(Filed {
            path: self.path,
            octets: letter.len() as u64,
            sync: began.elapsed(),
            appended: Some(appended),
        })
    }
}
