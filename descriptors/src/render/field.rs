//! Fields, extensions and oneofs.

use super::{
    BYTES, ENUM, GROUP, REPEATED, REQUIRED, STRING,
    body::Inline,
    join, literal, offset,
    options::{Options, Setting},
    printer::Printer,
    qualify,
};
use crate::raw::{self, at};

const FIELD_OPTIONS: &str = "google.protobuf.FieldOptions";

impl<'f> Printer<'f, '_> {
    /// A field or extension; its message too if it is a group.
    pub(super) fn field(&mut self, field: &raw::Field<'f>, scope: &str, path: &[i32]) {
        let inline = self.inline_of(field, scope);
        let number = field.number.unwrap_or_default();
        let options = self.field_options(field, scope, inline.is_some());
        let label = self.label(field);
        if let Some((Inline::Group, index)) = inline {
            return self.group(index, &format!("{label}group"), number, &options, (scope, path));
        }
        self.lead(path);
        self.unknown_options(&options);
        let kind = match inline {
            Some((_, entry)) => self.map_type(entry, scope),
            None => format!("{label}{}", self.type_name(field, scope)),
        };
        self.statement(&format!("{kind} {} = {number}", name(field)), &options.settings);
    }

    fn group(&mut self, message: u32, head: &str, number: i32, options: &Options, (scope, path): (&str, &[i32])) {
        let name = self.message_name(message);
        let own = super::message_path(self.file, message);
        // Compilers put the comment at either place.
        self.lead(if self.comments.of(path).next().is_some() {
            path
        } else {
            &own
        });
        self.unknown_options(options);
        let head = self.with_settings(&format!("{head} {name} = {number}"), &options.settings);
        self.block(&head, |printer| {
            printer.message_body(message, &qualify(scope, name), &own);
        });
    }

    fn label(&self, field: &raw::Field<'_>) -> &'static str {
        let proto2 = matches!(self.file.syntax, None | Some("" | "proto2"));
        let in_oneof = field.oneof_index.is_some() && !field.proto3_optional;
        match field.label {
            _ if in_oneof => "",
            Some(REPEATED) => "repeated ",
            Some(REQUIRED) => "required ",
            _ if proto2 || field.proto3_optional => "optional ",
            _ => "",
        }
    }

    /// Its type as it is written: `int32`, `.pkg.Message`.
    fn type_name(&self, field: &raw::Field<'_>, scope: &str) -> String {
        const SCALARS: [&str; 19] = [
            "", "double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string", "", "", "bytes",
            "uint32", "", "sfixed32", "sfixed64", "sint32", "sint64",
        ];
        let scalar = field.kind.and_then(|kind| SCALARS.get(usize::try_from(kind).ok()?));
        match (scalar, field.type_name) {
            (Some(scalar), _) if !scalar.is_empty() => (*scalar).to_owned(),
            (_, type_name) => {
                let full = self.definitions.resolve(type_name.unwrap_or_default(), scope);
                format!(".{full}")
            }
        }
    }

    /// `map<K, V>`, from the entry message.
    fn map_type(&self, entry: u32, scope: &str) -> String {
        let Some(entry) = self.file.messages.get(entry as usize) else {
            return String::new();
        };
        let fields = at(&self.file.fields, &entry.fields);
        let kind = |number| {
            let field = fields.iter().find(|field| field.number == Some(number));
            field.map(|field| self.type_name(field, scope)).unwrap_or_default()
        };
        format!("map<{}, {}>", kind(1), kind(2))
    }

    fn field_options(&self, field: &raw::Field<'_>, scope: &str, is_inline: bool) -> Options {
        let mut options = self.options(FIELD_OPTIONS, &field.options, scope);
        let mut first = Vec::new();
        if let Some(text) = field.default_value {
            first.push(Setting::new("default", default(field, text)));
        }
        let derived = raw::json_name(name(field));
        let json = field
            .json_name
            .filter(|json| *json != derived && field.extendee.is_none());
        if let Some(json) = json {
            first.push(Setting::new("json_name", literal::quote(json.as_bytes())));
        }
        // Editions have no groups: what protoc wrote as one is a message field with this feature.
        let editions = self.file.syntax == Some("editions");
        let delimited = "features.message_encoding";
        let said = options.settings.iter().any(|setting| setting.name == delimited);
        if editions && field.kind == Some(GROUP) && !is_inline && !said {
            first.push(Setting::new(delimited, "DELIMITED"));
        }
        options.settings.splice(0..0, first);
        options
    }

    /// The oneof with this offset in the message `parent`.
    pub(super) fn oneof(&mut self, parent: u32, offset_in: i32, scope: &str, path: &[i32]) {
        let file = self.file;
        let Some(message) = file.messages.get(parent as usize) else {
            return;
        };
        let oneofs = at(&file.oneofs, &message.oneofs);
        let Some(oneof) = usize::try_from(offset_in).ok().and_then(|index| oneofs.get(index)) else {
            return;
        };
        self.lead(&join(path, [8, offset_in]));
        self.block(&format!("oneof {}", oneof.name.unwrap_or_default()), |printer| {
            let options = printer.options("google.protobuf.OneofOptions", &oneof.options, scope);
            printer.option_lines(&options);
            for index in message.fields.clone() {
                let field = file.fields.get(index as usize);
                if let Some(field) = field.filter(|field| field.oneof_index == Some(offset_in)) {
                    printer.field(field, scope, &join(path, [2, offset(index, &message.fields)]));
                }
            }
        });
    }

    /// An `extend` block: `extensions`, all of one extendee, out of those of a scope. `path` is the list's.
    pub(super) fn extend(&mut self, extensions: &raw::Span, all: &raw::Span, scope: &str, path: &[i32]) {
        let file = self.file;
        let extendee = at(&file.fields, extensions).first().and_then(|field| field.extendee);
        let extendee = self.definitions.resolve(extendee.unwrap_or_default(), scope);
        self.block(&format!("extend .{extendee}"), |printer| {
            for index in extensions.clone() {
                if let Some(field) = file.fields.get(index as usize) {
                    printer.field(field, scope, &[path, &[offset(index, all)]].concat());
                }
            }
        });
    }
}

fn name<'f>(field: &raw::Field<'f>) -> &'f str {
    field.name.unwrap_or_default()
}

/// The default as a literal. Descriptors hold text: of bytes, it is C-escaped.
fn default(field: &raw::Field<'_>, text: &str) -> String {
    match field.kind {
        Some(STRING) => literal::quote(text.as_bytes()),
        Some(BYTES) => literal::quote(&unescape(text)),
        // An identifier or a number, if it comes from a compiler.
        Some(ENUM) | None => text.chars().filter(|character| !super::steers(*character)).collect(),
        _ => text.chars().filter(char::is_ascii_graphic).collect(),
    }
}

/// Undoes C escapes. What is no escape stands for itself.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (digits, radix) = match rest.first() {
            Some(b'x' | b'X') => (rest.get(1..).unwrap_or_default(), 16),
            _ => (rest, 8),
        };
        let most = if radix == 16 { 2 } else { 3 };
        let count = digits
            .iter()
            .take(most)
            .take_while(|digit| char::from(**digit).is_digit(radix))
            .count();
        let number = digits.get(..count).and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(number) = number.and_then(|digits| u32::from_str_radix(digits, radix).ok()) {
            // As in C, what is too large for a byte loses its high bits.
            bytes.push(number.to_le_bytes()[0]);
            rest = digits.get(count..).unwrap_or_default();
        } else {
            let (escape, after) = rest
                .split_first()
                .map_or((b'\\', rest), |(escape, after)| (*escape, after));
            bytes.push(simple_escape(escape));
            rest = after;
        }
    }
    bytes
}

fn simple_escape(letter: u8) -> u8 {
    match letter {
        b'a' => 7,
        b'b' => 8,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 11,
        b'f' => 12,
        b'r' => b'\r',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_escapes_are_undone() {
        assert_eq!(unescape(r#"a\"\\\n\000\376\xff\?"#), b"a\"\\\n\0\xfe\xff?");
        assert_eq!(unescape("\\"), b"\\");
    }
}
