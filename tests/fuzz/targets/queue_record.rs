//! A record of the queue's log.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroad_queue::fuzz::record(input));
