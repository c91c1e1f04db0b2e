//! A whole session with a POP3 server.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_pop3::fuzz::server(input));
