//! What somebody types to find letters.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_catalog::fuzz::pattern(input));
