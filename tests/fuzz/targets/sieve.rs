//! A Sieve script and a message.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_sieve::fuzz::sieve(input));
