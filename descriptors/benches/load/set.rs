//! Descriptor sets of any size.

use prost::Message;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
    ServiceDescriptorProto,
};

/// How many messages a file has.
const MESSAGES_A_FILE: usize = 500;
/// How many fields a message has.
pub(crate) const FIELDS: usize = 5;
const METHODS_A_SERVICE: usize = 20;

/// A set of files that are about as talkative as real ones.
pub(crate) fn set(messages: usize, methods: usize) -> Vec<u8> {
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

/// The full names of the messages in a set.
pub(crate) fn names(messages: usize) -> impl Iterator<Item = String> {
    let name = |number| {
        format!(
            "acme.generated.v{}.Resource{}",
            number / MESSAGES_A_FILE,
            number % MESSAGES_A_FILE
        )
    };
    (0..messages).map(name)
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
