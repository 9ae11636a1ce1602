//! Calls of Connect: envelopes, bodies, and queries of GET. See `descant_tests::fuzz`.

#![no_main]

use std::cell::OnceCell;

use descant_tests::fuzz::Web;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static WEB: OnceCell<Web> = const { OnceCell::new() };
}

fuzz_target!(|input: &[u8]| WEB.with(|web| web.get_or_init(Web::default).connect(input)));
