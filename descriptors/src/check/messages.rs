//! Rules about messages: names, nesting, numbers that must not be used twice, oneofs.

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};

use super::{
    Check, Of, Place, extensions, json,
    ranges::{Range, Ranges},
};
use crate::{
    features::Edition,
    findings::Shown,
    link::Kind,
    raw::{self, Message},
};

/// The largest field number.
pub(super) const MAX_NUMBER: i32 = 536_870_911;

/// How deep messages may nest: as deep as protoc reads them.
const DEPTH: u32 = 31;

/// How many fields a message may have.
const FIELDS: usize = 65535;

/// How long a reserved name may be.
const NAME: usize = 65535;

/// Checks every message of a file.
pub(super) fn check<'a>(check: &mut Check<'_, 'a>, of: Of<'_, 'a>) {
    nesting(check, of);
    for (index, message) in (0u32..).zip(&of.file.messages) {
        let place = check.place(Kind::Message, of.number, index);
        check.identifier(place, Kind::Message, message.name);
        if message.fields.len() > FIELDS {
            let what = || format!("it has {} fields, more than {FIELDS}", message.fields.len());
            check.error(place, what, "split the message up");
        }
        reserved_names(check, of, place, message);
        numbers(check, of, place, message);
        oneofs(check, of, place, message);
        json::check(check, of, index, message);
        if of.edition == Edition::Proto3 {
            proto3(check, place, message);
        }
    }
}

/// Reports the first message that nests too deep; parents stand before their children.
fn nesting(check: &mut Check<'_, '_>, of: Of<'_, '_>) {
    let mut depths: Vec<u32> = Vec::with_capacity(of.file.messages.len());
    for (index, message) in (0u32..).zip(&of.file.messages) {
        let above = message.parent.and_then(|parent| depths.get(parent as usize));
        let depth = above.map_or(1, |depth| depth + 1);
        if depth > DEPTH {
            let place = check.place(Kind::Message, of.number, index);
            let what = || format!("messages are nested more than {DEPTH} levels deep");
            return check.error(place, what, "move the inner ones out");
        }
        depths.push(depth);
    }
}

fn proto3(check: &mut Check<'_, '_>, place: Place, message: &Message<'_>) {
    if !message.extension_ranges.is_empty() {
        let what = || "it has extension ranges, which proto3 does not".to_owned();
        check.error(place, what, "use `google.protobuf.Any`, or an edition");
    }
    if message.is_message_set() {
        let what = || "it is a MessageSet, which proto3 does not have".to_owned();
        check.error(place, what, "leave the option `message_set_wire_format` out");
    }
}

/// Names may be reserved once, and not used.
fn reserved_names(check: &mut Check<'_, '_>, of: Of<'_, '_>, place: Place, message: &Message<'_>) {
    let names = raw::at(&of.file.reserved_names, &message.reserved_names);
    let Some(reserved) = distinct(check, place, names) else {
        return;
    };
    for (index, field) in message.fields.clone().zip(raw::at(&of.file.fields, &message.fields)) {
        if field.name.is_some_and(|name| reserved.contains(name)) {
            let place = check.place(Kind::Field, of.number, index);
            check.error(place, || "its name is reserved".to_owned(), "rename the field");
        }
    }
}

/// The reserved names as a set, if there are any; those that come twice are reported.
pub(super) fn distinct<'n>(
    check: &mut Check<'_, '_>,
    place: Place,
    names: &[&'n str],
) -> Option<HashSet<&'n str, RandomState>> {
    if names.is_empty() {
        return None;
    }
    let mut seen = HashSet::with_capacity_and_hasher(names.len(), RandomState::default());
    for name in names {
        if name.len() > NAME {
            let what = || format!("it reserves a name of {} bytes, more than {NAME}", name.len());
            check.error(place, what, "shorten it");
        }
        if !seen.insert(*name) {
            let what = || format!("it reserves the name \"{}\" twice", Shown(name));
            check.error(place, what, "reserve it once");
        }
    }
    Some(seen)
}

/// Field numbers, reserved ranges and extension ranges must not touch each other.
fn numbers(check: &mut Check<'_, '_>, of: Of<'_, '_>, place: Place, message: &Message<'_>) {
    let reserved = raw::at(&of.file.reserved_ranges, &message.reserved_ranges);
    let extensions = raw::at(&of.file.extension_ranges, &message.extension_ranges);
    for (start, end) in reserved {
        range(check, place, "reserved", *start, *end);
    }
    for found in extensions {
        range(check, place, "extension", found.start, found.end);
    }
    let reserved = Ranges::new(reserved.iter().map(|(start, end)| exclusive(*start, *end)));
    let ranges = Ranges::new(extensions.iter().map(|range| exclusive(range.start, range.end)));
    for (one, other) in reserved.overlaps() {
        let what = || format!("the reserved ranges {} and {} overlap", text(one), text(other));
        check.error(place, what, "reserve each number once");
    }
    for (one, other) in ranges.overlaps() {
        let what = || format!("the extension ranges {} and {} overlap", text(one), text(other));
        check.error(place, what, "give each number to one range");
    }
    for (one, other) in ranges.shared(&reserved) {
        let what = || {
            format!(
                "the extension range {} overlaps the reserved range {}",
                text(one),
                text(other)
            )
        };
        check.error(place, what, "take the common numbers out of one of the two");
    }
    extensions::check_ranges(check, of, place, message);
    used_numbers(check, of, message, &reserved, &ranges);
}

/// A range without its end, as messages have them, in inclusive numbers.
fn exclusive(start: i32, end: i32) -> (i64, i64) {
    (start.into(), i64::from(end) - 1)
}

fn text(range: Range) -> String {
    format!("{} to {}", range.first, range.last)
}

fn range(check: &mut Check<'_, '_>, place: Place, kind: &str, start: i32, end: i32) {
    if start <= 0 {
        let what = || format!("its {kind} range starts at {start}");
        check.error(place, what, "field numbers start at 1");
    }
    if start >= end {
        let what = || format!("its {kind} range from {start} ends before it starts");
        check.error(place, what, "let it end at its start or later");
    }
}

fn used_numbers(check: &mut Check<'_, '_>, of: Of<'_, '_>, message: &Message<'_>, reserved: &Ranges, ranges: &Ranges) {
    let fields = || message.fields.clone().zip(raw::at(&of.file.fields, &message.fields));
    for (index, field) in fields() {
        let number = i64::from(field.number.unwrap_or_default());
        if let Some(range) = reserved.holding(number) {
            let place = check.place(Kind::Field, of.number, index);
            let what = || format!("its number {number} is reserved ({})", text(range));
            check.error(place, what, "give the field another number");
        }
        if let Some(range) = ranges.holding(number) {
            let place = check.place(Kind::Field, of.number, index);
            let what = || format!("its number {number} lies in the extension range {}", text(range));
            check.error(place, what, "give the field another number, or shorten the range");
        }
    }
    if sequential(raw::at(&of.file.fields, &message.fields)) {
        return;
    }
    let mut seen: HashMap<i32, u32, RandomState> =
        HashMap::with_capacity_and_hasher(message.fields.len(), RandomState::default());
    for (index, field) in fields() {
        let number = field.number.unwrap_or_default();
        let earlier = *seen.entry(number).or_insert(index);
        if earlier != index {
            let place = check.place(Kind::Field, of.number, index);
            let earlier = of
                .file
                .fields
                .get(earlier as usize)
                .and_then(|field| field.name)
                .unwrap_or_default();
            let what = || format!("its number {number} is also that of the field \"{}\"", Shown(earlier));
            check.error(place, what, "give one of the two another number");
        }
    }
}

/// Whether each number is larger than the one before: then none comes twice, which most messages show at no cost.
fn sequential(fields: &[raw::Field<'_>]) -> bool {
    fields
        .windows(2)
        .all(|pair| matches!(pair, [one, other] if one.number < other.number))
}

/// What a oneof holds.
#[derive(Clone, Default)]
struct Members {
    count: u32,
    last: u32,
    proto3_optional: bool,
}

impl Members {
    /// Whether it stands for a proto3 field with `optional`.
    fn is_synthetic(&self) -> bool {
        self.count == 1 && self.proto3_optional
    }
}

/// Fields of a oneof stand side by side; oneofs have fields; those that stand for `optional` come last.
fn oneofs(check: &mut Check<'_, '_>, of: Of<'_, '_>, place: Place, message: &Message<'_>) {
    let members = members(check, of, message);
    let oneofs = raw::at(&of.file.oneofs, &message.oneofs);
    let mut synthetic = false;
    for ((index, oneof), members) in message.oneofs.clone().zip(oneofs).zip(&members) {
        let own = check.place(Kind::Oneof, of.number, index);
        check.identifier(own, Kind::Oneof, oneof.name);
        if members.count == 0 {
            check.error(
                own,
                || "the oneof has no field".to_owned(),
                "give it one, or leave it out",
            );
        }
        if synthetic && !members.is_synthetic() {
            let what = || "the oneof comes after one that stands for an `optional` field".to_owned();
            check.error(own, what, "declare the oneofs of `optional` fields last");
        }
        synthetic |= members.is_synthetic();
    }
    for (index, field) in message.fields.clone().zip(raw::at(&of.file.fields, &message.fields)) {
        let oneof = field.oneof_index.and_then(|oneof| usize::try_from(oneof).ok());
        let alone = oneof
            .and_then(|oneof| members.get(oneof))
            .is_some_and(Members::is_synthetic);
        if field.proto3_optional && !alone {
            let place = check.place(Kind::Field, of.number, index);
            let what = || "it is a proto3 `optional` field without a oneof of its own".to_owned();
            check.error(place, what, "compile the file again: its descriptor is damaged");
        }
        if field.oneof_index.is_some() && oneof.is_none_or(|oneof| oneof >= members.len()) {
            let number = field.oneof_index.unwrap_or_default();
            let what = || {
                format!(
                    "the field \"{}\" belongs to oneof {number}, which does not exist",
                    Shown(field.name.unwrap_or_default())
                )
            };
            check.error(place, what, "compile the file again: its descriptor is damaged");
        }
    }
}

fn members(check: &mut Check<'_, '_>, of: Of<'_, '_>, message: &Message<'_>) -> Vec<Members> {
    let mut members = vec![Members::default(); message.oneofs.len()];
    for (index, field) in message.fields.clone().zip(raw::at(&of.file.fields, &message.fields)) {
        let oneof = field.oneof_index.and_then(|oneof| usize::try_from(oneof).ok());
        let Some(found) = oneof.and_then(|oneof| members.get_mut(oneof)) else {
            continue;
        };
        let apart = found.count > 0 && found.last + 1 != index;
        found.count += 1;
        found.last = index;
        found.proto3_optional = field.proto3_optional;
        if apart {
            let place = check.place(Kind::Field, of.number, index);
            let what = || "other fields stand between it and the others of its oneof".to_owned();
            check.error(place, what, "declare the fields of a oneof side by side");
        }
    }
    members
}
