//! Extensions, the ranges that they need, and declarations.

use super::{Case, loads, refused, warned};
use crate::write::{
    GROUP, INT32, MAX, REPEATED, REQUIRED, STRING, Wire, edition, enumeration, field, file, message, named, proto3, sub,
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = numbers();
    cases.extend(places());
    cases.extend(message_sets());
    cases.extend(declarations());
    cases.extend(declared());
    cases
}

fn x(number: i64) -> Wire {
    field("x", number, INT32).extends(".M")
}

/// A message with room for extensions, and an extension.
fn with(extension: Wire) -> [Wire; 1] {
    [file("a.proto")
        .message(message("M").range(100, 200).range(300, 400))
        .extension(extension)]
}

fn numbers() -> Vec<Case> {
    let what = "has no extension range with the number";
    let two = |name: &str| {
        file(name)
            .import("m.proto")
            .extension(field(&name.replace('.', "_"), 100, INT32).extends(".M"))
    };
    vec![
        loads("extension", &with(x(100))),
        loads("extension at the end of a range", &with(x(199))),
        loads("extension in the second range", &with(x(300))),
        refused("extension after its range", what, &with(x(200))),
        refused("extension before its range", what, &with(x(99))),
        refused("extension of number 0", "its number is 0", &with(x(0))),
        refused("extension beyond the end", what, &with(x(MAX + 1))),
        refused(
            "extension of a message without ranges",
            what,
            &[file("a.proto").message(message("M")).extension(x(5))],
        ),
        refused(
            "extension with one of protobuf's own numbers",
            "protobuf keeps for itself",
            &[file("a.proto")
                .message(message("M").range(18_000, 21_000))
                .extension(x(19_500))],
        ),
        refused(
            "extension number twice",
            "is also that of the extension",
            &[file("a.proto")
                .message(message("M").range(100, 200))
                .extension(x(100))
                .extension(field("y", 100, INT32).extends("M"))],
        ),
        warned(
            "extension number twice in two files",
            "is also that of the extension",
            &[
                file("m.proto").message(message("M").range(100, 200)),
                two("a.proto"),
                two("b.proto"),
            ],
        )
        // protoc makes such a set with a warning, and does not read it again.
        .unlike_protoc(),
        loads(
            "extension number of two messages",
            &[file("a.proto")
                .message(message("M").range(100, 200))
                .message(message("N").range(100, 200))
                .extension(x(100))
                .extension(field("y", 100, INT32).extends("N"))],
        ),
    ]
}

fn places() -> Vec<Case> {
    let proto3_with = |extension: Wire| {
        [
            file("a.proto").message(message("M").range(100, 200)),
            proto3("b.proto").import("a.proto").extension(extension),
        ]
    };
    let options = || {
        file("google/protobuf/descriptor.proto")
            .package("google.protobuf")
            .message(message("FieldOptions").range(1000, MAX + 1))
    };
    let custom = |file: Wire| {
        file.import("google/protobuf/descriptor.proto")
            .extension(field("o", 5000, INT32).extends(".google.protobuf.FieldOptions"))
    };
    vec![
        refused(
            "extension of nothing",
            "extension of nothing",
            &with(field("x", 100, INT32)),
        ),
        refused(
            "extension of what is not there",
            "is not defined",
            &with(field("x", 100, INT32).extends(".X")),
        ),
        refused(
            "extension of an enum",
            "not a message",
            &[file("a.proto")
                .enumeration(enumeration("E", &[("Z", 0)]))
                .extension(field("x", 100, INT32).extends("E"))],
        ),
        loads(
            "extension in a message",
            &[file("a.proto").message(
                message("M")
                    .range(5, 9)
                    .inner_extension(field("x", 5, INT32).extends("M")),
            )],
        ),
        refused(
            "extension that is required",
            "extension that is required",
            &with(x(100).label(REQUIRED)),
        ),
        loads("extension that is repeated", &with(x(100).label(REPEATED))),
        loads("extension with a default", &with(x(100).default_value("7"))),
        refused(
            "extension in proto3",
            "only options can be extended",
            &proto3_with(x(100)),
        ),
        loads("custom option in proto3", &[options(), custom(proto3("b.proto"))]),
        loads("custom option in proto2", &[options(), custom(file("b.proto"))]),
        refused(
            "extension of another package's FieldOptions in proto3",
            "only options can be extended",
            &[
                file("a.proto")
                    .package("acme")
                    .message(message("FieldOptions").range(5, 9)),
                proto3("b.proto")
                    .import("a.proto")
                    .extension(field("o", 5, INT32).extends(".acme.FieldOptions")),
            ],
        ),
        loads(
            "extension in an edition",
            &[edition("a.proto", 2023)
                .message(message("M").range(100, 200))
                .extension(x(100))],
        ),
        refused(
            "extension with a JSON name",
            "with the JSON name",
            &with(x(100).json("other")),
        ),
        loads("extension with its own JSON name", &with(x(100).json("x"))),
    ]
}

fn message_sets() -> Vec<Case> {
    let set = || message("M").message_options(Wire::default().int(1, 1));
    let with = |extension: Wire| {
        [file("a.proto")
            .message(set().range(4, i64::from(i32::MAX)))
            .message(message("N"))
            .extension(extension)]
    };
    let n = |number| sub("x", number, ".N").extends(".M");
    let what = "but is no optional message";
    vec![
        loads(
            "MessageSet",
            &[file("a.proto").message(set().range(4, i64::from(i32::MAX)))],
        ),
        loads("extension of a MessageSet", &with(n(1000))),
        loads(
            "extension of a MessageSet beyond field numbers",
            &with(n(i64::from(i32::MAX) - 1)),
        ),
        refused(
            "extension of a MessageSet that is a number",
            what,
            &with(field("x", 100, INT32).extends(".M")),
        ),
        refused(
            "extension of a MessageSet that is repeated",
            what,
            &with(n(100).label(REPEATED)),
        ),
        refused(
            "extension of a MessageSet that is a group",
            what,
            &with(field("x", 100, GROUP).of(".N").extends(".M")),
        ),
        refused(
            "MessageSet with a field",
            "field of a MessageSet",
            &[file("a.proto").message(set().field(field("f", 1, INT32)))],
        ),
    ]
}

/// A declaration: number, `full_name`, `type`.
fn declaration(number: i64, name: &str, of: &str) -> Wire {
    Wire::default().int(1, number).text(2, name).text(3, of)
}

fn range(options: Wire) -> [Wire; 1] {
    [file("a.proto").message(message("M").range_with(100, 200, options))]
}

fn one(declaration: &Wire) -> Wire {
    Wire::default().put(2, declaration)
}

fn declarations() -> Vec<Case> {
    let d = || declaration(100, ".x", "int32");
    vec![
        loads("declaration", &range(one(&d()))),
        loads(
            "declaration of a message",
            &range(one(&declaration(100, ".p.x", ".p.M"))),
        ),
        refused(
            "declaration outside of its range",
            "lies outside of the range",
            &range(one(&declaration(200, ".x", "int32"))),
        ),
        refused(
            "declaration twice",
            "declares the extension 100 twice",
            &range(one(&d()).put(2, &declaration(100, ".y", "int32"))),
        ),
        refused(
            "declaration of one name twice",
            "declares the extension \".x\" twice",
            &range(one(&d()).put(2, &declaration(101, ".x", "int32"))),
        ),
        refused(
            "declaration without a dot",
            "is no full name",
            &range(one(&declaration(100, "x", "int32"))),
        ),
        refused(
            "declaration of a type without a dot",
            "is no full name",
            &range(one(&declaration(100, ".x", "M"))),
        ),
        refused(
            "declaration of a bad name",
            "is no full name",
            &range(one(&declaration(100, ".x..y", "int32"))),
        ),
        refused(
            "declaration without type",
            "lacks `full_name` or `type`",
            &range(one(&Wire::default().int(1, 100).text(2, ".x"))),
        ),
        refused(
            "declaration without anything",
            "lacks `full_name` or `type`",
            &range(one(&Wire::default().int(1, 100))),
        ),
        loads(
            "declaration that reserves",
            &range(one(&Wire::default().int(1, 100).int(5, 1))),
        ),
        refused(
            "declaration and UNVERIFIED",
            "UNVERIFIED at once",
            &range(one(&d()).int(3, 1)),
        ),
        loads("declaration and DECLARATION", &range(one(&d()).int(3, 0))),
    ]
}

fn declared() -> Vec<Case> {
    let with = |options: Wire, extension: Wire| [range(options)[0].clone().extension(extension)];
    let d = || one(&declaration(100, ".x", "int32"));
    let of_message = |name: &str| with(one(&declaration(100, ".x", ".M")), sub("x", 100, name).extends("M"));
    vec![
        loads("extension as declared", &with(d(), x(100))),
        refused(
            "extension of another name than declared",
            "its number is declared for",
            &with(d(), field("y", 100, INT32).extends("M")),
        ),
        refused(
            "extension of another type than declared",
            "declared to be of type",
            &with(d(), field("x", 100, STRING).extends("M")),
        ),
        refused(
            "extension repeated unlike its declaration",
            "declared to be singular",
            &with(d(), x(100).label(REPEATED)),
        ),
        refused(
            "extension not declared",
            "wants its extensions declared",
            &with(d(), field("z", 101, INT32).extends("M")),
        ),
        refused(
            "extension not declared at all",
            "wants its extensions declared",
            &with(Wire::default().int(3, 0), x(100)),
        ),
        loads("extension UNVERIFIED", &with(Wire::default().int(3, 1), x(100))),
        refused(
            "extension of a reserved number",
            "reserved in the extension declarations",
            &with(one(&declaration(100, ".x", "int32").int(5, 1)), x(100)),
        ),
        loads("extension of a message as declared", &of_message(".M")),
        refused(
            "extension of another message than declared",
            "declared to be of type",
            &with(one(&declaration(100, ".x", ".N")), sub("x", 100, ".M").extends("M")),
        ),
        loads(
            "declared extension with options beside",
            &with(
                one(&declaration(100, ".x", "string").int(6, 1)),
                named("x").int(3, 100).int(4, 3).int(5, STRING).extends("M"),
            ),
        ),
    ]
}
