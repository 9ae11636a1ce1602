//! gRPC passed on to a gRPC upstream: CPU time a call of Descant beside bare forwarders over h2, nghttpx and Envoy, in one run.
//!
//! `cargo bench -p descant-benches --bench proxy [-- --rounds N --seconds S --only 1KB]`
//!
//! Each subject is a process of its own, pinned to the last core; the upstream and the load are on the first: 10 connections with
//! 50 streams each, or with 5 where each is a stream of many messages. Subjects take turns; a figure is the lowest of the rounds, and what
//! counts is its ratio to the naive forwarder's. nghttpx is measured where it is installed, and Envoy where it is on the
//! PATH or where the variable `ENVOY` says.
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
#[path = "../forward.rs"]
mod forward;
#[path = "../load/http2.rs"]
mod http2;
mod peers;
#[path = "../subject.rs"]
mod subject;
mod subjects;
mod upstream;

use std::time::Instant;

use http2::Requests;
use subject::{Plan, Subject, lowest, pin};
use upstream::Cell;

const CONNECTIONS: usize = 10;
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
    println!(
        "CPU microseconds a call, lowest of {} rounds; ratio to the naive forwarder",
        plan.rounds
    );
    for cell in upstream::cells() {
        if plan.wants(cell.name) {
            measure(&cell, &plan);
        }
    }
}

/// Measures every subject with one kind of call.
fn measure(cell: &Cell, plan: &Plan) {
    let upstream = Subject::start(subjects::UPSTREAM);
    let (names, subjects) = subjects::start(upstream.address);
    let requests = Requests {
        path: cell.path,
        fields: FIELDS,
        bodies: vec![cell.request.clone()],
    };
    for (name, subject) in names.iter().zip(&subjects) {
        let (back, trailers) = http2::call(subject.address, &requests);
        assert_eq!(trailers.expect("trailers")["grpc-status"], "0", "{name}");
        assert!(cell.reply == back, "{name}: another reply than the upstream's");
    }
    let lowest = lowest(&subjects, plan.rounds, |address| {
        http2::run(
            address,
            &requests,
            CONNECTIONS,
            cell.streams,
            Instant::now() + plan.length,
        )
    });
    for (name, figure) in names.iter().zip(&lowest) {
        println!(
            "{:>9}  {name:<17} {figure:9.2} us  {:.2}",
            cell.name,
            figure / lowest[0]
        );
    }
}
