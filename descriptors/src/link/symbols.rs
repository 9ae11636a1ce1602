//! The symbol table: a tree of scopes, kept flat.

use std::{hash::BuildHasher, num::NonZeroU32};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::{
    finding::Severity,
    findings::{Findings, Position, Report, Shown, start_of},
    raw,
};

/// What a symbol is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Package,
    Message,
    Enum,
    EnumValue,
    Field,
    Extension,
    Oneof,
    Service,
    Method,
}

/// How many parts a package may have.
pub(crate) const PACKAGE_PARTS: usize = 101;

/// How many bytes of a full name a label has at least, if it has them.
const LABEL: usize = 150;

/// Names a symbol of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SymbolId(NonZeroU32);

/// One element of a file, or a package.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Symbol {
    pub(crate) kind: Kind,
    /// The file that defines it; of a package, the first that names it.
    pub(crate) file: u32,
    /// Its index in the file's arena for its kind (extensions: `fields`); 0 for a package.
    pub(crate) index: u32,
    /// What its full name stands under: `None` for the unnamed package. An enum value stands beside its enum.
    pub(crate) scope: Option<SymbolId>,
    /// Its own name, in the bytes of its file.
    start: u32,
    length: u32,
}

/// Gives the bytes of files, in which symbols have their names.
pub(crate) trait Texts {
    /// The `FileDescriptorProto` with this index; empty if there is none.
    fn bytes(&self, file: u32) -> &[u8];
}

impl Texts for [raw::File<'_>] {
    fn bytes(&self, file: u32) -> &[u8] {
        self.get(file as usize).map_or(&[], |file| file.bytes)
    }
}

/// Every symbol of a set, findable by name. It borrows nothing: names are read from the files given to each call.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    /// The first is no symbol: ids start at one.
    list: Vec<Symbol>,
    table: HashTable<SymbolId>,
    hasher: RandomState,
    bases: Vec<Bases>,
}

/// Ids of the first element of each kind in one file, and its package.
#[derive(Debug, Clone, Copy, Default)]
struct Bases {
    package: Option<SymbolId>,
    messages: u32,
    enums: u32,
    values: u32,
    fields: u32,
    oneofs: u32,
    services: u32,
    methods: u32,
}

impl SymbolId {
    fn new(index: usize) -> Option<Self> {
        u32::try_from(index).ok().and_then(NonZeroU32::new).map(Self)
    }

    /// Ids are dense: the largest is below [`Symbols::bound`].
    pub(crate) fn index(self) -> usize {
        self.0.get() as usize
    }
}

impl Symbol {
    /// Where its name stands in its file, for the order of reports.
    pub(crate) fn position(&self) -> Position {
        Position {
            file: self.file,
            offset: self.start,
        }
    }

    /// Its own name.
    pub(crate) fn name<'t>(&self, texts: &'t (impl Texts + ?Sized)) -> &'t [u8] {
        let start = self.start as usize;
        let end = start.saturating_add(self.length as usize);
        texts.bytes(self.file).get(start..end).unwrap_or_default()
    }
}

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
        }
    }

    /// One more than the largest id's index.
    pub(crate) fn bound(&self) -> usize {
        self.list.len()
    }

    /// The symbol that `id` names.
    pub(crate) fn get(&self, id: SymbolId) -> Option<Symbol> {
        self.list.get(id.index()).copied()
    }

    /// All symbols and their ids, file by file.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SymbolId, &Symbol)> {
        let list = self.list.iter().enumerate();
        list.filter_map(|(index, symbol)| SymbolId::new(index).map(|id| (id, symbol)))
    }

    /// The package of a file; `None` if it is the unnamed one.
    pub(crate) fn package(&self, file: u32) -> Option<SymbolId> {
        self.bases.get(file as usize)?.package
    }

    /// The id of an element, by its index in the arena of its kind.
    pub(crate) fn id(&self, kind: Kind, file: u32, index: u32) -> Option<SymbolId> {
        let bases = self.bases.get(file as usize)?;
        let base = match kind {
            Kind::Package => return bases.package,
            Kind::Message => bases.messages,
            Kind::Enum => bases.enums,
            Kind::EnumValue => bases.values,
            Kind::Field | Kind::Extension => bases.fields,
            Kind::Oneof => bases.oneofs,
            Kind::Service => bases.services,
            Kind::Method => bases.methods,
        };
        SymbolId::new(base as usize + index as usize)
    }

    /// The symbol called `name` in `scope`.
    pub(crate) fn child(
        &self,
        texts: &(impl Texts + ?Sized),
        scope: Option<SymbolId>,
        name: &[u8],
    ) -> Option<SymbolId> {
        let same = |id: &SymbolId| {
            self.get(*id)
                .is_some_and(|found| found.scope == scope && found.name(texts) == name)
        };
        self.table.find(self.hash(scope, name), same).copied()
    }

    /// The symbol with this full name, without a leading dot.
    pub(crate) fn find(&self, texts: &(impl Texts + ?Sized), full_name: &str) -> Option<SymbolId> {
        self.descend(texts, None, full_name)
    }

    /// The symbol that the dotted `path` leads to from `scope`.
    pub(crate) fn descend(
        &self,
        texts: &(impl Texts + ?Sized),
        scope: Option<SymbolId>,
        path: &str,
    ) -> Option<SymbolId> {
        let mut at = scope;
        for segment in path.split('.') {
            at = Some(self.child(texts, at, segment.as_bytes())?);
        }
        at
    }

    /// The full name, without a leading dot.
    pub(crate) fn full_name(&self, texts: &(impl Texts + ?Sized), id: SymbolId) -> String {
        let mut chain = Vec::new();
        let mut next = Some(id);
        while let Some(symbol) = next.and_then(|id| self.get(id)) {
            chain.push(String::from_utf8_lossy(symbol.name(texts)));
            next = symbol.scope;
        }
        chain.reverse();
        chain.join(".")
    }

    /// The full name, without a leading dot, as far as a report can show it: of a long one the end.
    pub(crate) fn label(&self, texts: &(impl Texts + ?Sized), id: SymbolId) -> String {
        let (mut chain, mut length) = (Vec::new(), 0);
        let mut next = Some(id);
        while let Some(symbol) = next.and_then(|id| self.get(id)) {
            let name = symbol.name(texts);
            chain.push(String::from_utf8_lossy(name.get(..LABEL).unwrap_or(name)));
            length += name.len() + 1;
            next = symbol.scope;
            if length > LABEL && next.is_some() {
                chain.push("...".into());
                break;
            }
        }
        chain.reverse();
        chain.join(".")
    }

    fn hash(&self, scope: Option<SymbolId>, name: &[u8]) -> u64 {
        self.hasher.hash_one((scope, name))
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

/// A kind with its article, for sentences.
pub(crate) fn article(kind: Kind) -> &'static str {
    match kind {
        Kind::Package => "a package",
        Kind::Message => "a message",
        Kind::Enum => "an enum",
        Kind::EnumValue => "an enum value",
        Kind::Field => "a field",
        Kind::Extension => "an extension",
        Kind::Oneof => "a oneof",
        Kind::Service => "a service",
        Kind::Method => "a method",
    }
}

/// The name of a file, for reports.
pub(crate) fn name_of(files: &[raw::File<'_>], file: u32) -> String {
    files
        .get(file as usize)
        .and_then(|file| file.name)
        .map(start_of)
        .unwrap_or_default()
}

/// Where `part` lies in `whole`, of which it is a slice.
pub(crate) fn offset(whole: &[u8], part: &str) -> u32 {
    let distance = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    u32::try_from(distance)
        .ok()
        .filter(|at| *at as usize <= whole.len())
        .unwrap_or_default()
}
