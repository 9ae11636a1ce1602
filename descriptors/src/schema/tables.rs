//! What a schema keeps: small records that point into the loaded bytes.
//!
//! Symbols are found scope by scope in [`Symbols`], whose names stand in the files themselves. The full names of
//! services, methods and messages, which are asked for all the time, stand in one text.

use std::{hash::BuildHasher, ops::Range, sync::OnceLock};

use bytes::Bytes;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use prost_reflect::DescriptorPool;

use super::{Idempotency, Syntax, nearest::Known};
use crate::{
    Error, Finding,
    findings::Position,
    http::Routes,
    link::{Kind, Symbol, SymbolId, Symbols, Texts},
    table::Compiled,
};

/// No message: a handle with this index answers empty names.
pub(crate) const UNKNOWN: u32 = u32::MAX;

#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) files: Vec<FileRecord>,
    pub(crate) symbols: Symbols,
    /// File by file, in the order of the arena of [`crate::raw::File`].
    pub(crate) messages: Vec<MessageRecord>,
    /// Likewise.
    pub(crate) enums: Vec<EnumRecord>,
    /// What type names that are no full names refer to: where the name stands, and the type. Sorted.
    pub(crate) relative: Vec<(Position, SymbolId)>,
    /// Sorted by full name.
    pub(crate) services: Vec<ServiceRecord>,
    pub(crate) methods: Vec<MethodRecord>,
    /// Sorted by extendee and number.
    pub(super) extensions: Vec<Extension>,
    /// Full names and paths, end to end.
    pub(super) text: String,
    pub(super) findings: Vec<Finding>,
    pub(super) index: Index,
    pub(super) known: Known,
    pub(super) pool: OnceLock<Result<DescriptorPool, Error>>,
    /// Which HTTP requests call which method.
    pub(crate) routes: Routes,
    /// What the codec has compiled so far.
    pub(crate) compiled: Compiled,
}

/// Hash tables over the records, which hold the names themselves.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) hasher: RandomState,
    pub(super) files: HashTable<u32>,
    pub(super) paths: HashTable<u32>,
}

/// A stretch of the bytes of a file or of [`Tables::text`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Piece {
    pub(crate) start: u32,
    pub(crate) length: u32,
}

#[derive(Debug)]
pub(crate) struct FileRecord {
    /// As they were loaded.
    pub(crate) bytes: Bytes,
    pub(super) name: Piece,
    pub(super) package: Piece,
    pub(crate) syntax: Syntax,
    /// How many messages the files before it have.
    pub(super) first_message: u32,
    /// How many enums the files before it have.
    pub(super) first_enum: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct MessageRecord {
    pub(crate) file: u32,
    /// Full name, in [`Tables::text`].
    pub(crate) name: Piece,
    /// Its `DescriptorProto`, in the bytes of its file.
    pub(crate) body: Piece,
    /// The message it is nested in; [`UNKNOWN`] at the top level.
    pub(crate) parent: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct EnumRecord {
    pub(crate) file: u32,
    /// Its `EnumDescriptorProto`, in the bytes of its file.
    pub(crate) body: Piece,
    /// The message it is nested in; [`UNKNOWN`] at the top level.
    pub(crate) parent: u32,
}

#[derive(Debug)]
pub(crate) struct ServiceRecord {
    pub(super) file: u32,
    /// Full name, in [`Tables::text`].
    pub(super) name: Piece,
    pub(super) methods: Range<u32>,
    pub(crate) options: Bytes,
}

#[derive(Debug)]
pub(crate) struct MethodRecord {
    pub(crate) service: u32,
    /// `/pkg.Service/Method`, in [`Tables::text`].
    pub(super) path: Piece,
    /// `pkg.Service.Method`, in [`Tables::text`].
    pub(crate) name: Piece,
    pub(crate) input: u32,
    pub(crate) output: u32,
    pub(super) client_streaming: bool,
    pub(super) server_streaming: bool,
    pub(super) idempotency: Idempotency,
    pub(crate) options: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Extension {
    pub(super) extendee: SymbolId,
    pub(crate) number: i32,
    pub(crate) id: SymbolId,
}

impl Piece {
    pub(crate) fn range(self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.length as usize
    }
}

impl FileRecord {
    pub(super) fn text(&self, piece: Piece) -> &str {
        let bytes = self.bytes.get(piece.range()).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl Tables {
    pub(crate) fn text(&self, piece: Piece) -> &str {
        self.text.get(piece.range()).unwrap_or_default()
    }

    pub(crate) fn file_name(&self, file: u32) -> &str {
        self.files.get(file as usize).map_or("", |file| file.text(file.name))
    }

    pub(super) fn file(&self, name: &str) -> Option<usize> {
        let hash = self.index.hasher.hash_one(name);
        let found = self.index.files.find(hash, |file| self.file_name(*file) == name)?;
        Some(*found as usize)
    }

    /// A symbol by its full name; packages are none.
    pub(crate) fn symbol(&self, full_name: &str) -> Option<SymbolId> {
        let id = self.symbols.find(self, full_name)?;
        let symbol = self.symbols.get(id)?;
        (symbol.kind != Kind::Package).then_some(id)
    }

    pub(super) fn service(&self, full_name: &str) -> Option<usize> {
        self.services
            .binary_search_by(|service| self.text(service.name).cmp(full_name))
            .ok()
    }

    pub(crate) fn method(&self, path: &str) -> Option<usize> {
        let hash = self.index.hasher.hash_one(path);
        let found = self.index.paths.find(hash, |method| self.path(*method) == path)?;
        Some(*found as usize)
    }

    pub(super) fn path(&self, method: u32) -> &str {
        self.methods
            .get(method as usize)
            .map_or("", |method| self.text(method.path))
    }

    /// The index of a message among all messages; `None` if the symbol is of another kind.
    pub(crate) fn message_index(&self, symbol: &Symbol) -> Option<u32> {
        let file = self.files.get(symbol.file as usize)?;
        (symbol.kind == Kind::Message).then(|| file.first_message + symbol.index)
    }

    /// The index of an enum among all enums; `None` if the symbol is of another kind.
    pub(crate) fn enum_index(&self, symbol: &Symbol) -> Option<u32> {
        let file = self.files.get(symbol.file as usize)?;
        (symbol.kind == Kind::Enum).then(|| file.first_enum + symbol.index)
    }

    /// A message by its full name: its index and its symbol.
    pub(crate) fn message(&self, full_name: &str) -> Option<(u32, SymbolId)> {
        let id = self.symbol(full_name)?;
        let index = self.message_index(&self.symbols.get(id)?)?;
        Some((index, id))
    }

    pub(crate) fn extensions_of(&self, extendee: SymbolId) -> &[Extension] {
        let start = self
            .extensions
            .partition_point(|extension| extension.extendee < extendee);
        let end = self
            .extensions
            .partition_point(|extension| extension.extendee <= extendee);
        self.extensions.get(start..end).unwrap_or_default()
    }

    pub(super) fn extension(&self, extendee: SymbolId, number: i32) -> Option<SymbolId> {
        let all = self.extensions_of(extendee);
        let found = all.binary_search_by_key(&number, |extension| extension.number).ok()?;
        all.get(found).map(|extension| extension.id)
    }
}

impl Texts for Tables {
    fn bytes(&self, file: u32) -> &[u8] {
        self.files.get(file as usize).map_or(&[], |file| &file.bytes)
    }
}
