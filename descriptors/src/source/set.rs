//! Descriptor sets: `google.protobuf.FileDescriptorSet`.

use bytes::Bytes;

use super::content::{self, Other};
use crate::raw::{Fields, Value};

/// Why bytes are refused, and how to mend that.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) what: String,
    pub(super) mend: &'static str,
}

impl From<Other> for Refusal {
    fn from(other: Other) -> Self {
        Self {
            what: other.to_string(),
            mend: other.mend(),
        }
    }
}

/// Slices the files out of a set; they share its memory.
pub(super) fn split(set: &Bytes) -> Result<Vec<Bytes>, Refusal> {
    let mut files = Vec::new();
    for field in Fields::new(set) {
        match field {
            Ok((1, Value::Bytes(file))) => files.push(set.slice_ref(file)),
            // Extensions of a set, or what a later protobuf adds: parsers skip what they don't know.
            Ok(_) => {}
            Err(error) => {
                let good = files.iter().filter(|file| is_file(file)).map(Bytes::len).sum();
                return Err(content::guess(set, Some((good, error))).into());
            }
        }
    }
    if files.iter().any(|file| is_file(file)) {
        return Ok(files);
    }
    Err(content::guess(set, None).into())
}

/// Whether it reads as a `FileDescriptorProto` at least as far as its name. What is wrong inside one is found later.
fn is_file(bytes: &[u8]) -> bool {
    let named = |field| matches!(field, Ok((1, Value::Bytes(name))) if std::str::from_utf8(name).is_ok());
    Fields::new(bytes).any(named)
}
