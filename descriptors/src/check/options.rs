//! Options: whether they can be read, and whether they may stand where they do.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::{Check, Of, Place, file::option};
use crate::{
    features::{Edition, Own, tag},
    findings::Shown,
    link::{Kind, SymbolId},
    raw::{self, Fields, Value, WireError},
};

/// What a field of `descriptor.proto` holds.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Number,
    /// Numbers, packed or not.
    Numbers,
    Text,
    Message(&'static [(u32, Shape)]),
}

use Shape::{Message, Number, Numbers, Text};

const FEATURES: Shape = Message(&[
    (1, Number),
    (2, Number),
    (3, Number),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, Number),
]);
const SUPPORT: Shape = Message(&[(1, Number), (2, Number), (3, Text), (4, Number), (5, Text)]);
const EDITION_DEFAULT: Shape = Message(&[(2, Text), (3, Number)]);
const DECLARATION: Shape = Message(&[(1, Number), (2, Text), (3, Text), (5, Number), (6, Number)]);
const LOCATION: Shape = Message(&[(1, Numbers), (2, Numbers), (3, Text), (4, Text), (6, Text)]);
const SOURCE_INFO: &[(u32, Shape)] = &[(1, LOCATION)];

/// The number of `uninterpreted_option` in every kind of options.
const UNINTERPRETED: u32 = 999;

/// A kind of options: what it is called, which fields it has, and the `OptionTargetType` of what carries it.
#[derive(Debug)]
struct Options {
    name: &'static str,
    fields: &'static [(u32, Shape)],
    features: u32,
    /// The number of `feature_support`, where there is one.
    support: Option<u32>,
    target: u8,
}

const FILE: Options = Options {
    name: "FileOptions",
    fields: &[
        (1, Text),
        (8, Text),
        (9, Number),
        (10, Number),
        (11, Text),
        (16, Number),
        (17, Number),
        (18, Number),
        (20, Number),
        (23, Number),
        (27, Number),
        (31, Number),
        (36, Text),
        (37, Text),
        (39, Text),
        (40, Text),
        (41, Text),
        (44, Text),
        (45, Text),
        (tag::FILE, FEATURES),
    ],
    features: tag::FILE,
    support: None,
    target: 1,
};
const EXTENSION_RANGE: Options = Options {
    name: "ExtensionRangeOptions",
    fields: &[(2, DECLARATION), (3, Number), (tag::EXTENSION_RANGE, FEATURES)],
    features: tag::EXTENSION_RANGE,
    support: None,
    target: 2,
};
const MESSAGE: Options = Options {
    name: "MessageOptions",
    fields: &[
        (1, Number),
        (2, Number),
        (3, Number),
        (7, Number),
        (11, Number),
        (tag::MESSAGE, FEATURES),
    ],
    features: tag::MESSAGE,
    support: None,
    target: 3,
};
const FIELD: Options = Options {
    name: "FieldOptions",
    fields: &[
        (1, Number),
        (2, Number),
        (3, Number),
        (5, Number),
        (6, Number),
        (10, Number),
        (15, Number),
        (16, Number),
        (17, Number),
        (19, Numbers),
        (20, EDITION_DEFAULT),
        (tag::FIELD, FEATURES),
        (22, SUPPORT),
    ],
    features: tag::FIELD,
    support: Some(22),
    target: 4,
};
const ONEOF: Options = Options {
    name: "OneofOptions",
    fields: &[(tag::ONEOF, FEATURES)],
    features: tag::ONEOF,
    support: None,
    target: 5,
};
const ENUM: Options = Options {
    name: "EnumOptions",
    fields: &[(2, Number), (3, Number), (6, Number), (tag::ENUM, FEATURES)],
    features: tag::ENUM,
    support: None,
    target: 6,
};
const ENUM_VALUE: Options = Options {
    name: "EnumValueOptions",
    fields: &[(1, Number), (tag::ENUM_VALUE, FEATURES), (3, Number), (4, SUPPORT)],
    features: tag::ENUM_VALUE,
    support: Some(4),
    target: 7,
};
const SERVICE: Options = Options {
    name: "ServiceOptions",
    fields: &[(33, Number), (tag::SERVICE, FEATURES)],
    features: tag::SERVICE,
    support: None,
    target: 8,
};
const METHOD: Options = Options {
    name: "MethodOptions",
    fields: &[(33, Number), (34, Number), (tag::METHOD, FEATURES)],
    features: tag::METHOD,
    support: None,
    target: 9,
};
const ALL: [&Options; 9] = [
    &FILE,
    &EXTENSION_RANGE,
    &MESSAGE,
    &FIELD,
    &ONEOF,
    &ENUM,
    &ENUM_VALUE,
    &SERVICE,
    &METHOD,
];

/// Features, by their number in `FeatureSet` less one: name, and where they may be set as a bit for each target.
const TARGETS: [(&str, u16); 8] = [
    ("field_presence", 1 << 1 | 1 << 4),
    ("enum_type", 1 << 1 | 1 << 6),
    ("repeated_field_encoding", 1 << 1 | 1 << 4),
    ("utf8_validation", 1 << 1 | 1 << 4),
    ("message_encoding", 1 << 1 | 1 << 4),
    ("json_format", 1 << 1 | 1 << 3 | 1 << 6),
    ("enforce_naming_style", u16::MAX),
    ("default_symbol_visibility", 1 << 1),
];

/// Custom options that may stand only on some kinds of elements: by options message and number, a bit for each target.
pub(super) type Restricted = HashMap<(u8, u32), u16, RandomState>;

/// Finds the custom options whose declaration says `targets`.
pub(super) fn restricted(check: &Check<'_, '_>) -> Restricted {
    let mut found = Restricted::default();
    for (links, file) in check.linked.files.iter().zip(check.files) {
        for (index, extendee) in &links.extendees {
            let Some(field) = file
                .fields
                .get(*index as usize)
                .filter(|field| !field.options.is_empty())
            else {
                continue;
            };
            let targets = targets(&field.options);
            let number = field.number.and_then(|number| u32::try_from(number).ok());
            if let (true, Some(options), Some(number)) = (targets != 0, options_named(check, *extendee), number) {
                found.insert((options.target, number), targets);
            }
        }
    }
    found
}

/// `FieldOptions.targets` as a bit for each.
fn targets(options: &[u8]) -> u16 {
    let mut targets = 0;
    let mut add = |target: u64| {
        targets |= u32::try_from(target)
            .ok()
            .and_then(|target| 1u16.checked_shl(target))
            .unwrap_or_default();
    };
    for (number, value) in Fields::new(options).flatten() {
        match (number, value) {
            (19, Value::Varint(target)) => add(target),
            (19, Value::Bytes(packed)) => packed.iter().for_each(|target| add((*target).into())),
            _ => {}
        }
    }
    targets
}

fn options_named(check: &Check<'_, '_>, id: SymbolId) -> Option<&'static Options> {
    let package = check.linked.symbols.find(check.files, "google.protobuf")?;
    let symbol = check
        .linked
        .symbols
        .get(id)
        .filter(|symbol| symbol.scope == Some(package))?;
    let name = symbol.name(check.files);
    ALL.into_iter().find(|options| options.name.as_bytes() == name)
}

/// Checks the options of every element of a file, and its source info.
pub(super) fn check(check: &mut Check<'_, '_>, of: Of<'_, '_>) {
    let (file, number) = (of.file, of.number);
    one(check, of, Place::file(number), &FILE, &file.options);
    for (index, message) in (0u32..).zip(&file.messages) {
        let place = check.place(Kind::Message, number, index);
        one(check, of, place, &MESSAGE, &message.options);
        for range in raw::at(&file.extension_ranges, &message.extension_ranges) {
            one(check, of, place, &EXTENSION_RANGE, &range.options);
        }
    }
    let fields = file.fields.iter().map(|found| &found.options);
    each(check, of, Kind::Field, &FIELD, fields);
    each(
        check,
        of,
        Kind::Oneof,
        &ONEOF,
        file.oneofs.iter().map(|found| &found.options),
    );
    each(
        check,
        of,
        Kind::Enum,
        &ENUM,
        file.enums.iter().map(|found| &found.options),
    );
    each(
        check,
        of,
        Kind::EnumValue,
        &ENUM_VALUE,
        file.values.iter().map(|found| &found.options),
    );
    each(
        check,
        of,
        Kind::Service,
        &SERVICE,
        file.services.iter().map(|found| &found.options),
    );
    each(
        check,
        of,
        Kind::Method,
        &METHOD,
        file.methods.iter().map(|found| &found.options),
    );
    if let Err(fault) = read(&file.source_info, SOURCE_INFO) {
        let what = || format!("its source info can't be read: {fault}");
        check.error(
            Place::file(number),
            what,
            "compile the file again: these bytes are damaged",
        );
    }
}

fn each<'o, 'a: 'o>(
    check: &mut Check<'_, '_>,
    of: Of<'_, '_>,
    kind: Kind,
    options: &Options,
    all: impl Iterator<Item = &'o raw::Options<'a>>,
) {
    for (index, bytes) in (0u32..).zip(all) {
        if !bytes.is_empty() {
            let place = check.place(kind, of.number, index);
            one(check, of, place, options, bytes);
        }
    }
}

fn one(check: &mut Check<'_, '_>, of: Of<'_, '_>, place: Place, options: &Options, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    if let Err(fault) = read(bytes, options.fields) {
        let what = || format!("its {} can't be read: {fault}", options.name);
        return check.error(place, what, "compile the file again: these bytes are damaged");
    }
    if Fields::new(bytes).flatten().any(|(number, _)| number == UNINTERPRETED) {
        let what = || "it has an option that no compiler has interpreted".to_owned();
        check.error(place, what, "compile the set with protoc or buf");
    }
    // `java_multiple_files`
    if options.target == FILE.target && of.edition == Edition::Edition2024 && option(bytes, 10).is_some() {
        let what = || "the option `java_multiple_files` does not exist in edition 2024".to_owned();
        check.error(place, what, "use `features.(pb.java).nest_in_file_class`");
    }
    features(check, of, place, options, bytes);
    if let Some(tag) = options.support {
        support(check, place, bytes, tag);
    }
    if !check.restricted.is_empty() {
        custom(check, place, options, bytes);
    }
}

/// `FieldOptions.FeatureSupport`: in which editions there is a feature, as far as it is checked.
#[derive(Default)]
struct Support {
    introduced: u64,
    deprecated: Option<u64>,
    warning: bool,
    removed: Option<u64>,
    error: bool,
}

/// Whether `google.protobuf.Edition` has this number: others are unknown fields, as if they were not there.
fn is_edition(number: u64) -> bool {
    matches!(number, 0..=2 | 900 | 998..=1002 | 9999 | 99_997..=99_999 | 0x7fff_ffff)
}

/// Whether what is said of a feature's editions makes sense.
fn support(check: &mut Check<'_, '_>, place: Place, options: &[u8], tag: u32) {
    let mut found = Support::default();
    let pieces = Fields::new(options).flatten().filter(|(number, _)| *number == tag);
    for (_, piece) in pieces {
        let Value::Bytes(bytes) = piece else { continue };
        for (number, value) in Fields::new(bytes).flatten() {
            match (number, value) {
                (1, Value::Varint(edition)) if is_edition(edition) => found.introduced = edition,
                (2, Value::Varint(edition)) if is_edition(edition) => found.deprecated = Some(edition),
                (3, _) => found.warning = true,
                (4, Value::Varint(edition)) if is_edition(edition) => found.removed = Some(edition),
                (5, _) => found.error = true,
                _ => {}
            }
        }
    }
    let fault = match (found.deprecated, found.removed) {
        (Some(edition), _) if edition < found.introduced => "is deprecated before it is introduced",
        (Some(_), _) if !found.warning => "is deprecated without a `deprecation_warning`",
        (None, _) if found.warning => "has a `deprecation_warning`, but is not deprecated",
        (deprecated, Some(edition)) if deprecated.unwrap_or(0) >= edition => "is deprecated after it is removed",
        (_, Some(edition)) if edition < found.introduced => "is removed before it is introduced",
        (_, Some(edition)) if edition != found.introduced && !found.error => "is removed without a `removal_error`",
        (_, None) if found.error => "has a `removal_error`, but is not removed",
        _ => return,
    };
    let what = || format!("by its `feature_support` it {fault}");
    check.error(place, what, "correct the option `feature_support`");
}

/// Custom options that may not stand here.
fn custom(check: &mut Check<'_, '_>, place: Place, options: &Options, bytes: &[u8]) {
    for (number, _) in Fields::new(bytes).flatten() {
        let targets = check.restricted.get(&(options.target, number));
        if targets.is_some_and(|targets| targets & (1 << options.target) == 0) {
            let what = || format!("its custom option {number} is declared for other kinds of elements");
            check.error(place, what, "leave the option out, or add this kind to its `targets`");
        }
    }
}

fn features(check: &mut Check<'_, '_>, of: Of<'_, '_>, place: Place, options: &Options, bytes: &[u8]) {
    let own = Own::read(bytes, options.features);
    if !own.present {
        return;
    }
    if of.edition.is_legacy() {
        let what = || "it sets features, which only editions have".to_owned();
        return check.error(place, what, "leave them out, or use `edition = \"2023\"`");
    }
    let set = [
        own.presence,
        own.enum_type,
        own.repeated_encoding,
        own.utf8,
        own.message_encoding,
        own.json_format,
        own.naming_style,
        own.visibility,
    ];
    for ((name, targets), value) in TARGETS.iter().zip(set) {
        let Some(value) = value else { continue };
        let name = Shown(name);
        if value == 0 {
            let what = || format!("`features.{name}` is set to a value that means nothing");
            check.error(place, what, "choose one of its values, or leave it out");
        }
        if targets & (1 << options.target) == 0 {
            let what = || format!("`features.{name}` can't be set on this kind of element");
            check.error(
                place,
                what,
                "leave it out, or set it where it may stand: on the file, for instance",
            );
        }
    }
    if of.edition == Edition::Edition2023 && (own.naming_style.is_some() || own.visibility.is_some()) {
        let what = || "it sets a feature that came with edition 2024".to_owned();
        check.error(place, what, "leave it out, or use `edition = \"2024\"`");
    }
}

/// Why options can't be read.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("field {0} has another wire type than descriptor.proto gives it")]
    Type(u32),
}

/// Reads a message and what it holds. It calls itself as often as the constants above nest, which is twice.
fn read(bytes: &[u8], fields: &'static [(u32, Shape)]) -> Result<(), Fault> {
    for field in Fields::new(bytes) {
        let (number, value) = field?;
        let Some((_, shape)) = fields.iter().find(|(known, _)| *known == number) else {
            continue;
        };
        match (shape, value) {
            (Number | Numbers, Value::Varint(_)) | (Text, Value::Bytes(_)) => {}
            (Message(fields), Value::Bytes(bytes)) => read(bytes, fields)?,
            (Numbers, Value::Bytes(packed)) => raw::check_packed(packed)?,
            _ => return Err(Fault::Type(number)),
        }
    }
    Ok(())
}
