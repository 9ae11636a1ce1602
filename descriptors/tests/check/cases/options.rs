//! Options: their bytes, where they may stand; and the bytes of descriptors themselves.

use super::{Case, loads, refused};
use crate::write::{INT32, MAX, STRING, Wire, enumeration, field, file, message, method, named};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = bytes();
    cases.extend(support());
    cases.extend(targets());
    cases.extend(wire());
    cases
}

fn bytes() -> Vec<Case> {
    let damaged = || Wire(vec![0x08]);
    let on_file = |options: Wire| [file("a.proto").file_options(options)];
    let f = |options: Wire| [file("a.proto").message(message("M").field(field("f", 1, STRING).field_options(options)))];
    let what = "can't be read";
    vec![
        loads("options empty", &on_file(Wire::default())),
        loads(
            "options",
            &on_file(Wire::default().text(1, "com.acme").text(11, "acme/go")),
        ),
        loads(
            "options in two pieces",
            &on_file(Wire::default().text(1, "com.acme")).map(|file| file.file_options(Wire::default().int(23, 1))),
        ),
        loads(
            "options that nobody knows",
            &on_file(
                Wire::default()
                    .int(50_000, 1)
                    .text(50_001, "x")
                    .tag(50_002, 3)
                    .tag(50_002, 4),
            ),
        ),
        refused("file options cut off", what, &on_file(damaged())),
        refused(
            "message options cut off",
            what,
            &[file("a.proto").message(message("M").message_options(damaged()))],
        ),
        refused("field options cut off", what, &f(damaged())),
        refused(
            "oneof options cut off",
            what,
            &[file("a.proto").message(
                message("M")
                    .put(8, &named("o").put(2, &damaged()))
                    .field(field("f", 1, INT32).in_oneof(0)),
            )],
        ),
        refused(
            "enum options cut off",
            what,
            &[file("a.proto").enumeration(enumeration("E", &[("Z", 0)]).enum_options(damaged()))],
        ),
        refused(
            "value options cut off",
            what,
            &[file("a.proto").enumeration(named("E").value(named("Z").int(2, 0).put(3, &damaged())))],
        ),
        refused(
            "service options cut off",
            what,
            &[file("a.proto").service(named("S").put(3, &damaged()))],
        ),
        refused(
            "method options cut off",
            what,
            &[file("a.proto")
                .message(message("M"))
                .service(named("S").method(method("Get", "M", "M").put(4, &damaged())))],
        ),
        refused(
            "range options cut off",
            what,
            &[file("a.proto").message(message("M").range_with(5, 9, damaged()))],
        ),
        refused("features cut off", what, &f(Wire::default().put(21, &damaged()))),
        refused(
            "group in options that does not end",
            what,
            &on_file(Wire::default().tag(50_002, 3).int(1, 1)),
        ),
        refused(
            "group in options that ends wrong",
            what,
            &on_file(Wire::default().tag(50_002, 3).tag(50_003, 4)),
        ),
        // To protobuf these are unknown fields, to other readers damage; no compiler writes them.
        refused("option of another wire type", what, &f(Wire::default().text(2, "x"))).unlike_protoc(),
        loads("targets packed", &f(Wire::default().bytes(19, &[4, 3]))),
        loads("targets one by one", &f(Wire::default().int(19, 4).int(19, 3))),
        refused(
            "targets packed and cut off",
            what,
            &f(Wire::default().bytes(19, &[4, 0x83])),
        ),
        // protoc interprets what it can; here everything has to be interpreted.
        refused(
            "option that nobody has interpreted",
            "no compiler has interpreted",
            &[file("a.proto").file_options(
                Wire::default().put(
                    999,
                    &Wire::default()
                        .put(2, &Wire::default().text(1, "nowhere").int(2, 0))
                        .int(4, 1),
                ),
            )],
        ),
        loads(
            "source info",
            &[file("a.proto").put(
                9,
                &Wire::default().put(
                    1,
                    &Wire::default().bytes(1, &[4, 0]).bytes(2, &[1, 2, 3]).text(3, " hi"),
                ),
            )],
        ),
        refused(
            "source info cut off",
            what,
            &[file("a.proto").put(9, &Wire::default().put(1, &Wire::default().bytes(1, &[0x84])))],
        ),
    ]
}

/// `FieldOptions.feature_support`, which says in which editions there is a feature.
fn support() -> Vec<Case> {
    let with = |support: Wire| {
        let options = Wire::default().put(22, &support);
        [file("a.proto").message(message("M").field(field("f", 1, STRING).field_options(options)))]
    };
    let s = || Wire::default().int(1, 1000);
    let value = |support: Wire| {
        let options = Wire::default().put(4, &support);
        [file("a.proto").enumeration(named("E").value(named("Z").int(2, 0).put(3, &options)))]
    };
    vec![
        loads("support", &with(s())),
        loads(
            "support deprecated and removed",
            &with(s().int(2, 1001).text(3, "w").int(4, 9999).text(5, "e")),
        ),
        loads("support introduced and removed at once", &with(s().int(4, 1000))),
        refused(
            "support deprecated in silence",
            "without a `deprecation_warning`",
            &with(s().int(2, 1001)),
        ),
        refused(
            "support deprecated too early",
            "deprecated before",
            &with(s().int(2, 999).text(3, "w")),
        ),
        refused(
            "support with a warning alone",
            "but is not deprecated",
            &with(s().text(3, "w")),
        ),
        refused(
            "support removed in silence",
            "without a `removal_error`",
            &with(s().int(4, 1001)),
        ),
        refused(
            "support removed too early",
            "removed before",
            &with(s().int(4, 999).text(5, "e")),
        ),
        refused(
            "support deprecated when removed",
            "after it is removed",
            &with(s().int(2, 1001).text(3, "w").int(4, 1001).text(5, "e")),
        ),
        refused(
            "support with an error alone",
            "but is not removed",
            &with(s().text(5, "e")),
        ),
        refused(
            "support of a value with a warning alone",
            "but is not deprecated",
            &value(s().text(3, "w")),
        ),
    ]
}

/// `custom` is an option for fields alone, if it says so.
fn targets() -> Vec<Case> {
    let options = || {
        file("google/protobuf/descriptor.proto")
            .package("google.protobuf")
            .message(
                message("FieldOptions")
                    .range(1000, MAX + 1)
                    .field(field("targets", 19, 14).label(3).of("FieldOptions.OptionTargetType"))
                    .inner_enum(target_type()),
            )
            .message(message("MessageOptions").range(1000, MAX + 1))
    };
    let custom = |targets: &[i64]| {
        let targets = targets
            .iter()
            .fold(Wire::default(), |wire, target| wire.int(19, *target));
        file("o.proto").import("google/protobuf/descriptor.proto").extension(
            field("custom", 5000, INT32)
                .extends(".google.protobuf.MessageOptions")
                .field_options(targets),
        )
    };
    let user = || {
        file("u.proto")
            .import("o.proto")
            .message(message("M").message_options(Wire::default().int(5000, 1)))
    };
    vec![
        loads("custom option", &[options(), custom(&[]), user()]),
        loads("custom option at its target", &[options(), custom(&[3]), user()]),
        loads(
            "custom option at one of its targets",
            &[options(), custom(&[4, 3]), user()],
        ),
        refused(
            "custom option off its target",
            "declared for other kinds of elements",
            &[options(), custom(&[4]), user()],
        ),
    ]
}

fn target_type() -> Wire {
    let values = [
        ("TARGET_TYPE_UNKNOWN", 0),
        ("TARGET_TYPE_FILE", 1),
        ("TARGET_TYPE_MESSAGE", 3),
        ("TARGET_TYPE_FIELD", 4),
    ];
    enumeration("OptionTargetType", &values)
}

fn wire() -> Vec<Case> {
    vec![
        loads(
            "field of a file that nobody knows",
            &[file("a.proto").int(77, 1).text(78, "x")],
        ),
        refused(
            "message cut off",
            "can't be read",
            &[file("a.proto").bytes(4, &[0x0a, 5, b'M'])],
        ),
        refused(
            "message whose name is a number",
            "can't be read",
            &[file("a.proto").message(Wire::default().int(1, 7))],
        ),
        refused(
            "field with wire type 7",
            "can't be read",
            &[file("a.proto").message(message("M").field(Wire(vec![0x0f, 0])))],
        ),
        refused(
            "varint of eleven bytes",
            "can't be read",
            &[file("a.proto").message(Wire(vec![0xff; 11]))],
        ),
    ]
}
