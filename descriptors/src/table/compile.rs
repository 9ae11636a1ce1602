//! From the descriptor of one message to its table.

use super::{
    Field, Kind, Known, MessageTable, NO_ONEOF, Names, Shape, WireType, features::edition, locate, names::NamesBuilder,
};
use crate::{
    codec::{PADDING, Prefix},
    features::{self, FeatureSet, Presence, tag},
    findings::Position,
    link::{Symbol, Texts as _},
    raw::{self, Fields, Value},
    schema::tables::{MessageRecord, Piece, Tables},
};

/// Field numbers below this are found by their number alone.
const DENSE: u32 = 1024;

pub(super) fn message(tables: &Tables, message: u32) -> MessageTable {
    let Some(record) = tables.messages.get(message as usize) else {
        return MessageTable::default();
    };
    let bytes = tables.bytes(record.file);
    let file = raw::File::parse_message(bytes.get(record.body.range()).unwrap_or_default());
    let message_set = file.messages.first().is_some_and(raw::Message::is_message_set);
    let mut drafts = own_fields(tables, record, &file, message);
    extensions(tables, tables.text(record.name), &mut drafts);
    if message_set {
        for draft in &mut drafts {
            draft.field.kind = Kind::Item;
            let alias = tables.item_name(&draft.field, &draft.proto);
            draft.alias = alias.map(|alias| format!("[{alias}]"));
        }
    }
    drafts.sort_by_key(|draft| draft.field.number);
    drafts.dedup_by_key(|draft| draft.field.number);
    MessageTable {
        message_set,
        reserved: reserved(&file),
        ..build(tables.text(record.name), drafts)
    }
}

/// A field and its names.
struct Draft {
    field: Field,
    json: String,
    proto: String,
    /// Another name that is read: see [`Tables::item_name`].
    alias: Option<String>,
}

/// Where a field stands.
struct Place<'t> {
    tables: &'t Tables,
    file: u32,
    bytes: &'t [u8],
    features: FeatureSet,
    is_extension: bool,
    in_map: bool,
}

/// The names that the first message of `file` reserves.
fn reserved(file: &raw::File<'_>) -> Option<Box<Names>> {
    let names = raw::at(&file.reserved_names, &file.messages.first()?.reserved_names);
    let mut builder = NamesBuilder::default();
    for (place, name) in names.iter().enumerate() {
        builder.add(name, place);
    }
    (!names.is_empty()).then(|| Box::new(builder.build()))
}

fn own_fields(tables: &Tables, record: &MessageRecord, file: &raw::File<'_>, own: u32) -> Vec<Draft> {
    let Some(message) = file.messages.first() else {
        return Vec::new();
    };
    let place = Place {
        tables,
        file: record.file,
        bytes: tables.bytes(record.file),
        features: tables.features_around(record.file, own),
        is_extension: false,
        in_map: message.is_map_entry(),
    };
    let oneofs = raw::at(&file.oneofs, &message.oneofs);
    let fields = raw::at(&file.fields, &message.fields);
    fields.iter().filter_map(|field| place.draft(field, oneofs)).collect()
}

fn extensions(tables: &Tables, full_name: &str, drafts: &mut Vec<Draft>) {
    let Some((_, id)) = tables.message(full_name) else {
        return;
    };
    for extension in tables.extensions_of(id) {
        drafts.extend(tables.symbols.get(extension.id).and_then(|symbol| {
            let name = tables.symbols.full_name(tables, extension.id);
            extension_draft(tables, &symbol, &name)
        }));
    }
}

fn extension_draft(tables: &Tables, symbol: &Symbol, full_name: &str) -> Option<Draft> {
    let bytes = tables.bytes(symbol.file);
    let (body, around) = locate::extension(bytes, symbol.position().offset as usize)?;
    let mut features = tables.features_around(symbol.file, crate::schema::tables::UNKNOWN);
    for message in around {
        let file = raw::File::parse_message(message);
        let options = file.messages.first().map(|message| &*message.options);
        features = features.with_options(options.unwrap_or_default(), tag::MESSAGE);
    }
    let place = Place {
        tables,
        file: symbol.file,
        bytes,
        features,
        is_extension: true,
        in_map: false,
    };
    let file = raw::File::parse_field(body);
    let mut draft = place.draft(file.fields.first()?, &[])?;
    draft.json = format!("[{full_name}]");
    draft.proto.clone_from(&draft.json);
    Some(draft)
}

impl Place<'_> {
    /// `None`: it is no field that could be on the wire.
    fn draft(&self, field: &raw::Field<'_>, oneofs: &[raw::Oneof<'_>]) -> Option<Draft> {
        let of = field.type_name.and_then(|name| self.symbol(name));
        let number = u32::try_from(field.number?).ok().filter(|number| *number > 0)?;
        let set = self.features(field, oneofs);
        let kind = features::kind_of(field, of);
        let child = of.and_then(|symbol| self.child(&symbol));
        let is_map = of.is_some() && self.is_map(child) && kind == 11;
        let delimited = set.delimited && !is_map && !self.in_map;
        let kind = self.kind(kind, delimited, of, child)?;
        let repeated = field.label == Some(3);
        let presence = features::presence(field, features::kind_of(field, of), self.is_extension, set);
        let name = field.name.unwrap_or_default();
        let json = field
            .json_name
            .map_or_else(|| raw::json_name(name).into_owned(), str::to_owned);
        let oneof = field.oneof_index.filter(|_| !field.proto3_optional);
        Some(Draft {
            field: Field {
                number,
                kind,
                wire: kind.wire_type(),
                shape: match (repeated, is_map) {
                    (true, true) => Shape::Map,
                    (true, false) => Shape::Repeated,
                    (false, _) => Shape::Single,
                },
                implicit: presence == Presence::Implicit,
                emitted: !self.is_extension && (repeated || presence == Presence::Implicit),
                packed: repeated && kind.is_packable() && set.packed,
                verify_utf8: set.verify_utf8,
                required: presence == Presence::Required,
                redact: debug_redact(&field.options),
                oneof: oneof.and_then(|oneof| u16::try_from(oneof).ok()).unwrap_or(NO_ONEOF),
                child: child.unwrap_or(u32::MAX),
                prefix: None,
                json: Piece::default(),
                proto: Piece::default(),
            },
            json,
            proto: name.to_owned(),
            alias: None,
        })
    }

    fn features(&self, field: &raw::Field<'_>, oneofs: &[raw::Oneof<'_>]) -> FeatureSet {
        let oneof = field.oneof_index.and_then(|oneof| usize::try_from(oneof).ok());
        let oneof = oneof.and_then(|oneof| oneofs.get(oneof));
        let options = oneof.map(|oneof| &*oneof.options).unwrap_or_default();
        let set = self.features.with_options(options, tag::ONEOF);
        let set = set.with_options(&field.options, tag::FIELD);
        let file = self.tables.files.get(self.file as usize);
        let edition = edition(file.map(|file| file.syntax).unwrap_or_default());
        if edition.is_legacy() {
            features::legacy(set, edition, field)
        } else {
            set
        }
    }

    /// The type that a field names.
    fn symbol(&self, name: &str) -> Option<Symbol> {
        if let Some(full_name) = name.strip_prefix('.') {
            return self.tables.symbols.get(self.tables.symbol(full_name)?);
        }
        let offset = name.as_ptr().addr().wrapping_sub(self.bytes.as_ptr().addr());
        let position = Position {
            file: self.file,
            offset: u32::try_from(offset).ok()?,
        };
        let relative = &self.tables.relative;
        let found = relative.binary_search_by_key(&position, |(position, _)| *position);
        self.tables.symbols.get(relative.get(found.ok()?)?.1)
    }

    fn child(&self, symbol: &Symbol) -> Option<u32> {
        self.tables
            .message_index(symbol)
            .or_else(|| self.tables.enum_index(symbol))
    }

    fn is_map(&self, child: Option<u32>) -> bool {
        let record = child.and_then(|child| self.tables.messages.get(child as usize));
        record.is_some_and(|record| {
            let body = self.tables.bytes(record.file).get(record.body.range());
            Fields::new(body.unwrap_or_default())
                .flatten()
                .any(|(number, value)| match value {
                    // DescriptorProto.options, MessageOptions.map_entry
                    Value::Bytes(options) if number == 7 => Fields::new(options)
                        .flatten()
                        .any(|field| matches!(field, (7, Value::Varint(1..)))),
                    _ => false,
                })
        })
    }

    fn kind(&self, number: i32, delimited: bool, of: Option<Symbol>, child: Option<u32>) -> Option<Kind> {
        Some(match number {
            1 => Kind::Double,
            2 => Kind::Float,
            3 => Kind::Int64,
            4 => Kind::Uint64,
            5 => Kind::Int32,
            6 => Kind::Fixed64,
            7 => Kind::Fixed32,
            8 => Kind::Bool,
            9 => Kind::String,
            10 | 11 if delimited => Kind::Group,
            10 | 11 => Kind::Message,
            12 => Kind::Bytes,
            13 => Kind::Uint32,
            14 => self.enum_kind(of, child),
            15 => Kind::Sfixed32,
            16 => Kind::Sfixed64,
            17 => Kind::Sint32,
            18 => Kind::Sint64,
            _ => return None,
        })
    }

    fn enum_kind(&self, of: Option<Symbol>, child: Option<u32>) -> Kind {
        let null = self.tables.symbol("google.protobuf.NullValue");
        let null = null.and_then(|id| self.tables.symbols.get(id));
        let same = null.zip(of).is_some_and(|(null, of)| null.position() == of.position());
        match child {
            Some(_) if same => Kind::Null,
            Some(child) if self.tables.enum_table(child).closed => Kind::ClosedEnum,
            _ => Kind::OpenEnum,
        }
    }
}

/// `FieldOptions.debug_redact`.
fn debug_redact(options: &[u8]) -> bool {
    let found = Fields::new(options).flatten().filter_map(|field| match field {
        (16, Value::Varint(value)) => Some(value != 0),
        _ => None,
    });
    found.last().unwrap_or_default()
}

fn build(full_name: &str, mut drafts: Vec<Draft>) -> MessageTable {
    let mut text = String::new();
    let mut names = NamesBuilder::default();
    for draft in &mut drafts {
        draft.field.json = member(&mut text, &draft.json);
        draft.field.proto = if draft.proto == draft.json {
            draft.field.json
        } else {
            member(&mut text, &draft.proto)
        };
    }
    for draft in &mut drafts {
        draft.field.prefix = text
            .get(draft.field.json.range())
            .and_then(|key| Prefix::new(key.as_bytes()));
    }
    text.extend(std::iter::repeat_n('\0', PADDING));
    // JSON names come first: where one field's proto name is another's JSON name, JSON decides.
    let by_json = drafts.iter().map(|draft| &draft.json).enumerate();
    for (place, name) in by_json.chain(drafts.iter().map(|draft| &draft.proto).enumerate()) {
        names.add(name, place);
    }
    for (place, draft) in drafts.iter().enumerate() {
        draft.alias.iter().for_each(|alias| names.add(alias, place));
    }
    let names = names.build();
    let shadowed = (0u32..).zip(&drafts);
    let shadowed = shadowed.filter(|(place, draft)| names.find(draft.proto.as_bytes()) != Some(*place as usize));
    let fields: Box<[Field]> = drafts.iter().map(|draft| draft.field).collect();
    MessageTable {
        known: Known::of(full_name, &fields),
        dense: dense(&fields),
        tags: tags(&fields),
        shadowed: shadowed.map(|(place, _)| place).collect(),
        message_set: false,
        reserved: None,
        names,
        oneofs: fields
            .iter()
            .filter(|field| field.oneof != NO_ONEOF)
            .map(|field| field.oneof + 1)
            .max()
            .unwrap_or_default(),
        text: text.into(),
        fields,
    }
}

/// Adds `,"name":` to the text, escaped as JSON strings are.
fn member(text: &mut String, name: &str) -> Piece {
    let start = text.len();
    text.push_str(",\"");
    for letter in name.chars() {
        match letter {
            '"' | '\\' => text.extend(['\\', letter]),
            '\0'..' ' => text.extend(["\\u", &format!("{:04x}", u32::from(letter))]),
            _ => text.push(letter),
        }
    }
    text.push_str("\":");
    Piece {
        start: u32::try_from(start).unwrap_or(u32::MAX),
        length: u32::try_from(text.len() - start).unwrap_or(u32::MAX),
    }
}

/// Places by tags of one byte.
fn tags(fields: &[Field]) -> Box<[u8]> {
    let mut tags = Vec::new();
    for (place, field) in (1u8..=u8::MAX).zip(fields) {
        let own = [
            Some(field.tag()),
            field.fits(WireType::Bytes).then(|| field.packed_tag()),
        ];
        for tag in own.into_iter().flatten().filter(|tag| *tag < 0x80) {
            let tag = tag as usize;
            tags.resize(tags.len().max(tag + 1), 0);
            if let Some(slot) = tags.get_mut(tag) {
                *slot = place;
            }
        }
    }
    tags.into()
}

fn dense(fields: &[Field]) -> Box<[u16]> {
    let last = fields.iter().rev().find(|field| field.number < DENSE);
    // Few fields with wide gaps are searched for: a table of mostly zeros is not worth its memory.
    let size = last.map_or(0, |field| field.number as usize + 1);
    if size > 64 + 8 * fields.len() {
        return Box::default();
    }
    let mut dense = vec![0; size];
    for (place, field) in (1u16..).zip(fields) {
        if let Some(slot) = dense.get_mut(field.number as usize) {
            *slot = place;
        }
    }
    dense.into()
}
