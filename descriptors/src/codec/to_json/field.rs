//! One field of a message, alone.

use super::{Body, Field, Known, Shape, Stop, ToJson, Walk, field_step};
use crate::{
    codec::{error::Fault, page::Prefix},
    schema::field_path,
    table::MessageTable,
};

impl<'a> ToJson<'a, '_> {
    /// Renders the value of a field of the input. `false`: it is not set, and nothing is written.
    pub(in crate::codec) fn field_alone(&mut self, path: &[field_path::Step]) -> Result<bool, Box<Fault>> {
        match self.find_alone(path) {
            Ok(found) => Ok(found),
            Err(Stop::Fault(fault)) => Err(fault),
            Err(Stop::Detour) => Err(Fault::new("the field can't be rendered", 0)),
        }
    }

    fn find_alone(&mut self, path: &[field_path::Step]) -> Walk<bool> {
        let mut body = Body::One(self.input);
        for (at, step) in path.iter().enumerate() {
            let table = self.tables.table(step.message);
            let Some(field) = table.field(step.field.number) else {
                return Ok(false);
            };
            self.enter(self.first_piece(body))?;
            let Some((from, to)) = self.notes_of(table, field, body)? else {
                return Ok(false);
            };
            if at + 1 == path.len() {
                let result = self.value_alone(field, from, to);
                return result
                    .map(|()| true)
                    .map_err(|stop| stop.within(|| field_step(table, field)));
            }
            body = Body::Many(from, to);
        }
        Ok(false)
    }

    /// Where a field of a message is noted.
    fn notes_of(&mut self, table: &'a MessageTable, field: &Field, body: Body<'a>) -> Walk<Option<(usize, usize)>> {
        let base = self.note(table, body)?;
        let place = table.place(field.number).and_then(|place| u32::try_from(place).ok());
        let notes = self.scratch.occurrences.get(base..).unwrap_or_default();
        let from = notes.partition_point(|note| Some(note.place) < place);
        let to = notes.partition_point(|note| Some(note.place) <= place);
        Ok((from < to).then_some((base + from, base + to)))
    }

    fn value_alone(&mut self, field: &'a Field, from: usize, to: usize) -> Walk {
        if self.redacts(field) {
            self.redacted(&Prefix::NONE);
            return Ok(());
        }
        self.sorted_value(field, from, to, self.piece(from)).map(drop)
    }

    /// What stands for a field that is not set.
    pub(in crate::codec) fn unset_alone(&mut self, field: &Field) {
        let known = if field.kind.is_message() {
            self.tables.table(field.child).known
        } else {
            Known::No
        };
        match (field.shape, known) {
            (Shape::Single, Known::ListValue) => self.out.extend_from_slice(b"[]"),
            // These have no JSON form that says "nothing" but this one.
            (Shape::Single, Known::Timestamp | Known::Duration | Known::FieldMask | Known::Value | Known::Wrapper) => {
                self.out.extend_from_slice(b"null");
            }
            (Shape::Single, _) if field.kind.is_message() => self.out.extend_from_slice(b"{}"),
            _ => self.default_value(field),
        }
    }
}
