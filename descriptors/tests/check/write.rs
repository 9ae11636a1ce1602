//! Writes descriptors field by field, so that they can be as wrong as a test needs them.
//!
//! One type for every message of `descriptor.proto`: each method is named after a field and writes it with its number.
//! What is written later wins, as parsers have it.

/// The bytes of a message so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wire(pub(crate) Vec<u8>);

/// `FieldDescriptorProto.Type`.
pub(crate) const DOUBLE: i64 = 1;
pub(crate) const FLOAT: i64 = 2;
pub(crate) const INT64: i64 = 3;
pub(crate) const UINT64: i64 = 4;
pub(crate) const INT32: i64 = 5;
pub(crate) const BOOL: i64 = 8;
pub(crate) const STRING: i64 = 9;
pub(crate) const GROUP: i64 = 10;
pub(crate) const MESSAGE: i64 = 11;
pub(crate) const BYTES: i64 = 12;
pub(crate) const UINT32: i64 = 13;
pub(crate) const ENUM: i64 = 14;

/// `FieldDescriptorProto.Label`.
pub(crate) const REQUIRED: i64 = 2;
pub(crate) const REPEATED: i64 = 3;

/// The largest field number.
pub(crate) const MAX: i64 = 536_870_911;

/// A `FileDescriptorSet`.
pub(crate) fn set(files: &[Wire]) -> Vec<u8> {
    files.iter().fold(Wire::default(), |set, file| set.put(1, file)).0
}

/// A message with `name = 1`, which is every named one.
pub(crate) fn named(name: &str) -> Wire {
    Wire::default().text(1, name)
}

/// A proto2 file.
pub(crate) fn file(name: &str) -> Wire {
    named(name)
}

/// A proto3 file.
pub(crate) fn proto3(name: &str) -> Wire {
    named(name).syntax("proto3")
}

/// A file of an edition, by its year.
pub(crate) fn edition(name: &str, year: i64) -> Wire {
    named(name).syntax("editions").int(14, year - 1023)
}

/// A message without fields.
pub(crate) fn message(name: &str) -> Wire {
    named(name)
}

/// An optional field.
pub(crate) fn field(name: &str, number: i64, kind: i64) -> Wire {
    named(name).int(3, number).int(4, 1).int(5, kind)
}

/// An optional field of a message.
pub(crate) fn sub(name: &str, number: i64, of: &str) -> Wire {
    field(name, number, MESSAGE).of(of)
}

/// A repeated field of a map's entry type.
pub(crate) fn map(name: &str, number: i64, entry: &str) -> Wire {
    sub(name, number, entry).label(REPEATED)
}

/// The entry type of a map with these types of key and value.
pub(crate) fn entry(name: &str, key: i64, value: Wire) -> Wire {
    message(name)
        .field(field("key", 1, key))
        .field(value)
        .message_options(Wire::default().int(7, 1))
}

/// An enum with these values.
pub(crate) fn enumeration(name: &str, values: &[(&str, i64)]) -> Wire {
    values.iter().fold(named(name), |found, (name, number)| {
        found.value(named(name).int(2, *number))
    })
}

/// A method of a service.
pub(crate) fn method(name: &str, input: &str, output: &str) -> Wire {
    named(name).text(2, input).text(3, output)
}

/// Options with features set: (number of the field in the options, [(number of the feature, value)]).
pub(crate) fn features(tag: u32, set: &[(u32, i64)]) -> Wire {
    let features = set
        .iter()
        .fold(Wire::default(), |wire, (number, value)| wire.int(*number, *value));
    Wire::default().put(tag, &features)
}

impl Wire {
    fn varint(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    pub(crate) fn tag(self, number: u32, kind: u32) -> Self {
        self.varint(u64::from(number << 3 | kind))
    }

    pub(crate) fn int(self, number: u32, value: i64) -> Self {
        self.tag(number, 0).varint(value as u64)
    }

    pub(crate) fn bytes(self, number: u32, bytes: &[u8]) -> Self {
        let mut wire = self.tag(number, 2).varint(bytes.len() as u64);
        wire.0.extend_from_slice(bytes);
        wire
    }

    pub(crate) fn text(self, number: u32, text: &str) -> Self {
        self.bytes(number, text.as_bytes())
    }

    pub(crate) fn put(self, number: u32, message: &Wire) -> Self {
        self.bytes(number, &message.0)
    }

    // Of files.
    pub(crate) fn package(self, name: &str) -> Self {
        self.text(2, name)
    }
    pub(crate) fn import(self, name: &str) -> Self {
        self.text(3, name)
    }
    pub(crate) fn public(self, index: i64) -> Self {
        self.int(10, index)
    }
    pub(crate) fn weak(self, index: i64) -> Self {
        self.int(11, index)
    }
    pub(crate) fn option_import(self, name: &str) -> Self {
        self.text(15, name)
    }
    pub(crate) fn syntax(self, syntax: &str) -> Self {
        self.text(12, syntax)
    }
    pub(crate) fn message(self, message: Wire) -> Self {
        self.put(4, &message)
    }
    pub(crate) fn enumeration(self, found: Wire) -> Self {
        self.put(5, &found)
    }
    pub(crate) fn service(self, service: Wire) -> Self {
        self.put(6, &service)
    }
    pub(crate) fn extension(self, extension: Wire) -> Self {
        self.put(7, &extension)
    }
    pub(crate) fn file_options(self, options: Wire) -> Self {
        self.put(8, &options)
    }

    // Of messages.
    pub(crate) fn field(self, field: Wire) -> Self {
        self.put(2, &field)
    }
    pub(crate) fn nested(self, message: Wire) -> Self {
        self.put(3, &message)
    }
    pub(crate) fn inner_enum(self, found: Wire) -> Self {
        self.put(4, &found)
    }
    pub(crate) fn range(self, start: i64, end: i64) -> Self {
        self.range_with(start, end, Wire::default())
    }
    pub(crate) fn range_with(self, start: i64, end: i64, options: Wire) -> Self {
        self.put(5, &Wire::default().int(1, start).int(2, end).put(3, &options))
    }
    pub(crate) fn inner_extension(self, extension: Wire) -> Self {
        self.put(6, &extension)
    }
    pub(crate) fn message_options(self, options: Wire) -> Self {
        self.put(7, &options)
    }
    pub(crate) fn oneof(self, name: &str) -> Self {
        self.put(8, &named(name))
    }
    pub(crate) fn reserved(self, start: i64, end: i64) -> Self {
        self.put(9, &Wire::default().int(1, start).int(2, end))
    }
    pub(crate) fn reserved_name(self, name: &str) -> Self {
        self.text(10, name)
    }

    // Of fields.
    pub(crate) fn extends(self, name: &str) -> Self {
        self.text(2, name)
    }
    pub(crate) fn label(self, label: i64) -> Self {
        self.int(4, label)
    }
    pub(crate) fn of(self, name: &str) -> Self {
        self.text(6, name)
    }
    pub(crate) fn default_value(self, text: &str) -> Self {
        self.text(7, text)
    }
    pub(crate) fn field_options(self, options: Wire) -> Self {
        self.put(8, &options)
    }
    pub(crate) fn in_oneof(self, index: i64) -> Self {
        self.int(9, index)
    }
    pub(crate) fn json(self, name: &str) -> Self {
        self.text(10, name)
    }
    pub(crate) fn proto3_optional(self) -> Self {
        self.int(17, 1)
    }

    // Of enums.
    pub(crate) fn value(self, value: Wire) -> Self {
        self.put(2, &value)
    }
    pub(crate) fn enum_options(self, options: Wire) -> Self {
        self.put(3, &options)
    }
    pub(crate) fn reserved_values(self, start: i64, end: i64) -> Self {
        self.put(4, &Wire::default().int(1, start).int(2, end))
    }
    pub(crate) fn reserved_value_name(self, name: &str) -> Self {
        self.text(5, name)
    }

    // Of services.
    pub(crate) fn method(self, method: Wire) -> Self {
        self.put(2, &method)
    }
}
