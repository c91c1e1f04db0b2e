//! A calendar in a letter.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_calendar::fuzz::invitation(input));
