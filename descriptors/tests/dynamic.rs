//! Descriptors for dynamic messages: what prost-reflect does not know is lowered to what it does.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use descant_descriptors::Schema;
use prost::Message;
use prost_reflect::{Cardinality, DynamicMessage, Kind};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};

fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    assert!(
        length < 128 && number < 16,
        "this helper writes one-byte tags and lengths"
    );
    [&[number << 3 | 2, length], content].concat()
}

fn varint(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value]
}

/// A field with `features` (field 21 of its options, two bytes of tag) as given.
fn field(name: &str, number: u8, label: u8, kind: u8, features: &[u8], more: &[u8]) -> Vec<u8> {
    let features = [&[0xaa, 0x01, u8::try_from(features.len()).unwrap()], features].concat();
    let parts = [
        bytes(1, name.as_bytes()),
        varint(3, number),
        varint(4, label),
        varint(5, kind),
        bytes(8, &features),
        more.to_vec(),
    ];
    bytes(2, &parts.concat())
}

/// `edition = "2023"`: a message with a field for each feature that changes how it is read.
fn edition_2023() -> Vec<u8> {
    let fields = [
        field("explicit", 1, 1, 5, &[], &[]),
        field("implicit", 2, 1, 5, &varint(1, 2), &[]),
        field("required", 3, 1, 5, &varint(1, 3), &[]),
        field("expanded", 4, 3, 5, &varint(3, 2), &[]),
        field("packed", 5, 3, 5, &[], &[]),
        field("delimited", 6, 1, 11, &varint(5, 2), &bytes(6, b".e.M")),
        field("relative", 7, 1, 11, &[], &bytes(6, b"M")),
    ];
    let message = [bytes(1, b"M"), fields.concat()].concat();
    let mut top = Vec::new();
    prost::encoding::bytes::encode(4, &message, &mut top);
    let file = [
        bytes(1, b"e.proto"),
        bytes(2, b"e"),
        top,
        bytes(12, b"editions"),
        vec![14 << 3, 0xe8, 0x07],
    ];
    file.concat()
}

fn set(files: &[Vec<u8>]) -> Vec<u8> {
    let mut set = Vec::new();
    for file in files {
        prost::encoding::bytes::encode(1, file, &mut set);
    }
    set
}

#[test]
fn editions_mean_the_same_in_a_pool() {
    let schema = Schema::from_bytes(set(&[edition_2023()])).unwrap();
    let message = schema.message("e.M").unwrap().descriptor().unwrap();
    let field = |name| message.get_field_by_name(name).unwrap();
    assert!(field("explicit").supports_presence());
    assert!(!field("implicit").supports_presence());
    assert_eq!(field("required").cardinality(), Cardinality::Required);
    assert!(field("packed").is_packed() && !field("expanded").is_packed());
    assert!(field("delimited").is_group() && !field("relative").is_group());
    assert_eq!(field("relative").kind(), Kind::Message(message.clone()));

    // A group in field 6 with `implicit` in it, and zero in `explicit`.
    let wire = [0x33, 0x10, 0x05, 0x34, 0x08, 0x00];
    let tree = DynamicMessage::decode(message.clone(), wire.as_slice()).unwrap();
    assert!(tree.has_field_by_name("explicit") && tree.has_field_by_name("delimited"));
    let mut again = tree.encode_to_vec();
    again.sort_unstable();
    let mut wire = wire.to_vec();
    wire.sort_unstable();
    assert_eq!(again, wire);
}

fn proto(name: &str, imports: &[&str], public: &[i32], field_types: &[&str]) -> FileDescriptorProto {
    let fields = (1..).zip(field_types).map(|(number, of)| FieldDescriptorProto {
        name: Some(format!("f{number}")),
        number: Some(number),
        label: Some(1),
        r#type: Some(11),
        type_name: Some((*of).into()),
        ..FieldDescriptorProto::default()
    });
    FileDescriptorProto {
        name: Some(format!("{name}.proto")),
        package: Some(name.into()),
        syntax: Some("proto3".into()),
        dependency: imports.iter().map(|import| format!("{import}.proto")).collect(),
        public_dependency: public.to_vec(),
        message_type: vec![DescriptorProto {
            name: Some("M".into()),
            field: fields.collect(),
            ..DescriptorProto::default()
        }],
        ..FileDescriptorProto::default()
    }
}

#[test]
fn types_behind_public_imports_of_public_imports_are_found() {
    let files = [
        proto("d", &["c"], &[], &[".a.M", ".b.M", ".c.M"]),
        proto("c", &["b"], &[0], &[]),
        proto("b", &["a"], &[0], &[]),
        proto("a", &[], &[], &[]),
    ];
    let files = FileDescriptorSet { file: files.to_vec() }.encode_to_vec();
    let schema = Schema::from_bytes(files).unwrap();
    let message = schema.message("d.M").unwrap().descriptor().unwrap();
    assert_eq!(message.fields().count(), 3);
}

#[test]
fn concurrent_first_calls_share_one_pool() {
    let file = proto("a", &[], &[], &[]);
    let schema = Schema::from_bytes(FileDescriptorSet { file: vec![file] }.encode_to_vec()).unwrap();
    let pools: Vec<_> = std::thread::scope(|scope| {
        let ask = || {
            schema
                .message("a.M")
                .unwrap()
                .descriptor()
                .unwrap()
                .parent_pool()
                .clone()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(pools.iter().all(|pool| *pool == pools[0]));
}

/// A custom option whose text is not UTF-8, which proto2 allows and prost does not.
#[test]
fn what_the_pool_cannot_take_is_a_clear_error() {
    // google.protobuf.MessageOptions, field 50000.
    let option = [0x82, 0xb5, 0x18, 1, 0xff];
    let message = [bytes(1, b"M"), bytes(7, &option)].concat();
    let extension = [
        bytes(1, b"text"),
        bytes(2, b".google.protobuf.MessageOptions"),
        vec![3 << 3, 0xd0, 0x86, 0x03],
        varint(4, 1),
        varint(5, 9),
    ];
    let file = [
        bytes(1, b"a.proto"),
        bytes(3, b"google/protobuf/descriptor.proto"),
        bytes(4, &message),
        bytes(7, &extension.concat()),
    ];
    let schema = Schema::from_bytes(set(&[file.concat()])).unwrap();
    let error = schema.message("M").unwrap().descriptor().unwrap_err();
    assert_eq!(
        error.to_string(),
        "a.proto: prost-reflect refuses it: failed to decode file descriptor set: failed to decode Protobuf message: \
         invalid string value: data is not UTF-8 encoded; handle the messages as bytes, not as dynamic trees"
    );
}
