//! What an authorization server and a browser say.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_oauth::fuzz::answers(input));
