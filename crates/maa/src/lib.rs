//! postroad-maa: see docs/ARCHITECTURE.md.
#![forbid(unsafe_code)]
