//! What a call costs in counts, which are the same on every machine: write calls and allocations. Times are for `echo` and `transcode`.
//!
//! `cargo test -p descant-benches --test gate` fails if a call takes more than is allowed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

mod client;
#[path = "../deferred.rs"]
mod deferred;
mod flight;
#[path = "../forward.rs"]
mod forward;
#[allow(dead_code)] // The kinds of the bench `codec`, of which this takes one.
#[path = "../codec/messages.rs"]
mod messages;
#[allow(dead_code)] // Some is for the bench `calls`.
mod upstream;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use client::{Client, ROUNDS, Request, STREAMS};
use descant::{Gateway, Schema};
use descant_handlers::{Echo, Handler, Proxy};
use forward::Forward;
use tokio::runtime::Runtime;
use upstream::{Upstream, beside};

/// With so many streams in flight replies share their writes.
const WRITES: f64 = 0.10;
/// Allocations and bytes that a proxied call may take more than one that a bare forwarder passes on.
const PROXIED: (f64, f64) = (7.5, 1600.0);

static ECHO: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/echo.binpb"));
static ORDERS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/codec/orders.binpb"));
const RULES: &str = include_str!("../codec/orders.yaml");

/// Each with what it took when that was last lowered, and one for luck.
#[test]
fn a_unary_call_costs_no_more_than_is_allowed() {
    let order = order();
    for (request, allowed) in [
        (Request::grpc(), 8.0),
        (Request::post("/v1/orders", &order), 11.5),
        (
            Request::get("/v1/orders/acme-7?number=77&paid=true&total=12.5&card.holder=Ada"),
            12.0,
        ),
        (Request::post("/orders.Orders/Place", &order), 10.5),
    ] {
        check(&request, allowed);
    }
}

/// A call that is passed on, beside what a bare forwarder allocates for it, which frames, heads and tasks cost over h2.
#[test]
fn a_proxied_call_costs_no_more_than_is_allowed() {
    let forwarded = passed_on(|runtime, upstream, request, writes| {
        let address = upstream.as_ref().map(Upstream::address).unwrap();
        let forward = runtime.block_on(beside(upstream, Forward::to(address, true)));
        Client::of(runtime, request, writes, |socket| forward.serve(socket))
    });
    let proxied = passed_on(|runtime, upstream, request, writes| {
        let address = upstream.as_ref().map(Upstream::address).unwrap();
        let proxy = Proxy::to(&format!("http://{address}")).unwrap();
        Client::connect(runtime, gateway_of(proxy, true), request, writes)
    });
    for (name, costs) in [("forwarded", &forwarded), ("proxied", &proxied)] {
        let Costs {
            writes,
            allocations,
            bytes,
        } = costs;
        println!("{name}: {writes:.3} writes and {allocations:.1} allocations ({bytes:.0} bytes) a call");
    }
    assert!(proxied.writes <= WRITES, "{} write calls a call", proxied.writes);
    let (more, bytes) = (
        proxied.allocations - forwarded.allocations,
        proxied.bytes - forwarded.bytes,
    );
    assert!(
        more <= PROXIED.0 && bytes <= PROXIED.1,
        "{more} allocations and {bytes} bytes more than a forwarder; {PROXIED:?} are allowed"
    );
}

/// What a call costs that goes on to an upstream.
fn passed_on(client: impl FnOnce(&Runtime, &mut Option<Upstream>, &Request, Arc<AtomicU64>) -> Client) -> Costs {
    let runtime = runtime();
    let writes = Arc::new(AtomicU64::new(0));
    let mut upstream = Some(Upstream::listen(&runtime));
    let mut client = client(&runtime, &mut upstream, &Request::grpc(), writes.clone());
    measure(&writes, || runtime.block_on(beside(&mut upstream, client.run())))
}

#[test]
fn observation_allocates_nothing() {
    // A trace that nobody keeps is metadata as any other.
    for request in [
        Request::grpc(),
        Request::grpc().traced(),
        Request::post("/v1/orders", &order()),
    ] {
        let (with, without) = (costs(&request, true).allocations, costs(&request, false).allocations);
        let path = request.path;
        // A buffer may grow once in a run.
        assert!(
            (with - without).abs() < 0.01,
            "{path}: {with} allocations a call; {without} if calls are not observed"
        );
    }
}

/// One of those that the bench `codec` calls M, about 1 KB of JSON.
fn order() -> Vec<u8> {
    let kinds = messages::kinds(&Schema::from_bytes(ORDERS).unwrap());
    let mut medium = kinds.into_iter().find(|kind| kind.name == "M").expect("there is one");
    medium.jsons.swap_remove(0)
}

fn check(request: &Request, allowed: f64) {
    let Costs {
        writes,
        allocations,
        bytes,
    } = costs(request, true);
    let path = request.path;
    println!("{path}: {writes:.3} writes and {allocations:.1} allocations ({bytes:.0} bytes) a call");
    assert!(
        writes <= WRITES,
        "{path}: {writes} write calls a call; {WRITES} are allowed"
    );
    assert!(
        allocations <= allowed,
        "{path}: {allocations} allocations a call; {allowed} are allowed"
    );
}

/// What a call takes.
struct Costs {
    writes: f64,
    allocations: f64,
    bytes: f64,
}

fn costs(request: &Request, observe: bool) -> Costs {
    let runtime = runtime();
    let writes = Arc::new(AtomicU64::new(0));
    let mut client = Client::connect(&runtime, gateway_of(Echo, observe), request, writes.clone());
    measure(&writes, || runtime.block_on(client.run()))
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

/// What each call of a run takes. It runs once before, to warm up.
fn measure(writes: &AtomicU64, mut run: impl FnMut()) -> Costs {
    run();
    writes.store(0, Ordering::Relaxed);
    let counted = allocation_counter::measure(run);
    #[allow(clippy::cast_precision_loss)]
    let per_call = |count: u64| count as f64 / (ROUNDS * STREAMS) as f64;
    Costs {
        writes: per_call(writes.load(Ordering::Relaxed)),
        allocations: per_call(counted.count_total),
        bytes: per_call(counted.bytes_total),
    }
}

fn gateway_of(handler: impl Handler, observe: bool) -> Gateway {
    let schema = Schema::builder()
        .bytes("echo.binpb", ECHO)
        .bytes("orders.binpb", ORDERS)
        .http_rules("orders.yaml", RULES)
        .build()
        .unwrap();
    Gateway::builder(schema)
        .route("*", handler)
        .observe(observe)
        .build()
        .unwrap()
}
