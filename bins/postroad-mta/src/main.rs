//! postroad-mta-bin
#![forbid(unsafe_code)]

fn main() {}
