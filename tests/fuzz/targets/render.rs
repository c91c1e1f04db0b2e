//! A message on the screen, in the list and as JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_mua::fuzz::render(input));
