//! postroad-pop3: see docs/ARCHITECTURE.md.
#![forbid(unsafe_code)]
