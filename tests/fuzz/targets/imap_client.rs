//! What a server says to an IMAP client.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_imap::fuzz::client(input));
