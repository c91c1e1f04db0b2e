//! A whole session with a ManageSieve server.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_managesieve::fuzz::server(input));
