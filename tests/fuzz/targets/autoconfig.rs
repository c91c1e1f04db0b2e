//! A provider's file of mail servers.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_discovery::fuzz::autoconfig(input));
