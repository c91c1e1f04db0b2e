//! Contents that were stored just now, so that a letter which is delivered at once isn't read back.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use super::limits::RECENT_OCTETS_MAX;
use crate::spool::QueueId;

/// The newest contents, up to [`RECENT_OCTETS_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Recent {
    contents: HashMap<QueueId, Bytes>,
    /// In order of arrival; may still name what was forgotten.
    order: VecDeque<(QueueId, usize)>,
    octets: u64,
}

impl Recent {
    pub(crate) fn remember(&mut self, id: QueueId, content: Bytes) {
        self.octets += content.len() as u64;
        self.order.push_back((id, content.len()));
        self.contents.insert(id, content);
        while self.octets > RECENT_OCTETS_MAX {
            let Some((oldest, octets)) = self.order.pop_front() else { return };
            self.octets = self.octets.saturating_sub(octets as u64);
            self.contents.remove(&oldest);
        }
    }

    pub(crate) fn get(&self, id: QueueId) -> Option<Bytes> {
        self.contents.get(&id).cloned()
    }

    pub(crate) fn forget(&mut self, id: QueueId) {
        self.contents.remove(&id);
        // Names of forgotten contents at the front cost nothing to drop, and are most of them.
        while let Some((oldest, octets)) = self.order.front().copied() {
            if self.contents.contains_key(&oldest) {
                break;
            }
            self.order.pop_front();
            self.octets = self.octets.saturating_sub(octets as u64);
        }
    }
}
