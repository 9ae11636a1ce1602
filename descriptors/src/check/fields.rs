//! Rules about fields and extensions.

use super::{Check, Of, Place, defaults, editions, file, maps, messages::MAX_NUMBER};
use crate::{
    features::{Edition, FeatureSet, FieldPresence, is_packable, kind_of},
    findings::Shown,
    link::{Kind, SymbolId},
    raw::{self, Field},
};

pub(super) const REQUIRED: i32 = 2;
const REPEATED: i32 = 3;
pub(super) const STRING: i32 = 9;
pub(super) const GROUP: i32 = 10;
pub(super) const MESSAGE: i32 = 11;
pub(super) const ENUM: i32 = 14;

/// Numbers that protobuf keeps for itself.
const RESERVED: std::ops::RangeInclusive<i32> = 19000..=19999;

/// The messages of `descriptor.proto` that proto3 files may extend.
const OPTIONS: [&str; 9] = [
    "FileOptions",
    "MessageOptions",
    "FieldOptions",
    "EnumOptions",
    "EnumValueOptions",
    "ServiceOptions",
    "MethodOptions",
    "OneofOptions",
    "ExtensionRangeOptions",
];

/// A field or extension, and what is known of it.
#[derive(Clone, Copy)]
pub(super) struct Known<'c, 'a> {
    pub(super) field: &'c Field<'a>,
    pub(super) index: u32,
    pub(super) place: Place,
    /// The message or enum that it is of.
    pub(super) of: Option<SymbolId>,
    /// A `FieldDescriptorProto.Type` number.
    pub(super) kind: i32,
    /// The message that it extends, if it is an extension.
    pub(super) extendee: Option<SymbolId>,
    pub(super) is_extension: bool,
    pub(super) features: FeatureSet,
}

impl Known<'_, '_> {
    pub(super) fn is_repeated(&self) -> bool {
        self.field.label == Some(REPEATED)
    }

    pub(super) fn is_message(&self) -> bool {
        matches!(self.kind, GROUP | MESSAGE)
    }

    pub(super) fn is_packable(&self) -> bool {
        self.is_repeated() && is_packable(self.kind)
    }
}

/// Checks every field and extension of a file.
pub(super) fn check<'a>(check: &mut Check<'_, 'a>, of: Of<'_, 'a>) {
    let symbols = &check.linked.symbols;
    for (index, field) in (0u32..).zip(&of.file.fields) {
        let id = symbols.id(Kind::Field, of.number, index);
        let symbol = id.and_then(|id| symbols.get(id));
        let is_extension = symbol.is_some_and(|symbol| symbol.kind == Kind::Extension);
        let links = check.linked.files.get(of.number as usize);
        let found = links.and_then(|links| links.types.get(index as usize).copied().flatten());
        let known = Known {
            field,
            index,
            place: Place { file: of.number, id },
            of: found,
            kind: kind_of(field, found.and_then(|id| symbols.get(id))),
            extendee: if is_extension {
                links.and_then(|links| links.extendee(index))
            } else {
                None
            },
            is_extension,
            features: check.features.field_set(check.files, of.number, field),
        };
        field_rules(check, of, &known);
    }
}

fn field_rules<'a>(check: &mut Check<'_, 'a>, of: Of<'_, 'a>, known: &Known<'_, 'a>) {
    let kind = if known.is_extension {
        Kind::Extension
    } else {
        Kind::Field
    };
    check.identifier(known.place, kind, known.field.name);
    number(check, known);
    place_rules(check, of, known);
    types(check, known);
    defaults::check(check, known);
    if !known.field.options.is_empty() {
        options(check, of, known);
    }
    if known.field.json_name.is_some() {
        json_name(check, known);
    }
    maps::check(check, of, known);
    match of.edition {
        Edition::Proto2 => {}
        Edition::Proto3 => proto3(check, known),
        Edition::Edition2023 | Edition::Edition2024 => editions::check(check, of, known),
    }
}

fn number(check: &mut Check<'_, '_>, known: &Known<'_, '_>) {
    let number = known.field.number.unwrap_or_default();
    if number <= 0 {
        let what = || format!("its number is {number}");
        check.error(known.place, what, "choose a number from 1 on");
    } else if number > MAX_NUMBER && !known.is_extension {
        let what = || format!("its number {number} is larger than {MAX_NUMBER}");
        check.error(known.place, what, "choose a smaller number");
    } else if RESERVED.contains(&number) {
        let what = || format!("its number {number} is one of those that protobuf keeps for itself, 19000 to 19999");
        check.error(known.place, what, "choose another number");
    }
}

/// What a field may have as a member of its message, an extension as one of another.
fn place_rules(check: &mut Check<'_, '_>, of: Of<'_, '_>, known: &Known<'_, '_>) {
    let Known { field, place, .. } = *known;
    if known.is_extension {
        if field.extendee.is_none() {
            check.error(
                place,
                || "it is an extension of nothing".to_owned(),
                "name the message that it extends",
            );
        }
        if field.oneof_index.is_some() {
            check.error(
                place,
                || "it is an extension in a oneof".to_owned(),
                "declare it outside of the oneof",
            );
        }
        if field.label == Some(REQUIRED) || known.features.presence == FieldPresence::LegacyRequired {
            check.error(
                place,
                || "it is an extension that is required".to_owned(),
                "make it optional",
            );
        }
    } else if field.extendee.is_some() {
        let what = || "it is a field of a message and an extension at once".to_owned();
        check.error(place, what, "compile the file again: its descriptor is damaged");
    }
    if field.oneof_index.is_some() && field.label.is_some_and(|label| label != 1) {
        let what = || "it is in a oneof, but required or repeated".to_owned();
        check.error(place, what, "make it optional, or take it out of the oneof");
    }
    if field.proto3_optional && of.edition != Edition::Proto3 {
        let what = || "it is marked as a proto3 `optional` field in a file of another syntax".to_owned();
        check.error(place, what, "compile the file again: its descriptor is damaged");
    }
    message_set(check, of, known);
    lite(check, of, known);
}

fn message_set(check: &mut Check<'_, '_>, of: Of<'_, '_>, known: &Known<'_, '_>) {
    let container = if known.is_extension {
        known.extendee.and_then(|id| check.message(id))
    } else {
        known
            .field
            .parent
            .and_then(|parent| of.file.messages.get(parent as usize))
    };
    if !container.is_some_and(raw::Message::is_message_set) {
        return;
    }
    if !known.is_extension {
        let what = || "it is a field of a MessageSet, which has extensions only".to_owned();
        check.error(known.place, what, "turn it into an extension");
    } else if known.kind != MESSAGE || known.is_repeated() || known.features.delimited {
        let what = || "it extends a MessageSet, but is no optional message".to_owned();
        check.error(known.place, what, "make it an optional message");
    }
}

fn lite(check: &mut Check<'_, '_>, of: Of<'_, '_>, known: &Known<'_, '_>) {
    let extended = known.extendee.and_then(|id| check.linked.symbols.get(id));
    let Some(extended) = extended.filter(|symbol| symbol.file != of.number) else {
        return;
    };
    if file::is_lite(of.file)
        && check
            .files
            .get(extended.file as usize)
            .is_some_and(|file| !file::is_lite(file))
    {
        let what =
            || "it extends a message whose file has no `optimize_for = LITE_RUNTIME`, though its own has".to_owned();
        check.error(known.place, what, "set the option in both files or in neither");
    }
}

fn types(check: &mut Check<'_, '_>, known: &Known<'_, '_>) {
    let Known { field, place, .. } = *known;
    match (field.kind, field.type_name) {
        (Some(GROUP | MESSAGE | ENUM), None) => {
            let what = || "it is of a message or enum type, but does not name it".to_owned();
            check.error(place, what, "name the type");
        }
        (Some(GROUP | MESSAGE | ENUM) | None, Some(_)) | (Some(_), None) => {}
        (Some(_), Some(name)) => {
            let what = || format!("it is of a scalar type, but names the type \"{}\"", Shown(name));
            check.error(place, what, "leave out the one or the other");
        }
        (None, None) => {
            let what = || "it has no type, which every reader takes as double".to_owned();
            check.warn(place, what, "give it a type");
        }
    }
}

/// Options of `FieldOptions` that only some fields can have.
fn options(check: &mut Check<'_, '_>, of: Of<'_, '_>, known: &Known<'_, '_>) {
    let options = &known.field.options;
    let is_set = |tag| file::option(options, tag).is_some_and(|value| value != 0);
    let place = known.place;
    if is_set(2) && !known.is_packable() {
        let what = || "it is `packed`, but no repeated number, bool or enum".to_owned();
        check.error(place, what, "leave the option out");
    }
    if (is_set(5) || is_set(15)) && (known.kind != MESSAGE || known.features.delimited) {
        check.error(
            place,
            || "it is `lazy`, but no message".to_owned(),
            "leave the option out",
        );
    }
    if is_set(15) && known.is_extension {
        check.error(
            place,
            || "it is an extension that is `unverified_lazy`".to_owned(),
            "leave the option out",
        );
    }
    // JS_STRING and JS_NUMBER; others are unknown, so not there.
    let javascript = file::option(options, 6).is_some_and(|value| matches!(value, 1 | 2));
    if javascript && !matches!(known.kind, 3 | 4 | 6 | 16 | 18) {
        check.error(
            place,
            || "it has a `jstype`, but is no 64-bit integer".to_owned(),
            "leave the option out",
        );
    }
    if of.edition == Edition::Edition2024 && file::option(options, 1).is_some_and(|value| value <= 2) {
        let what = || "it has a `ctype`, which edition 2024 does not".to_owned();
        check.error(place, what, "use `features.(pb.cpp).string_type`");
    }
}

fn json_name(check: &mut Check<'_, '_>, known: &Known<'_, '_>) {
    let json = known.field.json_name.unwrap_or_default();
    if known.is_extension && json != raw::json_name(known.field.name.unwrap_or_default()) {
        let what = || format!("it is an extension with the JSON name \"{}\"", Shown(json));
        check.error(
            known.place,
            what,
            "leave `json_name` out: extensions are written as `[full.name]`",
        );
    }
    if json.contains('\0') {
        check.error(
            known.place,
            || "its JSON name has a NUL byte in it".to_owned(),
            "choose another `json_name`",
        );
    }
}

fn proto3(check: &mut Check<'_, '_>, known: &Known<'_, '_>) {
    let Known { field, place, .. } = *known;
    if known.is_extension && !extends_options(check, known) {
        let what = || "it is an extension in a proto3 file, where only options can be extended".to_owned();
        check.error(place, what, "use `google.protobuf.Any`, or an edition");
    }
    if field.label == Some(REQUIRED) {
        check.error(
            place,
            || "it is required, which proto3 does not have".to_owned(),
            "make it optional",
        );
    }
    if field.default_value.is_some() {
        check.error(
            place,
            || "it has a default, which proto3 does not".to_owned(),
            "leave the default out",
        );
    }
    if field.kind == Some(GROUP) {
        check.error(
            place,
            || "it is a group, which proto3 does not have".to_owned(),
            "use a message",
        );
    }
    if is_closed(check, known) {
        let what = || "it is a proto3 field of a closed enum".to_owned();
        check.error(
            place,
            what,
            "use an enum of a proto3 file, or one with `features.enum_type = OPEN`",
        );
    }
}

/// Whether an extension is a custom option.
fn extends_options(check: &Check<'_, '_>, known: &Known<'_, '_>) -> bool {
    let Some(id) = known.extendee else { return true };
    let symbols = &check.linked.symbols;
    let found = |package: &str| {
        let package = symbols.find(check.files, package)?;
        let symbol = symbols.get(id).filter(|symbol| symbol.scope == Some(package))?;
        std::str::from_utf8(symbol.name(check.files)).ok()
    };
    let name = found("google.protobuf").or_else(|| found("proto2"));
    name.is_some_and(|name| OPTIONS.contains(&name))
}

/// Whether a field is of an enum that takes no values but its own.
pub(super) fn is_closed(check: &Check<'_, '_>, known: &Known<'_, '_>) -> bool {
    let symbol = known
        .of
        .filter(|_| known.kind == ENUM)
        .and_then(|id| check.linked.symbols.get(id));
    symbol.is_some_and(|symbol| symbol.kind == Kind::Enum && check.features.is_closed(symbol.file, symbol.index))
}
