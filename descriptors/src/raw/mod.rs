//! Descriptors as they stand in a set: borrowed, unchecked, flat.
//!
//! One [`File`] holds an arena for each kind of element. Messages are scanned breadth first, so the
//! children of one parent lie side by side and are named by a [`Range`]; nothing recurses over the input's depth.
//! Source: `google/protobuf/descriptor.proto`.

mod json_name;
mod parse;
mod wire;

use std::{borrow::Cow, ops::Range};

pub(crate) use json_name::json_name;
pub(crate) use wire::{Fields, Packed, Value, WireError, check_packed};

/// Indices into one of the arenas of a [`File`].
pub(crate) type Span = Range<u32>;

/// The options message of an element, as wire bytes; empty if it has none. Pieces are joined, as parsers merge them.
pub(crate) type Options<'a> = Cow<'a, [u8]>;

/// A `FileDescriptorProto`. Arena order: what stands at the top level first, then breadth first.
#[derive(Debug, Default)]
pub(crate) struct File<'a> {
    /// The file as it came, to the byte.
    pub(crate) bytes: &'a [u8],
    pub(crate) name: Option<&'a str>,
    pub(crate) package: Option<&'a str>,
    pub(crate) syntax: Option<&'a str>,
    /// A `google.protobuf.Edition` number.
    pub(crate) edition: Option<i32>,
    pub(crate) dependencies: Vec<&'a str>,
    pub(crate) public_dependencies: Vec<i32>,
    pub(crate) weak_dependencies: Vec<i32>,
    pub(crate) option_dependencies: Vec<&'a str>,
    pub(crate) options: Options<'a>,
    /// `SourceCodeInfo` as wire bytes; empty if there is none.
    pub(crate) source_info: Options<'a>,
    pub(crate) top_messages: Span,
    pub(crate) top_enums: Span,
    pub(crate) top_extensions: Span,
    pub(crate) messages: Vec<Message<'a>>,
    /// Fields of messages and extensions alike.
    pub(crate) fields: Vec<Field<'a>>,
    pub(crate) oneofs: Vec<Oneof<'a>>,
    pub(crate) enums: Vec<Enum<'a>>,
    pub(crate) values: Vec<EnumValue<'a>>,
    pub(crate) services: Vec<Service<'a>>,
    pub(crate) methods: Vec<Method<'a>>,
    pub(crate) extension_ranges: Vec<ExtensionRange<'a>>,
    /// Of messages (end exclusive) and enums (end inclusive) alike.
    pub(crate) reserved_ranges: Vec<(i32, i32)>,
    pub(crate) reserved_names: Vec<&'a str>,
    /// What could not be read: refused later, each as a finding.
    pub(crate) problems: Vec<Problem>,
}

/// Something in the bytes of a file that is no descriptor.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    /// Name of the `descriptor.proto` message and field it was found in, `FieldDescriptorProto.name`.
    pub(crate) place: &'static str,
    pub(crate) what: ProblemKind,
}

#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(crate) enum ProblemKind {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("text is not UTF-8")]
    Utf8,
    #[error("the field has another wire type than descriptor.proto gives it")]
    Type,
}

/// A `DescriptorProto`.
#[derive(Debug, Default)]
pub(crate) struct Message<'a> {
    /// As it came, to the byte.
    pub(crate) bytes: &'a [u8],
    pub(crate) name: Option<&'a str>,
    /// The message it is nested in; none at the top level.
    pub(crate) parent: Option<u32>,
    pub(crate) fields: Span,
    pub(crate) extensions: Span,
    pub(crate) messages: Span,
    pub(crate) enums: Span,
    pub(crate) oneofs: Span,
    pub(crate) extension_ranges: Span,
    pub(crate) reserved_ranges: Span,
    pub(crate) reserved_names: Span,
    pub(crate) options: Options<'a>,
    /// A `SymbolVisibility` number (edition 2024), 0 if unset.
    pub(crate) visibility: i32,
}

/// A `FieldDescriptorProto`: a field or an extension.
#[derive(Debug, Default)]
pub(crate) struct Field<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) extendee: Option<&'a str>,
    pub(crate) number: Option<i32>,
    /// 1 optional, 2 required, 3 repeated; `None` if it has none or one that does not exist.
    pub(crate) label: Option<i32>,
    /// A `FieldDescriptorProto.Type` number from 1 to 18; `None` if it has none or one that does not exist.
    pub(crate) kind: Option<i32>,
    pub(crate) type_name: Option<&'a str>,
    pub(crate) default_value: Option<&'a str>,
    pub(crate) oneof_index: Option<i32>,
    pub(crate) json_name: Option<&'a str>,
    pub(crate) proto3_optional: bool,
    pub(crate) options: Options<'a>,
    /// The message it stands in: of a field its own, of an extension the scope; none at the top level.
    pub(crate) parent: Option<u32>,
}

/// A `OneofDescriptorProto`.
#[derive(Debug, Default)]
pub(crate) struct Oneof<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) options: Options<'a>,
}

/// An `EnumDescriptorProto`.
#[derive(Debug, Default)]
pub(crate) struct Enum<'a> {
    /// As it came, to the byte.
    pub(crate) bytes: &'a [u8],
    pub(crate) name: Option<&'a str>,
    /// The message it is nested in; none at the top level.
    pub(crate) parent: Option<u32>,
    pub(crate) values: Span,
    pub(crate) reserved_ranges: Span,
    pub(crate) reserved_names: Span,
    pub(crate) options: Options<'a>,
    /// A `SymbolVisibility` number (edition 2024), 0 if unset.
    pub(crate) visibility: i32,
}

/// An `EnumValueDescriptorProto`.
#[derive(Debug, Default)]
pub(crate) struct EnumValue<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) number: Option<i32>,
    pub(crate) options: Options<'a>,
}

/// A `ServiceDescriptorProto`.
#[derive(Debug, Default)]
pub(crate) struct Service<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) methods: Span,
    pub(crate) options: Options<'a>,
}

/// A `MethodDescriptorProto`.
#[derive(Debug, Default)]
pub(crate) struct Method<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) input: Option<&'a str>,
    pub(crate) output: Option<&'a str>,
    pub(crate) client_streaming: bool,
    pub(crate) server_streaming: bool,
    pub(crate) options: Options<'a>,
}

/// A `DescriptorProto.ExtensionRange`: start inclusive, end exclusive.
#[derive(Debug, Default)]
pub(crate) struct ExtensionRange<'a> {
    pub(crate) start: i32,
    pub(crate) end: i32,
    pub(crate) options: Options<'a>,
}

impl Message<'_> {
    /// Whether it is the entry type that stands for a map field (`MessageOptions.map_entry`).
    pub(crate) fn is_map_entry(&self) -> bool {
        flag(&self.options, 7)
    }

    /// Whether it has the wire format of `MessageSet` (`MessageOptions.message_set_wire_format`).
    pub(crate) fn is_message_set(&self) -> bool {
        flag(&self.options, 1)
    }
}

impl Enum<'_> {
    /// Whether values may share a number (`EnumOptions.allow_alias`).
    pub(crate) fn allows_alias(&self) -> bool {
        flag(&self.options, 2)
    }
}

/// A bool option; false if it is not set.
fn flag(options: &[u8], tag: u32) -> bool {
    let values = Fields::new(options)
        .flatten()
        .filter_map(|(number, value)| match (number, value) {
            (number, Value::Varint(value)) if number == tag => Some(value != 0),
            _ => None,
        });
    values.last().unwrap_or_default()
}

impl File<'_> {
    /// Files, messages, fields, enums, values, methods and ranges: what the limit `descriptor_elements` counts.
    pub(crate) fn elements(&self) -> usize {
        1 + self.messages.len()
            + self.fields.len()
            + self.oneofs.len()
            + self.enums.len()
            + self.values.len()
            + self.services.len()
            + self.methods.len()
            + self.extension_ranges.len()
            + self.reserved_ranges.len()
            + self.reserved_names.len()
            + self.dependencies.len()
            + self.option_dependencies.len()
    }
}

/// The elements of `arena` that `span` names; empty if it lies outside.
pub(crate) fn at<'f, T>(arena: &'f [T], span: &Span) -> &'f [T] {
    arena.get(span.start as usize..span.end as usize).unwrap_or_default()
}
