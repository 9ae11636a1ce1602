//! Files that Descant brings along: the well-known types, `google/api`, `google/rpc`, reflection and health.
//!
//! Their sources are in `protos/`; names and numbers are those of the originals, so messages are the same on the wire.

use bytes::Bytes;

use crate::raw::{Fields, Value};

/// Compiled from `protos/`, with comments; `tests/shipped.rs` holds the two together.
static SET: &[u8] = include_bytes!("shipped.binpb");

/// A shipped file by its name, as a `FileDescriptorProto`.
pub(crate) fn file(name: &str) -> Option<Bytes> {
    let mut files = Fields::new(SET).filter_map(|field| match field {
        Ok((1, Value::Bytes(file))) => Some(file),
        _ => None,
    });
    files
        .find(|file| name_of(file) == Some(name.as_bytes()))
        .map(Bytes::from_static)
}

fn name_of(file: &[u8]) -> Option<&[u8]> {
    Fields::new(file).find_map(|field| match field {
        Ok((1, Value::Bytes(name))) => Some(name),
        _ => None,
    })
}
