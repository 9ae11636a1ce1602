//! From linked raw files to [`Tables`].

use std::{borrow::Cow, hash::BuildHasher};

use bytes::Bytes;
use hashbrown::HashTable;

use super::{
    Idempotency, Syntax,
    tables::{
        EnumRecord, Extension, FileRecord, Index, MessageRecord, MethodRecord, Piece, ServiceRecord, Tables, UNKNOWN,
    },
};
use crate::{
    findings::Position,
    link::{Kind, Linked, SymbolId},
    raw::{self, Fields, Value},
};

/// How much text the full names of all messages, services and methods may come to, in bytes. Deeply nested
/// messages with long names need far more than their set has.
pub(super) const MAX_TEXT: usize = 256 << 20;

/// The full names come to more than [`MAX_TEXT`].
#[derive(Debug)]
pub(super) struct TooMuchText;

/// Compiles files in which nothing wrong was found. `bytes` are those of `files`, to be kept.
pub(super) fn compile(files: &[raw::File<'_>], bytes: Vec<Bytes>, linked: Linked) -> Result<Tables, TooMuchText> {
    let mut compiler = Compiler {
        files,
        bytes,
        tables: Tables::default(),
        linked,
    };
    compiler.files();
    compiler.messages()?;
    compiler.enums();
    compiler.relative();
    compiler.extensions();
    compiler.services()?;
    let Compiler { mut tables, linked, .. } = compiler;
    tables.symbols = linked.symbols;
    tables.text.shrink_to_fit();
    Ok(tables)
}

struct Compiler<'f, 'a> {
    files: &'f [raw::File<'a>],
    bytes: Vec<Bytes>,
    tables: Tables,
    linked: Linked,
}

/// Lengths come from arenas that the element limit bounds, and from texts that the byte limit bounds.
fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Where `text`, which was read from `bytes`, stands in them.
fn place(text: Option<&str>, bytes: &[u8]) -> Piece {
    text.map_or_else(Piece::default, |text| piece(text.as_bytes(), bytes))
}

/// Where `part` stands in `bytes`, of which it is a slice.
fn piece(part: &[u8], bytes: &[u8]) -> Piece {
    Piece {
        start: index(part.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr())),
        length: index(part.len()),
    }
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

/// A name in the scope `around`, which is empty for the unnamed package.
fn joined(around: &str, name: &str) -> String {
    match around {
        "" => name.to_owned(),
        _ => format!("{around}.{name}"),
    }
}

impl<'a> Compiler<'_, 'a> {
    fn files(&mut self) {
        let Index { hasher, files, .. } = &mut self.tables.index;
        *files = HashTable::with_capacity(self.files.len());
        let (mut messages, mut enums) = (0, 0);
        for (own, (file, bytes)) in (0u32..).zip(self.files.iter().zip(&self.bytes)) {
            self.tables.files.push(FileRecord {
                bytes: bytes.clone(),
                name: place(file.name, file.bytes),
                package: place(file.package, file.bytes),
                syntax: syntax(file),
                first_message: index(messages),
                first_enum: index(enums),
            });
            messages += file.messages.len();
            enums += file.enums.len();
            files.insert_unique(hasher.hash_one(file.name.unwrap_or_default()), own, |_| 0);
        }
        self.tables.messages.reserve_exact(messages);
        self.tables.enums.reserve_exact(enums);
    }

    fn enums(&mut self) {
        for (file, raw) in (0u32..).zip(self.files) {
            let first = self
                .tables
                .files
                .get(file as usize)
                .map_or(0, |file| file.first_message);
            self.tables.enums.extend(raw.enums.iter().map(|found| EnumRecord {
                file,
                body: piece(found.bytes, raw.bytes),
                parent: found.parent.map_or(UNKNOWN, |parent| first + parent),
            }));
        }
    }

    /// Keeps what the type names that are no full names refer to: the others can be looked up again.
    fn relative(&mut self) {
        for ((file, raw), links) in (0u32..).zip(self.files).zip(&self.linked.files) {
            for (field, found) in raw.fields.iter().zip(&links.types) {
                let name = field.type_name.filter(|name| !name.starts_with('.'));
                if let (Some(name), Some(found)) = (name, found) {
                    let offset = place(Some(name), raw.bytes).start;
                    self.tables.relative.push((Position { file, offset }, *found));
                }
            }
        }
        self.tables.relative.sort_unstable();
    }

    /// Parents come before their children, so their names are there already.
    fn messages(&mut self) -> Result<(), TooMuchText> {
        for (file, raw) in (0u32..).zip(self.files) {
            let first = self.tables.messages.len();
            for message in &raw.messages {
                let parent = message
                    .parent
                    .and_then(|parent| self.tables.messages.get(first + parent as usize));
                let around = match parent {
                    Some(parent) => self.tables.text(parent.name).to_owned(),
                    None => raw.package.unwrap_or_default().to_owned(),
                };
                let name = self.add_text(&[&joined(&around, message.name.unwrap_or_default())])?;
                self.tables.messages.push(MessageRecord {
                    file,
                    name,
                    body: piece(message.bytes, raw.bytes),
                    parent: message.parent.map_or(UNKNOWN, |parent| index(first) + parent),
                });
            }
        }
        Ok(())
    }

    fn extensions(&mut self) {
        for (file, links) in (0u32..).zip(&self.linked.files) {
            for (field, extendee) in &links.extendees {
                let raw = self
                    .files
                    .get(file as usize)
                    .and_then(|raw| raw.fields.get(*field as usize));
                let id = self.linked.symbols.id(Kind::Extension, file, *field);
                let found = raw.and_then(|raw| raw.number).zip(id);
                self.tables.extensions.extend(found.map(|(number, id)| Extension {
                    extendee: *extendee,
                    number,
                    id,
                }));
            }
        }
        self.tables.extensions.sort_unstable();
    }

    fn services(&mut self) -> Result<(), TooMuchText> {
        let files = self.files;
        let mut all: Vec<_> = files
            .iter()
            .enumerate()
            .flat_map(|(number, file)| file.services.iter().map(move |service| (number, file, service)))
            .map(|(number, file, service)| {
                let package = file.package.unwrap_or_default();
                (joined(package, service.name.unwrap_or_default()), number, service)
            })
            .collect();
        all.sort_unstable_by(|(one, ..), (other, ..)| one.cmp(other));
        let methods = files.iter().map(|file| file.methods.len()).sum();
        self.tables.services.reserve_exact(all.len());
        self.tables.methods.reserve_exact(methods);
        self.tables.index.paths = HashTable::with_capacity(methods);
        for (full_name, file, service) in all {
            self.service(&full_name, file, service)?;
        }
        Ok(())
    }

    fn service(&mut self, full_name: &str, file: usize, service: &raw::Service<'a>) -> Result<(), TooMuchText> {
        let Some((raw, bytes)) = self.files.get(file).zip(self.bytes.get(file).cloned()) else {
            return Ok(());
        };
        let own = index(self.tables.services.len());
        let start = index(self.tables.methods.len());
        for (number, method) in service.methods.clone().zip(raw::at(&raw.methods, &service.methods)) {
            let (input, output) = self.method_types(index(file), number);
            let record = MethodRecord {
                service: own,
                path: self.add_text(&["/", full_name, "/", method.name.unwrap_or_default()])?,
                name: self.add_text(&[full_name, ".", method.name.unwrap_or_default()])?,
                input,
                output,
                client_streaming: method.client_streaming,
                server_streaming: method.server_streaming,
                idempotency: idempotency(&method.options),
                options: share(&method.options, &bytes),
            };
            self.method(record);
        }
        let record = ServiceRecord {
            file: index(file),
            name: self.add_text(&[full_name])?,
            methods: start..index(self.tables.methods.len()),
            options: share(&service.options, &bytes),
        };
        self.tables.services.push(record);
        Ok(())
    }

    fn method(&mut self, record: MethodRecord) {
        let own = index(self.tables.methods.len());
        let hash = self.tables.index.hasher.hash_one(self.tables.text(record.path));
        self.tables.index.paths.insert_unique(hash, own, |_| 0);
        self.tables.methods.push(record);
    }

    fn method_types(&self, file: u32, method: u32) -> (u32, u32) {
        let links = self.linked.files.get(file as usize);
        let types = links.and_then(|links| links.methods.get(method as usize).copied());
        let (input, output) = types.unwrap_or_default();
        (self.message(input), self.message(output))
    }

    fn message(&self, id: Option<SymbolId>) -> u32 {
        let symbol = id.and_then(|id| self.linked.symbols.get(id));
        symbol
            .and_then(|symbol| self.tables.message_index(&symbol))
            .unwrap_or(UNKNOWN)
    }

    fn add_text(&mut self, words: &[&str]) -> Result<Piece, TooMuchText> {
        let text = &mut self.tables.text;
        let start = text.len();
        text.extend(words.iter().copied());
        if text.len() > MAX_TEXT {
            return Err(TooMuchText);
        }
        Ok(Piece {
            start: index(start),
            length: index(text.len() - start),
        })
    }
}
