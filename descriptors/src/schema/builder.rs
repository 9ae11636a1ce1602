//! Settings and sources of a schema.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::{
    Schema,
    compile::{self, MAX_TEXT, TooMuchText},
    tables::Tables,
};
use crate::{
    Error, Severity, check,
    findings::{Findings, Position, Report},
    http::{self, HttpFaults, RulesSource},
    raw,
    source::{self, Source},
};

/// Collects sources, then loads them as one set of files.
#[derive(Debug, Clone, Default)]
pub struct SchemaBuilder {
    sources: Vec<Source>,
    builtins: Vec<Builtin>,
    http_rules: Vec<RulesSource>,
    http_faults: HttpFaults,
    may_lack_imports: bool,
    limits: LoadLimits,
}

/// Files that Descant brings along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Builtin {
    /// `grpc.reflection.v1` and `grpc.reflection.v1alpha`.
    Reflection,
    /// `grpc.health.v1`.
    Health,
    /// `google/rpc/error_details.proto`: what errors are detailed with.
    ErrorDetails,
}

/// How much is loaded at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadLimits {
    /// Bytes of all sources together, after inflation. Default: 128 MiB; all of googleapis takes 20 MB, 81 MB with comments.
    pub bytes: usize,
    /// Files, imports, messages, fields, oneofs, enums, values, services, methods, ranges and reserved names of all
    /// sources together, of which at most an eighth may be files. Default: 1,000,000; all of googleapis has 350,000.
    pub elements: usize,
}

/// A file takes the memory of some other elements, even if it is empty: 125,000 of them at most by default.
const FILE_WEIGHT: usize = 8;

impl Default for LoadLimits {
    fn default() -> Self {
        Self {
            bytes: 128 << 20,
            elements: 1_000_000,
        }
    }
}

impl SchemaBuilder {
    /// Adds a descriptor set (binary, JSON or the text format), a `.proto` file, or a folder. Read by
    /// [`SchemaBuilder::build`]. Of a folder, binary sets and `.proto` files are taken.
    #[must_use]
    pub fn path(mut self, path: impl AsRef<Path>) -> Self {
        self.sources.push(Source::Path(PathBuf::from(path.as_ref())));
        self
    }

    /// Whether a file with such an ending is taken from a folder. One that is hidden, or lies in a hidden folder, is left out
    /// whatever its ending.
    #[must_use]
    pub fn takes_from_folder(file: impl AsRef<Path>) -> bool {
        source::is_taken_from_folder(file.as_ref())
    }

    /// Adds a `FileDescriptorSet` in memory: binary, JSON or the text format, and that perhaps compressed with gzip or
    /// zstd. `origin` names it in findings.
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

    /// Adds HTTP rules from a file: the section `http` of a `google.api.Service`, in YAML. Read by
    /// [`SchemaBuilder::build`].
    ///
    /// The rule of a method stands in the place of what its options say; of several for one method the last counts. One for
    /// a method that is not loaded is an error.
    #[must_use]
    pub fn http_rules_path(mut self, path: impl AsRef<Path>) -> Self {
        self.http_rules.push(RulesSource::Path(PathBuf::from(path.as_ref())));
        self
    }

    /// The same from memory. `origin` names it in findings.
    #[must_use]
    pub fn http_rules(mut self, origin: impl Into<String>, yaml: impl Into<String>) -> Self {
        self.http_rules.push(RulesSource::Text {
            origin: origin.into(),
            text: yaml.into(),
        });
        self
    }

    /// Leaves out HTTP rules that do not fit the descriptors, with a warning for each, in place of loading nothing: for descriptors that
    /// somebody else may change at any time. Rules that cannot be read are errors all the same.
    #[must_use]
    pub fn leave_out_unfit_http_rules(mut self) -> Self {
        self.http_faults = HttpFaults::LeaveOut;
        self
    }

    /// Takes files whose imports are not all there, with a warning for each that is missing, as long as nothing in it is needed: for
    /// descriptors that a server tells of itself, which may not know each file by the name that imports have.
    #[must_use]
    pub fn allow_missing_imports(mut self) -> Self {
        self.may_lack_imports = true;
        self
    }

    /// Sets how much is loaded at most.
    #[must_use]
    pub fn limits(mut self, limits: LoadLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Loads, checks and compiles everything that was added.
    ///
    /// # Errors
    /// If there is a finding of severity [`Severity::Error`]; the error has all findings.
    pub fn build(self) -> Result<Schema, Error> {
        let mut findings = Findings::default();
        let tables = self.tables(&mut findings);
        if tables.is_none() {
            // Else they were read.
            http::look_for(&self.http_rules, &mut findings);
        }
        match tables {
            Some(mut tables) if !findings.has_errors() => {
                tables.findings = findings.into_sorted();
                Ok(Schema(tables.into()))
            }
            _ => Err(Error::new(findings.into_sorted())),
        }
    }

    /// `None`: what stands in the way is among the findings.
    fn tables(&self, findings: &mut Findings) -> Option<Tables> {
        if self.sources.is_empty() && self.builtins.is_empty() {
            report_nothing(findings);
        }
        let sources = source::read(&self.sources, self.limits, findings);
        let mut left = self.limits.elements;
        let mut files = self.parse(&sources.files, &mut left, findings)?;
        if !files.is_empty() && files.iter().all(|file| file.services.is_empty()) {
            report_no_services(findings);
        }
        let missing = sources.missing(&files, &self.builtins, findings);
        files.extend(self.parse(&missing, &mut left, findings)?);
        let missing_import = if self.may_lack_imports {
            Severity::Warning
        } else {
            Severity::Error
        };
        let linked = check::check(&files, missing_import, findings);
        if findings.has_errors() {
            return None;
        }
        let bytes = sources.files.iter().chain(&missing).cloned().collect();
        let tables = compile::compile(&files, bytes, linked);
        let mut tables = tables.map_err(|error| report_text(error, findings)).ok()?;
        tables.routes = http::compile(&tables, &self.http_rules, self.http_faults, findings);
        Some(tables)
    }

    fn parse<'a>(&self, bytes: &'a [Bytes], left: &mut usize, findings: &mut Findings) -> Option<Vec<raw::File<'a>>> {
        let most = (self.limits.elements / FILE_WEIGHT).max(1000);
        if bytes.len() > most {
            report_files(bytes.len(), most, findings);
            return None;
        }
        let mut files = Vec::with_capacity(bytes.len());
        for bytes in bytes {
            let Some(file) = raw::File::parse_up_to(bytes, *left) else {
                report_elements(self.limits.elements, findings);
                return None;
            };
            *left -= file.elements();
            files.push(file);
        }
        Some(files)
    }
}

fn report_nothing(findings: &mut Findings) {
    findings.add(Severity::Error, Position::default(), || Report {
        what: "there is nothing to load".to_owned(),
        mend: "add a path or bytes".to_owned(),
        ..Report::default()
    });
}

fn report_files(count: usize, most: usize, findings: &mut Findings) {
    findings.add(Severity::Error, Position::default(), || Report {
        what: format!("the sources have {count} files, more than {most}: an eighth of the limit `descriptor_elements`"),
        mend: "raise the limit, or load less".to_owned(),
        ..Report::default()
    });
}

fn report_elements(limit: usize, findings: &mut Findings) {
    findings.add(Severity::Error, Position::default(), || Report {
        what: format!("the files have more elements than the limit `descriptor_elements`, {limit}"),
        mend: "raise the limit, or load less".to_owned(),
        ..Report::default()
    });
}

fn report_text(TooMuchText: TooMuchText, findings: &mut Findings) {
    findings.add(Severity::Error, Position::default(), || Report {
        what: format!(
            "the full names of messages and methods come to more than {} MiB",
            MAX_TEXT >> 20
        ),
        mend: "shorten them, or nest messages less deeply".to_owned(),
        ..Report::default()
    });
}

fn report_no_services(findings: &mut Findings) {
    findings.add(Severity::Warning, Position::default(), || Report {
        what: "no file defines a service, so there is nothing to call".to_owned(),
        mend: "load the files that define services".to_owned(),
        ..Report::default()
    });
}
