//! Files to ask for.

use bytes::Bytes;
use descant_descriptors::Schema;
use prost::Message as _;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    MethodDescriptorProto, OneofDescriptorProto, ServiceDescriptorProto,
    descriptor_proto::ExtensionRange,
    field_descriptor_proto::{Label, Type},
};

pub(super) fn field(name: &str, number: i32) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.into()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(Type::String.into()),
        ..Default::default()
    }
}

pub(super) fn extension(name: &str, number: i32) -> FieldDescriptorProto {
    FieldDescriptorProto {
        extendee: Some(".base.Open".into()),
        ..field(name, number)
    }
}

pub(super) fn service(name: &str, method: &str, streams: bool) -> ServiceDescriptorProto {
    let method = MethodDescriptorProto {
        name: Some(method.into()),
        input_type: Some(".base.Open".into()),
        output_type: Some(".base.Open".into()),
        client_streaming: Some(streams),
        server_streaming: Some(streams),
        ..Default::default()
    };
    ServiceDescriptorProto {
        name: Some(name.into()),
        method: vec![method],
        ..Default::default()
    }
}

pub(super) fn base() -> FileDescriptorProto {
    let open = DescriptorProto {
        name: Some("Open".into()),
        extension_range: vec![ExtensionRange {
            start: Some(100),
            end: Some(200),
            options: None,
        }],
        ..Default::default()
    };
    file(
        "base.proto",
        "base",
        &[],
        FileDescriptorProto {
            message_type: vec![open],
            ..Default::default()
        },
    )
}

pub(super) fn file(name: &str, package: &str, imports: &[&str], rest: FileDescriptorProto) -> FileDescriptorProto {
    let dependency = imports.iter().copied().map(String::from).collect();
    FileDescriptorProto {
        name: Some(name.into()),
        package: Some(package.into()),
        dependency,
        ..rest
    }
}

/// A message with something of every kind inside.
pub(super) fn things() -> FileDescriptorProto {
    let inner = DescriptorProto {
        name: Some("Inner".into()),
        field: vec![field("deep", 1)],
        ..Default::default()
    };
    let color = EnumDescriptorProto {
        name: Some("Color".into()),
        value: vec![EnumValueDescriptorProto {
            name: Some("RED".into()),
            number: Some(0),
            options: None,
        }],
        ..Default::default()
    };
    let thing = DescriptorProto {
        name: Some("Thing".into()),
        field: vec![FieldDescriptorProto {
            oneof_index: Some(0),
            ..field("name", 1)
        }],
        oneof_decl: vec![OneofDescriptorProto {
            name: Some("choice".into()),
            options: None,
        }],
        nested_type: vec![inner],
        enum_type: vec![color],
        extension: vec![extension("nested_mark", 150)],
        ..Default::default()
    };
    let rest = FileDescriptorProto {
        message_type: vec![thing],
        extension: vec![extension("mark", 120)],
        service: vec![service("Things", "Get", false), service("Hidden", "Get", false)],
        ..Default::default()
    };
    file("things.proto", "acme", &["base.proto"], rest)
}

pub(super) fn more() -> FileDescriptorProto {
    let rest = FileDescriptorProto {
        extension: vec![extension("other_mark", 110)],
        service: vec![service("More", "Get", false)],
        ..Default::default()
    };
    file("more.proto", "acme", &["things.proto", "base.proto"], rest)
}

pub(super) fn reflection() -> FileDescriptorProto {
    let rest = FileDescriptorProto {
        service: vec![
            service("ServerReflection", "ServerReflectionInfo", true),
            service("Odd", "ServerReflectionInfo", false),
        ],
        ..Default::default()
    };
    file("reflection.proto", "grpc.reflection.v1", &["base.proto"], rest)
}

/// The bytes of each file: none is what an encoder of today would write.
pub(super) fn originals() -> Vec<Bytes> {
    let encode = |file: FileDescriptorProto| {
        let mut bytes = file.encode_to_vec();
        // `syntax` as an overlong varint key, and then an option that nobody knows.
        bytes.extend(b"\xe2\x80\x00\x06proto2\x42\x05\xc2\xbb\x06\x01!");
        Bytes::from(bytes)
    };
    [base(), things(), more(), reflection()].map(encode).into()
}

pub(super) fn schema() -> Schema {
    let mut set = Vec::new();
    for file in originals() {
        set.push(0x0a);
        prost::encoding::encode_varint(file.len() as u64, &mut set);
        set.extend(file);
    }
    Schema::from_bytes(set).unwrap()
}
