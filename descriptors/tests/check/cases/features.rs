//! Editions: features, what they replace, and visibility.

use super::{Case, loads, refused, warned};
use crate::write::{
    BYTES, ENUM, GROUP, INT32, REPEATED, REQUIRED, STRING, Wire, edition, entry, enumeration, features, field, file,
    map, message, method, named, proto3, sub,
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = replaced();
    cases.extend(presence());
    cases.extend(encodings());
    cases.extend(targets());
    cases.extend(closed());
    cases.extend(visibility());
    cases.extend(style());
    cases
}

const PRESENCE: u32 = 1;
const ENUM_TYPE: u32 = 2;
const REPEATED_ENCODING: u32 = 3;
const UTF8: u32 = 4;
const MESSAGE_ENCODING: u32 = 5;
const JSON: u32 = 6;
const STYLE: u32 = 7;
const VISIBILITY: u32 = 8;

fn ed(field: Wire) -> [Wire; 1] {
    [edition("a.proto", 2023)
        .message(message("N"))
        .message(message("M").field(field))]
}

fn set(field: Wire, number: u32, value: i64) -> [Wire; 1] {
    ed(field.field_options(features(21, &[(number, value)])))
}

fn f(kind: i64) -> Wire {
    field("f", 1, kind)
}

fn r(kind: i64) -> Wire {
    f(kind).label(REPEATED)
}

fn replaced() -> Vec<Case> {
    let packed = |value| Wire::default().int(2, value);
    let option = |number, value| [edition("a.proto", 2023).file_options(Wire::default().int(number, value))];
    vec![
        refused(
            "label required in an edition",
            "label `required`",
            &ed(f(INT32).label(REQUIRED)),
        ),
        refused("group in an edition", "it is a group", &ed(f(GROUP).of("N"))),
        refused(
            "packed in an edition",
            "option `packed`",
            &ed(r(INT32).field_options(packed(1))),
        ),
        refused(
            "not packed in an edition",
            "option `packed`",
            &ed(r(INT32).field_options(packed(0))),
        ),
        loads("default in an edition", &ed(f(INT32).default_value("3"))),
        refused(
            "java_string_check_utf8 in an edition",
            "java_string_check_utf8",
            &option(27, 1),
        ),
        refused(
            "java_string_check_utf8 of an odd true in an edition",
            "java_string_check_utf8",
            &option(27, 2),
        ),
        loads("java_string_check_utf8 off in an edition", &option(27, 0)),
        loads("java_multiple_files in 2023", &option(10, 1)),
        refused(
            "java_multiple_files in 2024",
            "java_multiple_files",
            &[edition("a.proto", 2024).file_options(Wire::default().int(10, 1))],
        ),
        refused(
            "ctype in 2024",
            "ctype",
            &[
                edition("a.proto", 2024)
                    .message(message("M").field(f(STRING).field_options(Wire::default().int(1, 1)))),
            ],
        ),
        loads("ctype in 2023", &ed(f(STRING).field_options(Wire::default().int(1, 1)))),
        refused(
            "features in proto2",
            "only editions have",
            &[file("a.proto").file_options(features(50, &[(PRESENCE, 1)]))],
        ),
        refused(
            "features in proto3",
            "only editions have",
            &[proto3("a.proto").message(message("M").message_options(features(12, &[(JSON, 1)])))],
        ),
        refused(
            "empty features in proto3",
            "only editions have",
            &[proto3("a.proto").message(message("M").message_options(features(12, &[])))],
        ),
        loads(
            "empty features in an edition",
            &ed(f(INT32).field_options(features(21, &[]))),
        ),
    ]
}

fn presence() -> Vec<Case> {
    let implicit = || features(50, &[(PRESENCE, 2)]);
    let file_with = |field: Wire| {
        [edition("a.proto", 2023)
            .file_options(implicit())
            .message(message("M").field(field))]
    };
    let in_oneof = |value| {
        [edition("a.proto", 2023).message(
            message("M")
                .oneof("o")
                .field(f(INT32).in_oneof(0).field_options(features(21, &[(PRESENCE, value)]))),
        )]
    };
    let extension = |value| {
        [edition("a.proto", 2023).message(message("M").range(5, 9)).extension(
            field("x", 5, INT32)
                .extends("M")
                .field_options(features(21, &[(PRESENCE, value)])),
        )]
    };
    vec![
        loads("implicit", &set(f(INT32), PRESENCE, 2)),
        loads("explicit", &set(f(INT32), PRESENCE, 1)),
        loads("required by feature", &set(f(INT32), PRESENCE, 3)),
        refused("presence unknown", "means nothing", &set(f(INT32), PRESENCE, 0)),
        loads("presence that does not exist", &set(f(INT32), PRESENCE, 9)),
        refused(
            "required by default",
            "can't be required by default",
            &[edition("a.proto", 2023).file_options(features(50, &[(PRESENCE, 3)]))],
        ),
        loads("implicit by default", &file_with(f(INT32))),
        refused(
            "implicit with a default",
            "implicit presence",
            &file_with(f(INT32).default_value("1")),
        ),
        loads(
            "implicit by default, explicit with a default",
            &file_with(
                f(INT32)
                    .default_value("1")
                    .field_options(features(21, &[(PRESENCE, 1)])),
            ),
        ),
        refused(
            "presence of a repeated field",
            "it is repeated",
            &set(r(INT32), PRESENCE, 1),
        ),
        refused(
            "implicit message",
            "never implicit",
            &set(sub("f", 1, "N"), PRESENCE, 2),
        ),
        loads("explicit message", &set(sub("f", 1, "N"), PRESENCE, 1)),
        loads("required message", &set(sub("f", 1, "N"), PRESENCE, 3)),
        loads(
            "message that is implicit by default",
            &[edition("a.proto", 2023)
                .file_options(implicit())
                .message(message("M").field(sub("f", 1, "M")))],
        ),
        refused("presence in a oneof", "it is in a oneof", &in_oneof(1)),
        refused("presence of an extension", "it is an extension", &extension(1)),
        refused(
            "required extension by feature",
            "extension that is required",
            &extension(3),
        ),
    ]
}

fn encodings() -> Vec<Case> {
    let of_map = |number, value: i64, kind| {
        [edition("a.proto", 2023).message(
            message("M")
                .nested(entry("FEntry", kind, field("value", 2, INT32)))
                .field(map("f", 1, ".M.FEntry").field_options(features(21, &[(number, value)]))),
        )]
    };
    vec![
        loads("packed by feature", &set(r(INT32), REPEATED_ENCODING, 1)),
        loads("expanded by feature", &set(r(INT32), REPEATED_ENCODING, 2)),
        refused(
            "packed string by feature",
            "can't be PACKED",
            &set(r(STRING), REPEATED_ENCODING, 1),
        ),
        loads("expanded string by feature", &set(r(STRING), REPEATED_ENCODING, 2)),
        refused(
            "repeated encoding of a singular field",
            "it is not repeated",
            &set(f(INT32), REPEATED_ENCODING, 2),
        ),
        loads("utf8 of a string", &set(f(STRING), UTF8, 3)),
        refused("utf8 of a number", "it is no string", &set(f(INT32), UTF8, 2)),
        refused("utf8 of bytes", "it is no string", &set(f(BYTES), UTF8, 2)),
        loads("utf8 of a map by string", &of_map(UTF8, 3, STRING)),
        refused(
            "utf8 of a map without strings",
            "it is no string",
            &of_map(UTF8, 3, INT32),
        ),
        loads("delimited message", &set(sub("f", 1, "N"), MESSAGE_ENCODING, 2)),
        loads(
            "delimited message repeated",
            &set(sub("f", 1, "N").label(REPEATED), MESSAGE_ENCODING, 2),
        ),
        refused(
            "delimited number",
            "it is no message",
            &set(f(INT32), MESSAGE_ENCODING, 2),
        ),
        refused(
            "delimited map",
            "it is no message",
            &of_map(MESSAGE_ENCODING, 2, STRING),
        ),
        loads(
            "delimited by default",
            &[edition("a.proto", 2023)
                .file_options(features(50, &[(MESSAGE_ENCODING, 2)]))
                .message(
                    message("M")
                        .nested(entry("FEntry", STRING, sub("value", 2, ".M")))
                        .field(map("f", 1, ".M.FEntry"))
                        .field(sub("g", 2, ".M")),
                )],
        ),
        refused(
            "utf8 1 is reserved, 0 is not",
            "means nothing",
            &set(f(STRING), UTF8, 0),
        ),
        loads("utf8 that does not exist", &set(f(STRING), UTF8, 1)),
    ]
}

fn targets() -> Vec<Case> {
    let what = "can't be set on this kind of element";
    let on_message = |number, value| {
        [edition("a.proto", 2023).message(message("M").message_options(features(12, &[(number, value)])))]
    };
    let on_enum = |number, value| {
        [edition("a.proto", 2023)
            .enumeration(enumeration("E", &[("Z", 0)]).enum_options(features(7, &[(number, value)])))]
    };
    let on_file = |number, value| [edition("a.proto", 2023).file_options(features(50, &[(number, value)]))];
    let value = |features: &Wire| enumeration("E", &[]).value(named("Z").int(2, 0).put(3, features));
    vec![
        refused("presence on a message", what, &on_message(PRESENCE, 1)),
        loads("JSON on a message", &on_message(JSON, 2)),
        refused("enum type on a message", what, &on_message(ENUM_TYPE, 2)),
        loads("enum type on an enum", &on_enum(ENUM_TYPE, 2)),
        loads("JSON on an enum", &on_enum(JSON, 2)),
        refused("presence on an enum", what, &on_enum(PRESENCE, 1)),
        refused("JSON on a field", what, &set(f(INT32), JSON, 2)),
        refused("enum type on a field", what, &set(f(INT32), ENUM_TYPE, 2)),
        loads("enum type on a file", &on_file(ENUM_TYPE, 2)),
        loads("JSON on a file", &on_file(JSON, 2)),
        refused(
            "JSON on a oneof",
            what,
            &[edition("a.proto", 2023).message(
                message("M")
                    .put(8, &named("o").put(2, &features(1, &[(JSON, 1)])))
                    .field(f(INT32).in_oneof(0)),
            )],
        ),
        refused(
            "JSON on an enum value",
            what,
            &[edition("a.proto", 2023).enumeration(value(&features(2, &[(JSON, 1)])))],
        ),
        refused(
            "JSON on a service",
            what,
            &[edition("a.proto", 2023).service(named("S").put(3, &features(34, &[(JSON, 1)])))],
        ),
        refused(
            "JSON on a method",
            what,
            &[edition("a.proto", 2023)
                .message(message("M"))
                .service(named("S").method(method("Get", "M", "M").put(4, &features(35, &[(JSON, 1)]))))],
        ),
        refused(
            "JSON on an extension range",
            what,
            &[edition("a.proto", 2023).message(message("M").range_with(5, 9, features(50, &[(JSON, 1)])))],
        ),
        refused("style in 2023", "came with edition 2024", &on_file(STYLE, 2)),
        refused("style of 2026 in 2023", "came with edition 2024", &on_file(STYLE, 3)),
        refused("visibility in 2023", "came with edition 2024", &on_file(VISIBILITY, 1)),
        refused(
            "visibility on a message",
            what,
            &[edition("a.proto", 2024).message(message("M").message_options(features(12, &[(VISIBILITY, 1)])))],
        ),
        loads(
            "style on a message",
            &[edition("a.proto", 2024).message(message("M").message_options(features(12, &[(STYLE, 2)])))],
        ),
    ]
}

fn closed() -> Vec<Case> {
    let closed = || file("a.proto").enumeration(enumeration("E", &[("Z", 0)]));
    let with = |field: Wire| {
        [
            closed(),
            edition("b.proto", 2023)
                .import("a.proto")
                .message(message("M").field(field)),
        ]
    };
    let e = || field("f", 1, ENUM).of(".E");
    vec![
        loads("closed enum in an edition", &with(e())),
        refused(
            "closed enum with implicit presence",
            "closed enum, but has implicit presence",
            &with(e().field_options(features(21, &[(PRESENCE, 2)]))),
        ),
        loads("closed enum repeated", &with(e().label(REPEATED))),
        refused(
            "enum closed by its file with implicit presence",
            "closed enum",
            &[edition("a.proto", 2023)
                .file_options(features(50, &[(PRESENCE, 2), (ENUM_TYPE, 2)]))
                .enumeration(enumeration("E", &[("Z", 0)]))
                .message(message("M").field(e()))],
        ),
        loads(
            "enum opened in proto3's stead",
            &[
                edition("a.proto", 2023).enumeration(enumeration("E", &[("Z", 0)])),
                proto3("b.proto").import("a.proto").message(message("M").field(e())),
            ],
        ),
    ]
}

fn visibility() -> Vec<Case> {
    let user = |of: &str| {
        edition("b.proto", 2024)
            .package("p")
            .import("a.proto")
            .message(message("U").field(sub("f", 1, of)))
    };
    let a = |visibility| {
        edition("a.proto", 2024)
            .package("p")
            .message(message("T").int(11, visibility).nested(message("I")))
    };
    let nested = |visibility| {
        edition("a.proto", 2024)
            .package("p")
            .message(message("T").nested(message("I").int(11, visibility)))
    };
    let local = "is `local` to its file";
    vec![
        loads("type exported by default", &[a(0), user(".p.T")]),
        loads("type exported", &[a(2), user(".p.T")]),
        refused("type that is local", local, &[a(1), user(".p.T")]),
        loads(
            "type that is local in its own file",
            &[a(1).message(message("V").field(sub("f", 1, ".p.T")))],
        ),
        refused(
            "local type in a method",
            local,
            &[
                a(1),
                edition("b.proto", 2024)
                    .package("p")
                    .import("a.proto")
                    .service(named("S").method(method("Get", "T", "T"))),
            ],
        ),
        refused(
            "local type extended",
            local,
            &[
                edition("a.proto", 2024).message(message("T").int(11, 1).range(5, 9)),
                edition("b.proto", 2024)
                    .import("a.proto")
                    .extension(field("x", 5, INT32).extends("T")),
            ],
        ),
        refused(
            "local type used by proto3",
            local,
            &[
                a(1),
                proto3("b.proto")
                    .import("a.proto")
                    .message(message("U").field(sub("f", 1, ".p.T"))),
            ],
        ),
        // The option that would export it may have been there: compilers strip it.
        warned(
            "nested type local by default",
            "is local to its file, unless",
            &[nested(0), user(".p.T.I")],
        )
        .unlike_protoc(),
        loads("nested type exported", &[nested(2), user(".p.T.I")]),
        loads(
            "nested type exported by the file",
            &[nested(0).file_options(features(50, &[(VISIBILITY, 1)])), user(".p.T.I")],
        ),
        refused(
            "local enum",
            local,
            &[
                edition("a.proto", 2024).enumeration(enumeration("E", &[("Z", 0)]).int(6, 1)),
                edition("b.proto", 2024)
                    .import("a.proto")
                    .message(message("U").field(field("f", 1, ENUM).of("E"))),
            ],
        ),
        refused(
            "nested and exported under STRICT",
            "nested and exported",
            &[nested(2).file_options(features(50, &[(VISIBILITY, 4)]))],
        ),
        loads(
            "top level and exported under STRICT",
            &[a(2).file_options(features(50, &[(VISIBILITY, 4)]))],
        ),
        loads(
            "nested under STRICT",
            &[nested(0).file_options(features(50, &[(VISIBILITY, 4)]))],
        ),
        loads(
            "nested type in 2023",
            &[
                edition("a.proto", 2023)
                    .package("p")
                    .message(message("T").nested(message("I"))),
                user(".p.T.I"),
            ],
        ),
    ]
}

fn style() -> Vec<Case> {
    let m = |message: Wire| [edition("a.proto", 2024).package("p").message(message)];
    let what = "the style of edition 2024";
    vec![
        loads(
            "names in style",
            &m(message("FooBar").field(field("foo_bar", 1, INT32))),
        ),
        warned("message out of style", what, &m(message("foo_bar"))).unlike_protoc(),
        warned(
            "field out of style",
            what,
            &m(message("M").field(field("fooBar", 1, INT32))),
        )
        .unlike_protoc(),
        warned(
            "package out of style",
            what,
            &[edition("a.proto", 2024).package("Foo.bar")],
        )
        .unlike_protoc(),
        warned(
            "value out of style",
            what,
            &[edition("a.proto", 2024).enumeration(enumeration("E", &[("zero", 0)]))],
        )
        .unlike_protoc(),
        warned(
            "enum out of style",
            what,
            &[edition("a.proto", 2024).enumeration(enumeration("e", &[("ZERO", 0)]))],
        )
        .unlike_protoc(),
        warned(
            "oneof out of style",
            what,
            &m(message("M").oneof("O").field(field("f", 1, INT32).in_oneof(0))),
        )
        .unlike_protoc(),
        warned(
            "service out of style",
            what,
            &[edition("a.proto", 2024).service(named("my_service"))],
        )
        .unlike_protoc(),
        loads(
            "names out of style in 2023",
            &[edition("a.proto", 2023).message(message("foo_bar"))],
        ),
        loads(
            "names out of style by option",
            &m(message("foo_bar")).map(|file| file.file_options(features(50, &[(STYLE, 2)]))),
        ),
        loads(
            "map entry in 2024",
            &m(message("M")
                .nested(entry("FEntry", STRING, field("value", 2, INT32)))
                .field(map("f", 1, ".p.M.FEntry"))),
        ),
    ]
}
