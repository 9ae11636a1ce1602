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

use subject::Plan;

fn main() {
    let Some(plan) = Plan::of_arguments(12, subjects::serve) else {
        return;
    };
    if plan.wants("router") {
        router::run(plan.rounds * 16);
    }
    for version in calls::VERSIONS {
        if plan.wants(version.name) {
            version.run(plan.rounds, plan.length);
        }
    }
}
