//! Messages in transit: accepted, not yet delivered, bounced or expired.
//!
//! [`Spool`] is the promise; the embedded engine keeps it on one host's disk, a replicated engine can
//! keep the same one later. See [`spool`] for what `Stored` means, [`embedded`] for how it is kept,
//! [`retry`] for when a deferred recipient is tried again, [`ages`] for how old a message is.
#![forbid(unsafe_code)]

pub mod ages;
pub mod embedded;
pub mod fuzz;
pub mod retry;
pub mod spool;

pub use embedded::{Embedded, Exported, Soundness, Survey, export, survey};

pub use spool::*;
