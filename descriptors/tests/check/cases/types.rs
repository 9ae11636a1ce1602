//! The types of fields: that they are there, that they agree, and how their names are looked up.

use super::{Case, loads, refused};
use crate::write::{ENUM, GROUP, INT32, MESSAGE, Wire, enumeration, field, file, message, method, named, proto3, sub};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = agreement();
    cases.extend(scopes());
    cases.extend(closed());
    cases
}

fn with(field: Wire) -> [Wire; 1] {
    [file("a.proto")
        .package("p")
        .enumeration(enumeration("E", &[("ZERO", 0)]))
        .service(named("S"))
        .message(message("N"))
        .message(message("M").field(field))]
}

fn agreement() -> Vec<Case> {
    let told = |name: &str| with(named("f").int(3, 1).int(4, 1).of(name));
    vec![
        loads("message field", &with(sub("f", 1, ".p.N"))),
        loads("message field of its own message", &with(sub("f", 1, ".p.M"))),
        loads("group field", &with(field("f", 1, GROUP).of(".p.N"))),
        loads("enum field", &with(field("f", 1, ENUM).of(".p.E"))),
        loads("field told to be a message", &told(".p.N")),
        loads("field told to be an enum", &told(".p.E")),
        refused(
            "message field of an enum",
            "is an enum, not a message",
            &with(sub("f", 1, ".p.E")),
        ),
        refused(
            "group field of an enum",
            "is an enum, not a message",
            &with(field("f", 1, GROUP).of(".p.E")),
        ),
        refused(
            "enum field of a message",
            "is a message, not an enum",
            &with(field("f", 1, ENUM).of(".p.N")),
        ),
        refused(
            "message field of a service",
            "not a message",
            &with(sub("f", 1, ".p.S")),
        ),
        refused("message field of a package", "not a message", &with(sub("f", 1, ".p"))),
        refused(
            "message field of a field",
            "not a message",
            &with(sub("f", 1, ".p.M.f")),
        ),
        refused(
            "message field of an enum value",
            "not a message",
            &with(sub("f", 1, ".p.ZERO")),
        ),
        refused("field told to be a service", "not a message or enum", &told(".p.S")),
        refused(
            "message field without type name",
            "does not name it",
            &with(field("f", 1, MESSAGE)),
        ),
        refused(
            "enum field without type name",
            "does not name it",
            &with(field("f", 1, ENUM)),
        ),
        refused(
            "scalar field with type name",
            "scalar type, but names",
            &with(field("f", 1, INT32).of(".p.N")),
        ),
        refused("type name empty", "is missing", &with(sub("f", 1, ""))),
        refused("type name of a dot", "is not defined", &with(sub("f", 1, "."))),
        refused("type name with two dots", "is not defined", &with(sub("f", 1, "..p.N"))),
        refused(
            "type name with a dot last",
            "is not defined",
            &with(sub("f", 1, ".p.N.")),
        ),
        refused(
            "type name that is not there",
            "\".p.X\" is not defined",
            &with(sub("f", 1, ".p.X")),
        ),
        refused(
            "type name in full without a dot in another package",
            "is not defined",
            &with(sub("f", 1, "q.N")),
        ),
    ]
}

fn scopes() -> Vec<Case> {
    let a = |message: Wire| {
        [file("a.proto")
            .package("p.q")
            .message(message)
            .message(super::message_n())]
    };
    let bar_baz = |inner: Wire| {
        [file("a.proto")
            .message(message("Bar").nested(message("Baz")))
            .message(message("Foo").nested(inner).field(sub("f", 1, "Bar.Baz")))]
    };
    vec![
        loads("name in its package", &a(message("M").field(sub("f", 1, "N")))),
        loads(
            "name with part of its package",
            &a(message("M").field(sub("f", 1, "q.N"))),
        ),
        loads("name with its package", &a(message("M").field(sub("f", 1, "p.q.N")))),
        refused(
            "name with a dot counts from the root",
            "is not defined",
            &a(message("M").field(sub("f", 1, ".q.N"))),
        ),
        loads(
            "name in the message",
            &a(message("M").nested(message("I")).field(sub("f", 1, "I"))),
        ),
        refused(
            "name in another message",
            "is not defined",
            &a(message("M")
                .nested(message("O").nested(message("I")))
                .field(sub("f", 1, "I"))),
        ),
        loads(
            "name of the message around",
            &a(message("M").nested(message("I").field(sub("f", 1, "M")))),
        ),
        loads(
            "inner message before the outer one",
            &a(message("M")
                .nested(message("N").nested(message("Only")))
                .field(sub("f", 1, "N.Only"))),
        ),
        // Only the innermost `Bar` counts, and that has no `Baz`.
        refused("first part decides", "is not defined", &bar_baz(message("Bar"))),
        loads(
            "first part decides for the good",
            &bar_baz(message("Bar").nested(message("Baz"))),
        ),
        loads("a field does not hide a type", &a(message("M").field(sub("N", 1, "N")))),
        loads(
            "a field does not hide the first part",
            &[file("a.proto")
                .message(message("Bar").nested(message("Baz")))
                .message(message("Foo").field(sub("Bar", 1, "Bar.Baz")))],
        ),
        // A method's type is looked up among everything, its own service's methods included.
        refused(
            "a method hides a type for methods",
            "not a message",
            &[file("a.proto")
                .message(message("N"))
                .service(named("S").method(method("N", "N", ".N")))],
        ),
        loads(
            "a method does not hide a type in full",
            &[file("a.proto")
                .message(message("N"))
                .service(named("S").method(method("N", ".N", ".N")))],
        ),
        loads(
            "extension in a message names its message's types",
            &[file("a.proto").message(
                message("M")
                    .range(1, 9)
                    .nested(message("I"))
                    .inner_extension(sub("x", 1, "I").extends("M")),
            )],
        ),
    ]
}

fn closed() -> Vec<Case> {
    let closed = || file("a.proto").enumeration(enumeration("E", &[("ZERO", 0)]));
    let open = || proto3("a.proto").enumeration(enumeration("E", &[("ZERO", 0)]));
    let f = || field("f", 1, ENUM).of(".E");
    vec![
        refused(
            "closed enum in proto3",
            "proto3 field of a closed enum",
            &[
                closed(),
                proto3("b.proto").import("a.proto").message(message("M").field(f())),
            ],
        ),
        refused(
            "closed enum repeated in proto3",
            "closed enum",
            &[
                closed(),
                proto3("b.proto")
                    .import("a.proto")
                    .message(message("M").field(f().label(3))),
            ],
        ),
        loads(
            "open enum in proto3",
            &[
                open(),
                proto3("b.proto").import("a.proto").message(message("M").field(f())),
            ],
        ),
        loads(
            "open enum in proto2",
            &[
                open(),
                file("b.proto").import("a.proto").message(message("M").field(f())),
            ],
        ),
        loads(
            "proto2 message in proto3",
            &[
                file("a.proto").message(message("N")),
                proto3("b.proto")
                    .import("a.proto")
                    .message(message("M").field(sub("f", 1, ".N"))),
            ],
        ),
    ]
}
