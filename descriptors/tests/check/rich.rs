//! A small valid set that has something of everything, to be damaged.

use crate::write::{
    BYTES, DOUBLE, ENUM, INT32, INT64, MESSAGE, REPEATED, STRING, UINT32, Wire, edition, entry, enumeration, features,
    field, file, map, message, method, named, proto3, sub,
};

/// The set: proto2, proto3 and both editions, importing each other.
pub(crate) fn files() -> Vec<Wire> {
    vec![base(), modern(), year_2023(), year_2024()]
}

fn base() -> Wire {
    let options = Wire::default().text(1, "com.acme").int(9, 1).text(11, "acme/base");
    let note = Wire::default()
        .bytes(1, &[4, 0])
        .bytes(2, &[1, 2, 3])
        .text(3, " A note\n");
    file("acme/base.proto")
        .package("acme.base")
        .file_options(options)
        .message(
            message("Base")
                .field(field("id", 1, INT64).label(2))
                .field(field("price", 2, DOUBLE).default_value("1.5"))
                .field(field("data", 3, BYTES).default_value("\\001x"))
                .field(field("kind", 4, ENUM).of("Kind").default_value("OTHER"))
                .field(field("group", 5, 10).of(".acme.base.Base.Group"))
                .nested(
                    message("Group").field(
                        field("ids", 1, INT32)
                            .label(REPEATED)
                            .field_options(Wire::default().int(2, 1)),
                    ),
                )
                .inner_enum(
                    enumeration("Kind", &[("NONE", 0), ("OTHER", 1), ("ALIAS", 1)])
                        .enum_options(Wire::default().int(2, 1)),
                )
                .range(100, 200)
                .reserved(50, 60)
                .reserved_name("old"),
        )
        .extension(field("extra", 100, STRING).extends("Base").json("extra"))
        .put(9, &Wire::default().put(1, &note))
}

fn modern() -> Wire {
    proto3("acme/modern.proto")
        .package("acme.modern")
        .import("acme/base.proto")
        .public(0)
        .message(
            message("Modern")
                .field(field("name", 1, STRING).json("name"))
                .field(sub("base", 2, ".acme.base.Base"))
                .field(map("my_map", 3, ".acme.modern.Modern.MyMapEntry"))
                .field(field("a", 4, UINT32).in_oneof(0))
                .field(field("b", 5, STRING).in_oneof(0))
                .field(field("maybe", 6, INT32).in_oneof(1).proto3_optional())
                .nested(entry("MyMapEntry", STRING, sub("value", 2, "Modern")))
                .oneof("choice")
                .oneof("_maybe"),
        )
        .enumeration(
            enumeration("State", &[("STATE_NONE", 0), ("STATE_ON", 1)])
                .reserved_values(5, 9)
                .reserved_value_name("GONE"),
        )
        .service(
            named("Api").method(
                method("Get", ".acme.base.Base", "Modern")
                    .int(6, 1)
                    .put(4, &Wire::default().int(34, 1)),
            ),
        )
}

fn year_2023() -> Wire {
    edition("acme/y2023.proto", 2023)
        .import("acme/modern.proto")
        .file_options(features(50, &[(1, 2), (3, 2)]))
        .message(
            message("Later")
                .field(
                    field("numbers", 1, INT32)
                        .label(REPEATED)
                        .field_options(features(21, &[(3, 1)])),
                )
                .field(
                    field("child", 2, MESSAGE)
                        .of("Later")
                        .field_options(features(21, &[(5, 2)])),
                )
                .field(sub("base", 3, "acme.base.Base")),
        )
        .enumeration(enumeration("Closed", &[("FIRST", 1)]).enum_options(features(7, &[(2, 2)])))
}

fn year_2024() -> Wire {
    edition("acme/y2024.proto", 2024)
        .package("acme.y2024")
        .option_import("acme/options.proto")
        .message(
            message("Shown")
                .int(11, 2)
                .nested(message("Hidden").int(11, 1))
                .field(sub("hidden", 1, "Hidden")),
        )
}
