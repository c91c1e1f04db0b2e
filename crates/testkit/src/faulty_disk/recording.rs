//! Every state that a disk went through, and what a power cut would have left of each.

use super::FaultyDisk;
use super::survival::Survival;
use super::tree::Tree;

/// What a disk was before each call that was made to it, and at the end.
#[derive(Debug, Clone)]
pub struct Recording {
    pub(super) frames: Vec<Frame>,
}

/// The disk before one call.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) call: String,
    pub(super) tree: Tree,
}

impl Recording {
    /// The calls, as `sync /queue/segments/0000000001.log`; the last entry stands for the end.
    pub fn calls(&self) -> impl ExactSizeIterator<Item = &str> {
        self.frames.iter().map(|frame| frame.call.as_str())
    }

    /// A disk as it is when the power fails before this call and comes back: the tree with this number and
    /// seed. The first four numbers are the corners (nothing survives that wasn't synced, everything, names
    /// only, contents only); from there on chance chooses.
    ///
    /// # Panics
    /// Where no such call was recorded.
    pub fn survivor(&self, call: usize, number: u64, seed: u64) -> FaultyDisk {
        let frame = self.frames.get(call).unwrap_or_else(|| panic!("call {call} was not recorded"));
        let mut tree = frame.tree.clone();
        tree.lose_power(&mut Survival::numbered(number, seed));
        FaultyDisk::with(tree)
    }
    /// A disk as it is when the process is killed before this call: all that was written is there, and nothing
    /// more of it is durable than before.
    ///
    /// # Panics
    /// Where no such call was recorded.
    pub fn killed(&self, call: usize) -> FaultyDisk {
        let frame = self.frames.get(call).unwrap_or_else(|| panic!("call {call} was not recorded"));
        FaultyDisk::with(frame.tree.clone())
    }
}
