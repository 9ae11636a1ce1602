//! Whole calls: a JSON order of about 1 KB in, a handler, the order as JSON out; one connection with many calls in flight.
//!
//! The peers parse JSON with `serde_json` into what prost and pbjson generated, call the same function, and write it back,
//! on a bare server of the same kind: h2 (`deferred`: with one write after each poll, as Descant writes), or hyper.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use descant_descriptors::Schema;

use super::{
    http1, http2,
    http2::Requests,
    messages::kinds,
    subject::{Subject, lowest, pin},
    subjects::{Order, PATH, SET},
};

/// Calls in flight.
const DEPTH: usize = 50;

/// A version of HTTP, and who answers over it; those that the ratios are to come first.
pub(super) struct Version {
    pub(super) name: &'static str,
    subjects: &'static [&'static str],
    peers: usize,
    run: fn(SocketAddr, &Requests<'_>, Instant) -> usize,
    call: fn(SocketAddr, &Requests<'_>) -> Vec<u8>,
}

pub(super) const VERSIONS: [Version; 2] = [
    Version {
        name: "http2",
        subjects: &["h2", "h2-deferred", "descant-typed", "descant-echo"],
        peers: 2,
        run: |address, requests, end| http2::run(address, requests, 1, DEPTH, end),
        call: |address, requests| http2::call(address, requests).0,
    },
    Version {
        name: "http1",
        subjects: &["hyper", "descant-typed", "descant-echo"],
        peers: 1,
        run: |address, requests, end| http1::run(address, requests, DEPTH, end),
        call: http1::call,
    },
];

impl Version {
    /// Prints what a call costs each subject.
    pub(super) fn run(&self, rounds: usize, length: Duration) {
        pin(0);
        let requests = Requests {
            path: PATH,
            fields: &[("content-type", "application/json"), ("accept", "application/json")],
            bodies: orders(),
        };
        let subjects: Vec<Subject> = self.subjects.iter().map(|name| Subject::start(name)).collect();
        for subject in &subjects {
            // As text they differ: pbjson writes `+00:00` for `Z`, and the entries of a map in any order.
            let order = |json: &[u8]| -> Order { serde_json::from_slice(json).unwrap() };
            let back = (self.call)(subject.address, &requests);
            assert_eq!(
                order(&back),
                order(&requests.bodies[0]),
                "another reply than the request"
            );
        }
        let lowest = lowest(&subjects, rounds, |address| {
            (self.run)(address, &requests, Instant::now() + length)
        });
        println!(
            "{}: CPU microseconds a call, lowest of {rounds} rounds; ratio to each peer",
            self.name
        );
        for (name, figure) in self.subjects.iter().zip(&lowest) {
            let ratios: Vec<_> = lowest[..self.peers]
                .iter()
                .map(|peer| format!("{:.2}", figure / peer))
                .collect();
            println!("{name:>16} {figure:7.2} us  {}", ratios.join("  "));
        }
    }
}

/// The order of the bench `codec` that is called M, 256 different ones.
fn orders() -> Vec<Bytes> {
    let kinds = kinds(&Schema::from_bytes(SET).unwrap());
    let medium = kinds.into_iter().find(|kind| kind.name == "M").expect("there is one");
    medium.jsons.into_iter().map(Bytes::from).collect()
}
