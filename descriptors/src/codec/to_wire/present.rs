//! Which members an object has, as the paths of a `FieldMask`.

use super::{FromJson, Kind, Known, MessageTable, Shape, Walk, known::FIRST_BYTES};
use crate::table::Field;

impl<'a> FromJson<'a, '_> {
    /// The paths of the members of an object. What is no message, or has a JSON form of its own, is one path as a whole;
    /// so is a message without members. Unknown members have none, nor has a field of which an unknown name is passed over.
    ///
    /// Source: AIP-134, "Update masks"; `google/protobuf/field_mask.proto`: lists and maps end a path.
    pub(in crate::codec) fn present(&mut self, message: u32) -> Walk {
        let mut prefix = Vec::new();
        self.reader.peek();
        self.paths(message, &mut prefix)?;
        self.writer_limit()
    }

    fn paths(&mut self, message: u32, prefix: &mut Vec<u8>) -> Walk {
        let table = self.tables.table(message);
        self.enter()?;
        self.reader.expect(b'{', "an object")?;
        let mut more = !self.reader.take(b'}');
        while more {
            let name = self.reader.string("the name of a member", &mut self.scratch.text)?;
            let place = table.named(name.bytes(&self.scratch.text));
            self.reader.expect(b':', "`:`")?;
            match place.and_then(|place| table.fields.get(place)) {
                Some(field) => self.path(table, field, prefix)?,
                None => self.skip()?,
            }
            more = self.reader.more(b'}', "`,` or `}`")?;
        }
        self.leave();
        Ok(())
    }

    fn path(&mut self, table: &MessageTable, field: &'a Field, prefix: &mut Vec<u8>) -> Walk {
        let length = prefix.len();
        if length > 0 {
            prefix.push(b'.');
        }
        prefix.extend_from_slice(table.proto_name(field).as_bytes());
        let is_plain = field.shape == Shape::Single
            && field.kind.is_message()
            && self.tables.table(field.child).known == Known::No;
        if is_plain && self.has_members() {
            self.paths(field.child, prefix)?;
        } else if self.counts(field)? {
            self.writer.varint(FIRST_BYTES);
            self.writer.bytes(prefix);
            self.writer_limit()?;
        }
        prefix.truncate(length);
        Ok(())
    }

    /// Goes past a value. `false`: it has the name of an enum's value that is passed over. The field is then as if it were not
    /// there, a list or a map of them too: what is stored must not give way to what is left.
    fn counts(&mut self, field: &'a Field) -> Walk<bool> {
        if !self.options.ignore_unknown || !self.has_enums(field) || self.reader.peek() == Some(b'n') {
            self.skip()?;
            return Ok(true);
        }
        let mark = self.mark();
        self.field(field)?;
        self.back(&mark);
        let ignored = std::mem::take(&mut self.scratch.ignored);
        Ok(ignored.names().is_empty())
    }

    /// Whether the values of a field are an enum's.
    fn has_enums(&self, field: &Field) -> bool {
        let kind = match field.shape {
            Shape::Map => self.tables.table(field.child).fields.last().map(|value| value.kind),
            Shape::Single | Shape::Repeated => Some(field.kind),
        };
        matches!(kind, Some(Kind::OpenEnum | Kind::ClosedEnum | Kind::Null))
    }

    /// Whether an object begins here that is not empty.
    fn has_members(&mut self) -> bool {
        let before = self.reader.rest;
        let found = self.reader.take(b'{') && self.reader.peek() != Some(b'}');
        self.reader.rest = before;
        found
    }

    /// Paths repeat the names around them: a few bytes of JSON can stand for many.
    fn writer_limit(&self) -> Walk {
        if self.writer.out.len() <= self.options.limit {
            return Ok(());
        }
        let what = format!("the paths of the members take more than {} bytes", self.options.limit);
        Err(self.reader.fault(what))
    }
}
