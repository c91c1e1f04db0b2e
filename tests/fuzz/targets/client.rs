//! A whole session of the client with a server that says anything.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_protocol::fuzz::client(input));
