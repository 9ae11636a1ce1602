//! The symbol table: a tree of scopes, kept flat.

use std::{collections::HashSet, hash::BuildHasher, num::NonZeroU32};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::{
    findings::{Position, start_of},
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
    pub(super) start: u32,
    pub(super) length: u32,
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
    pub(super) list: Vec<Symbol>,
    pub(super) table: HashTable<SymbolId>,
    pub(super) hasher: RandomState,
    pub(super) bases: Vec<Bases>,
    /// Files that define once more what another one has, and what that is.
    pub(super) twice: HashSet<(u32, SymbolId)>,
}

/// Ids of the first element of each kind in one file, and its package.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bases {
    pub(super) package: Option<SymbolId>,
    pub(super) messages: u32,
    pub(super) enums: u32,
    pub(super) values: u32,
    pub(super) fields: u32,
    pub(super) oneofs: u32,
    pub(super) services: u32,
    pub(super) methods: u32,
}

impl SymbolId {
    pub(super) fn new(index: usize) -> Option<Self> {
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
    /// Whether a file defines this once more, or what it stands in.
    pub(super) fn is_twice(&self, file: u32, id: SymbolId) -> bool {
        let scope = |id: &SymbolId| self.get(*id)?.scope;
        !self.twice.is_empty() && std::iter::successors(Some(id), scope).any(|id| self.twice.contains(&(file, id)))
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

    pub(super) fn hash(&self, scope: Option<SymbolId>, name: &[u8]) -> u64 {
        self.hasher.hash_one((scope, name))
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
