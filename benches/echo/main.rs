//! gRPC unary echo: CPU time a request of Descant beside a bare h2 server and tonic with generated code, in one run.
//!
//! `cargo bench -p descant-benches --bench echo [-- --rounds N --seconds S --only 1KB]`
//!
//! Each subject is a process of its own, pinned to the last core; the load comes from this one, pinned to the first:
//! 10 connections with 50 streams each, frames written by hand so that the generator stays cheap. Subjects take turns; a figure is the
//! lowest of the rounds, and what counts is its ratio to the bare server's.
#![allow(
    clippy::cast_possible_wrap,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

#[path = "../bare.rs"]
mod bare;
#[path = "../deferred.rs"]
mod deferred;
#[path = "../load/http2.rs"]
mod http2;
#[path = "../subject.rs"]
mod subject;
mod subjects;

use std::time::Instant;

use bytes::Bytes;
use http2::Requests;
use subject::{Plan, Subject, lowest, pin};
use subjects::{Payloads, SUBJECTS};

const CONNECTIONS: usize = 10;
const STREAMS: usize = 50;
const FIELDS: &[(&str, &str)] = &[
    ("content-type", "application/grpc"),
    ("te", "trailers"),
    ("user-agent", "descant-bench"),
    ("grpc-accept-encoding", "gzip"),
];

fn main() {
    let Some(plan) = Plan::of_arguments(8, subjects::serve) else {
        return;
    };
    pin(0);
    let payloads = Payloads::new();
    println!(
        "CPU microseconds a request, lowest of {} rounds; ratio to bare-h2 (tonic's in brackets)",
        plan.rounds
    );
    for (name, path, body) in payloads.cells() {
        if plan.wants(name) {
            cell(name, path, body, &plan);
        }
    }
}

/// Measures every subject with one payload.
fn cell(name: &str, path: &str, body: Bytes, plan: &Plan) {
    let subjects: Vec<Subject> = SUBJECTS.iter().map(|name| Subject::start(name)).collect();
    let requests = Requests {
        path,
        fields: FIELDS,
        bodies: vec![body],
    };
    for subject in &subjects {
        let (back, trailers) = http2::call(subject.address, &requests);
        assert_eq!(trailers.expect("trailers")["grpc-status"], "0");
        assert_eq!(back.len(), requests.bodies[0].len(), "another reply than the request");
    }
    let lowest = lowest(&subjects, plan.rounds, |address| {
        http2::run(address, &requests, CONNECTIONS, STREAMS, Instant::now() + plan.length)
    });
    let at = |name| SUBJECTS.iter().position(|subject| *subject == name).unwrap();
    let (bare, tonic) = (lowest[at("bare-h2")], lowest[at("tonic")]);
    for (subject, figure) in SUBJECTS.iter().zip(&lowest) {
        println!(
            "{name:>5}  {subject:<17} {figure:7.2} us  {:.2}  ({:.2})",
            figure / bare,
            figure / tonic
        );
    }
}
