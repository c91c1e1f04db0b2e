//! What tests need and nothing else may have: a disk that fails. See [`faulty_disk`].
#![forbid(unsafe_code)]

pub mod faulty_disk;

pub use faulty_disk::{FaultyDisk, Plan};
