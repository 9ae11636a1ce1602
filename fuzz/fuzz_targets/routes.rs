//! The router of HTTP rules, beside one that looks at every template. See `descant_tests::fuzz`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| descant_tests::fuzz::routes(input));
