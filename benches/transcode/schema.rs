//! A schema with as many HTTP rules as are asked for.

use std::fmt::Write as _;

use descant_descriptors::Schema;
use prost::{
    bytes::BufMut,
    encoding::{WireType, encode_key, encode_varint},
};

/// Four templates a resource: a collection's, an item's, one with a sub-template, one with a verb.
pub(super) fn with_templates(count: usize) -> Schema {
    let mut service = Vec::new();
    bytes(&mut service, 1, b"Library");
    for number in 0..count {
        let mut rule = Vec::new();
        bytes(&mut rule, 2, template(number).as_bytes());
        let mut options = Vec::new();
        bytes(&mut options, 72_295_728, &rule);
        let mut method = Vec::new();
        bytes(&mut method, 1, format!("Get{number}").as_bytes());
        bytes(&mut method, 2, b".Request");
        bytes(&mut method, 3, b".Request");
        bytes(&mut method, 4, &options);
        bytes(&mut service, 2, &method);
    }
    let mut field = Vec::new();
    bytes(&mut field, 1, b"name");
    for (number, value) in [(3, 1), (4, 1), (5, 9)] {
        encode_key(number, WireType::Varint, &mut field);
        encode_varint(value, &mut field);
    }
    let mut message = Vec::new();
    bytes(&mut message, 1, b"Request");
    bytes(&mut message, 2, &field);
    let mut file = Vec::new();
    bytes(&mut file, 1, b"library.proto");
    bytes(&mut file, 4, &message);
    bytes(&mut file, 6, &service);
    bytes(&mut file, 12, b"proto3");
    let mut set = Vec::new();
    bytes(&mut set, 1, &file);
    Schema::from_bytes(set).unwrap()
}

fn template(number: usize) -> String {
    let shelf = number / 4;
    match number % 4 {
        0 => format!("/v1/shelves/{shelf}/books/list"),
        1 => format!("/v1/shelves/{shelf}/books/all/{{name}}"),
        2 => format!("/v1/{{name=shelves/{shelf}/books/*/pages/*}}"),
        _ => format!("/v1/{{name=shelves/{shelf}/books/*}}:read"),
    }
}

/// A path that this template matches.
pub(super) fn path(number: usize) -> String {
    let mut path = template(number)
        .replace("{name=", "")
        .replace("{name}", "emma")
        .replace('}', "");
    while let Some(at) = path.find('*') {
        let mut value = String::new();
        write!(value, "{}", fastrand::u32(..)).unwrap();
        path.replace_range(at..=at, &value);
    }
    path
}

fn bytes(into: &mut Vec<u8>, number: u32, value: &[u8]) {
    encode_key(number, WireType::LengthDelimited, into);
    encode_varint(value.len() as u64, into);
    into.put_slice(value);
}
