//! postroad-mua-bin
#![forbid(unsafe_code)]

fn main() {}
