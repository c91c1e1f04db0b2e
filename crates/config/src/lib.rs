//! postroad-config: see docs/ARCHITECTURE.md.
#![forbid(unsafe_code)]
