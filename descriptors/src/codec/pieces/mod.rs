//! Fields by their paths: read from wire bytes, and written as wire bytes.
//!
//! Two encodings of a message one after the other are the encodings of both merged. So a field that is written with
//! its parents around it can be appended to the rest of a message.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>, "Last One Wins".

mod default;
mod frame;
mod splice;

use self::default::Declared;
pub(crate) use frame::{put_bytes, put_length, put_message};
pub(crate) use splice::{Clash, Pieces, Spliced};

use super::{Codec, CodecError, check_length, error::Fault, index, to_wire::FromJson};
use crate::{
    FieldPath, MessageType,
    schema::field_path::Step,
    table::{Kind, Shape},
};

impl Codec {
    /// Appends one value of a field, told from plain text, with the field's parents around it, to `wire`. After an error
    /// `wire` is as it was.
    ///
    /// The text is what ProtoJSON would put in quotes: `3.5s`, `RED`, `-1`, `2001-02-03T04:05:06Z`. A value that is the
    /// field's default is written too. Of a list it is one element.
    ///
    /// # Errors
    /// If it is no such value, or the field is one that text can't tell (see [`FieldPath::has_text_form`]).
    pub fn text_to_wire(
        &mut self,
        message: &MessageType,
        path: &FieldPath,
        text: &str,
        wire: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let mut pieces = Pieces::default();
        pieces.push(own(message, path), Some(text));
        self.splice(message, &mut pieces, &[], wire)
            .map_err(Spliced::into_error)
    }

    /// Appends the field that `json` is the value of, with its parents around it, to `wire`. After an error `wire` is as it
    /// was. As in a message, `null` is nothing; so is zero where the field has no presence.
    ///
    /// # Errors
    /// If the JSON is no value of the field.
    pub fn json_to_field(
        &mut self,
        message: &MessageType,
        path: &FieldPath,
        json: &[u8],
        wire: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let start = wire.len();
        let result = check_length(json).and_then(|()| {
            let tables = &message.schema().0;
            FromJson::new(tables, json, wire, &mut self.scratch, &self.options).run_field(own(message, path))
        });
        result.map_err(|fault| {
            wire.truncate(start);
            fault.in_text(json)
        })
    }

    /// Appends the JSON form of one field of a message to `json`. After an error `json` is as it was.
    ///
    /// What is not set is written as its default: a message as `{}`, a list as `[]`, a scalar as its zero or as what the
    /// schema says; a well-known type that has no empty form as `null`.
    ///
    /// # Errors
    /// If the message can't be read, or the field has no JSON form.
    pub fn field_to_json(
        &mut self,
        message: &MessageType,
        path: &FieldPath,
        wire: &[u8],
        json: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let steps = own(message, path);
        let found = self.render_field(message, steps, wire).map_err(Fault::on_wire)?;
        if !found && let Some((last, _)) = steps.split_last() {
            self.render_unset(message, last).map_err(Fault::on_wire)?;
        }
        self.deliver(json, wire.len())
    }

    fn render_field(&mut self, message: &MessageType, steps: &[Step], wire: &[u8]) -> Result<bool, Box<Fault>> {
        check_length(wire)?;
        self.walk(message, wire, |walk| walk.field_alone(steps))
    }

    fn render_unset(&mut self, message: &MessageType, step: &Step) -> Result<(), Box<Fault>> {
        let tables = &message.schema().0;
        let mut wire = Vec::new();
        let mut walk = FromJson::new(tables, b"", &mut wire, &mut self.scratch, &self.options);
        match default::declared(tables, step) {
            Some(Declared::Text(text)) => walk.text(&step.field, &text)?,
            Some(Declared::Bytes(bytes)) => walk.bytes_field(&step.field, &bytes),
            None => {
                self.walk(message, &[], |walk| walk.unset_alone(&step.field));
                return Ok(());
            }
        }
        walk.close();
        self.render_field(message, std::slice::from_ref(step), &wire).map(drop)
    }

    /// Appends a message without a field to `out`; its parents stay. After an error `out` is as it was.
    ///
    /// # Errors
    /// If the message can't be read.
    pub fn without_field(
        &mut self,
        message: &MessageType,
        path: &FieldPath,
        wire: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let mut pieces = Pieces::default();
        pieces.push(own(message, path), None);
        self.splice(message, &mut pieces, wire, out)
            .map_err(Spliced::into_error)
    }

    /// Appends the paths of the fields that a JSON object has members for, as the wire form of a
    /// `google.protobuf.FieldMask`, to `mask`. After an error `mask` is as it was.
    ///
    /// The members of messages inside have paths of their own; a list, a map, a well-known type and an empty object is one
    /// path. A member that is `null` counts: whoever updates a field clears it so. What
    /// [`ignore_unknown`](super::JsonOptions::ignore_unknown) passes over does not, nor does a field with an enum's name among that.
    ///
    /// # Errors
    /// If the JSON is no object, or the paths are longer than [`JsonOptions::limit`](super::JsonOptions::limit).
    pub fn json_to_mask(&mut self, message: &MessageType, json: &[u8], mask: &mut Vec<u8>) -> Result<(), CodecError> {
        let start = mask.len();
        let result = check_length(json).and_then(|()| {
            let tables = &message.schema().0;
            FromJson::new(tables, json, mask, &mut self.scratch, &self.options).present(index(message))
        });
        result.map_err(|fault| {
            mask.truncate(start);
            fault.in_text(json)
        })
    }
}

/// The fields of a path; of another message's path none.
fn own<'p>(message: &MessageType, path: &'p FieldPath) -> &'p [Step] {
    if path.root() == index(message) {
        path.steps()
    } else {
        &[]
    }
}
