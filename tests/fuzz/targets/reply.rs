//! Replies off the wire.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_protocol::fuzz::reply(input));
