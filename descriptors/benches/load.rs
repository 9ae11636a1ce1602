//! What it takes to load a descriptor set: time, and memory at its peak and after.
//!
//! `cargo bench -p descant-descriptors --bench load` measures both sizes that Descant promises for, and beside them the
//! pool of prost-reflect, each in a process of its own, so that no peak hides another.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]
#![allow(clippy::disallowed_methods)] // prost-reflect is what we compare with.

use std::{any::Any, env, fs, hint::black_box, process::Command, time::Instant};

use bytes::Bytes;
use descant_descriptors::Schema;
use prost::Message;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
    ServiceDescriptorProto,
};

/// How many messages a file has; five fields each.
const MESSAGES_A_FILE: usize = 500;
const METHODS_A_SERVICE: usize = 20;
const ROUNDS: u32 = 10;

fn main() {
    let arguments: Vec<_> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [subject, path] = arguments.as_slice() {
        return measure(subject, path);
    }
    let folder = tempfile::tempdir().unwrap();
    for (messages, methods) in [(10_000, 2_000), (100_000, 2_000)] {
        let path = folder.path().join("set.binpb");
        fs::write(&path, set(messages, methods)).unwrap();
        println!("{messages} messages of 5 fields, {methods} methods:");
        for subject in ["descant", "prost-reflect"] {
            let mut child = Command::new(env::current_exe().unwrap());
            assert!(child.arg(subject).arg(&path).status().unwrap().success());
        }
    }
}

fn measure(subject: &str, path: &str) {
    let set = Bytes::from(fs::read(path).unwrap());
    let before = memory("VmRSS");
    let start = Instant::now();
    let loaded = load(subject, &set);
    let first = start.elapsed();
    let (peak, after) = (memory("VmHWM"), memory("VmRSS"));
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

/// A set of files that are about as talkative as real ones.
fn set(messages: usize, methods: usize) -> Vec<u8> {
    let files = messages / MESSAGES_A_FILE;
    let file = (0..files).map(|file| FileDescriptorProto {
        name: Some(format!("acme/generated/v1/resources_{file}.proto")),
        package: Some(format!("acme.generated.v{file}")),
        syntax: Some("proto3".into()),
        message_type: (0..MESSAGES_A_FILE)
            .map(|message| self::message(file, message))
            .collect(),
        service: (0..methods / files / METHODS_A_SERVICE.min(methods / files))
            .map(|service| self::service(file, service, methods / files))
            .collect(),
        ..FileDescriptorProto::default()
    });
    FileDescriptorSet { file: file.collect() }.encode_to_vec()
}

fn message(file: usize, number: usize) -> DescriptorProto {
    let other = format!(".acme.generated.v{file}.Resource{}", (number * 7) % MESSAGES_A_FILE);
    let field = |number: i32, name: &str, kind: i32, of: Option<&String>| FieldDescriptorProto {
        name: Some(name.into()),
        number: Some(number),
        label: Some(1),
        r#type: Some(kind),
        type_name: of.cloned(),
        json_name: Some(name.into()),
        ..FieldDescriptorProto::default()
    };
    DescriptorProto {
        name: Some(format!("Resource{number}")),
        field: vec![
            field(1, "name", 9, None),
            field(2, "etag", 9, None),
            field(3, "size", 3, None),
            field(4, "enabled", 8, None),
            field(5, "parent", 11, Some(&other)),
        ],
        ..DescriptorProto::default()
    }
}

fn service(file: usize, number: usize, methods: usize) -> ServiceDescriptorProto {
    let method = |method| MethodDescriptorProto {
        name: Some(format!("GetResource{method}")),
        input_type: Some(format!(".acme.generated.v{file}.Resource{method}")),
        output_type: Some(format!(".acme.generated.v{file}.Resource{}", method + 1)),
        ..MethodDescriptorProto::default()
    };
    ServiceDescriptorProto {
        name: Some(format!("Resources{number}")),
        method: (0..methods.min(METHODS_A_SERVICE)).map(method).collect(),
        ..ServiceDescriptorProto::default()
    }
}
