//! Wire bytes that a peer makes up, as JSON and back. See `descant_tests::fuzz`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| descant_tests::fuzz::wire_to_json(input));
