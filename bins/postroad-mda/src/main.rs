//! postroad-mda-bin
#![forbid(unsafe_code)]

fn main() {}
