//! What a folder's cache may hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_store::fuzz::cache(input));
