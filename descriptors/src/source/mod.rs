//! Where descriptors come from.

mod fill;
mod set;

use std::{fs, path::PathBuf};

use bytes::Bytes;

use crate::{
    Severity,
    findings::{Findings, Position, Report},
};

pub(crate) use fill::missing;

/// Something that a builder was given.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Path(PathBuf),
    Bytes { origin: String, bytes: Bytes },
}

/// The files of all sources, each a `FileDescriptorProto` sliced out of its set.
pub(crate) fn read(sources: &[Source], findings: &mut Findings) -> Vec<Bytes> {
    let mut files = Vec::new();
    for source in sources {
        let (origin, bytes) = match source {
            Source::Bytes { origin, bytes } => (origin.clone(), Ok(bytes.clone())),
            Source::Path(path) => (path.display().to_string(), fs::read(path).map(Bytes::from)),
        };
        match bytes {
            Ok(bytes) => set::split(&origin, &bytes, &mut files, findings),
            Err(error) => {
                let what = format!("cannot be read: {error}");
                findings.add(Severity::Error, Position::default(), || Report {
                    file: origin,
                    what,
                    mend: "check the path".to_owned(),
                    ..Report::default()
                });
            }
        }
    }
    files
}
