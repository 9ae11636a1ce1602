//! Fields: numbers, labels, defaults, options that only some can have.

use super::{Case, loads, refused, warned};
use crate::write::{
    BOOL, BYTES, DOUBLE, ENUM, FLOAT, GROUP, INT32, INT64, MAX, MESSAGE, REPEATED, REQUIRED, STRING, UINT32, UINT64,
    Wire, enumeration, field, file, message, named, proto3, sub,
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = numbers();
    cases.extend(labels());
    cases.extend(defaults());
    cases.extend(enum_defaults());
    cases.extend(field_options());
    cases
}

fn with(field: Wire) -> [Wire; 1] {
    [file("a.proto")
        .enumeration(enumeration("E", &[("ZERO", 0), ("ONE", 1)]))
        .message(message("N"))
        .message(message("M").field(field))]
}

fn numbers() -> Vec<Case> {
    let number = |number| with(field("f", number, INT32));
    vec![
        loads("number 1", &number(1)),
        loads("number at the end", &number(MAX)),
        refused("number 0", "its number is 0", &number(0)),
        refused("number below 0", "its number is -1", &number(-1)),
        refused(
            "number missing",
            "its number is 0",
            &with(named("f").int(4, 1).int(5, INT32)),
        ),
        refused("number beyond the end", "is larger than 536870911", &number(MAX + 1)),
        loads("number 18999", &number(18_999)),
        refused("number 19000", "protobuf keeps for itself", &number(19_000)),
        refused("number 19999", "protobuf keeps for itself", &number(19_999)),
        loads("number 20000", &number(20_000)),
    ]
}

fn labels() -> Vec<Case> {
    let f = || field("f", 1, INT32);
    let of3 = |field: Wire| [proto3("a.proto").message(message("M").field(field))];
    vec![
        loads("required", &with(f().label(REQUIRED))),
        loads("repeated", &with(f().label(REPEATED))),
        loads("label missing", &with(named("f").int(3, 1).int(5, INT32))),
        loads("label that does not exist", &with(f().label(7))),
        refused("required in proto3", "it is required", &of3(f().label(REQUIRED))),
        loads("repeated in proto3", &of3(f().label(REPEATED))),
        refused("default in proto3", "it has a default", &of3(f().default_value("1"))),
        refused("group in proto3", "it is a group", &of3(field("f", 1, GROUP).of("M"))),
        refused(
            "extendee on a field",
            "a field of a message and an extension",
            &with(f().extends("N")),
        ),
    ]
}

fn defaults() -> Vec<Case> {
    let default = |kind, text: &str| with(field("f", 1, kind).default_value(text));
    let what = "is no value of its type";
    vec![
        loads("default of int32", &default(INT32, "-2147483648")),
        loads("default of int32 in hex", &default(INT32, "0x7f")),
        refused("default of int32 in words", what, &default(INT32, "one")),
        refused("default of int32 empty", what, &default(INT32, "")),
        refused("default of int32 with a fraction", what, &default(INT32, "1.5")),
        refused("default of int32 and more", what, &default(INT32, "1 ")),
        refused("default of int32 beyond its range", what, &default(INT32, "2147483648")).unlike_protoc(),
        refused("default of int32 with a space first", what, &default(INT32, " 1")).unlike_protoc(),
        loads("default of int64", &default(INT64, "9223372036854775807")),
        loads("default of uint64", &default(UINT64, "18446744073709551615")),
        refused("default of uint32 below zero", what, &default(UINT32, "-1")).unlike_protoc(),
        loads("default of float", &default(FLOAT, "1.5e-3")),
        loads("default of float inf", &default(FLOAT, "inf")),
        loads("default of double -inf", &default(DOUBLE, "-inf")),
        loads("default of double nan", &default(DOUBLE, "nan")),
        refused("default of double in words", what, &default(DOUBLE, "many")),
        refused("default of double empty", what, &default(DOUBLE, "")),
        loads("default of bool", &default(BOOL, "true")),
        refused("default of bool 1", what, &default(BOOL, "1")),
        refused("default of bool empty", what, &default(BOOL, "")),
        loads("default of string", &default(STRING, "any \\ thing")),
        loads("default of string empty", &default(STRING, "")),
        loads("default of bytes", &default(BYTES, "\\001\\xfe\\n")),
        refused("default of bytes with a bad escape", what, &default(BYTES, "\\q")),
        refused("default of bytes cut off", what, &default(BYTES, "a\\")),
        refused(
            "default of a repeated field",
            "it is repeated, but has a default",
            &with(field("f", 1, INT32).label(REPEATED).default_value("1")),
        ),
        refused(
            "default of a message",
            "it is a message, but has a default",
            &with(sub("f", 1, "N").default_value("x")),
        ),
    ]
}

fn enum_defaults() -> Vec<Case> {
    let default = |text: &str| with(field("f", 1, ENUM).of("E").default_value(text));
    let what = "is no value of its enum";
    let two = |text: &str| {
        [file("a.proto")
            .enumeration(enumeration("E", &[("ZERO", 0)]))
            .enumeration(enumeration("F", &[("OTHER", 0)]))
            .message(message("M").field(field("f", 1, ENUM).of("E").default_value(text)))]
    };
    vec![
        loads("default of an enum", &default("ONE")),
        refused("default of an enum that it lacks", what, &default("TWO")),
        refused("default of an enum by number", what, &default("1")),
        refused("default of an enum in full", what, &default("E.ONE")),
        refused("default of an enum empty", what, &default("")),
        refused("default of an enum that is another's", what, &two("OTHER")),
        loads(
            "default of an enum without type",
            &with(named("f").int(3, 1).int(4, 1).of("E").default_value("ONE")),
        ),
        loads(
            "default of an enum in a message",
            &[file("a.proto").message(
                message("M")
                    .inner_enum(enumeration("E", &[("A", 0), ("B", 1)]))
                    .field(field("f", 1, ENUM).of("E").default_value("B")),
            )],
        ),
    ]
}

fn field_options() -> Vec<Case> {
    let option = |field: Wire, number, value| with(field.field_options(Wire::default().int(number, value)));
    let f = |kind| field("f", 1, kind);
    let r = |kind| field("f", 1, kind).label(REPEATED);
    let packed = "it is `packed`";
    vec![
        loads("packed", &option(r(INT32), 2, 1)),
        loads("packed enum", &option(r(ENUM).of("E"), 2, 1)),
        loads("not packed string", &option(r(STRING), 2, 0)),
        refused("packed string", packed, &option(r(STRING), 2, 1)),
        refused("packed bytes", packed, &option(r(BYTES), 2, 1)),
        refused("packed message", packed, &option(r(MESSAGE).of("N"), 2, 1)),
        refused("packed singular", packed, &option(f(INT32), 2, 1)),
        loads("lazy message", &option(f(MESSAGE).of("N"), 5, 1)),
        refused("lazy string", "it is `lazy`", &option(f(STRING), 5, 1)),
        loads("not lazy string", &option(f(STRING), 5, 0)),
        loads("jstype of int64", &option(f(INT64), 6, 1)),
        refused("jstype of int32", "jstype", &option(f(INT32), 6, 1)),
        loads("jstype normal of int32", &option(f(INT32), 6, 0)),
        loads("ctype of string", &option(f(STRING), 1, 1)),
        loads("deprecated", &option(f(STRING), 3, 1)),
        warned("no type at all", "no type", &with(named("f").int(3, 1).int(4, 1))),
    ]
}
