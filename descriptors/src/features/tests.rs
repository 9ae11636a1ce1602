use super::{FieldFeatures, Presence, resolve};
use crate::{
    finding::Severity,
    findings::Findings,
    link::link,
    raw,
    write::{
        ENUM, GROUP, INT32, MESSAGE, REPEATED, REQUIRED, STRING, Wire, edition, entry, enumeration, features, field,
        file, map, message, proto3, sub,
    },
};

const PRESENCE: u32 = 1;
const ENUM_TYPE: u32 = 2;
const REPEATED_ENCODING: u32 = 3;
const UTF8: u32 = 4;
const MESSAGE_ENCODING: u32 = 5;

/// The features of every field of a file, in the order of the arena.
fn of(file: &Wire) -> Vec<FieldFeatures> {
    let files = [raw::File::parse(&file.0)];
    let mut findings = Findings::default();
    let linked = link(&files, Severity::Error, &mut findings);
    assert!(!findings.has_errors(), "{:?}", findings.into_sorted());
    let features = resolve(&files);
    (0u32..)
        .zip(&files[0].fields)
        .map(|(index, _)| features.field(&files, &linked, 0, index))
        .collect()
}

/// The features of the only field of message `M`.
fn one(file: Wire, field: Wire) -> FieldFeatures {
    of(&file.message(message("M").field(field)))[0]
}

fn set(number: u32, value: i64) -> Wire {
    features(21, &[(number, value)])
}

#[test]
fn presence_follows_syntax_label_and_type() {
    let f = || field("f", 1, INT32);
    let m = || sub("f", 1, "M");
    for (file, field, presence) in [
        (file("a"), f(), Presence::Explicit),
        (file("a"), f().label(REQUIRED), Presence::Required),
        (file("a"), f().label(REPEATED), Presence::Repeated),
        (proto3("a"), f(), Presence::Implicit),
        (proto3("a"), m(), Presence::Explicit),
        (edition("a", 2023), f(), Presence::Explicit),
        (
            edition("a", 2023),
            f().field_options(set(PRESENCE, 2)),
            Presence::Implicit,
        ),
        (
            edition("a", 2023),
            f().field_options(set(PRESENCE, 3)),
            Presence::Required,
        ),
        (
            edition("a", 2024).file_options(features(50, &[(PRESENCE, 2)])),
            f(),
            Presence::Implicit,
        ),
        (
            edition("a", 2024).file_options(features(50, &[(PRESENCE, 2)])),
            m(),
            Presence::Explicit,
        ),
    ] {
        assert_eq!(
            one(file.clone(), field.clone()).presence,
            presence,
            "{file:?} {field:?}"
        );
    }
}

#[test]
fn oneofs_and_extensions_have_presence() {
    let optional = message("M")
        .oneof("o")
        .oneof("_p")
        .field(field("o1", 1, INT32).in_oneof(0))
        .field(field("p", 2, INT32).in_oneof(1).proto3_optional());
    assert!(
        of(&proto3("a").message(optional))
            .iter()
            .all(|found| found.presence == Presence::Explicit)
    );
    let implicit = edition("a", 2023).file_options(features(50, &[(PRESENCE, 2)]));
    let extended = implicit
        .message(message("M").range(5, 9))
        .extension(field("x", 5, INT32).extends("M"));
    assert_eq!(of(&extended)[0].presence, Presence::Explicit);
}

#[test]
fn packing_follows_syntax_and_options() {
    let r = |kind| field("f", 1, kind).label(REPEATED);
    let option = |value| Wire::default().int(2, value);
    for (file, field, packed) in [
        (file("a"), r(INT32), false),
        (file("a"), r(INT32).field_options(option(1)), true),
        (proto3("a"), r(INT32), true),
        (proto3("a"), r(INT32).field_options(option(0)), false),
        (proto3("a"), r(STRING), false),
        (proto3("a"), field("f", 1, INT32), false),
        (edition("a", 2023), r(INT32), true),
        (
            edition("a", 2023),
            r(INT32).field_options(set(REPEATED_ENCODING, 2)),
            false,
        ),
        (
            edition("a", 2023).file_options(features(50, &[(REPEATED_ENCODING, 2)])),
            r(INT32),
            false,
        ),
    ] {
        assert_eq!(one(file.clone(), field.clone()).packed, packed, "{file:?} {field:?}");
    }
}

#[test]
fn groups_and_delimited_messages_are_one() {
    assert!(one(file("a"), field("f", 1, GROUP).of("M")).delimited);
    assert!(!one(file("a"), sub("f", 1, "M")).delimited);
    let delimited = || edition("a", 2023).file_options(features(50, &[(MESSAGE_ENCODING, 2)]));
    assert!(one(delimited(), sub("f", 1, "M")).delimited);
    assert!(
        one(
            edition("a", 2023),
            sub("f", 1, "M").field_options(set(MESSAGE_ENCODING, 2))
        )
        .delimited
    );
    // Maps are not, nor are their keys and values.
    let map = message("M")
        .nested(entry("FEntry", STRING, sub("value", 2, "M")))
        .field(map("f", 1, "FEntry"));
    assert!(of(&delimited().message(map)).iter().all(|found| !found.delimited));
}

#[test]
fn strings_are_verified_unless_told_otherwise() {
    let s = || field("f", 1, STRING);
    assert!(!one(file("a"), s()).verify_utf8);
    assert!(one(proto3("a"), s()).verify_utf8);
    assert!(one(edition("a", 2023), s()).verify_utf8);
    assert!(!one(edition("a", 2023), s().field_options(set(UTF8, 3))).verify_utf8);
    assert!(!one(proto3("a"), field("f", 1, INT32)).verify_utf8);
}

#[test]
fn enums_are_closed_by_syntax_and_feature() {
    let e = || enumeration("E", &[("ZERO", 0)]);
    let closed = || features(7, &[(ENUM_TYPE, 2)]);
    for (file, is_closed) in [
        (file("a").enumeration(e()), true),
        (proto3("a").enumeration(e()), false),
        (edition("a", 2023).enumeration(e()), false),
        (edition("a", 2023).enumeration(e().enum_options(closed())), true),
        (
            edition("a", 2023)
                .file_options(features(50, &[(ENUM_TYPE, 2)]))
                .enumeration(e()),
            true,
        ),
        (
            edition("a", 2023)
                .file_options(features(50, &[(ENUM_TYPE, 2)]))
                .message(message("M").inner_enum(e())),
            true,
        ),
    ] {
        let files = [raw::File::parse(&file.0)];
        assert_eq!(resolve(&files).is_closed(0, 0), is_closed, "{file:?}");
    }
}

#[test]
fn a_field_without_type_is_what_it_names() {
    let named = |name: &str| Wire::default().text(1, "f").int(3, 1).of(name);
    let file = proto3("a").enumeration(enumeration("E", &[("ZERO", 0)]));
    assert_eq!(one(file.clone(), named("M")).presence, Presence::Explicit);
    assert_eq!(one(file.clone(), named("E")).presence, Presence::Implicit);
    assert_eq!(
        one(file.clone(), field("f", 1, ENUM).of("E")).presence,
        Presence::Implicit
    );
    assert_eq!(one(file, field("f", 1, MESSAGE).of("M")).presence, Presence::Explicit);
}
