//! From checked raw files to [`Tables`].

use std::{borrow::Cow, hash::BuildHasher};

use bytes::Bytes;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::{
    Idempotency, SymbolKind, Syntax,
    tables::{Element, Extension, FileRecord, Index, MessageRecord, MethodRecord, Piece, ServiceRecord, TOP, Tables},
};
use crate::raw::{self, Fields, Value};

/// Compiles files whose references are known to lead somewhere.
pub(super) fn compile(files: &[raw::File<'_>], bytes: &[Bytes]) -> Tables {
    let mut compiler = Compiler::with_room(files);
    for (file, bytes) in files.iter().zip(bytes) {
        compiler.file(file, bytes);
    }
    for (index, file) in files.iter().enumerate() {
        compiler.extensions(index, file);
    }
    compiler.tables.extensions.sort_unstable();
    compiler.services(files);
    compiler.tables
}

struct Compiler {
    tables: Tables,
}

/// Lengths come from arenas that the element limit bounds, and texts that the byte limit bounds.
fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Where `text`, which was read from `bytes`, stands in them.
fn place(text: Option<&str>, bytes: &[u8]) -> Piece {
    text.map_or_else(Piece::default, |text| Piece {
        start: index(text.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr())),
        length: index(text.len()),
    })
}

/// Options that stand in one piece share the file's memory.
fn share(options: &raw::Options<'_>, bytes: &Bytes) -> Bytes {
    match options {
        Cow::Borrowed(options) => bytes.slice_ref(options),
        Cow::Owned(options) => Bytes::copy_from_slice(options),
    }
}

fn syntax(file: &raw::File<'_>) -> Syntax {
    match (file.syntax, file.edition) {
        (Some("proto3"), _) => Syntax::Proto3,
        (Some("editions"), Some(number)) => Syntax::Edition(number),
        _ => Syntax::Proto2,
    }
}

fn idempotency(options: &[u8]) -> Idempotency {
    let levels = Fields::new(options).filter_map(|field| match field {
        Ok((34, Value::Varint(level))) => Some(level),
        _ => None,
    });
    match levels.last() {
        Some(1) => Idempotency::NoSideEffects,
        Some(2) => Idempotency::Idempotent,
        _ => Idempotency::Unknown,
    }
}

/// How many records a file gets in [`Tables::elements`].
fn count(file: &raw::File<'_>) -> usize {
    let types = file.messages.len() + file.enums.len() + file.services.len();
    types + file.fields.len() + file.oneofs.len() + file.values.len() + file.methods.len()
}

impl Compiler {
    fn with_room(files: &[raw::File<'_>]) -> Self {
        let elements = files.iter().map(count).sum();
        let index = Index {
            hasher: RandomState::default(),
            files: HashTable::with_capacity(files.len()),
            symbols: HashTable::with_capacity(elements),
            paths: HashTable::new(),
        };
        let tables = Tables {
            files: Vec::with_capacity(files.len()),
            elements: Vec::with_capacity(elements),
            messages: Vec::with_capacity(files.iter().map(|file| file.messages.len()).sum()),
            index,
            ..Tables::default()
        };
        Self { tables }
    }

    fn file(&mut self, file: &raw::File<'_>, bytes: &Bytes) {
        let record = FileRecord {
            bytes: bytes.clone(),
            name: place(file.name, file.bytes),
            package: place(file.package, file.bytes),
            syntax: syntax(file),
            first_element: index(self.tables.elements.len()),
            first_message: index(self.tables.messages.len()),
        };
        let own = index(self.tables.files.len());
        let Index { hasher, files, .. } = &mut self.tables.index;
        files.insert_unique(hasher.hash_one(file.name.unwrap_or_default()), own, |_| 0);
        let first = record.first_element;
        self.tables.files.push(record);
        self.elements(file, own, first);
        self.names(file, own, first);
    }

    /// One record an element, in the order that [`Tables::elements`] states.
    fn elements(&mut self, file: &raw::File<'_>, own: u32, first: u32) {
        let scope = |parent: Option<u32>| parent.map_or(TOP, |parent| first + parent);
        let mut add = |kind, scope, name| {
            let name = place(name, file.bytes);
            self.tables.elements.push(Element {
                kind,
                file: own,
                scope,
                name,
            });
        };
        for message in &file.messages {
            add(SymbolKind::Message, scope(message.parent), message.name);
        }
        for field in &file.fields {
            let kind = match field.extendee {
                Some(_) => SymbolKind::Extension,
                None => SymbolKind::Field,
            };
            add(kind, scope(field.parent), field.name);
        }
        for (message, found) in (first..).zip(&file.messages) {
            for oneof in raw::at(&file.oneofs, &found.oneofs) {
                add(SymbolKind::Oneof, message, oneof.name);
            }
        }
        for found in &file.enums {
            add(SymbolKind::Enum, scope(found.parent), found.name);
        }
        for found in &file.enums {
            for value in raw::at(&file.values, &found.values) {
                add(SymbolKind::EnumValue, scope(found.parent), value.name);
            }
        }
        for service in &file.services {
            add(SymbolKind::Service, TOP, service.name);
        }
        let services = first + index(count(file) - file.methods.len() - file.services.len());
        for (service, found) in (services..).zip(&file.services) {
            for method in raw::at(&file.methods, &found.methods) {
                add(SymbolKind::Method, service, method.name);
            }
        }
    }

    /// Full names of messages into the text, and of every element into the index.
    fn names(&mut self, file: &raw::File<'_>, own: u32, first: u32) {
        let mut name = String::new();
        let end = index(self.tables.elements.len());
        for element in first..end {
            let Some(record) = self.tables.elements.get(element as usize).copied() else {
                continue;
            };
            name.clear();
            self.scope_name(file, record.scope, &mut name);
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(self.tables.files.last().map_or("", |file| file.text(record.name)));
            if record.kind == SymbolKind::Message {
                let name = self.tables.add_text(&[&name]);
                self.tables.messages.push(MessageRecord { file: own, name });
            }
            let Index { hasher, symbols, .. } = &mut self.tables.index;
            symbols.insert_unique(hasher.hash_one(name.as_str()), element, |_| 0);
        }
    }

    /// Scopes are messages, whose names are known by then (parents come first), or services, or the package.
    fn scope_name(&self, file: &raw::File<'_>, scope: u32, name: &mut String) {
        if scope == TOP {
            name.push_str(file.package.unwrap_or_default());
        } else if let Some(message) = self.tables.message_index(scope) {
            let message = self.tables.messages.get(message);
            name.push_str(message.map_or("", |message| self.tables.text(message.name)));
        } else {
            name.push_str(&self.tables.full_name(scope));
        }
    }

    fn extensions(&mut self, file_index: usize, file: &raw::File<'_>) {
        let Some(first) = self.tables.files.get(file_index).map(|file| file.first_element) else {
            return;
        };
        let fields = first + index(file.messages.len());
        for (element, field) in (fields..).zip(&file.fields) {
            let Some(extendee) = field.extendee.and_then(|name| self.tables.extendee(absolute(name))) else {
                continue;
            };
            let number = field.number.unwrap_or_default();
            self.tables.extensions.push(Extension {
                extendee,
                number,
                element,
            });
        }
    }

    fn services(&mut self, files: &[raw::File<'_>]) {
        let mut all: Vec<_> = files
            .iter()
            .enumerate()
            .flat_map(|(index, file)| file.services.iter().map(move |service| (index, service)))
            .map(|(file, service)| (joined(files, file, service.name), file, service))
            .collect();
        all.sort_unstable_by(|(one, ..), (other, ..)| one.cmp(other));
        self.tables.services.reserve_exact(all.len());
        let methods = all.iter().map(|(_, _, service)| service.methods.len()).sum();
        self.tables.methods.reserve_exact(methods);
        self.tables.index.paths.reserve(methods, |_| 0);
        for (full_name, file, service) in all {
            let Some((raw, bytes)) = files
                .get(file)
                .zip(self.tables.files.get(file).map(|file| file.bytes.clone()))
            else {
                continue;
            };
            self.service(&full_name, index(file), raw, service, &bytes);
        }
    }

    fn service(&mut self, full_name: &str, file: u32, raw: &raw::File<'_>, service: &raw::Service<'_>, bytes: &Bytes) {
        let own = index(self.tables.services.len());
        let start = index(self.tables.methods.len());
        for method in raw::at(&raw.methods, &service.methods) {
            self.method(full_name, own, method, bytes);
        }
        let name = self.tables.add_text(&[full_name]);
        let methods = start..index(self.tables.methods.len());
        let options = share(&service.options, bytes);
        self.tables.services.push(ServiceRecord {
            file,
            name,
            methods,
            options,
        });
    }

    fn method(&mut self, service_name: &str, service: u32, method: &raw::Method<'_>, bytes: &Bytes) {
        let own = index(self.tables.methods.len());
        let name = method.name.unwrap_or_default();
        let record = MethodRecord {
            service,
            path: self.tables.add_text(&["/", service_name, "/", name]),
            name: self.tables.add_text(&[service_name, ".", name]),
            input: self.message(method.input),
            output: self.message(method.output),
            client_streaming: method.client_streaming,
            server_streaming: method.server_streaming,
            idempotency: idempotency(&method.options),
            options: share(&method.options, bytes),
        };
        let hash = self.tables.index.hasher.hash_one(self.tables.text(record.path));
        self.tables.index.paths.insert_unique(hash, own, |_| 0);
        self.tables.methods.push(record);
    }

    fn message(&self, reference: Option<&str>) -> u32 {
        let element = self.tables.symbol(absolute(reference.unwrap_or_default()));
        element
            .and_then(|element| self.tables.message_index(element))
            .map_or(TOP, index)
    }
}

fn absolute(reference: &str) -> &str {
    reference.strip_prefix('.').unwrap_or(reference)
}

fn joined(files: &[raw::File<'_>], file: usize, name: Option<&str>) -> String {
    let package = files.get(file).and_then(|file| file.package).unwrap_or_default();
    let name = name.unwrap_or_default();
    if package.is_empty() {
        name.to_owned()
    } else {
        format!("{package}.{name}")
    }
}

impl Tables {
    fn add_text(&mut self, words: &[&str]) -> Piece {
        let start = index(self.text.len());
        self.text.extend(words.iter().copied());
        let length = index(self.text.len()) - start;
        Piece { start, length }
    }
}
