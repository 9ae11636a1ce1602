//! Descriptors as proto source, with their comments.
//!
//! What is printed compiles again to an equal descriptor, as far as proto source can say it. Names of types are
//! full and start with a dot, as other tools for descriptors print them: they mean the same in every scope.
//! Source: <https://protobuf.dev/reference/protobuf/edition-2023-spec/>, and those of proto2 and proto3.
//!
//! ```text
//! raw::File -> printer (statements, blocks, comments)
//!                 options -> literal (values by their definitions, looked up in definitions)
//! ```

mod body;
mod comments;
mod definitions;
mod field;
mod literal;
mod options;
mod printer;
mod ranges;
mod symbol;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

pub(crate) use self::literal::quote;
use self::{definitions::Definitions, printer::Printer};
use crate::{File, Schema, Symbol, SymbolKind, raw};
pub(crate) use field::unescape;

/// Blocks and values that are nested deeper are left out. Compilers stop at 32 (protoc) and 100 (text format).
const MOST_DEPTH: usize = 100;
/// A line with options that is longer is broken up.
const WIDTH: usize = 100;

// Numbers of `FieldDescriptorProto.Label` and `FieldDescriptorProto.Type`.
const REQUIRED: i32 = 2;
const REPEATED: i32 = 3;
const STRING: i32 = 9;
const GROUP: i32 = 10;
const MESSAGE: i32 = 11;
const BYTES: i32 = 12;
const ENUM: i32 = 14;

impl File {
    /// The whole file as proto source, with its comments.
    pub fn source(&self) -> String {
        let definitions = Definitions::new(self.schema());
        let bytes = self.bytes();
        let file = raw::File::parse(&bytes);
        let mut printer = Printer::new(&definitions, &file);
        printer.file();
        printer.take()
    }
}

impl Symbol {
    /// The element as proto source, with its comments and all that it holds. Ends with a line feed.
    ///
    /// Of many elements, [`Schema::sources`] makes less work.
    pub fn source(&self) -> String {
        self.schema().sources([self]).concat()
    }
}

impl Schema {
    /// [`Symbol::source`] of each of these symbols, which are this schema's. A file that declares several is read once.
    pub fn sources<'a>(&self, symbols: impl IntoIterator<Item = &'a Symbol>) -> Vec<String> {
        let symbols: Vec<_> = symbols
            .into_iter()
            .map(|symbol| (symbol.full_name(), symbol.kind()))
            .collect();
        let mut by_file: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, (name, _)) in symbols.iter().enumerate() {
            if let Some((file, _)) = self.home_of(name) {
                by_file.entry(file).or_default().push(place);
            }
        }
        let definitions = Definitions::new(self);
        let mut texts = vec![String::new(); symbols.len()];
        for places in by_file.into_values() {
            let named = places
                .into_iter()
                .filter_map(|place| Some((place, symbols.get(place)?)));
            for (place, text) in of_one_file(&definitions, named) {
                if let Some(slot) = texts.get_mut(place) {
                    *slot = text;
                }
            }
        }
        texts
    }
}

fn of_one_file<'n, P>(
    definitions: &Definitions<'_>,
    mut named: impl Iterator<Item = (P, &'n (String, SymbolKind))>,
) -> Vec<(P, String)> {
    let Some((place, (name, kind))) = named.next() else {
        return Vec::new();
    };
    let Some(file) = definitions.home(name) else {
        return Vec::new();
    };
    let mut printer = Printer::new(definitions, &file);
    let all = std::iter::once((place, (name, *kind))).chain(named.map(|(place, (name, kind))| (place, (name, *kind))));
    all.map(|(place, (name, kind))| {
        // The loader has named every element by the same walk, so each is found.
        let _ = printer.symbol(kind, name);
        (place, printer.take())
    })
    .collect()
}

/// The path of a message in `SourceCodeInfo`.
fn message_path(file: &raw::File<'_>, index: u32) -> Vec<i32> {
    let mut path = Vec::new();
    let mut next = Some(index);
    while let Some(index) = next {
        let parent = file.messages.get(index as usize).and_then(|message| message.parent);
        let (span, field) = match parent.and_then(|parent| file.messages.get(parent as usize)) {
            Some(parent) => (&parent.messages, 3),
            None => (&file.top_messages, 4),
        };
        path.extend([offset(index, span), field]);
        next = parent;
    }
    path.reverse();
    path
}

/// The path of an enum in `SourceCodeInfo`.
fn enum_path(file: &raw::File<'_>, index: u32) -> Vec<i32> {
    let parent = file.enums.get(index as usize).and_then(|found| found.parent);
    match parent.and_then(|parent| Some((parent, file.messages.get(parent as usize)?))) {
        None => vec![5, offset(index, &file.top_enums)],
        Some((parent, message)) => {
            let mut path = message_path(file, parent);
            path.extend([4, offset(index, &message.enums)]);
            path
        }
    }
}

/// Which element of `span` it is.
fn offset(index: u32, span: &raw::Span) -> i32 {
    i32::try_from(index.saturating_sub(span.start)).unwrap_or(i32::MAX)
}

/// `path` and one step more.
fn join(path: &[i32], step: [i32; 2]) -> Vec<i32> {
    [path, &step].concat()
}

/// `scope.name`, or `name` at the root.
fn qualify(scope: &str, name: &str) -> String {
    if scope.is_empty() {
        name.to_owned()
    } else {
        format!("{scope}.{name}")
    }
}

/// Control characters, and those that turn the direction of text around: a terminal would obey them.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
