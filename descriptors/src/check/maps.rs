//! Rules about map fields, which are repeated fields of an entry type that a compiler makes.

use super::{Check, Of, fields::Known, names};
use crate::{
    features::kind_of,
    link::{Kind, SymbolId},
    raw,
};

const STRING: i32 = 9;
const GROUP: i32 = 10;
const MESSAGE: i32 = 11;
const ENUM: i32 = 14;

/// The types that a key can have: integers, bool and string.
fn is_key(kind: i32) -> bool {
    matches!(kind, 3..=9 | 13 | 15..=18)
}

/// The entry type of a field, with its file's index.
fn entry<'c>(check: &'c Check<'_, '_>, known: &Known<'_, '_>) -> Option<(u32, &'c raw::Message<'c>)> {
    let id = known.of.filter(|_| matches!(known.kind, GROUP | MESSAGE))?;
    let symbol = check.linked.symbols.get(id)?;
    let message = check.message(id).filter(|message| message.is_map_entry())?;
    Some((symbol.file, message))
}

/// Whether key or value of a map is a string.
pub(super) fn has_string(check: &Check<'_, '_>, known: &Known<'_, '_>) -> bool {
    let Some((file, entry)) = entry(check, known) else {
        return false;
    };
    let fields = check
        .files
        .get(file as usize)
        .map(|file| raw::at(&file.fields, &entry.fields));
    fields
        .unwrap_or_default()
        .iter()
        .any(|field| field.kind == Some(STRING))
}

/// What is wrong, and how to mend it.
type Fault = (&'static str, &'static str);

const GROUPED: Fault = ("it is a group of a map's entry type", "use `map<key, value>`");
const BORROWED: Fault = (
    "it uses the entry type of a map as if it were a message",
    "use `map<key, value>`, or another message",
);
const MISSHAPEN: Fault = (
    "the entry type of its map has not the fields `key = 1` and `value = 2` alone",
    "use `map<key, value>`: the option `map_entry` is not for other messages",
);
const KEY: Fault = (
    "the keys of its map are neither integers, nor bools, nor strings",
    "choose one of those types",
);
const VALUE: Fault = (
    "the values of its map are of an enum whose first value is not zero",
    "give the enum's first value the number 0",
);

/// Checks a field, if it is a map or uses a map's entry type.
pub(super) fn check(check: &mut Check<'_, '_>, of: Of<'_, '_>, known: &Known<'_, '_>) {
    let Some((file, found)) = entry(check, known) else {
        return;
    };
    let mut faults = Vec::new();
    if known.kind == GROUP {
        faults.push(GROUPED);
    } else {
        if !is_own(of, known, file, found) {
            faults.push(BORROWED);
        }
        faults.extend(shape(check, file, found));
    }
    for (what, mend) in faults {
        check.error(known.place, || what.to_owned(), mend);
    }
}

/// Whether an entry type is the one that a compiler makes for this field.
fn is_own(of: Of<'_, '_>, known: &Known<'_, '_>, file: u32, entry: &raw::Message<'_>) -> bool {
    let parent = known.field.parent.filter(|_| !known.is_extension);
    let beside = file == of.number && entry.parent == parent && parent.is_some();
    let name = known.field.name.unwrap_or_default();
    known.is_repeated() && beside && names::is_entry_name(entry.name.unwrap_or_default(), name)
}

/// What is wrong with an entry type itself.
fn shape(check: &Check<'_, '_>, file: u32, entry: &raw::Message<'_>) -> Vec<Fault> {
    let Some(raw) = check.files.get(file as usize) else {
        return Vec::new();
    };
    let [key, value] = raw::at(&raw.fields, &entry.fields) else {
        return vec![MISSHAPEN];
    };
    let bare = entry.extensions.is_empty() && entry.extension_ranges.is_empty();
    let flat = entry.messages.is_empty() && entry.enums.is_empty();
    let is = |field: &raw::Field<'_>, name, number| {
        field.name == Some(name) && field.number == Some(number) && field.label.unwrap_or(1) == 1
    };
    let links = check.linked.files.get(file as usize);
    let id = |index| links.and_then(|links| links.types.get(index as usize).copied().flatten());
    let kind =
        |field: &raw::Field<'_>, of: Option<SymbolId>| kind_of(field, of.and_then(|id| check.linked.symbols.get(id)));
    let (of_key, of_value) = (id(entry.fields.start), id(entry.fields.start + 1));
    let value_is_open = || of_value.is_none_or(|id| starts_at_zero(check, id));
    let faults = [
        (!(bare && flat && is(key, "key", 1) && is(value, "value", 2)), MISSHAPEN),
        (!is_key(kind(key, of_key)), KEY),
        (kind(value, of_value) == ENUM && !value_is_open(), VALUE),
    ];
    faults
        .into_iter()
        .filter_map(|(wrong, fault)| wrong.then_some(fault))
        .collect()
}

fn starts_at_zero(check: &Check<'_, '_>, id: SymbolId) -> bool {
    let symbol = check.linked.symbols.get(id).filter(|symbol| symbol.kind == Kind::Enum);
    let found = symbol.and_then(|_| check.enumeration(id));
    found.is_none_or(|(file, found)| {
        let first = raw::at(&file.values, &found.values).first();
        first.is_none_or(|value| value.number.unwrap_or_default() == 0)
    })
}
