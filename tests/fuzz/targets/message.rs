//! A letter, taken apart and asked for all that a mailbox wants to know of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_message::fuzz::message(input));
