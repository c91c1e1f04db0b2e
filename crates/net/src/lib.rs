//! postroad-net: see docs/ARCHITECTURE.md.
#![forbid(unsafe_code)]
