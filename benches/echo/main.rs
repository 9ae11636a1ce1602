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

use std::time::{Duration, Instant};

use bytes::Bytes;
use http2::Requests;
use subject::{Subject, lowest, pin};
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
    let mut words = std::env::args().skip(1);
    let (mut rounds, mut seconds, mut only) = (8, 0.5, String::new());
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("{word} takes a value"));
        match word.as_str() {
            "--subject" => return subjects::serve(&value()),
            "--rounds" => rounds = value().parse().expect("--rounds takes a number"),
            "--seconds" => seconds = value().parse().expect("--seconds takes a number"),
            "--only" => only = value(),
            "--bench" => {}
            other => panic!("{other} is none of --rounds, --seconds, --only"),
        }
    }
    pin(0);
    let payloads = Payloads::new();
    println!("CPU microseconds a request, lowest of {rounds} rounds; ratio to bare-h2 (tonic's in brackets)");
    for (name, path, body) in payloads.cells() {
        if only.is_empty() || only == name {
            cell(name, path, body, rounds, Duration::from_secs_f64(seconds));
        }
    }
}

/// Measures every subject with one payload.
fn cell(name: &str, path: &str, body: Bytes, rounds: usize, length: Duration) {
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
    let lowest = lowest(&subjects, rounds, |address| {
        http2::run(address, &requests, CONNECTIONS, STREAMS, Instant::now() + length)
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
