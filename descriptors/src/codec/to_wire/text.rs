//! Values from plain text, as paths and queries have it: what ProtoJSON puts in quotes, without them.

use super::{Field, FromJson, Kind, Known, Walk, Written, number, scalar::due};
use crate::codec::{
    base64,
    error::{Fault, shown},
    mask, time,
};

impl FromJson<'_, '_> {
    /// One value of a field, with its tag. A zero is written too.
    pub(in crate::codec) fn text(&mut self, field: &Field, text: &str) -> Walk {
        let part = self.opened(field);
        if field.kind.is_message() {
            self.enter()?;
            self.known_text(field, text)?;
            self.leave();
        } else {
            self.scalar_text(field, text)?;
        }
        self.closed(field, part);
        Ok(())
    }

    /// A field of type `bytes`, with its tag.
    pub(in crate::codec) fn bytes_field(&mut self, field: &Field, bytes: &[u8]) {
        self.writer.varint(u64::from(field.tag()));
        self.writer.bytes(bytes);
    }

    /// The fields of a well-known type that JSON writes as one scalar.
    fn known_text(&mut self, field: &Field, text: &str) -> Walk {
        let table = self.tables.table(field.child);
        match (table.known, &*table.fields) {
            (Known::Timestamp, _) => {
                let parsed = time::parse_timestamp(text.as_bytes());
                let parsed =
                    parsed.ok_or_else(|| refused(text, "a time such as \"2001-02-03T04:05:06Z\", or out of range"))?;
                self.seconds_and_nanos(parsed);
            }
            (Known::Duration, _) => {
                let parsed = time::parse_duration(text.as_bytes());
                let parsed = parsed.ok_or_else(|| refused(text, "a duration such as \"1.5s\", or out of range"))?;
                self.seconds_and_nanos(parsed);
            }
            (Known::FieldMask, _) => {
                if !self.mask_paths(text.as_bytes()) {
                    return Err(refused(text, "a list of paths in lowerCamelCase with commas between"));
                }
            }
            (Known::Wrapper, [value]) => {
                let mark = self.mark();
                self.writer.varint(u64::from(value.tag()));
                if self.scalar_text(value, text)? == Written::Zero {
                    self.back(&mark);
                }
            }
            _ => return Err(Fault::new("a message can't be told from plain text", 0)),
        }
        Ok(())
    }

    pub(super) fn seconds_and_nanos(&mut self, (seconds, nanos): (i64, i32)) {
        for (tag, number) in [(1 << 3, seconds), (2 << 3, i64::from(nanos))] {
            if number != 0 {
                self.writer.varint(tag);
                self.writer.varint(number.cast_unsigned());
            }
        }
    }

    /// The paths of a `FieldMask`. `false`: they are none.
    pub(super) fn mask_paths(&mut self, paths: &[u8]) -> bool {
        let mut legal = true;
        if !paths.is_empty() {
            for path in paths.split(|byte| *byte == b',') {
                self.writer.varint(super::known::FIRST_BYTES);
                let part = self.begin();
                legal &= mask::to_snake(self.writer.out, path);
                self.finish(&part);
            }
        }
        legal
    }

    fn scalar_text(&mut self, field: &Field, text: &str) -> Walk<Written> {
        let bytes = text.as_bytes();
        let written = match field.kind {
            Kind::String => {
                self.writer.bytes(bytes);
                Some(if text.is_empty() {
                    Written::Zero
                } else {
                    Written::Something
                })
            }
            Kind::Bytes => self.bytes_text(bytes),
            Kind::Bool => match text {
                "true" | "false" => {
                    self.writer.varint(u64::from(text == "true"));
                    Some(if text == "true" {
                        Written::Something
                    } else {
                        Written::Zero
                    })
                }
                _ => None,
            },
            Kind::OpenEnum | Kind::ClosedEnum | Kind::Null => return self.enum_text(field, text),
            Kind::Double | Kind::Float => self.float_text(field.kind, bytes),
            Kind::Group | Kind::Message | Kind::Item => None,
            _ => self.writer_whole(field.kind, number::whole(bytes)),
        };
        written.ok_or_else(|| refused(text, due(field.kind)))
    }

    fn bytes_text(&mut self, text: &[u8]) -> Option<Written> {
        let part = self.begin();
        let legal = base64::decode(text, self.writer.out);
        let empty = self.writer.is_empty(&part);
        self.finish(&part);
        legal.then_some(if empty { Written::Zero } else { Written::Something })
    }

    fn float_text(&mut self, kind: Kind, text: &[u8]) -> Option<Written> {
        let zero = if kind == Kind::Float {
            let number = number::float(text, true)?;
            self.writer.out.extend_from_slice(&number.to_le_bytes());
            number.to_bits() == 0
        } else {
            let number = number::double(text, true)?;
            self.writer.out.extend_from_slice(&number.to_le_bytes());
            number.to_bits() == 0
        };
        Some(if zero { Written::Zero } else { Written::Something })
    }

    fn enum_text(&mut self, field: &Field, text: &str) -> Walk<Written> {
        let table = self.tables.enum_table(field.child);
        if field.kind == Kind::Null && text == "null" {
            return Ok(self.enum_number(0));
        }
        let number = table.number(text.as_bytes()).or_else(|| {
            let number = number::whole(text.as_bytes())?;
            let number = i32::try_from(number).ok()?;
            (field.kind != Kind::ClosedEnum || table.has(number)).then_some(number)
        });
        number
            .map(|number| self.enum_number(number))
            .ok_or_else(|| Fault::new(table.no_value(text.as_bytes()), 0))
    }
}

#[cold]
fn refused(text: &str, due: &str) -> Box<Fault> {
    Fault::new(format!("{} is not {due}", shown(text.as_bytes())), 0)
}
