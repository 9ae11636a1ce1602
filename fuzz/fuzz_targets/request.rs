//! The gRPC request path: frames, envelopes and messages that a peer makes up. See `descant_tests::fuzz`.

#![no_main]

use std::cell::OnceCell;

use descant_tests::fuzz::Requests;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static REQUESTS: OnceCell<Requests> = const { OnceCell::new() };
}

fuzz_target!(|input: &[u8]| REQUESTS.with(|requests| requests.get_or_init(Requests::default).serve(input)));
