//! Descriptor sets: `google.protobuf.FileDescriptorSet`.

use bytes::Bytes;

use crate::{
    Finding, Severity,
    raw::{Fields, Value},
};

/// Slices the files out of a set; they share its memory.
pub(super) fn split(origin: &str, set: &Bytes, files: &mut Vec<Bytes>, findings: &mut Vec<Finding>) {
    for field in Fields::new(set) {
        match field {
            Ok((1, Value::Bytes(file))) => files.push(set.slice_ref(file)),
            Ok(_) => {}
            Err(error) => {
                let what = format!("is no descriptor set: {error}");
                findings.push(Finding::new(Severity::Error, origin, "", what, "make it anew"));
            }
        }
    }
}
