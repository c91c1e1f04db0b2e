//! postroad-testkit: see docs/ARCHITECTURE.md.
#![forbid(unsafe_code)]
