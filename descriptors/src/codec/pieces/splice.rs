//! Puts fields into a message whose wire bytes are there already.
//!
//! ```text
//! base:    a { b: 1 c: 2 } d: 3
//! pieces:  a.b = 7, a.e = 8, f = 9
//! result:  a { c: 2 b: 7 e: 8 } d: 3 f: 9
//! ```
//!
//! A single field's own occurrences in the base are left out, however often they come, and its parents are written
//! once: some parsers refuse a field that comes twice.

use std::ops::Range;

use super::{
    super::{Codec, CodecError, check_length, error::Fault, index, item, to_wire::FromJson, wire},
    Step,
};
use crate::{
    FieldPath, MessageType,
    raw::WireError,
    schema::tables::Tables,
    table::{Field, Kind, MessageTable, NO_ONEOF, Shape, WireType},
};

/// Values for fields of one message, each with the path of its field.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    list: Vec<Piece>,
    steps: Vec<Step>,
    text: String,
}

#[derive(Debug, Clone)]
struct Piece {
    steps: Range<usize>,
    /// Where its value stands. `None`: the field is only left out.
    text: Option<Range<usize>>,
    /// How many pieces were added before it.
    order: usize,
    written: bool,
}

/// Why pieces can't be spliced in.
#[derive(Debug)]
pub(crate) enum Spliced {
    /// The base is no message.
    Base(CodecError),
    /// The text of a piece is no value of its field.
    Value(usize, CodecError),
    /// The base has another field of a oneof: the piece, and the name of that field.
    Oneof(usize, String),
}

/// Two pieces that contradict each other, by their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clash {
    /// One names the field, or a field in it, that the other names.
    Same(usize, usize),
    /// They are of one oneof.
    Oneof(usize, usize),
}

impl Pieces {
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.steps.clear();
        self.text.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn push(&mut self, steps: &[Step], text: Option<&str>) {
        let text = text.map(|text| {
            self.text.push_str(text);
            self.text.len() - text.len()..self.text.len()
        });
        self.steps.extend_from_slice(steps);
        self.list.push(Piece {
            steps: self.steps.len() - steps.len()..self.steps.len(),
            // There is nothing to write.
            written: text.is_none(),
            text,
            order: self.list.len(),
        });
    }

    /// Sorts the pieces, so that those with the same parents, and those of one oneof, stand side by side; finds the first
    /// two that contradict each other.
    pub(crate) fn sort(&mut self) -> Option<Clash> {
        let steps = &self.steps;
        let path = |piece: &Piece| steps.get(piece.steps.clone()).unwrap_or_default();
        self.list.sort_unstable_by(|one, other| {
            let keys = |piece| path(piece).iter().map(|step| key(&step.field));
            keys(one).cmp(keys(other)).then(one.order.cmp(&other.order))
        });
        let pairs = self.list.iter().zip(self.list.iter().skip(1));
        let mut clashes = pairs.filter_map(|(one, next)| {
            let (first, second) = (one.order.min(next.order), one.order.max(next.order));
            let differ = path(one)
                .iter()
                .zip(path(next))
                .find(|(a, b)| a.field.number != b.field.number);
            match differ {
                Some((a, b)) if a.field.oneof == b.field.oneof && a.field.oneof != NO_ONEOF => {
                    Some(Clash::Oneof(first, second))
                }
                Some(_) => None,
                None => {
                    let shape = path(one).last().map(|step| step.field.shape);
                    let is_list = one.steps.len() == next.steps.len() && shape == Some(Shape::Repeated);
                    (!is_list).then_some(Clash::Same(first, second))
                }
            }
        });
        clashes.next()
    }

    /// Whether there is a piece for this field of the outermost message, or for one in it.
    pub(crate) fn has_field(&self, number: u32) -> bool {
        let outermost = |piece: &Piece| self.steps.get(piece.steps.start);
        let mut all = self.list.iter().filter_map(outermost);
        all.any(|step| step.field.number == number)
    }

    /// The path and the text of each, in the order in which they were added.
    pub(crate) fn in_order(&self, tables: &Tables) -> Vec<(String, String)> {
        let mut list: Vec<_> = self.list.iter().collect();
        list.sort_by_key(|piece| piece.order);
        let described = |piece: &&Piece| {
            let steps = self.steps.get(piece.steps.clone()).unwrap_or_default();
            let text = piece.text.clone().and_then(|text| self.text.get(text));
            (
                FieldPath::new(tables, 0, steps).to_string(),
                text.unwrap_or_default().to_owned(),
            )
        };
        list.iter().map(described).collect()
    }

    /// The field that those in `list` have at this level of their paths.
    fn step(&self, at: usize, level: usize) -> Option<Step> {
        let piece = self.list.get(at)?;
        self.steps.get(piece.steps.clone())?.get(level).copied()
    }

    /// The pieces in `list` whose key at this level is at least, and more than, `key`: those before them end there.
    fn find(&self, list: &Range<usize>, level: usize, wanted: (u16, u32)) -> Range<usize> {
        let own = self.list.get(list.clone()).unwrap_or_default();
        let key = |piece: &Piece| {
            let steps = self.steps.get(piece.steps.clone()).unwrap_or_default();
            steps.get(level).map(|step| key(&step.field))
        };
        let from = own.partition_point(|piece| key(piece) < Some(wanted));
        let to = own.partition_point(|piece| key(piece) <= Some(wanted));
        list.start + from..list.start + to
    }

    /// Whether the path of these pieces, which have it in common, ends at this level.
    fn is_leaf(&self, list: &Range<usize>, level: usize) -> bool {
        self.list
            .get(list.start)
            .is_some_and(|piece| piece.steps.len() == level + 1)
    }
}

/// Members of one oneof stand side by side.
fn key(field: &Field) -> (u16, u32) {
    (field.oneof, field.number)
}

impl Spliced {
    pub(crate) fn into_error(self) -> CodecError {
        match self {
            Self::Base(error) | Self::Value(_, error) => error,
            Self::Oneof(_, name) => Fault::new(format!("\"{name}\" of the same oneof is set already"), 0).on_wire(),
        }
    }
}

impl From<Box<Fault>> for Spliced {
    fn from(fault: Box<Fault>) -> Self {
        Self::Base(fault.on_wire())
    }
}

type Walk = Result<(), Spliced>;

impl Codec {
    /// Appends the message `base` with the pieces in it to `out`. After an error `out` is as it was.
    ///
    /// The pieces are sorted, unless they are only one.
    pub(crate) fn splice(
        &mut self,
        message: &MessageType,
        pieces: &mut Pieces,
        base: &[u8],
        out: &mut Vec<u8>,
    ) -> Walk {
        check_length(base)?;
        let start = out.len();
        let all = 0..pieces.list.len();
        let walk = FromJson::new(&message.schema().0, b"", out, &mut self.scratch, &self.options);
        let mut splice = Splice { walk, pieces, base };
        let result = splice.run(index(message), all);
        match result {
            Ok(()) => splice.walk.close(),
            Err(_) => out.truncate(start),
        }
        result
    }
}

struct Splice<'a, 'o> {
    walk: FromJson<'a, 'o>,
    pieces: &'o mut Pieces,
    base: &'a [u8],
}

impl<'a> Splice<'a, '_> {
    fn run(&mut self, message: u32, all: Range<usize>) -> Walk {
        self.walk.enter()?;
        self.message(message, self.base, all, 0)
    }

    /// A message, or a part of one. The pieces in `list` have the fields up to `level` in common.
    fn message(&mut self, message: u32, bytes: &'a [u8], list: Range<usize>, level: usize) -> Walk {
        let table = self.walk.tables.table(message);
        let (mut rest, mut kept) = (bytes, bytes);
        while !rest.is_empty() {
            let before = rest;
            let (number, wire) = self.read(before, wire::tag(&mut rest))?;
            let value = self.value(number, wire, &mut rest)?;
            let own = || Some((table.place(number)?, value));
            let found = item::item(table, (number, wire), value).or_else(own);
            let found = found.and_then(|(place, value)| Some((table.fields.get(place)?, value)));
            let Some((field, value)) = found.filter(|(field, _)| field.kind == Kind::Item || field.wire == wire) else {
                continue;
            };
            let group = self.pieces.find(&list, level, key(field));
            if group.is_empty() {
                self.check_oneof(table, field, &list, level)?;
                continue;
            }
            if field.shape != Shape::Single {
                continue;
            }
            self.copy(kept, before);
            kept = rest;
            if !self.pieces.is_leaf(&group, level) {
                self.inside(field, group, |splice, group| {
                    splice.message(field.child, value, group, level + 1)
                })?;
            }
        }
        self.copy(kept, rest);
        self.remaining(list, level)
    }

    /// Adds what stands between two points.
    fn copy(&mut self, from: &[u8], to: &[u8]) {
        let bytes = from.get(..from.len() - to.len()).unwrap_or_default();
        self.walk.writer.out.extend_from_slice(bytes);
    }

    /// A message with pieces in it.
    fn inside(
        &mut self,
        field: &Field,
        list: Range<usize>,
        content: impl FnOnce(&mut Self, Range<usize>) -> Walk,
    ) -> Walk {
        self.walk.enter().map_err(|fault| self.at_fault(list.start, fault))?;
        let part = self.walk.opened(field);
        content(self, list)?;
        self.walk.closed(field, part);
        self.walk.leave();
        Ok(())
    }

    #[cold]
    fn at_fault(&self, piece: usize, fault: Box<Fault>) -> Spliced {
        match self.pieces.list.get(piece) {
            Some(piece) => Spliced::Value(piece.order, fault.on_wire()),
            None => Spliced::Base(fault.on_wire()),
        }
    }

    /// A field of the base may be of the same oneof as a piece.
    fn check_oneof(&self, table: &MessageTable, field: &Field, list: &Range<usize>, level: usize) -> Walk {
        if field.oneof == NO_ONEOF {
            return Ok(());
        }
        let behind = self.pieces.find(list, level, (field.oneof, 0)).end;
        let other = self
            .pieces
            .step(behind, level)
            .filter(|step| step.field.oneof == field.oneof);
        match self.pieces.list.get(behind).filter(|_| behind < list.end).zip(other) {
            Some((piece, _)) => Err(Spliced::Oneof(piece.order, table.json_name(field).to_owned())),
            None => Ok(()),
        }
    }

    /// The pieces that were not in any part of the base.
    fn remaining(&mut self, list: Range<usize>, level: usize) -> Walk {
        let mut at = list.start;
        while at < list.end {
            let Some(Step { field, .. }) = self.pieces.step(at, level) else {
                break;
            };
            let group = self.pieces.find(&(at..list.end), level, key(&field));
            at = group.end.max(at + 1);
            let mut own = self.pieces.list.get(group.clone()).into_iter().flatten();
            if own.all(|piece| piece.written) {
                continue;
            }
            if !self.pieces.is_leaf(&group, level) {
                self.inside(&field, group, |splice, group| splice.remaining(group, level + 1))?;
                continue;
            }
            for piece in group {
                self.write(&field, piece)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, field: &Field, at: usize) -> Walk {
        let Some(piece) = self.pieces.list.get_mut(at) else {
            return Ok(());
        };
        piece.written = true;
        let (order, text) = (piece.order, piece.text.clone());
        let Some(text) = text.and_then(|text| self.pieces.text.get(text)) else {
            return Ok(());
        };
        let written = self.walk.text(field, text);
        written.map_err(|fault| Spliced::Value(order, fault.on_wire()))
    }

    /// The content of a value; of a number nothing.
    fn value(&self, number: u32, wire: WireType, rest: &mut &'a [u8]) -> Result<&'a [u8], Box<Fault>> {
        let before = *rest;
        match wire {
            WireType::StartGroup => self.read(before, wire::group(rest, number, self.walk.depth.left())),
            _ => self.read(before, wire::value(rest, wire)).map(wire::Raw::bytes),
        }
    }

    fn read<T>(&self, rest: &[u8], result: Result<T, WireError>) -> Result<T, Box<Fault>> {
        let offset = rest.as_ptr().addr().wrapping_sub(self.base.as_ptr().addr());
        result.map_err(|error| self.walk.depth.unreadable(error, offset.min(self.base.len())))
    }
}
