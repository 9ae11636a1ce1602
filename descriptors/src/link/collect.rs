//! Fills the symbol table.

use std::{collections::HashSet, hash::BuildHasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::symbols::{Bases, Kind, PACKAGE_PARTS, Symbol, SymbolId, Symbols, Texts, article, name_of, offset};
use crate::{
    finding::Severity,
    findings::{Findings, Report, Shown},
    raw,
};

impl Symbols {
    /// Enters every element of `files`; of two with one full name the second is reported and can't be found.
    pub(crate) fn collect(files: &[raw::File<'_>], findings: &mut Findings) -> Self {
        let mut collect = Collect {
            files,
            findings,
            symbols: Self::with_room(files),
        };
        for (index, file) in (0u32..).zip(files) {
            collect.file(index, file);
        }
        collect.symbols
    }

    fn with_room(files: &[raw::File<'_>]) -> Self {
        let room = files.iter().map(elements).sum::<usize>() + 2 * files.len() + 1;
        let nothing = Symbol {
            kind: Kind::Package,
            file: u32::MAX,
            index: 0,
            scope: None,
            start: 0,
            length: 0,
        };
        let mut list = Vec::with_capacity(room);
        list.push(nothing);
        Self {
            list,
            table: HashTable::with_capacity(room),
            hasher: RandomState::default(),
            bases: Vec::with_capacity(files.len()),
            twice: HashSet::new(),
        }
    }
}

/// How many symbols a file defines, its package aside.
fn elements(file: &raw::File<'_>) -> usize {
    file.messages.len()
        + file.enums.len()
        + file.values.len()
        + file.fields.len()
        + file.oneofs.len()
        + file.services.len()
        + file.methods.len()
}

/// The table while it is filled.
struct Collect<'f, 'a, 'r> {
    files: &'f [raw::File<'a>],
    findings: &'r mut Findings,
    symbols: Symbols,
}

impl Collect<'_, '_, '_> {
    /// Ids are given in arena order, kind by kind, so that an element's id is its index plus a base.
    fn file(&mut self, number: u32, file: &raw::File<'_>) {
        let package = self.package(number, file);
        self.symbols.bases.push(Bases {
            package,
            ..Bases::default()
        });
        self.messages(number, file, package);
        self.enums(number, file, package);
        self.fields(number, file, package);
        self.oneofs(number, file);
        self.services(number, file, package);
    }

    /// Remembers where the next kind of element of the last file starts.
    fn base(&mut self, slot: impl FnOnce(&mut Bases) -> &mut u32) {
        let next = u32::try_from(self.symbols.list.len()).unwrap_or(u32::MAX);
        if let Some(bases) = self.symbols.bases.last_mut() {
            *slot(bases) = next;
        }
    }

    fn package(&mut self, number: u32, file: &raw::File<'_>) -> Option<SymbolId> {
        let mut scope = None;
        let package = file.package.filter(|package| !package.is_empty())?;
        // One with more parts is refused, so the others need no place.
        for segment in package.split('.').take(PACKAGE_PARTS) {
            let known = self.symbols.child(self.files, scope, segment.as_bytes());
            let known = known.filter(|id| self.symbols.get(*id).is_some_and(|symbol| symbol.kind == Kind::Package));
            scope = match known {
                Some(id) => Some(id),
                None => self.add(Kind::Package, number, 0, scope, Some(segment)),
            };
        }
        scope
    }

    fn messages(&mut self, number: u32, file: &raw::File<'_>, package: Option<SymbolId>) {
        self.base(|bases| &mut bases.messages);
        for (index, message) in (0u32..).zip(&file.messages) {
            let scope = self.scope(number, message.parent, package);
            self.add(Kind::Message, number, index, scope, message.name);
        }
    }

    /// Enums and, beside each, its values.
    fn enums(&mut self, number: u32, file: &raw::File<'_>, package: Option<SymbolId>) {
        self.base(|bases| &mut bases.enums);
        for (index, found) in (0u32..).zip(&file.enums) {
            let scope = self.scope(number, found.parent, package);
            self.add(Kind::Enum, number, index, scope, found.name);
        }
        self.base(|bases| &mut bases.values);
        for found in &file.enums {
            let scope = self.scope(number, found.parent, package);
            for (index, value) in found.values.clone().zip(raw::at(&file.values, &found.values)) {
                self.add(Kind::EnumValue, number, index, scope, value.name);
            }
        }
    }

    fn fields(&mut self, number: u32, file: &raw::File<'_>, package: Option<SymbolId>) {
        self.base(|bases| &mut bases.fields);
        let top = file.top_extensions.clone();
        self.field_span(Kind::Extension, number, file, top, package);
        for (index, message) in (0u32..).zip(&file.messages) {
            let scope = self.symbols.id(Kind::Message, number, index);
            self.field_span(Kind::Field, number, file, message.fields.clone(), scope);
            self.field_span(Kind::Extension, number, file, message.extensions.clone(), scope);
        }
    }

    fn field_span(&mut self, kind: Kind, number: u32, file: &raw::File<'_>, span: raw::Span, scope: Option<SymbolId>) {
        for (index, field) in span.clone().zip(raw::at(&file.fields, &span)) {
            self.add(kind, number, index, scope, field.name);
        }
    }

    fn oneofs(&mut self, number: u32, file: &raw::File<'_>) {
        self.base(|bases| &mut bases.oneofs);
        for (index, message) in (0u32..).zip(&file.messages) {
            let scope = self.symbols.id(Kind::Message, number, index);
            for (index, oneof) in message.oneofs.clone().zip(raw::at(&file.oneofs, &message.oneofs)) {
                self.add(Kind::Oneof, number, index, scope, oneof.name);
            }
        }
    }

    fn services(&mut self, number: u32, file: &raw::File<'_>, package: Option<SymbolId>) {
        self.base(|bases| &mut bases.services);
        for (index, service) in (0u32..).zip(&file.services) {
            self.add(Kind::Service, number, index, package, service.name);
        }
        self.base(|bases| &mut bases.methods);
        for (index, service) in (0u32..).zip(&file.services) {
            let scope = self.symbols.id(Kind::Service, number, index);
            for (index, method) in service.methods.clone().zip(raw::at(&file.methods, &service.methods)) {
                self.add(Kind::Method, number, index, scope, method.name);
            }
        }
    }

    /// What an element with this parent stands under.
    fn scope(&self, file: u32, parent: Option<u32>, package: Option<SymbolId>) -> Option<SymbolId> {
        match parent {
            Some(parent) => self.symbols.id(Kind::Message, file, parent),
            None => package,
        }
    }

    /// Gives the next id to an element. One without a name gets an id too, but can't be found.
    fn add(
        &mut self,
        kind: Kind,
        file: u32,
        index: u32,
        scope: Option<SymbolId>,
        name: Option<&str>,
    ) -> Option<SymbolId> {
        let name = name.unwrap_or_default();
        let id = SymbolId::new(self.symbols.list.len())?;
        let start = offset(self.files.bytes(file), name);
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
        self.symbols.list.push(Symbol {
            kind,
            file,
            index,
            scope,
            start,
            length,
        });
        if name.is_empty() {
            return Some(id);
        }
        match self.symbols.child(self.files, scope, name.as_bytes()) {
            Some(first) => self.twice(id, first),
            None => self.enter(id, scope, name),
        }
        Some(id)
    }

    fn enter(&mut self, id: SymbolId, scope: Option<SymbolId>, name: &str) {
        let hash = self.symbols.hash(scope, name.as_bytes());
        let Symbols {
            list, table, hasher, ..
        } = &mut self.symbols;
        let files = self.files;
        table.insert_unique(hash, id, |id| {
            list.get(id.index())
                .map_or(0, |symbol| hasher.hash_one((symbol.scope, symbol.name(files))))
        });
    }

    fn twice(&mut self, id: SymbolId, first: SymbolId) {
        if let (Some(symbol), Some(other)) = (self.symbols.get(id), self.symbols.get(first))
            && symbol.file != other.file
            && symbol.kind == other.kind
        {
            self.symbols.twice.insert((symbol.file, first));
        }
        let (symbols, files) = (&self.symbols, self.files);
        let (Some(symbol), Some(other)) = (symbols.get(id), symbols.get(first)) else {
            return;
        };
        self.findings.add(Severity::Error, symbol.position(), || {
            let label = symbols.label(files, id);
            Report {
                file: name_of(files, symbol.file),
                what: format!(
                    "\"{}\" is defined twice: {} here, {} in \"{}\"",
                    Shown(&label),
                    article(symbol.kind),
                    article(other.kind),
                    Shown(&name_of(files, other.file)),
                ),
                mend: twice_mend(symbol.kind, other.kind).to_owned(),
                symbol: label,
            }
        });
    }
}

fn twice_mend(kind: Kind, other: Kind) -> &'static str {
    match (kind, other) {
        (Kind::EnumValue, _) | (_, Kind::EnumValue) => {
            "rename one of the two; the values of an enum share the scope that the enum stands in, so give them the enum's name as prefix"
        }
        (Kind::Package, _) | (_, Kind::Package) => {
            "rename one of the two: a package can't share its name with anything else"
        }
        _ => "rename one of the two, or leave one of them out of the set",
    }
}
