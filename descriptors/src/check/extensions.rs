//! Rules about extension ranges, what they declare, and the numbers of extensions.

use foldhash::fast::RandomState;
use hashbrown::HashSet;

use super::{Check, Of, Place, messages::MAX_NUMBER, names, ranges::Ranges};
use crate::{
    features::kind_of,
    findings::Shown,
    link::{Kind, SymbolId},
    raw::{self, Fields, Message, Value},
};

/// `ExtensionRangeOptions.Declaration`.
#[derive(Debug, Default)]
struct Declaration<'a> {
    number: i32,
    full_name: Option<&'a str>,
    of: Option<&'a str>,
    reserved: bool,
    repeated: bool,
}

/// `ExtensionRangeOptions`, as far as it says which extensions there may be.
#[derive(Debug, Default)]
struct Declared<'a> {
    /// Sorted by number.
    list: Vec<Declaration<'a>>,
    /// `DECLARATION` (0) or `UNVERIFIED` (1), if set.
    verification: Option<u64>,
}

fn declared(options: &[u8]) -> Declared<'_> {
    let mut declared = Declared::default();
    for (number, value) in Fields::new(options).flatten() {
        match (number, value) {
            (2, Value::Bytes(bytes)) => declared.list.push(declaration(bytes)),
            (3, Value::Varint(value)) if value <= 1 => declared.verification = Some(value),
            _ => {}
        }
    }
    declared.list.sort_by_key(|declaration| declaration.number);
    declared
}

#[allow(clippy::cast_possible_truncation)] // int32 keeps the low 32 bits of a varint.
fn declaration(bytes: &[u8]) -> Declaration<'_> {
    let mut declaration = Declaration::default();
    for (number, value) in Fields::new(bytes).flatten() {
        match (number, value) {
            (1, Value::Varint(value)) => declaration.number = value as i32,
            (2, Value::Bytes(bytes)) => declaration.full_name = std::str::from_utf8(bytes).ok(),
            (3, Value::Bytes(bytes)) => declaration.of = std::str::from_utf8(bytes).ok(),
            (5, Value::Varint(value)) => declaration.reserved = value != 0,
            (6, Value::Varint(value)) => declaration.repeated = value != 0,
            _ => {}
        }
    }
    declaration
}

/// Checks the extension ranges of a message: how far they go and what they declare.
pub(super) fn check_ranges(check: &mut Check<'_, '_>, of: Of<'_, '_>, place: Place, message: &Message<'_>) {
    let max = if message.is_message_set() { i32::MAX } else { MAX_NUMBER };
    let mut names = HashSet::with_hasher(RandomState::default());
    for range in raw::at(&of.file.extension_ranges, &message.extension_ranges) {
        if i64::from(range.end) > i64::from(max) + 1 {
            let what = || {
                format!(
                    "its extension range goes up to {}, more than {max}",
                    i64::from(range.end) - 1
                )
            };
            check.error(place, what, "let it end at the largest field number or before");
        }
        if range.options.is_empty() {
            continue;
        }
        let declared = declared(&range.options);
        if !declared.list.is_empty() && declared.verification == Some(1) {
            let what = || "an extension range declares extensions and is UNVERIFIED at once".to_owned();
            check.error(place, what, "leave out the one or the other");
        }
        let mut numbers = HashSet::with_hasher(RandomState::default());
        for declaration in &declared.list {
            if !(range.start..range.end).contains(&declaration.number) {
                let what = || {
                    format!(
                        "it declares the extension {}, which lies outside of the range",
                        declaration.number
                    )
                };
                check.error(place, what, "declare it on the range that has its number");
            }
            if !numbers.insert(declaration.number) {
                let what = || format!("it declares the extension {} twice", declaration.number);
                check.error(place, what, "declare it once");
            }
            check_declaration(check, place, declaration);
            if let (Some(name), Some(_)) = (declaration.full_name, declaration.of)
                && !names.insert(name)
            {
                let what = || format!("it declares the extension \"{}\" twice", Shown(name));
                check.error(place, what, "declare it once");
            }
        }
    }
}

fn check_declaration(check: &mut Check<'_, '_>, place: Place, declaration: &Declaration<'_>) {
    let (name, of) = (declaration.full_name, declaration.of);
    let (Some(name), Some(of)) = (name, of) else {
        if name.is_some() != of.is_some() || !declaration.reserved {
            let what = || {
                format!(
                    "the declaration of extension {} lacks `full_name` or `type`",
                    declaration.number
                )
            };
            check.error(place, what, "set both, or mark the number as reserved");
        }
        return;
    };
    for text in [Some(name), (!is_scalar(of)).then_some(of)].into_iter().flatten() {
        if !names::is_dotted(text) {
            let what = || {
                format!(
                    "the declaration of extension {} names \"{}\", which is no full name",
                    declaration.number,
                    Shown(text)
                )
            };
            check.error(place, what, "write full names with a leading dot");
        }
    }
}

/// The scalar types by `FieldDescriptorProto.Type`, from 1 on; no scalars are empty.
const SCALARS: [&str; 18] = [
    "double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string", "", "", "bytes", "uint32",
    "", "sfixed32", "sfixed64", "sint32", "sint64",
];

fn is_scalar(name: &str) -> bool {
    name == "enum" || !name.is_empty() && SCALARS.contains(&name)
}

/// An extension by what makes it the one it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Known {
    extendee: SymbolId,
    number: i32,
    file: u32,
    field: u32,
}

/// Checks every extension against the message that it extends: grouped by message, so that ranges and declarations are
/// read once.
pub(super) fn check_all(check: &mut Check<'_, '_>) {
    let mut all: Vec<Known> = Vec::new();
    for ((file, links), raw) in (0u32..).zip(&check.linked.files).zip(check.files) {
        let known = links.extendees.iter().map(|(field, extendee)| {
            let number = raw
                .fields
                .get(*field as usize)
                .and_then(|field| field.number)
                .unwrap_or_default();
            Known {
                extendee: *extendee,
                number,
                file,
                field: *field,
            }
        });
        all.extend(known);
    }
    all.sort_unstable();
    for group in all.chunk_by(|one, other| one.extendee == other.extendee) {
        extensions_of(check, group);
    }
}

/// The extensions of one message, by number.
fn extensions_of(check: &mut Check<'_, '_>, group: &[Known]) {
    let Some(extendee) = group.first().and_then(|known| check.linked.symbols.get(known.extendee)) else {
        return;
    };
    let files = check.files;
    let Some(file) = files.get(extendee.file as usize) else {
        return;
    };
    let Some(message) = file.messages.get(extendee.index as usize) else {
        return;
    };
    let raw_ranges = raw::at(&file.extension_ranges, &message.extension_ranges);
    let ranges = Ranges::new(
        raw_ranges
            .iter()
            .map(|range| (range.start.into(), i64::from(range.end) - 1)),
    );
    let mut last: Option<(u32, Declared<'_>)> = None;
    for same in group.chunk_by(|one, other| one.number == other.number) {
        let Some((first, others)) = same.split_first() else {
            continue;
        };
        for other in others {
            twice(check, *first, *other);
        }
        let Some(range) = ranges.holding(first.number.into()) else {
            for known in same {
                outside(check, *known, message);
            }
            continue;
        };
        // The options of descriptor.proto declare who has which number, but protoc does not hold anyone to it.
        if file.name == Some("google/protobuf/descriptor.proto") {
            continue;
        }
        if last.as_ref().is_none_or(|(index, _)| *index != range.index) {
            let options = raw_ranges.get(range.index as usize).map(|range| &range.options[..]);
            last = Some((range.index, declared(options.unwrap_or_default())));
        }
        if let Some((_, declared)) = &last {
            keeps_to(check, *first, declared);
        }
    }
}

fn outside(check: &mut Check<'_, '_>, known: Known, message: &Message<'_>) {
    let place = check.place(Kind::Extension, known.file, known.field);
    let name = Shown(message.name.unwrap_or_default());
    let what = || format!("\"{name}\" has no extension range with the number {}", known.number);
    check.error(place, what, "choose a number from the message's extension ranges");
}

/// Two extensions with one number: an error in one file, a warning between files, as in protoc.
fn twice(check: &mut Check<'_, '_>, one: Known, other: Known) {
    let place = check.place(Kind::Extension, other.file, other.field);
    let first = check.place(Kind::Extension, one.file, one.field);
    let (linked, files) = (check.linked, check.files);
    let what = || {
        let name = first.id.map(|id| linked.symbols.label(files, id)).unwrap_or_default();
        format!(
            "its number {} is also that of the extension \"{}\"",
            other.number,
            Shown(&name)
        )
    };
    let mend = "give one of the two another number";
    if one.file == other.file {
        check.error(place, what, mend);
    } else {
        check.warn(place, what, mend);
    }
}

/// Whether the range wants its extensions declared, and the extension is what was declared.
fn keeps_to(check: &mut Check<'_, '_>, known: Known, declared: &Declared<'_>) {
    let place = check.place(Kind::Extension, known.file, known.field);
    match declared
        .list
        .binary_search_by_key(&known.number, |declaration| declaration.number)
    {
        Ok(found) => {
            if let Some(declaration) = declared.list.get(found) {
                compare(check, known, place, declaration);
            }
        }
        Err(_) if !declared.list.is_empty() || declared.verification == Some(0) => {
            let what = || {
                format!(
                    "the extension range does not declare {}, but wants its extensions declared",
                    known.number
                )
            };
            check.error(place, what, "declare the extension there, or split the range");
        }
        Err(_) => {}
    }
}

fn compare(check: &mut Check<'_, '_>, known: Known, place: Place, declaration: &Declaration<'_>) {
    let mend = "make the extension and its declaration agree";
    if declaration.reserved {
        let what = || {
            format!(
                "its number {} is reserved in the extension declarations",
                declaration.number
            )
        };
        return check.error(place, what, "choose another number");
    }
    let (linked, files) = (check.linked, check.files);
    if let Some(name) = declaration.full_name.filter(|name| !name.is_empty()) {
        let named = name.strip_prefix('.').and_then(|name| linked.symbols.find(files, name));
        if named.is_none() || named != place.id {
            check.error(
                place,
                || format!("its number is declared for \"{}\"", Shown(name)),
                mend,
            );
        }
    }
    let Some(field) = files
        .get(known.file as usize)
        .and_then(|file| file.fields.get(known.field as usize))
    else {
        return;
    };
    if let Some(wanted) = declaration.of.filter(|wanted| !wanted.is_empty()) {
        let links = linked.files.get(known.file as usize);
        let found = links.and_then(|links| links.types.get(known.field as usize).copied().flatten());
        let same = match found {
            Some(id) => linked.symbols.find(files, wanted.strip_prefix('.').unwrap_or(wanted)) == Some(id),
            None => is_scalar(wanted) && scalar(kind_of(field, None)) == wanted,
        };
        if !same {
            check.error(
                place,
                || format!("it is declared to be of type \"{}\"", Shown(wanted)),
                mend,
            );
        }
    }
    if declaration.repeated != (field.label == Some(3)) {
        let wanted = if declaration.repeated { "repeated" } else { "singular" };
        check.error(place, || format!("it is declared to be {wanted}"), mend);
    }
}

/// How `.proto` files write a scalar type.
fn scalar(kind: i32) -> &'static str {
    let index = usize::try_from(kind).unwrap_or_default().wrapping_sub(1);
    SCALARS.get(index).copied().unwrap_or_default()
}
