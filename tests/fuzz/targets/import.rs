//! Rules of another delivery agent: the first octet says which.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_import::fuzz::import(input));
