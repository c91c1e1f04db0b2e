//! postroad-observe: see docs/ARCHITECTURE.md.
#![forbid(unsafe_code)]
