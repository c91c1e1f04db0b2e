//! postroad-store: see docs/ARCHITECTURE.md.
#![forbid(unsafe_code)]
