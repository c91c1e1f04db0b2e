//! What a folder's index of texts may hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_fulltext::fuzz::text_index(input));
