//! A whole session with the server.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_protocol::fuzz::server(input));
