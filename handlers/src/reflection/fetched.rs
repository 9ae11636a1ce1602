//! What a server said of itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::{BufMut, Bytes, BytesMut};
use descant_descriptors::{Error, Finding, Schema, SchemaBuilder, Severity};
use prost::Message as _;

use super::extendable::Extendable;

/// How often the rest is tried again without what does not check. Each time all that is wrong is left out, so this is more than
/// any server has needed.
const ATTEMPTS: usize = 16;

/// Files that a server described itself with, each one once. Equal if nothing has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Sorted by name.
    pub(super) files: Vec<Described>,
    /// Services that it did not describe, and why.
    undescribed: Vec<(String, String)>,
}

/// A file, and what of it says what else is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) name: String,
    pub(super) imports: Vec<String>,
    /// Full names.
    services: Vec<String>,
    bytes: Bytes,
}

/// The fields of `google.protobuf.FileDescriptorProto` that are looked at here.
#[derive(Clone, PartialEq, prost::Message)]
struct Head {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    package: String,
    #[prost(string, repeated, tag = "3")]
    imports: Vec<String>,
    #[prost(message, repeated, tag = "6")]
    services: Vec<Named>,
}

/// `google.protobuf.ServiceDescriptorProto`, as far.
#[derive(Clone, PartialEq, prost::Message)]
struct Named {
    #[prost(string, tag = "1")]
    name: String,
}

impl Described {
    /// `None`: it is no descriptor.
    pub(super) fn read(bytes: Bytes) -> Option<Self> {
        let head = Head::decode(bytes.clone()).ok()?;
        let package = head.package;
        let full = |service: Named| match package.as_str() {
            "" => service.name,
            package => format!("{package}.{}", service.name),
        };
        Some(Self {
            name: head.name,
            imports: head.imports,
            services: head.services.into_iter().map(full).collect(),
            bytes,
        })
    }

    /// Full names of the services that a file declares; none if it is no descriptor.
    pub(super) fn services(bytes: &Bytes) -> Vec<String> {
        Self::read(bytes.clone()).map_or_else(Vec::new, |file| file.services)
    }

    pub(super) fn is_named(bytes: &Bytes, name: &str) -> bool {
        Head::decode(bytes.clone()).is_ok_and(|head| head.name == name)
    }
}

impl Fetched {
    /// Tells of a service, or of a file, that is not described.
    pub(super) fn undescribe(&mut self, service: &str, what: &str) {
        self.undescribed.push((service.to_owned(), what.to_owned()));
    }

    /// What another one lacks, this one does too.
    pub(super) fn undescribe_too(&mut self, other: Self) {
        for (service, what) in other.undescribed {
            if !self
                .undescribed
                .iter()
                .any(|known| *known == (service.clone(), what.clone()))
            {
                self.undescribed.push((service, what));
            }
        }
    }

    /// The file that declares a service.
    fn declaring(&self, service: &str) -> Option<&Described> {
        let mut files = self.files.iter();
        files.find(|file| file.services.iter().any(|name| name == service))
    }

    /// Why a service is not among what was loaded: what [`load`](Self::load) found of it, or of its file.
    pub fn why_not<'f>(&self, service: &str, findings: &'f [Finding]) -> Option<&'f str> {
        let names = self.declaring(service).map(|file| Finding::file_names(&file.name));
        let is_its = |finding: &&Finding| match &names {
            Some(names) => names.contains(&finding.file),
            None => finding.symbol == service,
        };
        findings.iter().find(is_its).map(|finding| finding.what.as_str())
    }

    /// The files.
    pub(super) fn files(&self) -> impl Iterator<Item = Bytes> {
        self.files.iter().map(|file| file.bytes.clone())
    }

    /// What they define that others may extend, and what extends others.
    pub(super) fn extendable(&self) -> Extendable {
        let mut found = Extendable::default();
        for file in &self.files {
            found.read(&file.bytes);
        }
        found
    }

    /// Whether there is no file at all.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Whether any file declares a service.
    pub fn has_services(&self) -> bool {
        self.files.iter().any(|file| !file.services.is_empty())
    }

    /// What the server did not describe: services that it lists, and why.
    pub fn undescribed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.undescribed.iter().map(|(name, why)| (name.as_str(), why.as_str()))
    }

    /// The files as one descriptor set.
    pub fn set(&self) -> Bytes {
        set(self.files.iter())
    }

    /// The schema of what checks, and what was left out of it. A file that does not check is left out, with all that import it,
    /// so that one that is wrong breaks nothing else, and so is an HTTP rule that does not fit what is left; the findings say why, as
    /// warnings.
    ///
    /// `base` makes what the files are added to; it is called once for each attempt. `origin` names the server in findings.
    ///
    /// # Errors
    /// If nothing loads, or none of the services does, with what was wrong at first; or what is wrong is none of the files, such as HTTP rules of
    /// `base` that cannot be read.
    pub fn load(&self, origin: &str, base: impl Fn() -> SchemaBuilder) -> Result<(Schema, Vec<Finding>), Error> {
        let mut left_out = BTreeSet::new();
        let undescribed = self.undescribed.iter();
        let mut findings: Vec<_> = undescribed
            .map(|(name, what)| warning("", name, what.clone()))
            .collect();
        let mut first: Option<Error> = None;
        for attempt in 1..=ATTEMPTS {
            let kept = self.files.iter().filter(|file| !left_out.contains(&file.name));
            if let Some(first) = &first
                && kept.clone().all(|file| file.services.is_empty())
            {
                // What is left, such as files of well-known types, nobody can call.
                return Err(first.clone());
            }
            let sources = base().bytes(origin, set(kept));
            let sources = sources.leave_out_unfit_http_rules().allow_missing_imports();
            let error = match sources.build() {
                Ok(schema) => {
                    findings.extend(warnings(&schema));
                    return Ok((schema, findings));
                }
                Err(error) => error,
            };
            let wrong = self.wrong(&error, &mut left_out);
            if wrong.is_empty() || attempt == ATTEMPTS {
                return Err(error);
            }
            findings.extend(wrong);
            findings.extend(self.leave_out_importers(&mut left_out));
            first.get_or_insert(error);
        }
        // The loop ends by its attempts.
        base().build().map(|schema| (schema, findings))
    }

    /// Leaves out the files in which something is wrong, and says what.
    fn wrong(&self, error: &Error, left_out: &mut BTreeSet<String>) -> Vec<Finding> {
        let names = self
            .files
            .iter()
            .map(|file| (Finding::file_names(&file.name), &file.name));
        let names: HashMap<_, _> = names
            .flat_map(|(shown, name)| shown.map(|shown| (shown, name)))
            .collect();
        let (mut wrong, mut fresh) = (Vec::new(), Vec::new());
        for finding in error.findings() {
            match names.get(&finding.file) {
                Some(name) if finding.severity == Severity::Error && !left_out.contains(*name) => {
                    wrong.push(as_warning(finding.clone()));
                    fresh.push((*name).clone());
                }
                _ => {}
            }
        }
        left_out.extend(fresh);
        wrong
    }

    /// Leaves out what imports something that is left out, directly or not.
    fn leave_out_importers(&self, left_out: &mut BTreeSet<String>) -> Vec<Finding> {
        let mut importers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for file in &self.files {
            for import in &file.imports {
                importers.entry(import).or_default().push(&file.name);
            }
        }
        let mut findings = Vec::new();
        let mut fresh: Vec<String> = left_out.iter().cloned().collect();
        while let Some(name) = fresh.pop() {
            for importer in importers.get(name.as_str()).into_iter().flatten() {
                if left_out.insert((*importer).to_owned()) {
                    findings.push(warning(importer, "", format!("it imports {name}, which is left out")));
                    fresh.push((*importer).to_owned());
                }
            }
        }
        findings
    }
}

/// What was found in what is served: of HTTP rules that are left out, among others.
fn warnings(schema: &Schema) -> impl Iterator<Item = Finding> {
    let findings = schema.findings().iter();
    findings
        .filter(|finding| finding.severity == Severity::Warning)
        .cloned()
}

fn as_warning(finding: Finding) -> Finding {
    Finding {
        severity: Severity::Warning,
        what: format!("its file is left out: {}", finding.what),
        ..finding
    }
}

fn warning(file: &str, symbol: &str, what: String) -> Finding {
    Finding {
        severity: Severity::Warning,
        file: file.to_owned(),
        symbol: symbol.to_owned(),
        what,
        mend: String::new(),
    }
}

/// `FileDescriptorSet`: field 1 is a file.
fn set<'a>(files: impl Iterator<Item = &'a Described>) -> Bytes {
    let mut set = BytesMut::new();
    for file in files {
        set.put_u8(1 << 3 | 2);
        prost::encoding::encode_varint(file.bytes.len() as u64, &mut set);
        set.put_slice(&file.bytes);
    }
    set.freeze()
}
