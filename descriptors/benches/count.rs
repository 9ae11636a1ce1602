//! What a conversion costs in counts, which hardly differ from machine to machine: instructions and allocations.
//! Times are for the bench `codec` of the package `benches`.
//!
//! `cargo bench -p descant-descriptors --profile count --bench count` fails if one costs more than is allowed.
//! It needs `valgrind`, whose callgrind counts; the variable `VALGRIND` may say where it is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

#[path = "../../benches/callgrind.rs"]
mod callgrind;
#[path = "../../benches/codec/messages.rs"]
mod messages;

use std::{env, hint::black_box, process::ExitCode};

use callgrind::{instructions, measured, verdict};
use descant_descriptors::{Codec, MessageType, Schema};
use messages::{Kind, kinds};

/// Instructions a message when these were last written down: wire -> JSON, JSON -> wire.
const WRITTEN: [(&str, [u64; 2]); 6] = [
    ("S", [886, 1_156]),
    ("M", [22_616, 34_562]),
    ("L", [327_660, 480_253]),
    ("B", [170_292, 239_858]),
    ("N", [40_288, 34_562]),
    ("U", [33_155, 45_646]),
];
/// How much more is allowed: compilers and C libraries differ a little.
const PERCENT: u64 = 10;
const DIRECTIONS: [&str; 2] = ["wire -> JSON", "JSON -> wire"];

fn main() -> ExitCode {
    let words: Vec<_> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let schema = Schema::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/codec/orders.proto")).unwrap();
    let kinds = kinds(&schema);
    if let [name, direction] = words.as_slice() {
        let kind = kinds.iter().find(|kind| kind.name == name).expect("a kind");
        run(&schema, kind, direction, measured);
        return ExitCode::SUCCESS;
    }
    println!("instructions a message (limit), and allocations");
    let mut kept = true;
    for (kind, (name, written)) in kinds.iter().zip(WRITTEN) {
        assert_eq!(kind.name, name);
        for (direction, written) in DIRECTIONS.into_iter().zip(written) {
            let found = instructions(&[kind.name, direction]) / kind.wires.len() as u64;
            let allocations = allocations(&schema, kind, direction);
            let (limit, verdict) = match verdict(found, written, PERCENT) {
                (limit, _) if allocations > 0 => (limit, "FAILED: nothing may be allocated"),
                judged => judged,
            };
            kept &= verdict.starts_with("ok");
            println!("{name} {direction}: {found} ({limit}), {allocations}: {verdict}");
        }
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn allocations(schema: &Schema, kind: &Kind, direction: &str) -> u64 {
    let mut count = 0;
    run(schema, kind, direction, |turn| {
        count = allocation_counter::measure(turn).count_total;
    });
    count
}

/// Converts every message of the kind, once to warm up, and once for `measure`.
fn run(schema: &Schema, kind: &Kind, direction: &str, measure: impl FnOnce(&mut dyn FnMut())) {
    let message = schema.message(kind.type_name).unwrap();
    let (mut codec, mut out) = (Codec::default(), Vec::new());
    let mut all = || {
        if direction == DIRECTIONS[0] {
            to_json(&mut codec, &message, kind, &mut out);
        } else {
            to_wire(&mut codec, &message, kind, &mut out);
        }
    };
    all();
    measure(&mut all);
}

fn to_json(codec: &mut Codec, message: &MessageType, kind: &Kind, out: &mut Vec<u8>) {
    for wire in &kind.wires {
        out.clear();
        codec.wire_to_json(message, black_box(wire), out).unwrap();
        black_box(&out);
    }
}

fn to_wire(codec: &mut Codec, message: &MessageType, kind: &Kind, out: &mut Vec<u8>) {
    for json in &kind.jsons {
        out.clear();
        codec.json_to_wire(message, black_box(json), out).unwrap();
        black_box(&out);
    }
}
