//! Descriptor sets that nobody should have written: loading, and all that can be asked of what loads.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| descant_tests::fuzz::load(input));
