//! postroad-mta: see docs/ARCHITECTURE.md.
#![forbid(unsafe_code)]

pub mod outbound;
