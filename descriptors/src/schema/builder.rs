//! Settings and sources of a schema.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::{Schema, compile};
use crate::{
    Error, Severity,
    findings::{Findings, Position, Report},
    link, raw,
    source::{self, Source},
};

/// Collects sources, then loads them as one set of files.
#[derive(Debug, Clone, Default)]
pub struct SchemaBuilder {
    sources: Vec<Source>,
    builtins: Vec<Builtin>,
    limits: LoadLimits,
}

/// Files that Descant brings along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Builtin {
    /// `grpc.reflection.v1` and `grpc.reflection.v1alpha`.
    Reflection,
    /// `grpc.health.v1`.
    Health,
}

/// How much is loaded at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadLimits {
    /// Bytes of all sources together, after inflation. Default: 128 MiB; all of googleapis takes 20 MB, 81 MB with comments.
    pub bytes: usize,
    /// Files, imports, messages, fields, oneofs, enums, values, services, methods, ranges and reserved names of all
    /// sources together. Default: 1,000,000; all of googleapis has 350,000.
    pub elements: usize,
}

impl Default for LoadLimits {
    fn default() -> Self {
        Self {
            bytes: 128 << 20,
            elements: 1_000_000,
        }
    }
}

impl SchemaBuilder {
    /// Adds a descriptor set, a `.proto` file, or a folder of them. Read by [`SchemaBuilder::build`].
    #[must_use]
    pub fn path(mut self, path: impl AsRef<Path>) -> Self {
        self.sources.push(Source::Path(PathBuf::from(path.as_ref())));
        self
    }

    /// Adds a `FileDescriptorSet` in memory, which may be compressed with gzip or zstd. `origin` names it in findings.
    #[must_use]
    pub fn bytes(mut self, origin: impl Into<String>, set: impl Into<Bytes>) -> Self {
        self.sources.push(Source::Bytes {
            origin: origin.into(),
            bytes: set.into(),
        });
        self
    }

    /// Adds files that Descant brings along, unless the loaded ones define those services already.
    #[must_use]
    pub fn builtin(mut self, builtin: Builtin) -> Self {
        self.builtins.push(builtin);
        self
    }

    /// Sets how much is loaded at most.
    #[must_use]
    pub fn limits(mut self, limits: LoadLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Loads, checks and compiles everything that was added.
    pub fn build(self) -> Result<Schema, Error> {
        let mut findings = Findings::default();
        let mut bytes = source::read(&self.sources, &mut findings);
        let files: Vec<_> = bytes.iter().map(|bytes| raw::File::parse(bytes)).collect();
        let missing = source::missing(&files, &self.builtins, &mut findings);
        drop(files);
        bytes.extend(missing);
        let files: Vec<_> = bytes.iter().map(|bytes| raw::File::parse(bytes)).collect();
        let linked = link::link(&files, &mut findings);
        if findings.has_errors() {
            return Err(Error::new(findings.into_sorted()));
        }
        let Ok(mut tables) = compile::compile(&files, bytes.clone(), linked) else {
            findings.add(Severity::Error, Position::default(), || Report {
                what: "the full names of all messages and methods come to more than 256 MiB".to_owned(),
                mend: "shorten them, or nest messages less deeply".to_owned(),
                ..Report::default()
            });
            return Err(Error::new(findings.into_sorted()));
        };
        tables.findings = findings.into_sorted();
        Ok(Schema(tables.into()))
    }
}
