//! postroad-operator: see docs/ARCHITECTURE.md.
#![forbid(unsafe_code)]
