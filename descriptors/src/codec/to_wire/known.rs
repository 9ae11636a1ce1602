//! Well-known types.

use super::{FromJson, Known, MessageTable, Walk, Written, number, reader::Text};
use crate::codec::{
    error::{Step, shown},
    time,
};

// Tags of `google/protobuf/struct.proto`.
const VALUE_NULL: u64 = 1 << 3;
const VALUE_NUMBER: u64 = 2 << 3 | 1;
const VALUE_STRING: u64 = 3 << 3 | 2;
const VALUE_BOOL: u64 = 4 << 3;
const VALUE_STRUCT: u64 = 5 << 3 | 2;
const VALUE_LIST: u64 = 6 << 3 | 2;
/// `Struct.fields`, `ListValue.values`, the key of an entry, `FieldMask.paths`.
pub(super) const FIRST_BYTES: u64 = 1 << 3 | 2;
const ENTRY_VALUE: u64 = 2 << 3 | 2;

impl<'a> FromJson<'a, '_> {
    /// The fields of a well-known type.
    pub(super) fn known(&mut self, table: &'a MessageTable) -> Walk {
        match table.known {
            Known::No => Ok(()),
            Known::Any => self.any(),
            Known::Struct => self.fields_of_struct(),
            Known::ListValue => self.values_of_list(),
            Known::Value => self.any_value(),
            Known::Timestamp => self.seconds("a time such as \"2001-02-03T04:05:06Z\"", time::parse_timestamp),
            Known::Duration => self.seconds("a duration such as \"1.5s\"", time::parse_duration),
            Known::FieldMask => self.mask(),
            Known::Wrapper => match table.fields.first() {
                Some(field) => {
                    let mark = self.mark();
                    self.writer.varint(u64::from(field.tag()));
                    if self.scalar(field)? != Written::Something {
                        self.back(&mark);
                    }
                    Ok(())
                }
                None => Ok(()),
            },
        }
    }

    fn seconds(&mut self, due: &str, parse: fn(&[u8]) -> Option<(i64, i32)>) -> Walk {
        let before = self.reader.rest;
        let text = self.reader.string(due, &mut self.scratch.text)?;
        let text = text.bytes(&self.scratch.text);
        let Some(parsed) = parse(text) else {
            let what = format!("{} is not {due}, or out of range", shown(text));
            self.reader.rest = before;
            return Err(self.reader.fault(what));
        };
        self.seconds_and_nanos(parsed);
        Ok(())
    }

    fn mask(&mut self) -> Walk {
        let before = self.reader.rest;
        let text = self
            .reader
            .string("paths with commas between", &mut self.scratch.text)?;
        let buffer = std::mem::take(&mut self.scratch.text);
        let legal = self.mask_paths(text.bytes(&buffer));
        self.scratch.text = buffer;
        if legal {
            return Ok(());
        }
        self.reader.rest = before;
        Err(self
            .reader
            .fault("a path of a google.protobuf.FieldMask is in lowerCamelCase"))
    }

    /// Any JSON value as a `Value`.
    fn any_value(&mut self) -> Walk {
        match self.reader.peek() {
            Some(b'{') => self.part_of_value(VALUE_STRUCT, Self::fields_of_struct),
            Some(b'[') => self.part_of_value(VALUE_LIST, Self::values_of_list),
            Some(b'"') => {
                let text = self.reader.string("a string", &mut self.scratch.text)?;
                self.writer.varint(VALUE_STRING);
                self.writer.bytes(text.bytes(&self.scratch.text));
                Ok(())
            }
            Some(b't' | b'f') => {
                let truth = self.reader.literal(b"true");
                if !truth && !self.reader.literal(b"false") {
                    return Err(self.reader.unexpected("a value"));
                }
                self.writer.varint(VALUE_BOOL);
                self.writer.varint(u64::from(truth));
                Ok(())
            }
            Some(b'n') if self.reader.literal(b"null") => {
                self.writer.varint(VALUE_NULL);
                self.writer.varint(0);
                Ok(())
            }
            _ => self.number_value(),
        }
    }

    fn number_value(&mut self) -> Walk {
        let text = self.reader.number("a value")?;
        let Some(number) = number::double(text, false) else {
            return Err(self
                .reader
                .fault(format!("{} is out of the range of a double", shown(text))));
        };
        self.writer.varint(VALUE_NUMBER);
        self.writer.out.extend_from_slice(&number.to_le_bytes());
        Ok(())
    }

    fn part_of_value(&mut self, tag: u64, content: fn(&mut Self) -> Walk) -> Walk {
        self.writer.varint(tag);
        let part = self.begin();
        self.enter()?;
        content(self)?;
        self.leave();
        self.finish(&part);
        Ok(())
    }

    /// A `Value` with its length, one level deeper.
    fn value_part(&mut self) -> Walk {
        let part = self.begin();
        self.enter()?;
        self.any_value()?;
        self.leave();
        self.finish(&part);
        Ok(())
    }

    fn fields_of_struct(&mut self) -> Walk {
        self.reader.expect(b'{', "an object")?;
        if self.reader.take(b'}') {
            return Ok(());
        }
        let base = self.scratch.keys.len();
        let mut sorted = true;
        loop {
            self.writer.varint(FIRST_BYTES);
            let part = self.begin();
            let before = self.reader.rest;
            let key = self.struct_key(base, &mut sorted)?;
            self.writer.varint(ENTRY_VALUE);
            self.value_part()
                .map_err(|fault| fault.within(Step::Key(key_shown(key, before))))?;
            self.finish(&part);
            if !self.reader.more(b'}', "`,` or `}`")? {
                return self.end_keys(base, sorted);
            }
        }
    }

    fn struct_key(&mut self, base: usize, sorted: &mut bool) -> Walk<Text<'a>> {
        self.writer.varint(FIRST_BYTES);
        let before = self.reader.rest;
        let text = self.reader.string("the name of a member", &mut self.scratch.text)?;
        self.writer.bytes(text.bytes(&self.scratch.text));
        let length = text.bytes(&self.scratch.text).len();
        self.note_key(self.writer.out.len() - length, before, base, sorted);
        self.reader.expect(b':', "`:`")?;
        Ok(text)
    }

    fn values_of_list(&mut self) -> Walk {
        self.reader.expect(b'[', "an array")?;
        if self.reader.take(b']') {
            return Ok(());
        }
        let mut index = 0;
        loop {
            self.writer.varint(FIRST_BYTES);
            self.value_part().map_err(|fault| fault.within(Step::Index(index)))?;
            index += 1;
            if !self.reader.more(b']', "`,` or `]`")? {
                return Ok(());
            }
        }
    }
}

fn key_shown(key: Text<'_>, before: &[u8]) -> String {
    let text = match key {
        Text::Plain(text) => text,
        Text::Decoded => before.get(..before.len().min(40)).unwrap_or_default(),
    };
    String::from_utf8_lossy(text).into_owned()
}
