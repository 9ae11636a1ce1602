//! Requests that become messages by HTTP rules. See `descant_tests::fuzz`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| descant_tests::fuzz::bind(input));
