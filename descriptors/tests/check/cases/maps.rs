//! Map fields and their entry types.

use super::{Case, loads, refused};
use crate::write::{
    BOOL, BYTES, DOUBLE, ENUM, FLOAT, GROUP, INT32, INT64, REPEATED, REQUIRED, STRING, UINT32, UINT64, Wire, edition,
    entry, enumeration, field, file, map, message, method, named, proto3, sub,
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = shapes();
    cases.extend(uses());
    cases.extend(keys_and_values());
    cases
}

/// `map_field` and the entry type, as compilers make them.
fn m(entry: Wire) -> [Wire; 1] {
    [file("a.proto").message(message("M").nested(entry).field(map("my_map", 1, ".M.MyMapEntry")))]
}

fn good() -> Wire {
    entry("MyMapEntry", STRING, field("value", 2, INT32))
}

fn marked(message: Wire) -> Wire {
    message.message_options(Wire::default().int(7, 1))
}

fn shapes() -> Vec<Case> {
    let key = || field("key", 1, STRING);
    let value = || field("value", 2, INT32);
    let e = || message("MyMapEntry");
    let what = "`key = 1` and `value = 2` alone";
    vec![
        loads("map", &m(good())),
        loads(
            "map in proto3",
            &[proto3("a.proto").message(message("M").nested(good()).field(map("my_map", 1, ".M.MyMapEntry")))],
        ),
        loads(
            "map in an edition",
            &[edition("a.proto", 2023).message(message("M").nested(good()).field(map("my_map", 1, ".M.MyMapEntry")))],
        ),
        loads("entry type that is not marked", &m(e().field(key()).field(value()))),
        loads(
            "entry type that nobody uses",
            &[file("a.proto").message(message("M").nested(good()))],
        ),
        refused("map with one field", what, &m(marked(e().field(key())))),
        refused("map without fields", what, &m(marked(e()))),
        refused(
            "map with three fields",
            what,
            &m(marked(e().field(key()).field(value()).field(field("more", 3, INT32)))),
        ),
        refused(
            "map with value first",
            what,
            &m(marked(e().field(value()).field(key()))),
        ),
        refused(
            "map with another key number",
            what,
            &m(marked(e().field(field("key", 3, STRING)).field(value()))),
        ),
        refused(
            "map with another value number",
            what,
            &m(marked(e().field(key()).field(field("value", 3, INT32)))),
        ),
        refused(
            "map with another key name",
            what,
            &m(marked(e().field(field("kez", 1, STRING)).field(value()))),
        ),
        refused(
            "map with another value name",
            what,
            &m(marked(e().field(key()).field(field("valve", 2, INT32)))),
        ),
        refused(
            "map with a repeated value",
            what,
            &m(marked(e().field(key()).field(value().label(REPEATED)))),
        ),
        refused(
            "map with a required key",
            what,
            &m(marked(e().field(key().label(REQUIRED)).field(value()))),
        ),
        refused("map with a nested message", what, &m(good().nested(message("X")))),
        refused(
            "map with an enum",
            what,
            &m(good().inner_enum(enumeration("X", &[("ZERO", 0)]))),
        ),
        refused("map with an extension range", what, &m(good().range(5, 9))),
        refused(
            "map with an extension",
            what,
            &[file("a.proto").message(message("T").range(1, 5)).message(
                message("M")
                    .nested(good().inner_extension(field("x", 1, INT32).extends(".T")))
                    .field(map("my_map", 1, ".M.MyMapEntry")),
            )],
        ),
        loads("map with a reserved name", &m(good().reserved_name("x"))),
    ]
}

fn uses() -> Vec<Case> {
    let what = "as if it were a message";
    let also = |field: Wire| {
        [file("a.proto").message(
            message("M")
                .nested(good())
                .field(map("my_map", 1, ".M.MyMapEntry"))
                .field(field),
        )]
    };
    vec![
        refused(
            "map that is not repeated",
            what,
            &[file("a.proto").message(message("M").nested(good()).field(sub("my_map", 1, ".M.MyMapEntry")))],
        ),
        refused(
            "map of another name",
            what,
            &[file("a.proto").message(message("M").nested(good()).field(map("other", 1, ".M.MyMapEntry")))],
        ),
        loads(
            "map field in camel case",
            &[file("a.proto").message(message("M").nested(good()).field(map("myMap", 1, ".M.MyMapEntry")))],
        ),
        refused("entry type used twice", what, &also(map("other", 2, ".M.MyMapEntry"))),
        refused(
            "entry type used as a message",
            what,
            &also(sub("other", 2, ".M.MyMapEntry")),
        ),
        refused(
            "entry type used as a group",
            "group of a map's entry type",
            &also(field("other", 2, GROUP).of(".M.MyMapEntry")),
        ),
        refused(
            "entry type used by another message",
            what,
            &[file("a.proto")
                .message(message("M").nested(good()).field(map("my_map", 1, ".M.MyMapEntry")))
                .message(message("N").field(map("my_map", 1, ".M.MyMapEntry")))],
        ),
        refused(
            "entry type at the top level",
            what,
            &[file("a.proto")
                .message(good())
                .message(message("M").field(map("my_map", 1, ".MyMapEntry")))],
        ),
        // protoc takes it where the extension extends the message that the entry type stands in; no source says that.
        refused(
            "entry type used by an extension",
            what,
            &[file("a.proto").message(
                message("M")
                    .range(5, 9)
                    .nested(good())
                    .inner_extension(map("my_map", 5, ".M.MyMapEntry").extends("M")),
            )],
        )
        .unlike_protoc(),
        loads(
            "entry type used by a method",
            &[file("a.proto")
                .message(message("M").nested(good()).field(map("my_map", 1, ".M.MyMapEntry")))
                .service(named("S").method(method("Get", ".M.MyMapEntry", ".M")))],
        ),
        refused(
            "map with a default",
            "has a default",
            &[file("a.proto").message(
                message("M")
                    .nested(good())
                    .field(map("my_map", 1, ".M.MyMapEntry").default_value("x")),
            )],
        ),
    ]
}

fn keys_and_values() -> Vec<Case> {
    let key = |kind| m(entry("MyMapEntry", kind, field("value", 2, INT32)));
    let value = |field: Wire| m(entry("MyMapEntry", STRING, field));
    let what = "neither integers, nor bools, nor strings";
    let of_enum = |first: i64| {
        [file("a.proto")
            .enumeration(enumeration("E", &[("FIRST", first), ("OTHER", 9)]))
            .message(
                message("M")
                    .nested(entry("MyMapEntry", STRING, field("value", 2, ENUM).of(".E")))
                    .field(map("my_map", 1, ".M.MyMapEntry")),
            )]
    };
    vec![
        loads("map by int64", &key(INT64)),
        loads("map by uint32", &key(UINT32)),
        loads("map by uint64", &key(UINT64)),
        loads("map by bool", &key(BOOL)),
        loads("map by sint64", &key(18)),
        loads("map by fixed32", &key(7)),
        refused("map by double", what, &key(DOUBLE)),
        refused("map by float", what, &key(FLOAT)),
        refused("map by bytes", what, &key(BYTES)),
        refused(
            "map by a message",
            what,
            &[file("a.proto").message(
                message("M")
                    .nested(marked(
                        message("MyMapEntry")
                            .field(sub("key", 1, ".M"))
                            .field(field("value", 2, INT32)),
                    ))
                    .field(map("my_map", 1, ".M.MyMapEntry")),
            )],
        ),
        refused(
            "map by an enum",
            what,
            &[file("a.proto").enumeration(enumeration("E", &[("ZERO", 0)])).message(
                message("M")
                    .nested(marked(
                        message("MyMapEntry")
                            .field(field("key", 1, ENUM).of(".E"))
                            .field(field("value", 2, INT32)),
                    ))
                    .field(map("my_map", 1, ".M.MyMapEntry")),
            )],
        ),
        loads("map to double", &value(field("value", 2, DOUBLE))),
        loads("map to messages", &value(sub("value", 2, ".M"))),
        loads("map to its own message", &value(sub("value", 2, "M"))),
        loads("map to an enum", &of_enum(0)),
        refused(
            "map to an enum that does not start at zero",
            "first value is not zero",
            &of_enum(1),
        ),
    ]
}
