//! The words of a one-shot delivery's command line.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_mda::fuzz::one_shot_words(input));
