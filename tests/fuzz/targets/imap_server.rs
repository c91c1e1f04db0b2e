//! What a client sends to an IMAP server.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_imap::fuzz::server(input));
