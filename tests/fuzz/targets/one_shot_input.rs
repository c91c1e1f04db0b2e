//! A letter on the delivery agent's standard input.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_mda::fuzz::one_shot_input(input));
