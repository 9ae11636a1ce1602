//! Services and methods.

use super::{Case, loads, refused};
use crate::write::{Wire, enumeration, file, message, method, named, proto3};

pub(super) fn cases() -> Vec<Case> {
    let with = |method: Wire| {
        [file("a.proto")
            .package("p")
            .message(message("M"))
            .enumeration(enumeration("E", &[("Z", 0)]))
            .service(named("S").method(method))]
    };
    let two = |one: &str, other: &str| {
        [file("a.proto")
            .message(message("M"))
            .service(named("S").method(method(one, "M", "M")).method(method(other, "M", "M")))]
    };
    vec![
        loads("service without methods", &[file("a.proto").service(named("S"))]),
        loads("method", &with(method("Get", ".p.M", ".p.M"))),
        loads("method with relative types", &with(method("Get", "M", "p.M"))),
        loads(
            "method that streams",
            &with(method("Get", ".p.M", ".p.M").int(5, 1).int(6, 1)),
        ),
        refused(
            "method without input",
            "the request type is missing",
            &with(named("Get").text(3, ".p.M")),
        ),
        refused(
            "method without output",
            "the response type is missing",
            &with(named("Get").text(2, ".p.M")),
        ),
        refused(
            "method with an enum",
            "the request type \".p.E\" is an enum, not a message",
            &with(method("Get", ".p.E", ".p.M")),
        ),
        refused(
            "method with a service",
            "not a message",
            &with(method("Get", ".p.M", ".p.S")),
        ),
        refused(
            "method with what is not there",
            "the response type \".p.X\" is not defined",
            &with(method("Get", ".p.M", ".p.X")),
        ),
        refused("two methods", "is defined twice", &two("Get", "Get")),
        loads("two methods that differ in case", &two("Get", "get")),
        refused(
            "method without name",
            "has no name",
            &with(Wire::default().text(2, ".p.M").text(3, ".p.M")),
        ),
        refused(
            "method with a type that is not imported",
            "is not imported",
            &[
                file("m.proto").message(message("M")),
                proto3("a.proto").service(named("S").method(method("Get", ".M", ".M"))),
            ],
        ),
    ]
}
