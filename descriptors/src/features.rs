//! What a file's syntax or edition, and the `features` options on its elements, make of a field or an enum.
//!
//! Features are inherited: file, message, nested message, oneof, field. Files before editions get the features that
//! describe how they always behaved. Source: `google/protobuf/descriptor.proto`, `message FeatureSet`, and
//! `DescriptorBuilder::ResolveFeatures` of protobuf's C++ runtime.

use crate::{
    link::{Kind, Linked, Symbol},
    raw::{self, Fields, Value},
};

/// Which rules a file was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Edition {
    Proto2,
    Proto3,
    Edition2023,
    Edition2024,
}

/// `FeatureSet.FieldPresence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldPresence {
    Explicit,
    Implicit,
    LegacyRequired,
}

/// `FeatureSet.VisibilityFeature.DefaultSymbolVisibility`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DefaultVisibility {
    ExportAll,
    ExportTopLevel,
    LocalAll,
    Strict,
}

/// The features in force for an element.
#[allow(clippy::struct_excessive_bools)] // Each stands for a feature of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FeatureSet {
    pub(crate) presence: FieldPresence,
    pub(crate) closed_enums: bool,
    pub(crate) packed: bool,
    pub(crate) verify_utf8: bool,
    pub(crate) delimited: bool,
    /// JSON names may clash (`LEGACY_BEST_EFFORT`).
    pub(crate) json_best_effort: bool,
    /// Names follow the style of edition 2024 (`STYLE2024`).
    pub(crate) enforce_style: bool,
    pub(crate) visibility: DefaultVisibility,
}

/// Features set on one element itself: enum numbers as they stand in its options.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) presence: Option<i32>,
    pub(crate) enum_type: Option<i32>,
    pub(crate) repeated_encoding: Option<i32>,
    pub(crate) utf8: Option<i32>,
    pub(crate) message_encoding: Option<i32>,
    pub(crate) json_format: Option<i32>,
    pub(crate) naming_style: Option<i32>,
    pub(crate) visibility: Option<i32>,
    /// Whether there is a `features` option at all, be it empty.
    pub(crate) present: bool,
}

/// Whether and how a field tells that it was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// A repeated field: it has elements or none.
    Repeated,
    /// Zero means that it was not set.
    Implicit,
    Explicit,
    Required,
}

/// What an encoder or decoder has to know of a field besides its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FieldFeatures {
    pub(crate) presence: Presence,
    /// Repeated numbers are written as one packed field.
    pub(crate) packed: bool,
    /// A message is written as a group.
    pub(crate) delimited: bool,
    /// A string must be UTF-8.
    pub(crate) verify_utf8: bool,
}

/// The features of every file, message and enum of a set.
#[derive(Debug)]
pub(crate) struct Features {
    files: Vec<OfFile>,
}

#[derive(Debug)]
struct OfFile {
    own: FeatureSet,
    messages: Vec<FeatureSet>,
    enums: Vec<FeatureSet>,
}

/// Where the `features` field stands in each options message.
pub(crate) mod tag {
    pub(crate) const FILE: u32 = 50;
    pub(crate) const MESSAGE: u32 = 12;
    pub(crate) const FIELD: u32 = 21;
    pub(crate) const ONEOF: u32 = 1;
    pub(crate) const ENUM: u32 = 7;
    pub(crate) const ENUM_VALUE: u32 = 2;
    pub(crate) const SERVICE: u32 = 34;
    pub(crate) const METHOD: u32 = 35;
    pub(crate) const EXTENSION_RANGE: u32 = 50;
}

/// Finds the features in force for every element of `files`.
pub(crate) fn resolve(files: &[raw::File<'_>]) -> Features {
    Features {
        files: files.iter().map(OfFile::new).collect(),
    }
}

impl Edition {
    /// The edition of a file, if it is one that is known.
    pub(crate) fn of(file: &raw::File<'_>) -> Option<Self> {
        match (file.syntax.unwrap_or_default(), file.edition) {
            ("editions", Some(1000)) => Some(Self::Edition2023),
            ("editions", Some(1001)) => Some(Self::Edition2024),
            ("" | "proto2", _) => Some(Self::Proto2),
            ("proto3", _) => Some(Self::Proto3),
            _ => None,
        }
    }

    /// Whether it is older than editions.
    pub(crate) fn is_legacy(self) -> bool {
        matches!(self, Self::Proto2 | Self::Proto3)
    }

    /// The features that hold where nothing else is said.
    pub(crate) fn defaults(self) -> FeatureSet {
        let proto2 = self == Self::Proto2;
        FeatureSet {
            presence: if self == Self::Proto3 {
                FieldPresence::Implicit
            } else {
                FieldPresence::Explicit
            },
            closed_enums: proto2,
            packed: !proto2,
            verify_utf8: !proto2,
            delimited: false,
            json_best_effort: proto2,
            enforce_style: self == Self::Edition2024,
            visibility: match self {
                Self::Edition2024 => DefaultVisibility::ExportTopLevel,
                _ => DefaultVisibility::ExportAll,
            },
        }
    }
}

impl Own {
    /// Reads the `features` field, which has this number in its kind of options. Later settings win, as in any message.
    pub(crate) fn read(options: &[u8], tag: u32) -> Self {
        let mut own = Self::default();
        for (number, value) in Fields::new(options).flatten() {
            if let (true, Value::Bytes(bytes)) = (number == tag, value) {
                own.present = true;
                own.merge(bytes);
            }
        }
        own
    }

    #[allow(clippy::cast_possible_truncation)] // Enums keep the low 32 bits of a varint.
    fn merge(&mut self, bytes: &[u8]) {
        for (number, value) in Fields::new(bytes).flatten() {
            let Value::Varint(value) = value else { continue };
            // A number that the enum lacks is an unknown field, so it changes nothing.
            let (slot, known): (_, &[i32]) = match number {
                1 => (&mut self.presence, &[0, 1, 2, 3]),
                2 => (&mut self.enum_type, &[0, 1, 2]),
                3 => (&mut self.repeated_encoding, &[0, 1, 2]),
                4 => (&mut self.utf8, &[0, 2, 3]),
                5 => (&mut self.message_encoding, &[0, 1, 2]),
                6 => (&mut self.json_format, &[0, 1, 2]),
                7 => (&mut self.naming_style, &[0, 1, 2, 3]),
                8 => (&mut self.visibility, &[0, 1, 2, 3, 4]),
                _ => continue,
            };
            if known.contains(&(value as i32)) {
                *slot = Some(value as i32);
            }
        }
    }
}

impl FeatureSet {
    /// These features with those of an element inside laid over them.
    fn with(mut self, own: &Own) -> Self {
        let set = |slot: &mut bool, value: Option<i32>, yes: i32| {
            if let Some(value) = value.filter(|value| *value != 0) {
                *slot = value == yes;
            }
        };
        set(&mut self.closed_enums, own.enum_type, 2);
        set(&mut self.packed, own.repeated_encoding, 1);
        set(&mut self.verify_utf8, own.utf8, 2);
        set(&mut self.delimited, own.message_encoding, 2);
        set(&mut self.json_best_effort, own.json_format, 2);
        match own.presence {
            Some(1) => self.presence = FieldPresence::Explicit,
            Some(2) => self.presence = FieldPresence::Implicit,
            Some(3) => self.presence = FieldPresence::LegacyRequired,
            _ => {}
        }
        match own.naming_style {
            // STYLE2026 holds names to all that STYLE2024 does.
            Some(1 | 3) => self.enforce_style = true,
            Some(2) => self.enforce_style = false,
            _ => {}
        }
        match own.visibility {
            Some(1) => self.visibility = DefaultVisibility::ExportAll,
            Some(2) => self.visibility = DefaultVisibility::ExportTopLevel,
            Some(3) => self.visibility = DefaultVisibility::LocalAll,
            Some(4) => self.visibility = DefaultVisibility::Strict,
            _ => {}
        }
        self
    }

    /// These features with those in the options of an element inside laid over them.
    pub(crate) fn with_options(self, options: &[u8], tag: u32) -> Self {
        if options.is_empty() {
            self
        } else {
            self.with(&Own::read(options, tag))
        }
    }
}

impl OfFile {
    fn new(file: &raw::File<'_>) -> Self {
        let edition = Edition::of(file).unwrap_or(Edition::Proto2);
        let own = edition.defaults().with_options(&file.options, tag::FILE);
        let mut messages: Vec<FeatureSet> = Vec::with_capacity(file.messages.len());
        for message in &file.messages {
            // Parents stand before their children.
            let parent = parent_of(own, &messages, message.parent);
            messages.push(parent.with_options(&message.options, tag::MESSAGE));
        }
        let enums = file.enums.iter();
        let enums = enums.map(|found| parent_of(own, &messages, found.parent).with_options(&found.options, tag::ENUM));
        let enums = enums.collect();
        Self { own, messages, enums }
    }
}

fn parent_of(file: FeatureSet, messages: &[FeatureSet], parent: Option<u32>) -> FeatureSet {
    parent
        .and_then(|parent| messages.get(parent as usize))
        .copied()
        .unwrap_or(file)
}

impl Features {
    /// The features of a file.
    pub(crate) fn file(&self, file: u32) -> FeatureSet {
        let found = self.files.get(file as usize).map(|file| file.own);
        found.unwrap_or_else(|| Edition::Proto2.defaults())
    }

    /// The features of a message.
    pub(crate) fn message(&self, file: u32, message: u32) -> FeatureSet {
        let found = self
            .files
            .get(file as usize)
            .and_then(|file| file.messages.get(message as usize));
        found.copied().unwrap_or_else(|| self.file(file))
    }

    /// The features of an enum.
    pub(crate) fn enumeration(&self, file: u32, found: u32) -> FeatureSet {
        let found = self
            .files
            .get(file as usize)
            .and_then(|file| file.enums.get(found as usize));
        found.copied().unwrap_or_else(|| self.file(file))
    }

    /// Whether an enum takes no values but its own.
    pub(crate) fn is_closed(&self, file: u32, found: u32) -> bool {
        self.enumeration(file, found).closed_enums
    }

    /// The features of a field or extension as they are inherited and set, before its kind comes in.
    pub(crate) fn field_set(&self, files: &[raw::File<'_>], file: u32, field: &raw::Field<'_>) -> FeatureSet {
        let Some(of) = files.get(file as usize) else {
            return self.file(file);
        };
        let mut inherited = field
            .parent
            .map_or_else(|| self.file(file), |parent| self.message(file, parent));
        if let Some(oneof) = oneof_of(of, field) {
            inherited = inherited.with_options(&oneof.options, tag::ONEOF);
        }
        let set = inherited.with_options(&field.options, tag::FIELD);
        match Edition::of(of) {
            Some(edition) if edition.is_legacy() => legacy(set, edition, field),
            _ => set,
        }
    }

    /// What an encoder or decoder has to know of a field or extension.
    pub(crate) fn field(&self, files: &[raw::File<'_>], linked: &Linked, file: u32, index: u32) -> FieldFeatures {
        let field = files
            .get(file as usize)
            .and_then(|file| file.fields.get(index as usize));
        let Some(field) = field else {
            let presence = Presence::Explicit;
            return FieldFeatures {
                presence,
                packed: false,
                delimited: false,
                verify_utf8: false,
            };
        };
        let set = self.field_set(files, file, field);
        let of = linked.field_type(file, index);
        let kind = kind_of(field, of);
        let is_extension = linked.extendee(file, index).is_some();
        FieldFeatures {
            presence: presence(field, kind, is_extension, set),
            packed: field.label == Some(REPEATED) && is_packable(kind) && set.packed,
            delimited: kind == GROUP
                || kind == MESSAGE && set.delimited && !is_map(files, of) && !in_map(files, file, field),
            verify_utf8: kind == STRING && set.verify_utf8,
        }
    }
}

const DOUBLE: i32 = 1;
const REQUIRED: i32 = 2;
const REPEATED: i32 = 3;
const STRING: i32 = 9;
const GROUP: i32 = 10;
const MESSAGE: i32 = 11;
const BYTES: i32 = 12;
const ENUM: i32 = 14;

/// The `FieldDescriptorProto.Type` number of a field, told by what it refers to where it has none of its own.
/// Without either it is a double: the first of the enum's values is the default of `type`.
pub(crate) fn kind_of(field: &raw::Field<'_>, of: Option<Symbol>) -> i32 {
    match (field.kind, of) {
        (Some(kind), _) => kind,
        (None, Some(symbol)) if symbol.kind == Kind::Enum => ENUM,
        (None, None) if field.type_name.is_none() => DOUBLE,
        (None, _) => MESSAGE,
    }
}

/// Whether repeated fields of this type can be packed: numbers, bools and enums.
pub(crate) fn is_packable(kind: i32) -> bool {
    (1..=18).contains(&kind) && !matches!(kind, STRING | GROUP | MESSAGE | BYTES)
}

/// Whether and how a field of this kind tells that it was set.
pub(crate) fn presence(field: &raw::Field<'_>, kind: i32, is_extension: bool, set: FeatureSet) -> Presence {
    if field.label == Some(REPEATED) {
        return Presence::Repeated;
    }
    match set.presence {
        FieldPresence::LegacyRequired => Presence::Required,
        _ if matches!(kind, GROUP | MESSAGE) || is_extension || field.oneof_index.is_some() => Presence::Explicit,
        FieldPresence::Explicit => Presence::Explicit,
        FieldPresence::Implicit => Presence::Implicit,
    }
}

/// The features that stand for what files before editions say in other ways.
pub(crate) fn legacy(mut set: FeatureSet, edition: Edition, field: &raw::Field<'_>) -> FeatureSet {
    if field.label == Some(REQUIRED) {
        set.presence = FieldPresence::LegacyRequired;
    }
    if field.kind == Some(GROUP) {
        set.delimited = true;
    }
    match packed_option(&field.options) {
        Some(true) => set.packed = true,
        Some(false) if edition == Edition::Proto3 => set.packed = false,
        _ => {}
    }
    set
}

/// The option `packed` of a field.
pub(crate) fn packed_option(options: &[u8]) -> Option<bool> {
    let packed = Fields::new(options)
        .flatten()
        .filter_map(|(number, value)| match (number, value) {
            (2, Value::Varint(value)) => Some(value != 0),
            _ => None,
        });
    packed.last()
}

fn oneof_of<'f, 'a>(file: &'f raw::File<'a>, field: &raw::Field<'_>) -> Option<&'f raw::Oneof<'a>> {
    let parent = file.messages.get(field.parent? as usize)?;
    raw::at(&file.oneofs, &parent.oneofs).get(usize::try_from(field.oneof_index?).ok()?)
}

/// Whether a field's type is the entry of a map.
fn is_map(files: &[raw::File<'_>], of: Option<Symbol>) -> bool {
    let entry = of.filter(|symbol| symbol.kind == Kind::Message);
    entry.is_some_and(|symbol| {
        let file = files.get(symbol.file as usize);
        file.and_then(|file| file.messages.get(symbol.index as usize))
            .is_some_and(raw::Message::is_map_entry)
    })
}

/// Whether a field stands in the entry of a map.
fn in_map(files: &[raw::File<'_>], file: u32, field: &raw::Field<'_>) -> bool {
    let messages = files.get(file as usize).map(|file| &file.messages);
    let parent = messages
        .zip(field.parent)
        .and_then(|(messages, parent)| messages.get(parent as usize));
    parent.is_some_and(raw::Message::is_map_entry)
}

#[cfg(test)]
mod tests;
