//! What tests need and nothing else may have: a disk that fails ([`faulty_disk`]) or forgets to sync
//! ([`lying_disk`]), power cuts at each of its calls ([`power_cut`]), the seeds of our fuzz
//! targets ([`seeds`]), and with the feature `dns` a DNS server on loopback.
#![forbid(unsafe_code)]

#[cfg(feature = "dns")]
pub mod dns;
pub mod faulty_disk;
pub mod lying_disk;
pub mod power_cut;
pub mod seeds;

pub use faulty_disk::{FaultyDisk, Held, Plan, Random, Recording};
pub use lying_disk::LyingDisk;
