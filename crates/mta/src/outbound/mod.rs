//! The sending half of the MTA: from the queue to the next hop.
//!
//! | looking for | it is in |
//! |---|---|
//! | who takes a message, when it is tried, what becomes of it | [`engine`] |
#![allow(dead_code, reason = "landed in parts")]

pub mod engine;
pub mod probe;

pub use engine::{Engine, Parts};
pub use probe::{Probe, ProbeOutcome};
