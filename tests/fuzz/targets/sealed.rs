//! A letter that may be sealed, looked at without a key.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_seal::fuzz::letter(input));
