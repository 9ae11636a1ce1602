//! Whether a set of files is valid: every rule that protobuf's own compiler holds descriptors to.
//!
//! All findings are reported, not the first. Work is bounded by the size of the input: ranges are sorted rather than
//! compared with each other, names are looked up in tables, nothing recurses over the input's depth.
//! Source: `DescriptorBuilder` and `CommandLineInterface` of protobuf's C++ runtime and compiler, with these differences:
//!
//! - What only the options that a compiler strips from its output could excuse (the naming style and the default
//!   visibility of edition 2024) is a warning: protoc refuses sets of its own making for them.
//! - Defaults must fit their type (protoc cuts them off in silence), options must have the wire type of their
//!   declaration, and `syntax` must not contradict `edition`.

mod defaults;
mod editions;
mod enums;
mod extensions;
mod fields;
mod file;
mod json;
mod maps;
mod messages;
mod names;
mod options;
mod ranges;
mod services;
mod style;
mod values;
mod visibility;

use crate::{
    features::{self, Edition, Features},
    finding::Severity,
    findings::{Findings, Position, Report, Shown},
    link::{self, Kind, Linked, SymbolId},
    raw,
};

/// Links and checks `files`. They may be used if there is no finding of severity error.
pub(crate) fn check(files: &[raw::File<'_>], missing_import: Severity, findings: &mut Findings) -> Linked {
    let linked = link::link(files, missing_import, findings);
    let features = features::resolve(files);
    let restricted = options::Restricted::default();
    let mut check = Check {
        files,
        linked: &linked,
        features: &features,
        findings,
        restricted,
    };
    check.restricted = options::restricted(&check);
    for (number, file) in (0u32..).zip(files) {
        let Some(edition) = file::check(&mut check, number, file) else {
            continue;
        };
        let of = Of { number, file, edition };
        messages::check(&mut check, of);
        fields::check(&mut check, of);
        enums::check(&mut check, of);
        services::check(&mut check, of);
        options::check(&mut check, of);
        visibility::check(&mut check, of);
        style::check(&mut check, of);
    }
    extensions::check_all(&mut check);
    file::check_name_lengths(&mut check);
    linked
}

/// The set under test, and what was found.
struct Check<'c, 'a> {
    files: &'c [raw::File<'a>],
    linked: &'c Linked,
    features: &'c Features,
    findings: &'c mut Findings,
    restricted: options::Restricted,
}

/// The file that is being checked.
#[derive(Clone, Copy)]
struct Of<'c, 'a> {
    number: u32,
    file: &'c raw::File<'a>,
    edition: Edition,
}

/// Where a finding belongs: an element, or a file as a whole.
#[derive(Debug, Clone, Copy)]
struct Place {
    file: u32,
    id: Option<SymbolId>,
}

impl Place {
    fn file(file: u32) -> Self {
        Self { file, id: None }
    }
}

impl Check<'_, '_> {
    /// The place of an element, by its index in the arena of its kind.
    fn place(&self, kind: Kind, file: u32, index: u32) -> Place {
        Place {
            file,
            id: self.linked.symbols.id(kind, file, index),
        }
    }

    fn error(&mut self, place: Place, what: impl FnOnce() -> String, mend: &str) {
        self.add(Severity::Error, place, what, mend);
    }

    fn warn(&mut self, place: Place, what: impl FnOnce() -> String, mend: &str) {
        self.add(Severity::Warning, place, what, mend);
    }

    fn add(&mut self, severity: Severity, place: Place, what: impl FnOnce() -> String, mend: &str) {
        let (files, symbols) = (self.files, &self.linked.symbols);
        let symbol = place.id.and_then(|id| symbols.get(id));
        let position = symbol.map_or(
            Position {
                file: place.file,
                offset: 0,
            },
            |symbol| symbol.position(),
        );
        self.findings.add(severity, position, || Report {
            file: link::name_of(files, place.file),
            symbol: place.id.map(|id| symbols.label(files, id)).unwrap_or_default(),
            what: what(),
            mend: mend.to_owned(),
        });
    }

    /// The full name of a symbol, in quotes, as a report may show it.
    fn named(&self, id: SymbolId) -> String {
        format!("\"{}\"", Shown(&self.linked.symbols.label(self.files, id)))
    }

    /// The message that a symbol is.
    fn message(&self, id: SymbolId) -> Option<&raw::Message<'_>> {
        let symbol = self
            .linked
            .symbols
            .get(id)
            .filter(|symbol| symbol.kind == Kind::Message)?;
        self.files
            .get(symbol.file as usize)?
            .messages
            .get(symbol.index as usize)
    }

    /// The enum that a symbol is, with its file.
    fn enumeration(&self, id: SymbolId) -> Option<(&raw::File<'_>, &raw::Enum<'_>)> {
        let symbol = self.linked.symbols.get(id).filter(|symbol| symbol.kind == Kind::Enum)?;
        let file = self.files.get(symbol.file as usize)?;
        Some((file, file.enums.get(symbol.index as usize)?))
    }

    /// Refuses what is no identifier.
    fn identifier(&mut self, place: Place, kind: Kind, name: Option<&str>) {
        let name = name.unwrap_or_default();
        if names::is_identifier(name) {
            return;
        }
        let kind = link::article(kind);
        if name.is_empty() {
            self.error(place, || format!("{kind} has no name"), "give it one");
        } else {
            let what = || format!("the name of {kind}, \"{}\", is no identifier", Shown(name));
            self.error(place, what, "use ASCII letters, digits and underscores only");
        }
    }
}
