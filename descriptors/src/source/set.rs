//! Descriptor sets: `google.protobuf.FileDescriptorSet`.

use bytes::Bytes;

use super::content::{self, Other};
use crate::raw::{Fields, Value};

/// Slices the files out of a set; they share its memory.
pub(super) fn split(set: &Bytes) -> Result<Vec<Bytes>, Other> {
    let mut files = Vec::new();
    for field in Fields::new(set) {
        match field {
            Ok((1, Value::Bytes(file))) => files.push(set.slice_ref(file)),
            // Extensions of a set, or what a later protobuf adds: parsers skip what they don't know.
            Ok(_) => {}
            Err(error) => {
                let good = files.iter().filter(|file| is_file(file)).map(Bytes::len).sum();
                return Err(content::guess(set, Some((good, error))));
            }
        }
    }
    if files.iter().any(|file| is_file(file)) {
        return Ok(files);
    }
    Err(content::guess(set, None))
}

/// Whether it reads as a `FileDescriptorProto` at least as far as its name. What is wrong inside one is found later.
fn is_file(bytes: &[u8]) -> bool {
    let named = |field| matches!(field, Ok((1, Value::Bytes(name))) if std::str::from_utf8(name).is_ok());
    Fields::new(bytes).any(named)
}

/// The set of these files.
pub(super) fn join<'f>(files: impl Iterator<Item = &'f Bytes>) -> Vec<u8> {
    let mut set = Vec::new();
    for file in files {
        set.push(1 << 3 | 2);
        let mut length = file.len();
        while length >= 0x80 {
            set.push(length.to_le_bytes()[0] | 0x80);
            length >>= 7;
        }
        set.push(length.to_le_bytes()[0]);
        set.extend_from_slice(file);
    }
    set
}
