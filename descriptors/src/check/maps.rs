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

/// What makes an entry type wrong.
#[derive(Default)]
struct Faults {
    /// It is not the one that a compiler makes for this field.
    not_made: bool,
    /// It has another shape than a compiler gives it.
    shape: bool,
    key: bool,
    value: bool,
}

/// Checks a field, if it is a map or uses a map's entry type.
pub(super) fn check(check: &mut Check<'_, '_>, of: Of<'_, '_>, known: &Known<'_, '_>) {
    let Some((file, found)) = entry(check, known) else {
        return;
    };
    let place = known.place;
    if known.kind == GROUP {
        return check.error(
            place,
            || "it is a group of a map's entry type".to_owned(),
            "use `map<key, value>`",
        );
    }
    let faults = faults(check, of, known, file, found);
    if faults.not_made {
        let what = || "it uses the entry type of a map as if it were a message".to_owned();
        check.error(place, what, "use `map<key, value>`, or another message");
    }
    if faults.shape {
        let what = || "the entry type of its map has not the fields `key = 1` and `value = 2` alone".to_owned();
        check.error(
            place,
            what,
            "use `map<key, value>`: the option `map_entry` is not for other messages",
        );
    }
    if faults.key {
        let what = || "the keys of its map are neither integers, nor bools, nor strings".to_owned();
        check.error(place, what, "choose one of those types");
    }
    if faults.value {
        let what = || "the values of its map are of an enum whose first value is not zero".to_owned();
        check.error(place, what, "give the enum's first value the number 0");
    }
}

fn faults(check: &Check<'_, '_>, of: Of<'_, '_>, known: &Known<'_, '_>, file: u32, entry: &raw::Message<'_>) -> Faults {
    let name = known.field.name.unwrap_or_default();
    let own_parent = known.field.parent.filter(|_| !known.is_extension);
    let same_parent = file == of.number && entry.parent == own_parent && own_parent.is_some();
    let not_made = !known.is_repeated() || !same_parent || !names::is_entry_name(entry.name.unwrap_or_default(), name);
    let mut faults = Faults {
        not_made,
        ..Faults::default()
    };
    let Some(raw) = check.files.get(file as usize) else {
        return faults;
    };
    let bare = entry.extensions.is_empty() && entry.extension_ranges.is_empty();
    let flat = entry.messages.is_empty() && entry.enums.is_empty();
    let [key, value] = raw::at(&raw.fields, &entry.fields) else {
        faults.shape = true;
        return faults;
    };
    let is = |field: &raw::Field<'_>, name, number| {
        field.name == Some(name) && field.number == Some(number) && field.label.unwrap_or(1) == 1
    };
    faults.shape = !(bare && flat && is(key, "key", 1) && is(value, "value", 2));
    let id = |index| {
        check
            .linked
            .files
            .get(file as usize)
            .and_then(|links| links.types.get(index as usize).copied().flatten())
    };
    let kind =
        |field: &raw::Field<'_>, of: Option<SymbolId>| kind_of(field, of.and_then(|id| check.linked.symbols.get(id)));
    faults.key = !is_key(kind(key, id(entry.fields.start)));
    let of_value = id(entry.fields.start + 1);
    faults.value = kind(value, of_value) == ENUM && of_value.is_some_and(|id| !starts_at_zero(check, id));
    faults
}

fn starts_at_zero(check: &Check<'_, '_>, id: SymbolId) -> bool {
    let symbol = check.linked.symbols.get(id).filter(|symbol| symbol.kind == Kind::Enum);
    let found = symbol.and_then(|_| check.enumeration(id));
    found.is_none_or(|(file, found)| {
        let first = raw::at(&file.values, &found.values).first();
        first.is_none_or(|value| value.number.unwrap_or_default() == 0)
    })
}
