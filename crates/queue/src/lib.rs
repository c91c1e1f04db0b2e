//! Messages in transit: accepted, not yet delivered, bounced or expired.
//!
//! [`Spool`] is the promise; the embedded engine keeps it on one host's disk, a replicated engine can
//! keep the same one later. See [`spool`] for what `Stored` means.
#![forbid(unsafe_code)]

pub mod spool;

pub use spool::*;
