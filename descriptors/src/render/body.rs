//! What stands in a scope: messages, enums, services, and the order of their parts.

use std::collections::{HashMap, HashSet};

use super::{GROUP, REPEATED, definitions::find_message, join, offset, printer::Printer, qualify};
use crate::raw::{self, Fields, Span, Value, at};

/// A message that is written inside the field that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inline {
    Map,
    Group,
}

/// Messages by name, for each span of neighbours that was looked through: once, not once a field.
#[derive(Debug, Default)]
pub(super) struct Children<'f>(HashMap<u32, HashMap<&'f str, u32>>);

/// A part of a scope; indices into the arenas.
enum Part {
    Field(u32),
    /// Offset in the message.
    Oneof(i32),
    Enum(u32),
    Message(u32),
    Extend(Span),
    Service(usize),
}

/// The arenas' spans of a scope, and the numbers of its lists in paths of `SourceCodeInfo`.
struct Scope<'n> {
    name: &'n str,
    path: &'n [i32],
    message: Option<u32>,
    fields: Span,
    extensions: Span,
    messages: Span,
    enums: Span,
    services: usize,
    /// Of extensions, messages and enums.
    numbers: [i32; 3],
}

impl<'f> Children<'f> {
    fn find(&mut self, file: &'f raw::File<'f>, span: &Span, name: &str) -> Option<u32> {
        if span.is_empty() {
            return None;
        }
        let names = self.0.entry(span.start).or_insert_with(|| {
            let named = |index: u32| Some((file.messages.get(index as usize)?.name?, index));
            span.clone().filter_map(named).collect()
        });
        names.get(name).copied()
    }
}

impl<'f> Printer<'f, '_> {
    /// Everything at the top level of the file.
    pub(super) fn top_level(&mut self) {
        let file = self.file;
        self.parts(&Scope {
            name: file.package.unwrap_or_default(),
            path: &[],
            message: None,
            fields: 0..0,
            extensions: file.top_extensions.clone(),
            messages: file.top_messages.clone(),
            enums: file.top_enums.clone(),
            services: file.services.len(),
            numbers: [7, 4, 5],
        });
    }

    /// A message; `scope` is what it stands in.
    pub(super) fn message(&mut self, index: u32, scope: &str, path: &[i32]) {
        let Some(message) = self.file.messages.get(index as usize) else {
            return;
        };
        let name = message.name.unwrap_or_default();
        let full_name = qualify(scope, name);
        self.lead(path);
        let head = format!("{}message {name}", visibility(message.visibility));
        self.block(&head, |printer| printer.message_body(index, &full_name, path));
    }

    /// What stands between a message's braces.
    pub(super) fn message_body(&mut self, index: u32, full_name: &str, path: &[i32]) {
        let Some(message) = self.file.messages.get(index as usize) else {
            return;
        };
        let options = self.options("google.protobuf.MessageOptions", &message.options, full_name);
        self.option_lines(&options);
        self.reserved_of_message(message);
        self.extension_ranges(message, full_name);
        self.parts(&Scope {
            name: full_name,
            path,
            message: Some(index),
            fields: message.fields.clone(),
            extensions: message.extensions.clone(),
            messages: message.messages.clone(),
            enums: message.enums.clone(),
            services: 0,
            numbers: [6, 3, 4],
        });
    }

    pub(super) fn message_name(&self, index: u32) -> &'f str {
        self.file
            .messages
            .get(index as usize)
            .and_then(|message| message.name)
            .unwrap_or_default()
    }

    fn parts(&mut self, scope: &Scope<'_>) {
        let mut parts = self.gather(scope);
        // In the order of the source if that is known of every part; else kind by kind.
        let starts: Vec<_> = parts
            .iter()
            .map_while(|part| self.comments.start(&scope.path(part)))
            .collect();
        if starts.len() == parts.len() {
            let mut placed: Vec<_> = starts.into_iter().zip(parts).collect();
            placed.sort_by_key(|(start, _)| *start);
            parts = placed.into_iter().map(|(_, part)| part).collect();
        }
        let mut after_block = !parts.is_empty() && scope.message.is_none();
        for part in parts {
            let is_block = !matches!(part, Part::Field(_));
            if is_block || after_block {
                self.blank();
            }
            self.part(&part, scope);
            after_block = is_block;
        }
    }

    fn gather(&self, scope: &Scope<'_>) -> Vec<Part> {
        let file = self.file;
        let mut parts = Vec::new();
        let mut oneofs = HashSet::new();
        for index in scope.fields.clone() {
            match file.fields.get(index as usize) {
                Some(field) if !field.proto3_optional && field.oneof_index.is_some() => {
                    let oneof = field.oneof_index.unwrap_or_default();
                    parts.extend(oneofs.insert(oneof).then_some(Part::Oneof(oneof)));
                }
                _ => parts.push(Part::Field(index)),
            }
        }
        parts.extend(scope.enums.clone().map(Part::Enum));
        let inline = self.inlined(scope);
        parts.extend(
            scope
                .messages
                .clone()
                .filter(|index| !inline.contains(index))
                .map(Part::Message),
        );
        let mut first = scope.extensions.start;
        for group in at(&file.fields, &scope.extensions).chunk_by(|one, next| one.extendee == next.extendee) {
            let next = first + u32::try_from(group.len()).unwrap_or_default();
            parts.push(Part::Extend(first..next));
            first = next;
        }
        parts.extend((0..scope.services).map(Part::Service));
        parts
    }

    /// The messages of a scope that stand inside fields of it.
    fn inlined(&self, scope: &Scope<'_>) -> HashSet<u32> {
        let fields = at(&self.file.fields, &scope.fields).iter();
        let all = fields.chain(at(&self.file.fields, &scope.extensions));
        all.filter_map(|field| self.inline_of(field, scope.name))
            .map(|(_, index)| index)
            .collect()
    }

    /// The message that is written inside a field of `scope`: a map's entry or a group's fields.
    pub(super) fn inline_of(&self, field: &raw::Field<'_>, scope: &str) -> Option<(Inline, u32)> {
        let kind = match field.kind {
            Some(GROUP) => Inline::Group,
            Some(super::MESSAGE) | None if field.label == Some(REPEATED) => Inline::Map,
            _ => return None,
        };
        // A neighbour: its name is the scope's and one word.
        let name = field.type_name?;
        let local = match name.strip_prefix('.') {
            None => name,
            Some(full) if scope.is_empty() => full,
            Some(full) => full.strip_prefix(scope)?.strip_prefix('.')?,
        };
        if local.contains('.') {
            return None;
        }
        let index = self.neighbour(field, scope, local)?;
        let message = self.file.messages.get(index as usize)?;
        let fits = match kind {
            Inline::Map => is_map_entry(&message.options) && message.fields.len() == 2,
            Inline::Group => {
                self.file.syntax != Some("editions")
                    && field.name.is_some_and(|name| name == local.to_ascii_lowercase())
                    && local.starts_with(|first: char| first.is_ascii_uppercase())
            }
        };
        fits.then_some((kind, index))
    }

    fn neighbour(&self, field: &raw::Field<'_>, scope: &str, local: &str) -> Option<u32> {
        let file = self.file;
        let span = match field.parent {
            Some(parent) => file.messages.get(parent as usize)?.messages.clone(),
            None if scope == file.package.unwrap_or_default() => file.top_messages.clone(),
            None => return find_message(file, &qualify(scope, local)),
        };
        self.children.borrow_mut().find(file, &span, local)
    }

    fn part(&mut self, part: &Part, scope: &Scope<'_>) {
        let file = self.file;
        let path = scope.path(part);
        match part {
            Part::Field(index) => {
                if let Some(field) = file.fields.get(*index as usize) {
                    self.field(field, scope.name, &path);
                }
            }
            Part::Oneof(offset) => self.oneof(scope.message.unwrap_or_default(), *offset, scope.name, scope.path),
            Part::Message(index) => self.message(*index, scope.name, &path),
            Part::Enum(index) => {
                if let Some(enumeration) = file.enums.get(*index as usize) {
                    self.enumeration(enumeration, scope.name, &path);
                }
            }
            Part::Extend(span) => {
                let [extension, ..] = scope.numbers;
                let list = [scope.path, &[extension]].concat();
                self.extend(span, &scope.extensions, scope.name, &list);
            }
            Part::Service(index) => self.service(*index, scope.name),
        }
    }

    /// An enum; `scope` is what it stands in.
    pub(super) fn enumeration(&mut self, enumeration: &raw::Enum<'f>, scope: &str, path: &[i32]) {
        let name = enumeration.name.unwrap_or_default();
        self.lead(path);
        let head = format!("{}enum {name}", visibility(enumeration.visibility));
        self.block(&head, |printer| {
            let options = printer.options("google.protobuf.EnumOptions", &enumeration.options, scope);
            printer.option_lines(&options);
            printer.reserved_of_enum(enumeration);
            for (index, value) in (0..).zip(at(&printer.file.values, &enumeration.values)) {
                printer.value(value, scope, &join(path, [2, index]));
            }
        });
    }

    pub(super) fn value(&mut self, value: &raw::EnumValue<'f>, scope: &str, path: &[i32]) {
        let options = self.options("google.protobuf.EnumValueOptions", &value.options, scope);
        self.lead(path);
        self.unknown_options(&options);
        let head = format!(
            "{} = {}",
            value.name.unwrap_or_default(),
            value.number.unwrap_or_default()
        );
        self.statement(&head, &options.settings);
    }

    /// The service with this index in the file.
    pub(super) fn service(&mut self, index: usize, scope: &str) {
        let file = self.file;
        let Some(service) = file.services.get(index) else {
            return;
        };
        let name = service.name.unwrap_or_default();
        let full_name = qualify(scope, name);
        let path = [6, i32::try_from(index).unwrap_or(i32::MAX)];
        self.lead(&path);
        self.block(&format!("service {name}"), |printer| {
            let options = printer.options("google.protobuf.ServiceOptions", &service.options, &full_name);
            printer.option_lines(&options);
            for (index, method) in (0..).zip(at(&file.methods, &service.methods)) {
                printer.method(method, &full_name, &join(&path, [2, index]));
            }
        });
    }

    pub(super) fn method(&mut self, method: &raw::Method<'f>, scope: &str, path: &[i32]) {
        let side = |printer: &Self, stream: bool, name: Option<&str>| {
            let full = printer.definitions.resolve(name.unwrap_or_default(), scope);
            format!("( {}.{full} )", if stream { "stream " } else { "" })
        };
        let input = side(self, method.client_streaming, method.input);
        let output = side(self, method.server_streaming, method.output);
        let options = self.options("google.protobuf.MethodOptions", &method.options, scope);
        let head = format!("rpc {} {input} returns {output}", method.name.unwrap_or_default());
        self.lead(path);
        if options.is_empty() {
            self.line(&format!("{head};"));
        } else {
            self.block(&head, |printer| printer.option_lines(&options));
        }
    }
}

impl Scope<'_> {
    /// The path of a part in `SourceCodeInfo`.
    fn path(&self, part: &Part) -> Vec<i32> {
        let [extension, message, enumeration] = self.numbers;
        join(
            self.path,
            match part {
                Part::Field(index) => [2, offset(*index, &self.fields)],
                Part::Oneof(offset) => [8, *offset],
                Part::Message(index) => [message, offset(*index, &self.messages)],
                Part::Enum(index) => [enumeration, offset(*index, &self.enums)],
                Part::Extend(span) => [extension, offset(span.start, &self.extensions)],
                Part::Service(index) => [6, i32::try_from(*index).unwrap_or(i32::MAX)],
            },
        )
    }
}

/// `google.protobuf.SymbolVisibility`, of edition 2024.
fn visibility(number: i32) -> &'static str {
    match number {
        1 => "local ",
        2 => "export ",
        _ => "",
    }
}

/// `MessageOptions.map_entry`, field 7.
fn is_map_entry(options: &[u8]) -> bool {
    let last = Fields::new(options)
        .filter_map(Result::ok)
        .filter(|(number, _)| *number == 7)
        .last();
    matches!(last, Some((_, Value::Varint(value))) if value != 0)
}
