//! What tests need and nothing else may have: a disk that fails ([`faulty_disk`]), and with the feature
//! `dns` a DNS server on loopback.
#![forbid(unsafe_code)]

#[cfg(feature = "dns")]
pub mod dns;
pub mod faulty_disk;

pub use faulty_disk::{FaultyDisk, Plan};
