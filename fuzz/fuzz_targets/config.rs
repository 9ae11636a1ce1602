//! Configurations: read, printed, and read again. See `descant_tests::fuzz`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| descant_tests::fuzz::config(input));
