//! What REST costs: the router of HTTP rules alone, and whole calls, JSON in and JSON out, beside generated code.
//!
//! `cargo bench -p descant-benches --bench transcode [-- --rounds N --seconds S --only router|http2|http1]`
#![allow(
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

#[path = "../bare.rs"]
mod bare;
mod calls;
#[path = "../deferred.rs"]
mod deferred;
#[path = "../load/http1.rs"]
mod http1;
#[path = "../load/http2.rs"]
mod http2;
#[allow(dead_code)] // The kinds of the bench `codec`, of which this takes one.
#[path = "../codec/messages.rs"]
mod messages;
mod router;
mod schema;
#[path = "../subject.rs"]
mod subject;
mod subjects;

use std::time::Duration;

fn main() {
    let mut words = std::env::args().skip(1);
    let (mut rounds, mut seconds, mut only) = (12, 0.5, String::new());
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
    let wanted = |name: &str| only.is_empty() || only == name;
    if wanted("router") {
        router::run(rounds * 16);
    }
    for version in calls::VERSIONS {
        if wanted(version.name) {
            version.run(rounds, Duration::from_secs_f64(seconds));
        }
    }
}
