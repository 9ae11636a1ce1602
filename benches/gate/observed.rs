//! What observation costs a call in instructions, which hardly differ from machine to machine.
//!
//! `cargo bench -p descant --no-default-features --profile count --bench observed` fails if it is more than a tenth of a
//! call that is not observed. It needs `valgrind`, whose callgrind counts; the variable `VALGRIND` may say where it is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

#[path = "../callgrind.rs"]
mod callgrind;
#[allow(dead_code)] // Other requests are for the test `gate`.
mod client;

use std::{env, process::ExitCode, sync::Arc};

use callgrind::{instructions, measured};
use client::{Client, ROUNDS, Request, STREAMS};
use descant::{Gateway, Schema, handlers::Echo};

/// Of a call that is not observed.
const PERCENT: u64 = 10;
const OBSERVED: [&str; 2] = ["observed", "unobserved"];

fn main() -> ExitCode {
    let word = env::args().skip(1).find(|word| OBSERVED.contains(&word.as_str()));
    if let Some(word) = word {
        run(word == OBSERVED[0]);
        return ExitCode::SUCCESS;
    }
    let [with, without] = OBSERVED.map(|word| instructions(&[word]) / (ROUNDS * STREAMS) as u64);
    let limit = without + without * PERCENT / 100;
    let more = with.saturating_sub(without);
    let verdict = if with <= limit { "ok" } else { "FAILED: too many" };
    println!("instructions a call: {without}, observed {with} ({limit}), {more} more: {verdict}");
    if with <= limit {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs twice: to warm up, and to be counted.
fn run(observe: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let schema = Schema::load(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/echo/echo.proto")).unwrap();
    let gateway = Gateway::builder(schema).route("*", Echo).observe(observe);
    let gateway = gateway.build().unwrap();
    let mut client = Client::connect(&runtime, gateway, &Request::grpc(), Arc::default());
    let mut turn = || runtime.block_on(client.run());
    turn();
    measured(&mut turn);
}
