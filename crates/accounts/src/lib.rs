//! postroad-accounts: see docs/ARCHITECTURE.md.
#![forbid(unsafe_code)]
