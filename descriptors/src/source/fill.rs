//! Adds what the loaded files need and lack, from the shipped files.

use std::{borrow::Cow, collections::HashSet};

use bytes::Bytes;

use super::Sources;
use crate::{
    Severity,
    findings::{Findings, Position, Report},
    raw::{self, Fields, Value},
    schema::Builtin,
    shipped,
};

impl Sources {
    /// The shipped files that the loaded ones lack: what they import, and what `builtins` stand for. `files` are the
    /// loaded ones, parsed.
    pub(crate) fn missing(&self, files: &[raw::File<'_>], builtins: &[Builtin], findings: &mut Findings) -> Vec<Bytes> {
        let mut fill = Fill {
            known: files.iter().filter_map(|file| file.name).map(Cow::Borrowed).collect(),
            added: Vec::new(),
        };
        for name in &self.wanted {
            fill.add(name);
        }
        for (number, file) in (0u32..).zip(files) {
            for name in file.dependencies.iter().filter(|name| fill.add(name)) {
                report_import(number, file, name, findings);
            }
        }
        if builtins.contains(&Builtin::ErrorDetails) {
            fill.add("google/rpc/error_details.proto");
        }
        for (service, name) in builtins.iter().flat_map(|builtin| services(*builtin)) {
            if files.iter().any(|file| defines(file, service)) {
                continue;
            }
            if files.iter().any(|file| file.name == Some(name)) {
                report_taken(service, name, findings);
            } else {
                fill.add(name);
            }
        }
        fill.add_what_any_holds(files);
        fill.added
    }
}

const ANY: &str = "google/protobuf/any.proto";

/// Files of messages that have a JSON form of their own. In a `google.protobuf.Any` one may stand whether or not
/// anybody imports it, and what does not know it writes something else (ProtoJSON, "Any").
const IN_ANY: [&str; 6] = [
    "google/protobuf/duration.proto",
    "google/protobuf/empty.proto",
    "google/protobuf/field_mask.proto",
    "google/protobuf/struct.proto",
    "google/protobuf/timestamp.proto",
    "google/protobuf/wrappers.proto",
];

/// The services of a builtin, and the shipped files that define them.
fn services(builtin: Builtin) -> &'static [(&'static str, &'static str)] {
    match builtin {
        Builtin::Reflection => &[
            (
                "grpc.reflection.v1.ServerReflection",
                "grpc/reflection/v1/reflection.proto",
            ),
            (
                "grpc.reflection.v1alpha.ServerReflection",
                "grpc/reflection/v1alpha/reflection.proto",
            ),
        ],
        Builtin::Health => &[("grpc.health.v1.Health", "grpc/health/v1/health.proto")],
        Builtin::ErrorDetails => &[],
    }
}

fn defines(file: &raw::File<'_>, service: &str) -> bool {
    let package = file.package.unwrap_or_default();
    service
        .strip_prefix(package)
        .and_then(|rest| rest.strip_prefix('.'))
        .is_some_and(|name| file.services.iter().any(|service| service.name == Some(name)))
}

struct Fill<'n> {
    /// Names of the files that are there, loaded or added.
    known: HashSet<Cow<'n, str>>,
    added: Vec<Bytes>,
}

impl Fill<'_> {
    /// Adds a shipped file and what it imports; false if there is none of that name, or the name is taken.
    fn add(&mut self, name: &str) -> bool {
        if self.known.contains(name) {
            return false;
        }
        let Some(file) = shipped::file(name) else {
            return false;
        };
        self.known.insert(Cow::Owned(name.to_owned()));
        // No shipped file is more than three imports away from the last one.
        for import in imports(&file) {
            self.add(import);
        }
        self.added.push(file);
        true
    }

    /// Where there is `google.protobuf.Any`: the messages that may stand in it, unless `files` define them.
    fn add_what_any_holds(&mut self, files: &[raw::File<'_>]) {
        let own: HashSet<_> = files
            .iter()
            .filter(|file| file.package == Some("google.protobuf"))
            .flat_map(|file| defined_by(file.bytes))
            .collect();
        if !self.known.contains(ANY) && !own.contains("Any") {
            return;
        }
        for name in IN_ANY {
            let shipped = shipped::file(name);
            if shipped.is_some_and(|file| defined_by(&file).all(|name| !own.contains(name))) {
                self.add(name);
            }
        }
    }
}

/// The names of the messages and enums of a file, but those within others.
fn defined_by(file: &[u8]) -> impl Iterator<Item = &str> {
    Fields::new(file).filter_map(|field| match field {
        Ok((4 | 5, Value::Bytes(definition))) => names(definition, 1).next(),
        _ => None,
    })
}

fn imports(file: &[u8]) -> impl Iterator<Item = &str> {
    names(file, 3)
}

/// The strings of a field.
fn names(message: &[u8], number: u32) -> impl Iterator<Item = &str> {
    Fields::new(message).filter_map(move |field| match field {
        Ok((found, Value::Bytes(name))) if found == number => std::str::from_utf8(name).ok(),
        _ => None,
    })
}

fn report_import(number: u32, file: &raw::File<'_>, name: &str, findings: &mut Findings) {
    let position = Position {
        file: number,
        offset: 0,
    };
    findings.add(Severity::Note, position, || Report {
        file: file.name.unwrap_or_default().to_owned(),
        what: format!("it imports \"{name}\", which is not in the set: the copy that Descant ships stands in"),
        mend: "make the set with its imports (`buf build`, or `protoc --include_imports`) to use your own".to_owned(),
        ..Report::default()
    });
}

fn report_taken(service: &str, name: &str, findings: &mut Findings) {
    findings.add(Severity::Error, Position::default(), || Report {
        file: name.to_owned(),
        symbol: service.to_owned(),
        what: "the loaded file of this name does not define this service, so the shipped one cannot be added"
            .to_owned(),
        mend: "rename the file, or load one that defines the service".to_owned(),
    });
}
