//! What the counts of a mailbox's folders may be.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_store::fuzz::status(input));
