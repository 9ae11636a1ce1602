//! JSON that a peer makes up, as wire bytes and back. See `descant_tests::fuzz`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| descant_tests::fuzz::json_to_wire(input));
