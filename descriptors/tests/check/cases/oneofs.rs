//! Oneofs, and those that stand for proto3 fields with `optional`.

use super::{Case, loads, refused};
use crate::write::{INT32, REPEATED, REQUIRED, Wire, edition, field, file, message, proto3};

fn f(name: &str, number: i64) -> Wire {
    field(name, number, INT32)
}

fn m(message: Wire) -> [Wire; 1] {
    [file("a.proto").message(message)]
}

fn m3(message: Wire) -> [Wire; 1] {
    [proto3("a.proto").message(message)]
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = members();
    cases.extend(synthetic());
    cases
}

fn members() -> Vec<Case> {
    let o = || message("M").oneof("o");
    vec![
        loads(
            "oneof",
            &m(o().field(f("a", 1).in_oneof(0)).field(f("b", 2).in_oneof(0))),
        ),
        loads("oneof of one", &m(o().field(f("a", 1).in_oneof(0)))),
        loads(
            "two oneofs",
            &m(o().oneof("p").field(f("a", 1).in_oneof(0)).field(f("b", 2).in_oneof(1))),
        ),
        loads(
            "two oneofs backwards",
            &m(o().oneof("p").field(f("a", 1).in_oneof(1)).field(f("b", 2).in_oneof(0))),
        ),
        refused("oneof without fields", "the oneof has no field", &m(o())),
        refused(
            "oneof index out of range",
            "which does not exist",
            &m(o().field(f("a", 1).in_oneof(0)).field(f("b", 2).in_oneof(1))),
        ),
        refused(
            "oneof index below zero",
            "which does not exist",
            &m(o().field(f("a", 1).in_oneof(0)).field(f("b", 2).in_oneof(-1))),
        ),
        refused(
            "oneof with another field between",
            "other fields stand between",
            &m(o()
                .field(f("a", 1).in_oneof(0))
                .field(f("x", 2))
                .field(f("b", 3).in_oneof(0))),
        ),
        refused(
            "oneofs mixed",
            "other fields stand between",
            &m(o()
                .oneof("p")
                .field(f("a", 1).in_oneof(0))
                .field(f("b", 2).in_oneof(1))
                .field(f("c", 3).in_oneof(0))),
        ),
        refused(
            "repeated in a oneof",
            "in a oneof, but",
            &m(o().field(f("a", 1).in_oneof(0).label(REPEATED))),
        ),
        refused(
            "required in a oneof",
            "in a oneof, but",
            &m(o().field(f("a", 1).in_oneof(0).label(REQUIRED))),
        ),
        refused(
            "extension in a oneof",
            "extension in a oneof",
            &m(o()
                .range(5, 9)
                .field(f("a", 1).in_oneof(0))
                .inner_extension(f("x", 5).extends("M").in_oneof(0))),
        ),
        loads(
            "oneof in an edition",
            &[edition("a.proto", 2023).message(o().field(f("a", 1).in_oneof(0)))],
        ),
    ]
}

fn synthetic() -> Vec<Case> {
    let optional = |name: &str, number, oneof| f(name, number).in_oneof(oneof).proto3_optional();
    vec![
        loads(
            "proto3 optional",
            &m3(message("M").oneof("_a").field(optional("a", 1, 0))),
        ),
        loads(
            "proto3 optional after a oneof",
            &m3(message("M")
                .oneof("o")
                .oneof("_a")
                .field(f("x", 1).in_oneof(0))
                .field(optional("a", 2, 1))),
        ),
        refused(
            "proto3 optional before a oneof",
            "after one that stands for an `optional` field",
            &m3(message("M")
                .oneof("_a")
                .oneof("o")
                .field(optional("a", 2, 0))
                .field(f("x", 1).in_oneof(1))),
        ),
        refused(
            "proto3 optional without oneof",
            "without a oneof of its own",
            &m3(message("M").field(f("a", 1).proto3_optional())),
        ),
        refused(
            "proto3 optional in a shared oneof",
            "without a oneof of its own",
            &m3(message("M")
                .oneof("o")
                .field(optional("a", 1, 0))
                .field(f("b", 2).in_oneof(0))),
        ),
        refused(
            "proto3 optional in proto2",
            "in a file of another syntax",
            &m(message("M").oneof("_a").field(optional("a", 1, 0))),
        ),
        refused(
            "proto3 optional in an edition",
            "in a file of another syntax",
            &[edition("a.proto", 2023).message(message("M").oneof("_a").field(optional("a", 1, 0)))],
        ),
        refused(
            "proto3 optional repeated",
            "in a oneof, but",
            &m3(message("M").oneof("_a").field(optional("a", 1, 0).label(REPEATED))),
        ),
    ]
}
