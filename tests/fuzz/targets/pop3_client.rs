#![no_main]

#[path = "../bodies/pop3_client.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
