//! What a message holds, value by value, as plain text: what paths and queries are made of.
//!
//! The text is what [`Codec::text_to_wire`] takes: as ProtoJSON has it, without quotes.

use std::ops::Range;

use super::{Codec, CodecError, error::Stop, index, to_json::ToJson};
use crate::{MessageType, codec::error::Fault, schema::field_path::Step, table::Field};

/// The values of a message in the order of the fields. Each element of a list is one.
#[derive(Debug, Default)]
pub(crate) struct Leaves {
    list: Vec<(Range<usize>, Held)>,
    steps: Vec<Step>,
    text: String,
}

/// What stands in a field.
#[derive(Debug, Clone)]
enum Held {
    Text(Range<usize>),
    Empty,
    Unfit(&'static str),
}

/// A value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaf<'l> {
    Text(&'l str),
    /// A message without fields.
    Empty,
    /// It has no text form: what it is instead.
    Unfit(&'static str),
}

impl Leaves {
    fn clear(&mut self) {
        self.list.clear();
        self.steps.clear();
        self.text.clear();
    }

    /// The path to each value, and the value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[Step], Leaf<'_>)> {
        self.list.iter().map(|(steps, held)| {
            let leaf = match held {
                Held::Text(text) => Leaf::Text(self.text.get(text.clone()).unwrap_or_default()),
                Held::Empty => Leaf::Empty,
                Held::Unfit(what) => Leaf::Unfit(what),
            };
            (self.steps.get(steps.clone()).unwrap_or_default(), leaf)
        })
    }

    pub(super) fn add_text(&mut self, path: &[Step], text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.add(path, Held::Text(start..self.text.len()));
    }

    pub(super) fn add_empty(&mut self, path: &[Step]) {
        self.add(path, Held::Empty);
    }

    pub(super) fn add_unfit(&mut self, path: &[Step], what: &'static str) {
        self.add(path, Held::Unfit(what));
    }

    fn add(&mut self, path: &[Step], held: Held) {
        let start = self.steps.len();
        self.steps.extend_from_slice(path);
        self.list.push((start..self.steps.len(), held));
    }
}

impl Codec {
    /// Puts the values of a message, which has each single field once, into `leaves`, in the place of what is there: of the
    /// fields that `wants` says so of, and of those in them.
    pub(crate) fn leaves(
        &mut self,
        message: &MessageType,
        wire: &[u8],
        wants: &mut dyn FnMut(&[Step]) -> bool,
        leaves: &mut Leaves,
    ) -> Result<(), CodecError> {
        leaves.clear();
        let found = self.walk(message, wire, |walk: &mut ToJson<'_, '_, true>| {
            walk.leaves(index(message), wire, &mut Vec::new(), wants, leaves)
        });
        found.map_err(|stop| match stop {
            Stop::Fault(fault) => fault.on_wire(),
            Stop::Detour => Fault::new("the message can't be read", 0).on_wire(),
        })
    }

    /// What stands for zero in a field that is a number, a bool or an enum.
    pub(crate) fn zero_text(&mut self, message: &MessageType, field: &Field) -> Option<String> {
        self.walk(message, &[], |walk: &mut ToJson<'_, '_, true>| walk.zero(field))
    }
}
