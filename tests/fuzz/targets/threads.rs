//! Letters that refer to each other, as threads.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_message::fuzz::threads(input));
