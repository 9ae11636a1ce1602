//! From the bytes of a `FileDescriptorProto` to a [`File`].

use std::{borrow::Cow, ops::RangeInclusive};

use super::{
    Enum, EnumValue, ExtensionRange, Field, Fields, File, Message, Method, Oneof, Options, Packed, Problem,
    ProblemKind, Service, Span, Value,
};

impl<'a> File<'a> {
    /// Reads a file. What can't be read is left out and stands in `problems`; the caller refuses such files.
    pub(crate) fn parse(bytes: &'a [u8]) -> Self {
        Scan::run(bytes, usize::MAX).file
    }

    /// Reads one message alone, without what is nested in it: the first in the arena of a file that has nothing else.
    pub(crate) fn parse_message(bytes: &'a [u8]) -> Self {
        let mut scan = Scan::alone();
        scan.queue_messages(vec![bytes], None);
        scan.message(bytes, 0);
        scan.file
    }

    /// Reads one enum alone.
    pub(crate) fn parse_enum(bytes: &'a [u8]) -> Self {
        let mut scan = Scan::alone();
        scan.enumeration(bytes, None);
        scan.file
    }

    /// Reads one field or extension alone.
    pub(crate) fn parse_field(bytes: &'a [u8]) -> Self {
        let mut scan = Scan::alone();
        scan.field(bytes, None);
        scan.file
    }

    /// Reads a file, if it has no more than `limit` elements (see [`File::elements`]). Room is made for no more than those.
    pub(crate) fn parse_up_to(bytes: &'a [u8], limit: usize) -> Option<Self> {
        let scan = Scan::run(bytes, limit);
        (!scan.over).then_some(scan.file)
    }
}

/// The file so far.
#[derive(Default)]
struct Scan<'a> {
    file: File<'a>,
    /// The body of each message in its arena.
    bodies: Vec<&'a [u8]>,
    /// How many more elements may come.
    left: usize,
    /// Whether more came, and were left out.
    over: bool,
}

/// How many problems of one file are kept: the first ones say enough.
const MAX_PROBLEMS: usize = 20;

fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl<'a> Scan<'a> {
    fn run(bytes: &'a [u8], limit: usize) -> Self {
        let mut scan = Self {
            left: limit,
            ..Self::default()
        };
        scan.file.bytes = bytes;
        if scan.count() {
            scan.file(bytes);
        }
        scan
    }

    /// For an element of a file that was read before, with its limit.
    fn alone() -> Self {
        Self {
            left: usize::MAX,
            ..Self::default()
        }
    }

    /// Counts one more element; false if that is too many.
    fn count(&mut self) -> bool {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => self.over = true,
        }
        !self.over
    }

    /// The body of an element, unless it is one too many.
    fn element(&mut self, place: &'static str, value: Value<'a>) -> Option<&'a [u8]> {
        let body = self.bytes(place, value)?;
        self.count().then_some(body)
    }

    /// A text that counts as an element.
    fn text_element(&mut self, place: &'static str, value: Value<'a>) -> Option<&'a str> {
        let text = self.text(place, value)?;
        self.count().then_some(text)
    }

    fn problem(&mut self, place: &'static str, what: ProblemKind) {
        if self.file.problems.len() < MAX_PROBLEMS {
            self.file.problems.push(Problem { place, what });
        }
    }

    /// Calls `each` for every field of `bytes`.
    fn each(&mut self, place: &'static str, bytes: &'a [u8], mut each: impl FnMut(&mut Self, u32, Value<'a>)) {
        for field in Fields::new(bytes) {
            match field {
                Ok((number, value)) => each(self, number, value),
                Err(error) => self.problem(place, error.into()),
            }
        }
    }

    fn bytes(&mut self, place: &'static str, value: Value<'a>) -> Option<&'a [u8]> {
        if let Value::Bytes(bytes) = value {
            return Some(bytes);
        }
        self.problem(place, ProblemKind::Type);
        None
    }

    fn text(&mut self, place: &'static str, value: Value<'a>) -> Option<&'a str> {
        let text = std::str::from_utf8(self.bytes(place, value)?);
        if text.is_err() {
            self.problem(place, ProblemKind::Utf8);
        }
        text.ok()
    }

    #[allow(clippy::cast_possible_truncation)] // int32 and enums keep the low 32 bits of a varint, as every parser does.
    fn int(&mut self, place: &'static str, value: Value<'a>) -> Option<i32> {
        if let Value::Varint(number) = value {
            return Some(number as i32);
        }
        self.problem(place, ProblemKind::Type);
        None
    }

    /// An enum of which these numbers are known: others are unknown fields to parsers, as if they were not there.
    fn known(&mut self, place: &'static str, value: Value<'a>, numbers: RangeInclusive<i32>) -> Option<i32> {
        self.int(place, value).filter(|number| numbers.contains(number))
    }

    fn flag(&mut self, place: &'static str, value: Value<'a>) -> bool {
        // Unlike an int32, a bool looks at all 64 bits.
        if let Value::Varint(number) = value {
            return number != 0;
        }
        self.problem(place, ProblemKind::Type);
        false
    }

    /// A repeated int32, packed or not.
    fn ints(&mut self, place: &'static str, value: Value<'a>, into: &mut Vec<i32>) {
        let Value::Bytes(packed) = value else {
            into.extend(self.int(place, value));
            return;
        };
        for number in Packed::new(packed) {
            match number {
                Ok(number) => into.extend(self.int(place, Value::Varint(number))),
                Err(error) => self.problem(place, error.into()),
            }
        }
    }

    fn options(&mut self, place: &'static str, value: Value<'a>, into: &mut Options<'a>) {
        let Some(bytes) = self.bytes(place, value) else {
            return;
        };
        if into.is_empty() {
            *into = Cow::Borrowed(bytes);
        } else {
            into.to_mut().extend_from_slice(bytes);
        }
    }

    fn file(&mut self, bytes: &'a [u8]) {
        let (mut enums, mut messages) = (Vec::new(), Vec::new());
        let mut services = Vec::new();
        self.each("FileDescriptorProto", bytes, |scan, number, value| match number {
            1 => scan.file.name = scan.text("FileDescriptorProto.name", value),
            2 => scan.file.package = scan.text("FileDescriptorProto.package", value),
            3 => {
                let name = scan.text_element("FileDescriptorProto.dependency", value);
                scan.file.dependencies.extend(name);
            }
            4 => messages.extend(scan.element("FileDescriptorProto.message_type", value)),
            5 => enums.extend(scan.element("FileDescriptorProto.enum_type", value)),
            6 => services.extend(scan.element("FileDescriptorProto.service", value)),
            7 => {
                if let Some(bytes) = scan.element("FileDescriptorProto.extension", value) {
                    scan.field(bytes, None);
                }
            }
            8 => {
                let mut options = std::mem::take(&mut scan.file.options);
                scan.options("FileDescriptorProto.options", value, &mut options);
                scan.file.options = options;
            }
            9 => {
                let mut info = std::mem::take(&mut scan.file.source_info);
                scan.options("FileDescriptorProto.source_code_info", value, &mut info);
                scan.file.source_info = info;
            }
            10 => {
                let mut ints = std::mem::take(&mut scan.file.public_dependencies);
                scan.ints("FileDescriptorProto.public_dependency", value, &mut ints);
                scan.file.public_dependencies = ints;
            }
            11 => {
                let mut ints = std::mem::take(&mut scan.file.weak_dependencies);
                scan.ints("FileDescriptorProto.weak_dependency", value, &mut ints);
                scan.file.weak_dependencies = ints;
            }
            12 => scan.file.syntax = scan.text("FileDescriptorProto.syntax", value),
            14 => scan.file.edition = scan.int("FileDescriptorProto.edition", value),
            15 => {
                let name = scan.text_element("FileDescriptorProto.option_dependency", value);
                scan.file.option_dependencies.extend(name);
            }
            _ => {}
        });
        self.file.top_extensions = 0..index(self.file.fields.len());
        self.file.top_messages = self.queue_messages(messages, None);
        self.file.top_enums = self.enums(enums, None);
        for service in services {
            self.service(service);
        }
        let mut next = 0;
        while let Some(body) = self.bodies.get(next).copied() {
            self.message(body, index(next));
            next += 1;
        }
    }

    /// Gives each body a place in the arena of messages; `file` scans them when their turn comes.
    fn queue_messages(&mut self, bodies: Vec<&'a [u8]>, parent: Option<u32>) -> Span {
        let start = index(self.file.messages.len());
        for body in bodies {
            self.bodies.push(body);
            self.file.messages.push(Message {
                bytes: body,
                parent,
                ..Message::default()
            });
        }
        start..index(self.file.messages.len())
    }

    fn message(&mut self, bytes: &'a [u8], own: u32) {
        const PLACE: &str = "DescriptorProto";
        let mut message = Message {
            bytes,
            parent: self.file.messages.get(own as usize).and_then(|message| message.parent),
            ..Message::default()
        };
        let (mut nested, mut enums, mut extensions) = (Vec::new(), Vec::new(), Vec::new());
        let start = Marks::of(&self.file);
        self.each(PLACE, bytes, |scan, number, value| match number {
            1 => message.name = scan.text("DescriptorProto.name", value),
            2 => {
                if let Some(bytes) = scan.element("DescriptorProto.field", value) {
                    scan.field(bytes, Some(own));
                }
            }
            3 => nested.extend(scan.element("DescriptorProto.nested_type", value)),
            4 => enums.extend(scan.element("DescriptorProto.enum_type", value)),
            5 => scan.extension_range(value),
            6 => extensions.extend(scan.element("DescriptorProto.extension", value)),
            7 => scan.options("DescriptorProto.options", value, &mut message.options),
            8 => scan.oneof(value),
            9 => scan.reserved_range("DescriptorProto.reserved_range", value),
            10 => {
                let name = scan.text_element("DescriptorProto.reserved_name", value);
                scan.file.reserved_names.extend(name);
            }
            11 => {
                let visibility = scan.known("DescriptorProto.visibility", value, 0..=2);
                message.visibility = visibility.unwrap_or(message.visibility);
            }
            _ => {}
        });
        let end = Marks::of(&self.file);
        message.fields = start.fields..end.fields;
        message.oneofs = start.oneofs..end.oneofs;
        message.extension_ranges = start.extension_ranges..end.extension_ranges;
        message.reserved_ranges = start.reserved_ranges..end.reserved_ranges;
        message.reserved_names = start.reserved_names..end.reserved_names;
        for extension in extensions {
            self.field(extension, Some(own));
        }
        message.extensions = end.fields..index(self.file.fields.len());
        message.messages = self.queue_messages(nested, Some(own));
        message.enums = self.enums(enums, Some(own));
        if let Some(slot) = self.file.messages.get_mut(own as usize) {
            *slot = message;
        }
    }

    fn field(&mut self, bytes: &'a [u8], parent: Option<u32>) {
        let mut field = Field {
            parent,
            ..Field::default()
        };
        self.each("FieldDescriptorProto", bytes, |scan, number, value| match number {
            1 => field.name = scan.text("FieldDescriptorProto.name", value),
            2 => field.extendee = scan.text("FieldDescriptorProto.extendee", value),
            3 => field.number = scan.int("FieldDescriptorProto.number", value),
            4 => field.label = scan.known("FieldDescriptorProto.label", value, 1..=3).or(field.label),
            5 => field.kind = scan.known("FieldDescriptorProto.type", value, 1..=18).or(field.kind),
            6 => field.type_name = scan.text("FieldDescriptorProto.type_name", value),
            7 => field.default_value = scan.text("FieldDescriptorProto.default_value", value),
            8 => scan.options("FieldDescriptorProto.options", value, &mut field.options),
            9 => field.oneof_index = scan.int("FieldDescriptorProto.oneof_index", value),
            10 => field.json_name = scan.text("FieldDescriptorProto.json_name", value),
            17 => {
                field.proto3_optional = scan.flag("FieldDescriptorProto.proto3_optional", value);
            }
            _ => {}
        });
        self.file.fields.push(field);
    }

    fn oneof(&mut self, value: Value<'a>) {
        let Some(bytes) = self.element("DescriptorProto.oneof_decl", value) else {
            return;
        };
        let mut oneof = Oneof::default();
        self.each("OneofDescriptorProto", bytes, |scan, number, value| match number {
            1 => oneof.name = scan.text("OneofDescriptorProto.name", value),
            2 => scan.options("OneofDescriptorProto.options", value, &mut oneof.options),
            _ => {}
        });
        self.file.oneofs.push(oneof);
    }

    fn extension_range(&mut self, value: Value<'a>) {
        let Some(bytes) = self.element("DescriptorProto.extension_range", value) else {
            return;
        };
        let mut range = ExtensionRange::default();
        self.each("ExtensionRange", bytes, |scan, number, value| match number {
            1 => range.start = scan.int("ExtensionRange.start", value).unwrap_or_default(),
            2 => range.end = scan.int("ExtensionRange.end", value).unwrap_or_default(),
            3 => scan.options("ExtensionRange.options", value, &mut range.options),
            _ => {}
        });
        self.file.extension_ranges.push(range);
    }

    fn reserved_range(&mut self, place: &'static str, value: Value<'a>) {
        let Some(bytes) = self.element(place, value) else {
            return;
        };
        let mut range = (0, 0);
        self.each(place, bytes, |scan, number, value| match number {
            1 => range.0 = scan.int(place, value).unwrap_or_default(),
            2 => range.1 = scan.int(place, value).unwrap_or_default(),
            _ => {}
        });
        self.file.reserved_ranges.push(range);
    }

    fn enums(&mut self, bodies: Vec<&'a [u8]>, parent: Option<u32>) -> Span {
        let start = index(self.file.enums.len());
        for body in bodies {
            self.enumeration(body, parent);
        }
        start..index(self.file.enums.len())
    }

    fn enumeration(&mut self, bytes: &'a [u8], parent: Option<u32>) {
        let mut found = Enum {
            bytes,
            parent,
            ..Enum::default()
        };
        let start = Marks::of(&self.file);
        self.each("EnumDescriptorProto", bytes, |scan, number, value| match number {
            1 => found.name = scan.text("EnumDescriptorProto.name", value),
            2 => scan.value(value),
            3 => scan.options("EnumDescriptorProto.options", value, &mut found.options),
            4 => scan.reserved_range("EnumDescriptorProto.reserved_range", value),
            5 => {
                let name = scan.text_element("EnumDescriptorProto.reserved_name", value);
                scan.file.reserved_names.extend(name);
            }
            6 => {
                let visibility = scan.known("EnumDescriptorProto.visibility", value, 0..=2);
                found.visibility = visibility.unwrap_or(found.visibility);
            }
            _ => {}
        });
        let end = Marks::of(&self.file);
        found.values = start.values..end.values;
        found.reserved_ranges = start.reserved_ranges..end.reserved_ranges;
        found.reserved_names = start.reserved_names..end.reserved_names;
        self.file.enums.push(found);
    }

    fn value(&mut self, value: Value<'a>) {
        let Some(bytes) = self.element("EnumDescriptorProto.value", value) else {
            return;
        };
        let mut found = EnumValue::default();
        self.each("EnumValueDescriptorProto", bytes, |scan, number, value| match number {
            1 => found.name = scan.text("EnumValueDescriptorProto.name", value),
            2 => found.number = scan.int("EnumValueDescriptorProto.number", value),
            3 => scan.options("EnumValueDescriptorProto.options", value, &mut found.options),
            _ => {}
        });
        self.file.values.push(found);
    }

    fn service(&mut self, bytes: &'a [u8]) {
        let mut service = Service::default();
        let start = index(self.file.methods.len());
        self.each("ServiceDescriptorProto", bytes, |scan, number, value| match number {
            1 => service.name = scan.text("ServiceDescriptorProto.name", value),
            2 => scan.method(value),
            3 => scan.options("ServiceDescriptorProto.options", value, &mut service.options),
            _ => {}
        });
        service.methods = start..index(self.file.methods.len());
        self.file.services.push(service);
    }

    fn method(&mut self, value: Value<'a>) {
        let Some(bytes) = self.element("ServiceDescriptorProto.method", value) else {
            return;
        };
        let mut method = Method::default();
        self.each("MethodDescriptorProto", bytes, |scan, number, value| match number {
            1 => method.name = scan.text("MethodDescriptorProto.name", value),
            2 => method.input = scan.text("MethodDescriptorProto.input_type", value),
            3 => method.output = scan.text("MethodDescriptorProto.output_type", value),
            4 => scan.options("MethodDescriptorProto.options", value, &mut method.options),
            5 => {
                method.client_streaming = scan.flag("MethodDescriptorProto.client_streaming", value);
            }
            6 => {
                method.server_streaming = scan.flag("MethodDescriptorProto.server_streaming", value);
            }
            _ => {}
        });
        self.file.methods.push(method);
    }
}

/// How full the arenas were at one moment.
struct Marks {
    fields: u32,
    oneofs: u32,
    values: u32,
    extension_ranges: u32,
    reserved_ranges: u32,
    reserved_names: u32,
}

impl Marks {
    fn of(file: &File<'_>) -> Self {
        Self {
            fields: index(file.fields.len()),
            oneofs: index(file.oneofs.len()),
            values: index(file.values.len()),
            extension_ranges: index(file.extension_ranges.len()),
            reserved_ranges: index(file.reserved_ranges.len()),
            reserved_names: index(file.reserved_names.len()),
        }
    }
}
