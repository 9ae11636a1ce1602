//! Names of fields in JSON.

use super::{Case, loads, refused, warned};
use crate::write::{INT32, Wire, edition, features, field, file, message, proto3};

fn f(name: &str, number: i64) -> Wire {
    field(name, number, INT32)
}

fn m(fields: &[Wire]) -> Wire {
    fields
        .iter()
        .fold(message("M"), |message, field| message.field(field.clone()))
}

pub(super) fn cases() -> Vec<Case> {
    let p2 = |fields: &[Wire]| [file("a.proto").message(m(fields))];
    let p3 = |fields: &[Wire]| [proto3("a.proto").message(m(fields))];
    let ed = |options: Wire, fields: &[Wire]| [edition("a.proto", 2023).message(m(fields).message_options(options))];
    let best_effort = || features(12, &[(6, 2)]);
    let legacy = |file: Wire, fields: &[Wire]| [file.message(m(fields).message_options(Wire::default().int(11, 1)))];
    let what = "is also that of the field";
    let default = [f("foo_bar", 1), f("fooBar", 2)];
    vec![
        refused("JSON names that clash", what, &p3(&default)),
        warned("JSON names that clash in proto2", what, &p2(&default)),
        refused(
            "JSON names that clash in an edition",
            what,
            &ed(Wire::default(), &default),
        ),
        warned(
            "JSON names that clash with best effort",
            what,
            &ed(best_effort(), &default),
        ),
        loads("JSON names that clash, legacy", &legacy(proto3("a.proto"), &default)),
        loads(
            "JSON names that differ in case",
            &p3(&[f("foo_bar", 1), f("foobar", 2)]),
        ),
        refused(
            "custom JSON name twice",
            what,
            &p3(&[f("a", 1).json("x"), f("b", 2).json("x")]),
        ),
        refused(
            "custom JSON name twice in proto2",
            what,
            &p2(&[f("a", 1).json("x"), f("b", 2).json("x")]),
        ),
        refused(
            "custom JSON name like a default one",
            what,
            &p3(&[f("a", 1), f("b", 2).json("a")]),
        ),
        warned(
            "custom JSON name like a default one in proto2",
            what,
            &p2(&[f("a", 1), f("b", 2).json("a")]),
        ),
        // Field masks go by the default names, which clash however they are renamed.
        refused(
            "custom JSON names do not mend default ones",
            what,
            &p3(&[f("foo_bar", 1).json("x"), f("fooBar", 2).json("y")]),
        ),
        loads(
            "custom JSON names that are swapped",
            &p3(&[f("a", 1).json("b"), f("b", 2).json("a")]),
        ),
        loads("custom JSON name", &p3(&[f("foo_bar", 1).json("other name!")])),
        loads(
            "custom JSON name that is the default one",
            &p3(&[f("foo_bar", 1).json("fooBar")]),
        ),
        refused(
            "custom JSON name in brackets",
            "looks like an extension's",
            &p3(&[f("a", 1).json("[x]")]),
        ),
        loads("custom JSON name with one bracket", &p3(&[f("a", 1).json("[x")])),
        refused("custom JSON name with NUL", "NUL", &p3(&[f("a", 1).json("a\0b")])),
        loads("custom JSON name empty", &p2(&[f("a", 1).json("")])),
    ]
}
