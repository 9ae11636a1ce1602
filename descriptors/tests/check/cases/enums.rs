//! Enums and their values.

use super::{Case, loads, refused, warned};
use crate::write::{Wire, edition, enumeration, features, file, proto3};

fn e(found: Wire) -> [Wire; 1] {
    [file("a.proto").enumeration(found)]
}

fn e3(found: Wire) -> [Wire; 1] {
    [proto3("a.proto").enumeration(found)]
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = values();
    cases.extend(reserved());
    cases.extend(generated());
    cases
}

fn values() -> Vec<Case> {
    let alias = || Wire::default().int(2, 1);
    let two = || enumeration("E", &[("A", 0), ("B", 0)]);
    let ed = |found: Wire| [edition("a.proto", 2023).enumeration(found)];
    let late = || enumeration("E", &[("A", 1)]);
    vec![
        loads("enum", &e(enumeration("E", &[("A", 0), ("B", 1), ("C", -1)]))),
        refused("enum without values", "has no value", &e(enumeration("E", &[]))),
        loads(
            "value without number",
            &e(crate::write::named("E").value(crate::write::named("A"))),
        ),
        refused("value number twice", "is also that of \"A\"", &e(two())),
        loads("value number twice with allow_alias", &e(two().enum_options(alias()))),
        refused(
            "value number twice with allow_alias off",
            "is also that of",
            &e(two().enum_options(Wire::default().int(2, 0))),
        ),
        loads(
            "allow_alias without aliases",
            &e(enumeration("E", &[("A", 0)]).enum_options(alias())),
        ),
        loads("proto2 enum that starts at one", &e(late())),
        refused("proto3 enum that starts at one", "not zero", &e3(late())),
        loads(
            "proto3 enum that starts at zero",
            &e3(enumeration("E", &[("A", 0), ("B", -5)])),
        ),
        refused("edition enum that starts at one", "not zero", &ed(late())),
        loads(
            "edition enum that is closed and starts at one",
            &ed(late().enum_options(features(7, &[(2, 2)]))),
        ),
        loads(
            "values at the ends of their range",
            &e(enumeration(
                "E",
                &[("A", i64::from(i32::MIN)), ("B", i64::from(i32::MAX))],
            )),
        ),
    ]
}

fn reserved() -> Vec<Case> {
    let a = || enumeration("E", &[("A", 0), ("B", 5)]);
    vec![
        loads("reserved values", &e(a().reserved_values(1, 4).reserved_values(6, 9))),
        loads("reserved value of one", &e(a().reserved_values(2, 2))),
        loads("reserved values below zero", &e(a().reserved_values(-9, -2))),
        refused(
            "reserved values backwards",
            "ends before it starts",
            &e(a().reserved_values(4, 3)),
        ),
        refused(
            "reserved values that overlap",
            "overlap",
            &e(a().reserved_values(1, 3).reserved_values(3, 4)),
        ),
        loads(
            "reserved values side by side",
            &e(a().reserved_values(1, 2).reserved_values(3, 4)),
        ),
        refused(
            "value that is reserved",
            "its number 5 is reserved",
            &e(a().reserved_values(1, 5)),
        ),
        refused(
            "value at the start of a reserved range",
            "its number 5 is reserved",
            &e(a().reserved_values(5, 8)),
        ),
        refused(
            "value name that is reserved",
            "its name is reserved",
            &e(a().reserved_value_name("B")),
        ),
        refused(
            "value name reserved twice",
            "twice",
            &e(a().reserved_value_name("X").reserved_value_name("X")),
        ),
        loads("value name beside a reserved one", &e(a().reserved_value_name("C"))),
    ]
}

/// What generators make of the names.
fn generated() -> Vec<Case> {
    let what = "but for case and the enum's name";
    let legacy = || Wire::default().int(6, 1);
    vec![
        refused(
            "value names that differ in case",
            what,
            &e3(enumeration("E", &[("FOO", 0), ("foo", 1)])),
        ),
        refused(
            "value names that differ in case, proto2",
            what,
            &e(enumeration("E", &[("FOO", 0), ("foo", 1)])),
        ),
        refused(
            "value names that differ in prefix",
            what,
            &e3(enumeration("MyEnum", &[("MY_ENUM_FOO", 0), ("FOO", 1)])),
        ),
        loads(
            "value names that differ in prefix and share a number",
            &e3(enumeration("MyEnum", &[("MY_ENUM_FOO", 0), ("FOO", 0)]).enum_options(Wire::default().int(2, 1))),
        ),
        loads(
            "value names that differ in underscores",
            &e3(enumeration("Foo", &[("FOO_BAR_BAZ", 0), ("FOO_BARBAZ", 1)])),
        ),
        warned(
            "value names that differ in case, legacy",
            what,
            &e(enumeration("E", &[("FOO", 0), ("foo", 1)]).enum_options(legacy())),
        ),
        refused(
            "value names that differ in case, legacy proto3",
            what,
            &e3(enumeration("E", &[("FOO", 0), ("foo", 1)]).enum_options(legacy())),
        ),
    ]
}
