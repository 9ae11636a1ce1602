//! What it takes to load a descriptor set: time, and memory at its peak and after.
//!
//! `cargo bench -p descant-descriptors --bench load` measures both sizes that Descant promises for, and beside them the
//! pool of prost-reflect, each in a process of its own, so that no peak hides another.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]
#![allow(clippy::disallowed_methods)] // prost-reflect is what we compare with.

#[path = "load/set.rs"]
mod set;

use std::{
    any::Any,
    env, fs,
    hint::black_box,
    process::Command,
    time::{Duration, Instant},
};

use bytes::Bytes;
use descant_descriptors::{Codec, Schema};
use set::{FIELDS, names, set};

const ROUNDS: u32 = 10;

fn main() {
    let arguments: Vec<_> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [subject, path, messages] = arguments.as_slice() {
        return measure(subject, path, messages.parse().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    for (messages, methods) in [(10_000, 2_000), (100_000, 2_000)] {
        let path = folder.path().join("set.binpb");
        fs::write(&path, set(messages, methods)).unwrap();
        println!("{messages} messages of 5 fields, {methods} methods:");
        for subject in ["descant", "prost-reflect"] {
            let mut child = Command::new(env::current_exe().unwrap());
            assert!(
                child
                    .arg(subject)
                    .arg(&path)
                    .arg(messages.to_string())
                    .status()
                    .unwrap()
                    .success()
            );
        }
    }
}

fn measure(subject: &str, path: &str, messages: usize) {
    let set = Bytes::from(fs::read(path).unwrap());
    let before = memory("VmRSS");
    let start = Instant::now();
    let loaded = load(subject, &set);
    let first = start.elapsed();
    let (peak, after) = (memory("VmHWM"), memory("VmRSS"));
    if let Some(schema) = loaded.downcast_ref::<Schema>() {
        tables(schema, messages);
    }
    drop(loaded);
    let start = Instant::now();
    (1..ROUNDS).for_each(|_| drop(load(subject, &set)));
    let mean = start.elapsed() / (ROUNDS - 1);
    println!(
        "  {subject}: {} KB: first {first:.1?}, mean {mean:.1?}; beside the set, at the peak {} KB, after it {} KB",
        set.len() / 1000,
        peak.saturating_sub(before),
        after.saturating_sub(before),
    );
}

/// What it takes to compile the tables that the codec walks along, of all messages at once; they are made on first use.
fn tables(schema: &Schema, count: usize) {
    let (mut codec, mut json) = (Codec::default(), Vec::new());
    let messages: Vec<_> = names(count).filter_map(|name| schema.message(&name)).collect();
    assert_eq!(messages.len(), count);
    let (before, start, mut slowest) = (memory("VmRSS"), Instant::now(), Duration::ZERO);
    for message in messages {
        let start = Instant::now();
        codec.wire_to_json(&message, &[], &mut json).unwrap();
        slowest = slowest.max(start.elapsed());
    }
    let (time, taken) = (start.elapsed(), memory("VmRSS").saturating_sub(before));
    println!(
        "  descant: tables of all messages: {time:.1?} (the slowest {slowest:.1?}), {taken} KB, {} bytes a field",
        taken * 1024 / (count * FIELDS).max(1) as u64,
    );
}

fn load(subject: &str, set: &Bytes) -> Box<dyn Any> {
    match subject {
        "descant" => Box::new(black_box(Schema::from_bytes(set.clone()).unwrap())),
        _ => Box::new(black_box(prost_reflect::DescriptorPool::decode(set.clone()).unwrap())),
    }
}

/// A line of this process's status, in KB; 0 where there is no such file.
fn memory(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let value = status.lines().find_map(|found| found.strip_prefix(line));
    value
        .and_then(|value| value.trim_matches([':', '\t', ' ', 'k', 'B']).parse().ok())
        .unwrap_or(0)
}
