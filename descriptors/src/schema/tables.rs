//! What a schema keeps: small records that point into the loaded bytes.
//!
//! An element (message, field, service, ...) is a number; its record names its file, its scope and where its
//! name stands in the file. Full names are put together when asked for, except those of services, methods and
//! messages, which stand in one text.

use std::{hash::BuildHasher, ops::Range, sync::OnceLock};

use bytes::Bytes;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use prost_reflect::DescriptorPool;

use super::{Idempotency, SymbolKind, Syntax};
use crate::{Error, Finding};

/// No element: the scope of what stands at the top level of a file.
pub(crate) const TOP: u32 = u32::MAX;

#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(super) files: Vec<FileRecord>,
    /// File by file; in a file: messages, fields and extensions, oneofs, enums, enum values, services, methods,
    /// each in the order of the arenas of [`crate::raw::File`].
    pub(super) elements: Vec<Element>,
    pub(super) messages: Vec<MessageRecord>,
    /// Sorted by full name.
    pub(super) services: Vec<ServiceRecord>,
    pub(super) methods: Vec<MethodRecord>,
    /// Sorted by extendee and number.
    pub(super) extensions: Vec<Extension>,
    /// Full names and paths, end to end.
    pub(super) text: String,
    pub(super) findings: Vec<Finding>,
    pub(super) index: Index,
    pub(super) pool: OnceLock<Result<DescriptorPool, Error>>,
}

/// Hash tables over the records, which hold the names themselves.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) hasher: RandomState,
    pub(super) files: HashTable<u32>,
    pub(super) symbols: HashTable<u32>,
    pub(super) paths: HashTable<u32>,
}

/// A stretch of the bytes of a file or of [`Tables::text`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Piece {
    pub(super) start: u32,
    pub(super) length: u32,
}

#[derive(Debug)]
pub(super) struct FileRecord {
    /// As they were loaded.
    pub(super) bytes: Bytes,
    pub(super) name: Piece,
    pub(super) package: Piece,
    pub(super) syntax: Syntax,
    /// Elements and messages of the files before it.
    pub(super) first_element: u32,
    pub(super) first_message: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Element {
    pub(super) kind: SymbolKind,
    pub(super) file: u32,
    /// The element in whose scope it is named, or [`TOP`].
    pub(super) scope: u32,
    /// In the bytes of the file.
    pub(super) name: Piece,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct MessageRecord {
    pub(super) file: u32,
    /// Full name, in [`Tables::text`].
    pub(super) name: Piece,
}

#[derive(Debug)]
pub(super) struct ServiceRecord {
    pub(super) file: u32,
    /// Full name, in [`Tables::text`].
    pub(super) name: Piece,
    pub(super) methods: Range<u32>,
    pub(super) options: Bytes,
}

#[derive(Debug)]
pub(super) struct MethodRecord {
    pub(super) service: u32,
    /// `/pkg.Service/Method`, in [`Tables::text`].
    pub(super) path: Piece,
    /// `pkg.Service.Method`, in [`Tables::text`].
    pub(super) name: Piece,
    pub(super) input: u32,
    pub(super) output: u32,
    pub(super) client_streaming: bool,
    pub(super) server_streaming: bool,
    pub(super) idempotency: Idempotency,
    pub(super) options: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Extension {
    pub(super) extendee: u32,
    pub(super) number: i32,
    pub(super) element: u32,
}

impl Piece {
    fn range(self) -> Range<usize> {
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
    pub(super) fn text(&self, piece: Piece) -> &str {
        self.text.get(piece.range()).unwrap_or_default()
    }

    pub(super) fn file_name(&self, file: u32) -> &str {
        self.files.get(file as usize).map_or("", |file| file.text(file.name))
    }

    pub(super) fn file(&self, name: &str) -> Option<usize> {
        let hash = self.index.hasher.hash_one(name);
        let found = self.index.files.find(hash, |file| self.file_name(*file) == name)?;
        Some(*found as usize)
    }

    pub(super) fn symbol(&self, full_name: &str) -> Option<u32> {
        let hash = self.index.hasher.hash_one(full_name);
        self.index
            .symbols
            .find(hash, |element| self.is_named(*element, full_name))
            .copied()
    }

    pub(super) fn service(&self, full_name: &str) -> Option<usize> {
        self.services
            .binary_search_by(|service| self.text(service.name).cmp(full_name))
            .ok()
    }

    pub(super) fn method(&self, path: &str) -> Option<usize> {
        let hash = self.index.hasher.hash_one(path);
        let found = self.index.paths.find(hash, |method| self.path(*method) == path)?;
        Some(*found as usize)
    }

    pub(super) fn path(&self, method: u32) -> &str {
        self.methods
            .get(method as usize)
            .map_or("", |method| self.text(method.path))
    }

    /// The index of a message among all messages; `None` if the element is of another kind.
    pub(super) fn message_index(&self, element: u32) -> Option<usize> {
        let found = self.elements.get(element as usize)?;
        let file = self.files.get(found.file as usize)?;
        (found.kind == SymbolKind::Message).then(|| (file.first_message + (element - file.first_element)) as usize)
    }

    pub(super) fn extendee(&self, full_name: &str) -> Option<u32> {
        let element = self.symbol(full_name)?;
        self.message_index(element).map(|_| element)
    }

    pub(super) fn extensions_of(&self, extendee: u32) -> &[Extension] {
        let start = self
            .extensions
            .partition_point(|extension| extension.extendee < extendee);
        let end = self
            .extensions
            .partition_point(|extension| extension.extendee <= extendee);
        self.extensions.get(start..end).unwrap_or_default()
    }

    pub(super) fn extension(&self, extendee: u32, number: i32) -> Option<u32> {
        let all = self.extensions_of(extendee);
        let found = all.binary_search_by_key(&number, |extension| extension.number).ok()?;
        all.get(found).map(|extension| extension.element)
    }

    /// Compares from the last word to the first, so that nothing has to be put together.
    fn is_named(&self, element: u32, full_name: &str) -> bool {
        let mut rest = full_name;
        let mut next = element;
        while let Some(element) = self.elements.get(next as usize) {
            let Some(file) = self.files.get(element.file as usize) else {
                return false;
            };
            let Some(before) = rest.strip_suffix(file.text(element.name)) else {
                return false;
            };
            if element.scope == TOP {
                let package = file.text(file.package);
                return if package.is_empty() {
                    before.is_empty()
                } else {
                    before.strip_suffix('.') == Some(package)
                };
            }
            let Some(before) = before.strip_suffix('.') else {
                return false;
            };
            (rest, next) = (before, element.scope);
        }
        false
    }

    /// Puts the full name of an element together.
    pub(super) fn full_name(&self, element: u32) -> String {
        let mut words = Vec::new();
        let mut next = element;
        while let Some(element) = self.elements.get(next as usize) {
            let Some(file) = self.files.get(element.file as usize) else {
                break;
            };
            words.push(file.text(element.name));
            if element.scope == TOP {
                words.push(file.text(file.package));
            }
            next = element.scope;
        }
        words.retain(|word| !word.is_empty());
        words.reverse();
        words.join(".")
    }
}
