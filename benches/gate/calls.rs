//! What a call costs in counts that hardly differ from machine to machine: instructions of the server, and bytes that are
//! moved. Allocations are the test `gate`'s, times are the bench `echo`'s.
//!
//! `cargo bench -p descant --no-default-features --features proxy --profile count --bench calls` fails if a call costs more than is written
//! here, or if its observation costs more than a tenth of it. It needs `valgrind`; the variable `VALGRIND` may say where
//! it is.
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
#[path = "../deferred.rs"]
mod deferred;
#[path = "../forward.rs"]
mod forward;
mod upstream;

use std::{env, future::poll_fn, pin::pin, process::ExitCode, sync::Arc, task::Poll};

use callgrind::{instructions, measured, moved, unmeasured, verdict};
use client::{Client, ROUNDS, Request, STREAMS};
use descant::{
    Gateway, Schema,
    handlers::{Echo, Proxy},
};
use forward::Forward;
use tokio::runtime::Runtime;
use upstream::{Upstream, beside, poll_beside};

/// What a call cost when this was last written down: instructions of the server, and bytes that `memcpy` moves, those of the client
/// and of the upstream among them.
const WRITTEN: [(&str, [u64; 2]); 5] = [
    ("grpc", [41_920, 37_610]),
    ("rest", [44_400, 30_350]),
    ("connect", [39_260, 29_920]),
    // To a gRPC upstream, and what a bare forwarder takes for it that writes as seldom.
    ("proxy", [88_000, 66_800]),
    ("forward", [64_200, 60_310]),
];
/// How much more is allowed: compilers and C libraries differ a little.
const PERCENT: u64 = 3;
/// What observation may cost, of a call that is not observed.
const OBSERVATION: u64 = 10;
const OBSERVED: [&str; 2] = ["observed", "unobserved"];

/// A REST call of the echo.
const RULES: &str = "
type: google.api.Service
config_version: 3
http:
  rules:
    - selector: bench.v1.Echo.EchoBlob
      post: /v1/blobs
      body: \"*\"
";
const BLOB: &[u8] = br#"{"data":"RGVzY2FudCBzaW5ncyBhYm92ZSB0aGUgdHVuZSB0aGF0IG90aGVycyBob2xkLg=="}"#;

fn main() -> ExitCode {
    let words: Vec<_> = env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [name, observed, turns] = words.as_slice() {
        run(name, observed == OBSERVED[0], turns.parse().unwrap());
        return ExitCode::SUCCESS;
    }
    println!("what a call costs (limit)");
    let mut kept = true;
    for (name, written) in WRITTEN {
        let found = [a_call(name, OBSERVED[0]), moved_by_a_call(name)];
        for (what, (found, written)) in ["instructions", "bytes moved"]
            .into_iter()
            .zip(found.into_iter().zip(written))
        {
            let (limit, verdict) = verdict(found, written, PERCENT);
            kept &= verdict.starts_with("ok");
            println!("{name}, {what}: {found} ({limit}): {verdict}");
        }
    }
    let [with, without] = OBSERVED.map(|observed| a_call(WRITTEN[0].0, observed));
    let (limit, verdict) = verdict(with, without, OBSERVATION);
    kept &= verdict.starts_with("ok");
    println!("instructions of a call that is not observed: {without}, observed {with} ({limit}): {verdict}");
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Instructions.
fn a_call(name: &str, observed: &str) -> u64 {
    instructions(&[name, observed, "1"]) / (ROUNDS * STREAMS) as u64
}

/// Bytes. What is moved before the first call is moved whatever comes after it.
fn moved_by_a_call(name: &str) -> u64 {
    let [one, two] = ["1", "2"].map(|turns| moved(&[name, OBSERVED[0], turns]));
    (two - one) / (ROUNDS * STREAMS) as u64
}

fn request(name: &str) -> Request {
    match name {
        "grpc" | "proxy" | "forward" => Request::grpc(),
        "rest" => Request::post("/v1/blobs", BLOB),
        "connect" => Request::post("/bench.v1.Echo/EchoBlob", BLOB),
        _ => panic!("{name} is no call"),
    }
}

/// Runs once to warm up, and then so many times to be counted.
fn run(name: &str, observe: bool, turns: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut upstream = matches!(name, "proxy" | "forward").then(|| Upstream::listen(&runtime));
    let mut client = client(&runtime, name, observe, &mut upstream);
    runtime.block_on(beside(&mut upstream, client.run()));
    measured(&mut || {
        for _ in 0..turns {
            let mut running = pin!(client.run());
            // The runtime polls the server beside this.
            runtime.block_on(poll_fn(|cx| {
                let mut polled = Poll::Pending;
                unmeasured(&mut || polled = poll_beside(&mut upstream, running.as_mut(), cx));
                polled
            }));
        }
    });
}

/// A client of what is to be measured.
fn client(runtime: &Runtime, name: &str, observe: bool, upstream: &mut Option<Upstream>) -> Client {
    let request = request(name);
    let address = upstream.as_ref().map(Upstream::address);
    if let (Some(address), "forward") = (address, name) {
        let forward = runtime.block_on(beside(upstream, Forward::to(address, true)));
        return Client::of(runtime, &request, Arc::default(), |socket| forward.serve(socket));
    }
    let schema = Schema::builder()
        .path(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/echo/echo.proto"))
        .http_rules("rules.yaml", RULES)
        .build()
        .unwrap();
    let gateway = Gateway::builder(schema).observe(observe);
    let gateway = match address {
        Some(address) => gateway.route("*", Proxy::to(&format!("http://{address}")).unwrap()),
        None => gateway.route("*", Echo),
    };
    Client::connect(runtime, gateway.build().unwrap(), &request, Arc::default())
}
