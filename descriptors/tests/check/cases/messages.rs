//! Messages: nesting, numbers that are used, reserved or left to extensions.

use super::{Case, loads, refused};
use crate::write::{INT32, MAX, Wire, edition, field, file, message, proto3};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = nesting();
    cases.extend(ranges());
    cases.extend(used());
    cases
}

fn m(message: Wire) -> [Wire; 1] {
    [file("a.proto").message(message)]
}

fn nest(levels: usize) -> Wire {
    (1..levels).fold(message("M"), |inner, _| message("M").nested(inner))
}

fn nesting() -> Vec<Case> {
    let fields = |count: i64| {
        (1..=count).fold(message("M"), |found, number| {
            found.field(field(&format!("f{number}"), number, INT32))
        })
    };
    vec![
        loads("31 levels of messages", &m(nest(31))),
        refused("32 levels of messages", "31 levels", &m(nest(32))),
        refused("90 levels of messages", "31 levels", &m(nest(90))),
        loads("10000 fields", &m(fields(10_000))),
    ]
}

fn ranges() -> Vec<Case> {
    let overlap = "overlap";
    vec![
        loads("reserved range", &m(message("M").reserved(1, 2))),
        loads("reserved range to the end", &m(message("M").reserved(5, MAX + 1))),
        loads(
            "reserved ranges side by side",
            &m(message("M").reserved(5, 7).reserved(7, 9).reserved(1, 5)),
        ),
        refused(
            "reserved ranges that overlap",
            overlap,
            &m(message("M").reserved(5, 8).reserved(7, 9)),
        ),
        refused(
            "reserved range twice",
            overlap,
            &m(message("M").reserved(5, 8).reserved(5, 8)),
        ),
        refused(
            "reserved range in another",
            overlap,
            &m(message("M").reserved(1, 100).reserved(7, 9)),
        ),
        refused(
            "reserved range from zero",
            "starts at 0",
            &m(message("M").reserved(0, 3)),
        ),
        refused(
            "reserved range below zero",
            "starts at -5",
            &m(message("M").reserved(-5, 3)),
        ),
        refused(
            "reserved range that is empty",
            "ends before it starts",
            &m(message("M").reserved(5, 5)),
        ),
        refused(
            "reserved range backwards",
            "ends before it starts",
            &m(message("M").reserved(7, 5)),
        ),
        loads("extension range", &m(message("M").range(100, 200))),
        loads("extension range to the end", &m(message("M").range(100, MAX + 1))),
        refused(
            "extension range beyond the end",
            "more than 536870911",
            &m(message("M").range(100, MAX + 2)),
        ),
        loads(
            "extension range over protobuf's own numbers",
            &m(message("M").range(18_000, 21_000)),
        ),
        loads(
            "extension ranges side by side",
            &m(message("M").range(5, 7).range(7, 9)),
        ),
        refused(
            "extension ranges that overlap",
            overlap,
            &m(message("M").range(5, 8).range(7, 9)),
        ),
        refused("extension range from zero", "starts at 0", &m(message("M").range(0, 3))),
        refused(
            "extension range that is empty",
            "ends before it starts",
            &m(message("M").range(5, 5)),
        ),
        refused(
            "extension range on a reserved one",
            "overlaps the reserved range",
            &m(message("M").range(5, 10).reserved(9, 12)),
        ),
        loads(
            "extension range beside a reserved one",
            &m(message("M").range(5, 10).reserved(10, 12)),
        ),
        refused(
            "extension range in proto3",
            "proto3",
            &[proto3("a.proto").message(message("M").range(5, 10))],
        ),
        loads(
            "extension range in an edition",
            &[edition("a.proto", 2023).message(message("M").range(5, 10))],
        ),
        loads("reserved name", &m(message("M").reserved_name("a"))),
        loads(
            "reserved name that is no identifier",
            &m(message("M").reserved_name("a-b")),
        ),
        refused(
            "reserved name twice",
            "twice",
            &m(message("M").reserved_name("a").reserved_name("a")),
        ),
        refused(
            "reserved name too long",
            "more than 65535",
            &m(message("M").reserved_name(&"a".repeat(70_000))),
        ),
        refused(
            "MessageSet in proto3",
            "MessageSet",
            &[proto3("a.proto").message(message("M").message_options(Wire::default().int(1, 1)))],
        ),
    ]
}

fn used() -> Vec<Case> {
    let f = |name: &str, number| field(name, number, INT32);
    vec![
        refused(
            "number used twice",
            "is also that of the field \"a\"",
            &m(message("M").field(f("a", 1)).field(f("b", 1))),
        ),
        refused(
            "number used twice apart",
            "is also that of",
            &m(message("M").field(f("a", 3)).field(f("b", 1)).field(f("c", 3))),
        ),
        loads(
            "numbers backwards",
            &m(message("M").field(f("a", 3)).field(f("b", 2)).field(f("c", 1))),
        ),
        refused(
            "number that is reserved",
            "is reserved",
            &m(message("M").field(f("a", 5)).reserved(4, 6)),
        ),
        refused(
            "number at the start of a reserved range",
            "is reserved",
            &m(message("M").field(f("a", 4)).reserved(4, 6)),
        ),
        loads(
            "number after a reserved range",
            &m(message("M").field(f("a", 6)).reserved(4, 6)),
        ),
        loads(
            "number before a reserved range",
            &m(message("M").field(f("a", 3)).reserved(4, 6)),
        ),
        refused(
            "number in an extension range",
            "lies in the extension range",
            &m(message("M").field(f("a", 5)).range(4, 6)),
        ),
        loads(
            "number after an extension range",
            &m(message("M").field(f("a", 6)).range(4, 6)),
        ),
        refused(
            "name that is reserved",
            "its name is reserved",
            &m(message("M").field(f("a", 5)).reserved_name("a")),
        ),
        loads(
            "name beside a reserved one",
            &m(message("M").field(f("a", 5)).reserved_name("b")),
        ),
    ]
}
