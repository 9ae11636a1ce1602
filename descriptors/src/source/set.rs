//! Descriptor sets: `google.protobuf.FileDescriptorSet`.

use bytes::Bytes;

use crate::{
    Severity,
    findings::{Findings, Position, Report},
    raw::{Fields, Value},
};

/// Slices the files out of a set; they share its memory.
pub(super) fn split(origin: &str, set: &Bytes, files: &mut Vec<Bytes>, findings: &mut Findings) {
    for field in Fields::new(set) {
        match field {
            Ok((1, Value::Bytes(file))) => files.push(set.slice_ref(file)),
            Ok(_) => {}
            Err(error) => {
                let what = format!("is no descriptor set: {error}");
                findings.add(Severity::Error, Position::default(), || Report {
                    file: origin.to_owned(),
                    what,
                    mend: "make it anew".to_owned(),
                    ..Report::default()
                });
            }
        }
    }
}
