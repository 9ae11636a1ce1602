//! The names of fields in JSON must differ within a message.

use std::borrow::Cow;

use super::{Check, Of, file::is_set};
use crate::{findings::Shown, link::Kind, raw};

/// A field's name in JSON.
struct JsonName<'a> {
    name: Cow<'a, str>,
    /// The field's index in the arena.
    field: u32,
    /// Whether it is not the one that follows from the field's name.
    custom: bool,
}

/// Checks one message: with the names that fields have by default, as field masks use them, and with their own.
pub(super) fn check<'a>(check: &mut Check<'_, 'a>, of: Of<'_, 'a>, index: u32, message: &raw::Message<'a>) {
    // `MessageOptions.deprecated_legacy_json_field_conflicts`
    if is_set(&message.options, 11) {
        return;
    }
    let fields = || message.fields.clone().zip(raw::at(&of.file.fields, &message.fields));
    let default = |(field, found): (u32, &raw::Field<'a>)| JsonName {
        name: raw::json_name(found.name.unwrap_or_default()),
        field,
        custom: false,
    };
    let best_effort = check.features.message(of.number, index).json_best_effort;
    conflicts(check, of, best_effort, fields().map(default).collect());
    if !fields().any(|(_, field)| is_custom(field)) {
        return;
    }
    let own = |(field, found): (u32, &raw::Field<'a>)| match found.json_name.filter(|_| is_custom(found)) {
        Some(name) => JsonName {
            name: name.into(),
            field,
            custom: true,
        },
        None => default((field, found)),
    };
    let mut own: Vec<_> = fields().map(own).collect();
    own.retain(|name| !name.custom || is_free(check, of, name));
    conflicts(check, of, best_effort, own);
}

fn is_custom(field: &raw::Field<'_>) -> bool {
    field
        .json_name
        .is_some_and(|json| json != raw::json_name(field.name.unwrap_or_default()))
}

/// Brackets mark extensions in JSON.
fn is_free(check: &mut Check<'_, '_>, of: Of<'_, '_>, name: &JsonName<'_>) -> bool {
    let free = !(name.name.starts_with('[') && name.name.ends_with(']'));
    if !free {
        let place = check.place(Kind::Field, of.number, name.field);
        let what = || format!("its JSON name \"{}\" looks like an extension's", Shown(&name.name));
        check.error(place, what, "choose a `json_name` without brackets around it");
    }
    free
}

/// Reports each name that an earlier field has too.
fn conflicts(check: &mut Check<'_, '_>, of: Of<'_, '_>, best_effort: bool, mut names: Vec<JsonName<'_>>) {
    let with_custom = names.iter().any(|name| name.custom);
    names.sort_by(|one, other| one.name.cmp(&other.name));
    for group in names.chunk_by(|one, other| one.name == other.name) {
        let Some((first, others)) = group.split_first() else {
            continue;
        };
        for name in others {
            let default_only = !name.custom && !first.custom;
            if with_custom && default_only {
                // The pass over default names has reported it.
                continue;
            }
            let place = check.place(Kind::Field, of.number, name.field);
            let earlier = of
                .file
                .fields
                .get(first.field as usize)
                .and_then(|field| field.name)
                .unwrap_or_default();
            let what = || {
                format!(
                    "its JSON name \"{}\" is also that of the field \"{}\"",
                    Shown(&name.name),
                    Shown(earlier)
                )
            };
            let mend = "rename one of the two fields, or give it another `json_name`";
            if best_effort && !(name.custom && first.custom) {
                check.warn(place, what, mend);
            } else {
                check.error(place, what, mend);
            }
        }
    }
}
