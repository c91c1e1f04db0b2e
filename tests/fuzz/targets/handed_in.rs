//! A message handed in to `sendmail -t`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_mua::fuzz::handed_in(input));
