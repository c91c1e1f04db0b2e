//! postroad-tests: see docs/ARCHITECTURE.md.
#![forbid(unsafe_code)]
