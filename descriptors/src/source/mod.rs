//! Where descriptors come from: paths and bytes become the files of one set.
//!
//! ```text
//! path -> folder (walk) -> content (what is it?) -> inflate -> set (slice)  \
//!                       -> text (JSON, text format)          -> set (slice)  > merge -> fill
//!                       -> proto (compile)                   -> set (slice)  /
//! ```

mod content;
mod fill;
mod folder;
mod inflate;
mod merge;
mod proto;
mod set;
mod text;

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read},
    mem,
    path::{Path, PathBuf},
    rc::Rc,
};

use bytes::Bytes;

use crate::{
    LoadLimits, Severity,
    findings::{Findings, Position, Report},
};

/// Something that a builder was given.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Path(PathBuf),
    Bytes { origin: String, bytes: Bytes },
}

/// What all sources together hold.
#[derive(Debug)]
pub(crate) struct Sources {
    /// Each a `FileDescriptorProto`. Of identical files one is kept.
    pub(crate) files: Vec<Bytes>,
    /// The shipped files that `.proto` sources import, as any compiler has them at hand.
    wanted: BTreeSet<String>,
}

/// One file of the set.
#[derive(Debug, Clone)]
struct Loaded {
    /// The source that it came in.
    origin: Rc<str>,
    /// A `FileDescriptorProto`, sliced out of its set.
    bytes: Bytes,
}

impl Loaded {
    fn name(&self) -> Option<&str> {
        std::str::from_utf8(merge::name(&self.bytes)?).ok()
    }
}

/// Reads all sources as one set of files, at most `limits.bytes` of them after inflation.
pub(crate) fn read(sources: &[Source], limits: LoadLimits, findings: &mut Findings) -> Sources {
    let mut reader = Reader {
        limit: limits.bytes,
        left: limits.bytes,
        files: Vec::new(),
        units: Vec::new(),
        texts: Vec::new(),
        wanted: BTreeSet::new(),
        findings,
    };
    for source in sources {
        match source {
            Source::Path(path) => reader.path(path),
            Source::Bytes { origin, bytes } => reader.bytes(origin, bytes),
        }
    }
    // Sources may import what sets have, wherever those were named.
    let units = mem::take(&mut reader.units);
    proto::compile(&mut reader, units);
    reader.complete(limits);
    Sources {
        wanted: reader.wanted,
        files: merge::merge(reader.files, findings),
    }
}

/// The files so far, and how much more may come.
#[derive(Debug)]
struct Reader<'r> {
    limit: usize,
    left: usize,
    files: Vec<Loaded>,
    /// `.proto` sources, still to be compiled.
    units: Vec<proto::Unit>,
    /// Sets that are still to be read with their custom options.
    texts: Vec<text::TextSet>,
    wanted: BTreeSet<String>,
    findings: &'r mut Findings,
}

/// Why bytes could not be had.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Io(#[from] io::Error),
    /// More than the limit leaves.
    #[error("too large")]
    TooLarge,
}

impl Reader<'_> {
    fn refuse(&mut self, file: &str, what: impl Into<String>, mend: impl Into<String>) {
        self.findings.add(Severity::Error, Position::default(), || Report {
            file: file.to_owned(),
            what: what.into(),
            mend: mend.into(),
            ..Report::default()
        });
    }

    fn path(&mut self, path: &Path) {
        match path.metadata() {
            Ok(metadata) if metadata.is_dir() => self.folder(path),
            Ok(_) if is_proto(path) => self.units.push(proto::Unit::file(path)),
            Ok(_) => self.file(path),
            Err(error) => self.unreadable(path, &error),
        }
    }

    fn folder(&mut self, folder: &Path) {
        let found = folder::walk(folder);
        for (path, error) in &found.errors {
            self.refuse(
                &path.display().to_string(),
                error.to_string(),
                "check the path and its permissions",
            );
        }
        if found.sets.is_empty() && found.protos.is_empty() && found.errors.is_empty() {
            self.refuse(
                &folder.display().to_string(),
                "the folder has no .proto file and no descriptor set in it",
                format!("give another folder; descriptor sets end in {}", folder::ENDINGS),
            );
        }
        for path in &found.sets {
            self.file(path);
        }
        if !found.protos.is_empty() {
            self.units.push(proto::Unit::folder(folder, found.protos));
        }
    }

    /// A descriptor set file; what it is, its content tells, and of text that tells nothing, its ending.
    fn file(&mut self, path: &Path) {
        let origin = path.display().to_string();
        // One byte more tells a file that just fits from one that does not.
        let read = File::open(path)
            .map_err(ReadError::from)
            .and_then(|file| read_up_to(file, self.left));
        match read {
            Ok(bytes) => self.bytes(&origin, &bytes.into()),
            Err(ReadError::TooLarge) => self.too_large(&origin),
            Err(ReadError::Io(error)) => self.unreadable(path, &error),
        }
    }

    fn bytes(&mut self, origin: &str, bytes: &Bytes) {
        let Some(compression) = content::compression(bytes) else {
            return self.set(origin, bytes);
        };
        match inflate::inflate(compression, bytes, self.left) {
            Ok(inflated) => self.set(origin, &inflated.into()),
            Err(ReadError::TooLarge) => self.too_large(origin),
            Err(ReadError::Io(error)) => {
                let what = format!("it is compressed with {compression} and cannot be inflated: {error}");
                self.refuse(origin, what, "copy or make it anew: it is cut off or damaged");
            }
        }
    }

    fn set(&mut self, origin: &str, bytes: &Bytes) {
        if bytes.len() > self.left {
            return self.too_large(origin);
        }
        self.left -= bytes.len();
        match set::split(bytes) {
            Ok(files) => {
                let origin: Rc<str> = origin.into();
                self.files.extend(files.into_iter().map(|bytes| Loaded {
                    origin: Rc::clone(&origin),
                    bytes,
                }));
            }
            Err(other) => match text::Form::of(other, origin) {
                Some(form) => self.text_set(origin, bytes, form),
                None => self.refuse(origin, other.to_string(), other.mend()),
            },
        }
    }

    fn too_large(&mut self, origin: &str) {
        let what = format!(
            "with it, the sources come to more than the limit `descriptor_bytes`, {}",
            self.limit
        );
        self.refuse(origin, what, "raise the limit, or load less");
    }

    fn unreadable(&mut self, path: &Path, error: &io::Error) {
        let what = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
            _ => format!("it cannot be read: {error}"),
        };
        self.refuse(&path.display().to_string(), what, "check the path and its permissions");
    }
}

/// Whether a file of this name is taken where a folder is loaded that has it in it.
pub(crate) fn is_taken_from_folder(file: &Path) -> bool {
    is_proto(file) || folder::is_set(file)
}

fn is_proto(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "proto")
}

/// Reads to the end, unless that is beyond `limit` bytes. Room is made for bytes that came, never for promised ones.
fn read_up_to(from: impl Read, limit: usize) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    from.take(most).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(ReadError::TooLarge);
    }
    bytes.shrink_to_fit();
    Ok(bytes)
}
