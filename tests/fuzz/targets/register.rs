//! A folder's register.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_store::fuzz::register(input));
