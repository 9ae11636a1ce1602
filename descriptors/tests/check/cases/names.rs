//! Identifiers, packages, and names that come twice.

use super::{Case, loads, refused};
use crate::write::{INT32, Wire, edition, enumeration, field, file, message, method, named};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = identifiers();
    cases.extend(packages());
    cases.extend(twice());
    cases
}

fn identifiers() -> Vec<Case> {
    let what = "is no identifier";
    let of_message = |message: Wire| [file("a.proto").message(message)];
    vec![
        loads("message of letters, digits, underscores", &of_message(message("_M9_"))),
        loads("message that starts with a digit", &of_message(message("9M"))),
        refused("message without name", "has no name", &of_message(Wire::default())),
        refused("message with empty name", "has no name", &of_message(message(""))),
        refused("message with a dot", what, &of_message(message("a.b"))),
        refused("message with a hyphen", what, &of_message(message("a-b"))),
        refused("message with a space", what, &of_message(message("a b"))),
        refused("message with NUL", what, &of_message(message("a\0b"))),
        refused("message beyond ASCII", what, &of_message(message("Möwe"))),
        refused(
            "field with a dot",
            what,
            &of_message(message("M").field(field("a.b", 1, INT32))),
        ),
        refused(
            "field without name",
            "has no name",
            &of_message(message("M").field(Wire::default().int(3, 1).int(5, INT32))),
        ),
        refused(
            "oneof with a hyphen",
            what,
            &of_message(message("M").oneof("a-b").field(field("f", 1, INT32).in_oneof(0))),
        ),
        refused(
            "enum with a slash",
            what,
            &[file("a.proto").enumeration(enumeration("a/b", &[("X", 0)]))],
        ),
        refused(
            "enum value with a dollar",
            what,
            &[file("a.proto").enumeration(enumeration("E", &[("X$", 0)]))],
        ),
        refused(
            "enum value without name",
            "has no name",
            &[file("a.proto").enumeration(named("E").value(Wire::default().int(2, 0)))],
        ),
        refused("service with a space", what, &[file("a.proto").service(named("a b"))]),
        refused(
            "method with a slash",
            what,
            &[file("a.proto")
                .message(message("M"))
                .service(named("S").method(method("a/b", "M", "M")))],
        ),
        refused(
            "extension with a comma",
            what,
            &[file("a.proto")
                .message(message("M").range(1, 9))
                .extension(field("a,b", 1, INT32).extends("M"))],
        ),
        refused(
            "name that is not UTF-8",
            "not UTF-8",
            &of_message(Wire::default().bytes(1, &[0xff, b'a'])),
        ),
        loads("long name", &of_message(message(&"a".repeat(60_000)))),
        refused(
            "too long a name",
            "more than 65535",
            &of_message(message(&"a".repeat(70_000))),
        ),
        refused(
            "full name too long in sum",
            "more than 65535",
            &of_message(message(&"a".repeat(40_000)).nested(message(&"b".repeat(40_000)))),
        ),
    ]
}

fn packages() -> Vec<Case> {
    let package = |name: &str| [file("a.proto").package(name).message(message("M"))];
    let what = "is no dotted name";
    vec![
        loads("package", &package("acme.orders.v1")),
        loads("package empty", &package("")),
        loads("package with digits first", &package("1.2")),
        refused("package with two dots", what, &package("a..b")),
        refused("package with a dot first", what, &package(".a")),
        refused("package with a dot last", what, &package("a.")),
        refused("package of a dot", what, &package(".")),
        refused("package with a hyphen", what, &package("a-b")),
        refused("package with NUL", what, &package("a\0b")),
        loads("package of 101 parts", &package(&["a"; 101].join("."))),
        refused(
            "package of 102 parts",
            "more than 101 parts",
            &package(&["a"; 102].join(".")),
        ),
        loads("package of 511 bytes", &package(&"a".repeat(511))),
        refused("package of 512 bytes", "more than 511", &package(&"a".repeat(512))),
        loads(
            "package in two files",
            &[file("a.proto").package("a.b"), file("b.proto").package("a.c")],
        ),
        refused(
            "package called like a message",
            "is defined twice",
            &[
                file("a.proto").message(message("x")),
                file("b.proto").import("a.proto").package("x.y"),
            ],
        ),
        refused(
            "message called like a package",
            "is defined twice",
            &[
                file("a.proto").package("x.y"),
                file("b.proto").import("a.proto").message(message("x")),
            ],
        ),
        refused(
            "message called like its own package",
            "is defined twice",
            &[
                file("a.proto").package("x.x"),
                file("b.proto").import("a.proto").package("x").message(message("x")),
            ],
        ),
        loads(
            "message called like the last part of its package",
            &[file("a.proto").package("x").message(message("x"))],
        ),
    ]
}

fn twice() -> Vec<Case> {
    let what = "is defined twice";
    let m = |message: Wire| [file("a.proto").message(message)];
    let f = |name: &str, number| field(name, number, INT32);
    vec![
        refused(
            "two messages",
            what,
            &[file("a.proto").message(message("M")).message(message("M"))],
        ),
        loads(
            "two messages that differ in case",
            &[file("a.proto").message(message("M")).message(message("m"))],
        ),
        refused(
            "message and enum",
            what,
            &[file("a.proto")
                .message(message("E"))
                .enumeration(enumeration("E", &[("X", 0)]))],
        ),
        refused(
            "message and service",
            what,
            &[file("a.proto").message(message("S")).service(named("S"))],
        ),
        refused(
            "message and extension",
            what,
            &[file("a.proto")
                .message(message("M").range(1, 9))
                .extension(f("M", 1).extends("M"))],
        ),
        refused("two fields", what, &m(message("M").field(f("a", 1)).field(f("a", 2)))),
        refused(
            "field and nested message",
            what,
            &m(message("M").field(f("a", 1)).nested(message("a"))),
        ),
        refused(
            "field and oneof",
            what,
            &m(message("M").oneof("a").field(f("a", 1).in_oneof(0))),
        ),
        refused(
            "field and inner enum value",
            what,
            &m(message("M").field(f("X", 1)).inner_enum(enumeration("E", &[("X", 0)]))),
        ),
        refused(
            "nested message and inner enum",
            what,
            &m(message("M")
                .nested(message("A"))
                .inner_enum(enumeration("A", &[("X", 0)]))),
        ),
        refused(
            "field and inner extension",
            what,
            &m(message("M")
                .range(5, 9)
                .field(f("a", 1))
                .inner_extension(f("a", 5).extends("M"))),
        ),
        loads("field called like its message", &m(message("M").field(f("M", 1)))),
        loads(
            "nested message called like the outer",
            &m(message("M").nested(message("M"))),
        ),
        refused(
            "two values",
            what,
            &[file("a.proto").enumeration(enumeration("E", &[("X", 0), ("X", 1)]))],
        ),
        refused(
            "values of two enums",
            what,
            &[file("a.proto")
                .enumeration(enumeration("E", &[("X", 0)]))
                .enumeration(enumeration("F", &[("X", 0)]))],
        ),
        loads(
            "values of two enums in two messages",
            &[file("a.proto")
                .message(message("M").inner_enum(enumeration("E", &[("X", 0)])))
                .message(message("N").inner_enum(enumeration("E", &[("X", 0)])))],
        ),
        refused(
            "value called like its enum",
            what,
            &[file("a.proto").enumeration(enumeration("E", &[("E", 0)]))],
        ),
        refused(
            "value and message",
            what,
            &[file("a.proto")
                .message(message("X"))
                .enumeration(enumeration("E", &[("X", 0)]))],
        ),
        refused(
            "two services",
            what,
            &[file("a.proto").service(named("S")).service(named("S"))],
        ),
        refused(
            "two files with one message",
            what,
            &[
                file("a.proto").message(message("M")),
                file("b.proto").import("a.proto").message(message("M")),
            ],
        ),
        loads(
            "two files with one message in two packages",
            &[
                file("a.proto").package("p").message(message("M")),
                edition("b.proto", 2023).package("q").message(message("M")),
            ],
        ),
    ]
}
