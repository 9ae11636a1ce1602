//! Rules about default values.

use super::{
    Check,
    fields::{ENUM, Known},
    names, values,
};
use crate::{findings::Shown, link::Kind};

/// Checks the default of a field or extension, if it has one.
pub(super) fn check(check: &mut Check<'_, '_>, known: &Known<'_, '_>) {
    let Some(text) = known.field.default_value else { return };
    let place = known.place;
    if known.is_repeated() {
        check.error(
            place,
            || "it is repeated, but has a default".to_owned(),
            "leave the default out",
        );
    }
    if known.is_message() {
        check.error(
            place,
            || "it is a message, but has a default".to_owned(),
            "leave the default out",
        );
    } else if known.kind == ENUM {
        enum_default(check, known, text);
    } else if !values::is_default(known.kind, text) {
        let what = || format!("its default \"{}\" is no value of its type", Shown(text));
        check.error(place, what, "correct the default");
    }
}

fn enum_default(check: &mut Check<'_, '_>, known: &Known<'_, '_>, text: &str) {
    let Some(id) = known.of else { return };
    let (symbols, files) = (&check.linked.symbols, check.files);
    let Some(symbol) = symbols.get(id) else { return };
    // The values of an enum stand beside it.
    let value = symbols
        .child(files, symbol.scope, text.as_bytes())
        .and_then(|id| symbols.get(id));
    let value = value.filter(|value| value.kind == Kind::EnumValue && value.file == symbol.file);
    let of_enum = check
        .enumeration(id)
        .zip(value)
        .is_some_and(|((_, found), value)| found.values.contains(&value.index));
    if !of_enum || !names::is_strict_identifier(text) {
        let what = || format!("its default \"{}\" is no value of its enum", Shown(text));
        check.error(known.place, what, "name one of the enum's values");
    }
}
