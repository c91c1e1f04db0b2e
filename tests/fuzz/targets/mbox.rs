//! A mailbox file that somebody reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_mua::fuzz::mbox(input));
