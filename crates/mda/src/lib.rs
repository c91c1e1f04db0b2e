//! postroad-mda: see docs/ARCHITECTURE.md.
#![forbid(unsafe_code)]
