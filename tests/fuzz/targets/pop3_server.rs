#![no_main]

#[path = "../bodies/pop3_server.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
