//! postroad
#![forbid(unsafe_code)]

fn main() {}
