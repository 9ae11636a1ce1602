//! Wire to JSON and back: Descant's codec beside generated code (prost, pbjson, `serde_json`) and prost-reflect with
//! `serde_json`, in one run and one thread.
//!
//! `cargo bench -p descant-benches --bench codec [-- --rounds N] [--only M]`
//!
//! Kinds: S (12 to 40 bytes), M (a nested order of about 1 KB, 256 different ones), L (150 items), B (64 KB of bytes),
//! N (M, its fields in another order), U (M in many scripts). Subjects take turns; a figure is the lowest of the rounds.
#![allow(
    clippy::cast_precision_loss,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod messages;

#[allow(clippy::pedantic, missing_docs, unreachable_pub)]
mod proto {
    include!(concat!(env!("OUT_DIR"), "/codec/orders.rs"));
    include!(concat!(env!("OUT_DIR"), "/codec/orders.serde.rs"));
}

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use descant_descriptors::{Codec, MessageType, Schema};
use messages::{Kind, kinds};
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use proto::{Blob, Order, Small};

static SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/codec/orders.binpb"));
/// How long a turn of one subject takes, about.
const TURN: Duration = Duration::from_millis(1);

fn main() {
    let mut words = std::env::args().skip(1);
    let (mut rounds, mut only) = (200, String::new());
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("{word} takes a value"));
        match word.as_str() {
            "--rounds" => rounds = value().parse().expect("--rounds takes a number"),
            "--only" => only = value(),
            "--bench" => {}
            other => panic!("{other} is none of --rounds, --only"),
        }
    }
    let schema = Schema::from_bytes(SET).unwrap();
    println!("nanoseconds a message, lowest of {rounds} rounds; in brackets the ratio to generated code");
    for kind in kinds(&schema)
        .iter()
        .filter(|kind| only.is_empty() || only == kind.name)
    {
        let message = schema.message(kind.type_name).unwrap();
        cell(
            kind,
            "wire -> JSON",
            rounds,
            [
                &mut to_json(kind, &message),
                &mut generated_json(kind),
                &mut reflected_json(kind, &message),
            ],
        );
        cell(
            kind,
            "JSON -> wire",
            rounds,
            [
                &mut to_wire(kind, &message),
                &mut generated_wire(kind),
                &mut reflected_wire(kind, &message),
            ],
        );
    }
}

type Subject<'k> = Box<dyn FnMut(usize) + 'k>;

fn cell(kind: &Kind, direction: &str, rounds: usize, subjects: [&mut Subject<'_>; 3]) {
    let mut best = [f64::MAX; 3];
    let turns: Vec<usize> = subjects.iter().map(|_| kind.wires.len()).collect();
    let mut subjects: Vec<_> = subjects.into_iter().zip(turns).collect();
    for (subject, turns) in &mut subjects {
        while time(subject, *turns) < TURN {
            *turns *= 2;
        }
    }
    for _ in 0..rounds {
        for ((subject, turns), best) in subjects.iter_mut().zip(&mut best) {
            *best = best.min(time(subject, *turns).as_nanos() as f64 / *turns as f64);
        }
    }
    let allocated = allocation_counter::measure(|| (0..kind.wires.len()).for_each(&mut *subjects[0].0)).count_total;
    println!(
        "{} {direction}: descant {:.0} ({:.3}), generated {:.0}, prost-reflect {:.0} ({:.3}); allocations of descant: {allocated}",
        kind.name,
        best[0],
        best[0] / best[1],
        best[1],
        best[2],
        best[2] / best[1],
    );
}

fn time(subject: &mut Subject<'_>, turns: usize) -> Duration {
    let start = Instant::now();
    (0..turns).for_each(subject);
    start.elapsed()
}

fn to_json<'k>(kind: &'k Kind, message: &'k MessageType) -> Subject<'k> {
    let (mut codec, mut json) = (Codec::default(), Vec::new());
    Box::new(move |turn| {
        json.clear();
        codec
            .wire_to_json(message, black_box(&kind.wires[turn % kind.wires.len()]), &mut json)
            .unwrap();
        black_box(&json);
    })
}

fn to_wire<'k>(kind: &'k Kind, message: &'k MessageType) -> Subject<'k> {
    let (mut codec, mut wire) = (Codec::default(), Vec::new());
    Box::new(move |turn| {
        wire.clear();
        codec
            .json_to_wire(message, black_box(&kind.jsons[turn % kind.jsons.len()]), &mut wire)
            .unwrap();
        black_box(&wire);
    })
}

fn generated_json(kind: &Kind) -> Subject<'_> {
    match kind.type_name {
        "orders.Small" => generated_json_of::<Small>(kind),
        "orders.Blob" => generated_json_of::<Blob>(kind),
        _ => generated_json_of::<Order>(kind),
    }
}

fn generated_json_of<M: prost::Message + Default + serde::Serialize>(kind: &Kind) -> Subject<'_> {
    let mut json = Vec::new();
    Box::new(move |turn| {
        json.clear();
        let message = M::decode(black_box(&*kind.wires[turn % kind.wires.len()])).unwrap();
        serde_json::to_writer(&mut json, &message).unwrap();
        black_box(&json);
    })
}

fn generated_wire(kind: &Kind) -> Subject<'_> {
    match kind.type_name {
        "orders.Small" => generated_wire_of::<Small>(kind),
        "orders.Blob" => generated_wire_of::<Blob>(kind),
        _ => generated_wire_of::<Order>(kind),
    }
}

fn generated_wire_of<M: prost::Message + for<'d> serde::Deserialize<'d>>(kind: &Kind) -> Subject<'_> {
    let mut wire = Vec::new();
    Box::new(move |turn| {
        wire.clear();
        let message: M = serde_json::from_slice(black_box(&kind.jsons[turn % kind.jsons.len()])).unwrap();
        message.encode(&mut wire).unwrap();
        black_box(&wire);
    })
}

fn descriptor(message: &MessageType) -> MessageDescriptor {
    message.descriptor().unwrap()
}

fn reflected_json<'k>(kind: &'k Kind, message: &MessageType) -> Subject<'k> {
    let (descriptor, mut json) = (descriptor(message), Vec::new());
    Box::new(move |turn| {
        json.clear();
        let wire = black_box(&*kind.wires[turn % kind.wires.len()]);
        let message = DynamicMessage::decode(descriptor.clone(), wire).unwrap();
        serde_json::to_writer(&mut json, &message).unwrap();
        black_box(&json);
    })
}

fn reflected_wire<'k>(kind: &'k Kind, message: &MessageType) -> Subject<'k> {
    let (descriptor, mut wire) = (descriptor(message), Vec::new());
    Box::new(move |turn| {
        wire.clear();
        let mut json = serde_json::Deserializer::from_slice(black_box(&kind.jsons[turn % kind.jsons.len()]));
        let message = DynamicMessage::deserialize(descriptor.clone(), &mut json).unwrap();
        message.encode(&mut wire).unwrap();
        black_box(&wire);
    })
}
