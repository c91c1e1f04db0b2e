//! The header of a message.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_protocol::fuzz::fields(input));
