//! postroad-mua: see docs/ARCHITECTURE.md.
#![forbid(unsafe_code)]
