//! What Dovecot's and Courier's files may hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_store::fuzz::neighbours(input));
