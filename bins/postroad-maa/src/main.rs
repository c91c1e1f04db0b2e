//! postroad-maa-bin
#![forbid(unsafe_code)]

fn main() {}
