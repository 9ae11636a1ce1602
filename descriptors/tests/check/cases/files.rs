//! Files: names, syntax and edition, packages, imports.

use super::{Case, loads, refused, warned};
use crate::write::{INT32, Wire, edition, field, file, message, proto3, sub};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = syntax();
    cases.extend(names());
    cases.extend(imports());
    cases.extend(visibility_of_imports());
    cases.extend(lite());
    cases
}

fn syntax() -> Vec<Case> {
    let mend = "contradict each other";
    vec![
        loads("no syntax", &[file("a.proto")]),
        loads("empty syntax", &[file("a.proto").syntax("")]),
        loads("proto2", &[file("a.proto").syntax("proto2")]),
        loads("proto3", &[proto3("a.proto")]),
        loads("edition 2023", &[edition("a.proto", 2023)]),
        loads("edition 2024", &[edition("a.proto", 2024)]),
        refused(
            "proto4",
            "the syntax \"proto4\" does not exist",
            &[file("a.proto").syntax("proto4")],
        ),
        refused("Proto2 capital", "does not exist", &[file("a.proto").syntax("Proto2")]),
        refused(
            "editions without edition",
            "no edition",
            &[file("a.proto").syntax("editions")],
        ),
        refused(
            "edition 2026",
            "edition 2026 is not known",
            &[file("a.proto").syntax("editions").int(14, 1002)],
        ),
        refused(
            "edition unknown",
            "not known",
            &[file("a.proto").syntax("editions").int(14, 1234)],
        ),
        refused(
            "edition for tests only",
            "not known",
            &[file("a.proto").syntax("editions").int(14, 99999)],
        ),
        // protoc takes the edition and ignores the syntax, against descriptor.proto; other readers do the reverse.
        refused("proto3 with edition", mend, &[proto3("a.proto").int(14, 1000)]).unlike_protoc(),
        refused("no syntax with edition", mend, &[file("a.proto").int(14, 1000)]).unlike_protoc(),
        refused(
            "editions with proto2",
            "edition proto2 is not known",
            &[file("a.proto").syntax("editions").int(14, 998)],
        )
        .unlike_protoc(),
    ]
}

fn names() -> Vec<Case> {
    let odd = "no canonical path";
    vec![
        refused(
            "file without name",
            "has no name",
            &[file("a.proto"), Wire::default().package("p")],
        ),
        refused("file with empty name", "has no name", &[file("")]),
        refused("file with NUL in its name", "NUL", &[file("a\0.proto")]),
        warned(
            "file with newline in its name",
            "control characters",
            &[file("a\n.proto")],
        ),
        warned("file name absolute", odd, &[file("/a.proto")]),
        warned("file name with dots", odd, &[file("x/../a.proto")]),
        warned("file name with backslash", odd, &[file("x\\a.proto")]),
        loads("file name in folders", &[file("x/y z/a.proto")]),
        loads("two files", &[file("a.proto"), file("b.proto")]),
        loads(
            "the same file twice",
            &[file("a.proto").package("p"), file("a.proto").package("p")],
        ),
        refused(
            "two files of one name",
            "",
            &[file("a.proto").package("p"), file("a.proto").package("q")],
        )
        .unlike_protoc(),
    ]
}

fn imports() -> Vec<Case> {
    let circle = "go in a circle";
    vec![
        loads("import", &[file("a.proto"), file("b.proto").import("a.proto")]),
        loads(
            "import of a later file",
            &[file("b.proto").import("a.proto"), file("a.proto")],
        ),
        refused(
            "import missing",
            "imports \"x.proto\", which is not in the set",
            &[file("b.proto").import("x.proto")],
        ),
        refused(
            "import twice",
            "twice",
            &[file("a.proto"), file("b.proto").import("a.proto").import("a.proto")],
        ),
        refused("import of itself", circle, &[file("a.proto").import("a.proto")]),
        refused(
            "import circle of two",
            circle,
            &[file("a.proto").import("b.proto"), file("b.proto").import("a.proto")],
        ),
        refused(
            "import circle of three behind another",
            circle,
            &[
                file("z.proto").import("a.proto"),
                file("a.proto").import("b.proto"),
                file("b.proto").import("c.proto"),
                file("c.proto").import("a.proto"),
            ],
        ),
        loads(
            "import diamond",
            &[
                file("a.proto"),
                file("b.proto").import("a.proto"),
                file("c.proto").import("a.proto"),
                file("d.proto").import("b.proto").import("c.proto"),
            ],
        ),
        loads(
            "public import",
            &[file("a.proto"), file("b.proto").import("a.proto").public(0)],
        ),
        refused(
            "public import out of range",
            "public import 1",
            &[file("a.proto"), file("b.proto").import("a.proto").public(1)],
        ),
        refused(
            "public import negative",
            "public import -1",
            &[file("a.proto"), file("b.proto").import("a.proto").public(-1)],
        ),
        loads(
            "public imports packed",
            &[file("a.proto"), file("b.proto").import("a.proto").bytes(10, &[0])],
        ),
        loads(
            "weak import",
            &[file("a.proto"), file("b.proto").import("a.proto").weak(0)],
        ),
        refused(
            "weak import out of range",
            "weak import 7",
            &[file("a.proto"), file("b.proto").import("a.proto").weak(7)],
        ),
        refused(
            "weak import missing",
            "not in the set",
            &[file("b.proto").import("x.proto").weak(0)],
        ),
        refused(
            "weak import in 2024",
            "no `import weak`",
            &[file("a.proto"), edition("b.proto", 2024).import("a.proto").weak(0)],
        ),
        loads(
            "option import",
            &[file("a.proto"), edition("b.proto", 2024).option_import("a.proto")],
        ),
        loads(
            "option import missing",
            &[edition("b.proto", 2024).option_import("x.proto")],
        ),
        refused(
            "option import in 2023",
            "needs edition 2024",
            &[file("a.proto"), edition("b.proto", 2023).option_import("a.proto")],
        ),
        refused(
            "option import in proto3",
            "needs edition 2024",
            &[file("a.proto"), proto3("b.proto").option_import("a.proto")],
        ),
        refused(
            "import and option import",
            "twice",
            &[
                file("a.proto"),
                edition("b.proto", 2024).import("a.proto").option_import("a.proto"),
            ],
        ),
        refused(
            "option import of itself",
            "imports itself",
            &[edition("a.proto", 2024).option_import("a.proto")],
        ),
        loads(
            "option imports in a circle",
            &[
                edition("a.proto", 2024).option_import("b.proto"),
                edition("b.proto", 2024).option_import("a.proto"),
            ],
        ),
    ]
}

/// `user.proto` has a field of `.p.T`, which `t.proto` defines.
fn user(import: &str) -> Wire {
    file("user.proto")
        .import(import)
        .message(message("U").field(sub("t", 1, ".p.T")))
}

fn visibility_of_imports() -> Vec<Case> {
    let t = || file("t.proto").package("p").message(message("T"));
    let pass = |name: &str, import: &str| file(name).import(import).public(0);
    vec![
        loads("type of an import", &[t(), user("t.proto")]),
        loads(
            "type through a public import",
            &[t(), pass("a.proto", "t.proto"), user("a.proto")],
        ),
        loads(
            "type through two public imports",
            &[
                t(),
                pass("a.proto", "t.proto"),
                pass("b.proto", "a.proto"),
                user("b.proto"),
            ],
        ),
        refused(
            "type through a plain import",
            "\"t.proto\", which defines it, is not imported",
            &[t(), file("a.proto").import("t.proto"), user("a.proto")],
        ),
        refused(
            "type through a plain import of a public one",
            "is not imported",
            &[
                t(),
                pass("a.proto", "t.proto"),
                file("b.proto").import("a.proto"),
                user("b.proto"),
            ],
        ),
        refused(
            "type of a file that is not imported",
            "is not imported",
            &[t(), file("a.proto"), user("a.proto")],
        ),
        refused(
            "type that nobody defines",
            "is not defined",
            &[file("a.proto"), user("a.proto")],
        ),
        loads(
            "package seen through an import",
            &[
                file("a.proto").package("x.y").message(message("T")),
                file("b.proto")
                    .package("x")
                    .import("a.proto")
                    .message(message("U").field(sub("t", 1, "y.T"))),
            ],
        ),
        // The innermost `y` is one that the file does not see, so the outer one counts.
        loads(
            "package that is not seen does not hide another",
            &[
                file("a.proto").package("y").message(message("T")),
                file("c.proto").package("x.y").message(message("Other")),
                file("b.proto")
                    .package("x")
                    .import("a.proto")
                    .message(message("U").field(sub("t", 1, "y.T"))),
            ],
        ),
        refused(
            "package that is seen hides another",
            "is not defined",
            &[
                file("a.proto").package("y").message(message("T")),
                file("c.proto").package("x.y").message(message("Other")),
                file("b.proto")
                    .package("x")
                    .import("a.proto")
                    .import("c.proto")
                    .message(message("U").field(sub("t", 1, "y.T"))),
            ],
        ),
    ]
}

fn lite() -> Vec<Case> {
    let lite = |file: Wire| file.file_options(Wire::default().int(9, 3));
    let extends = |file: Wire| file.import("a.proto").extension(field("x", 10, INT32).extends("M"));
    let extended = || file("a.proto").message(message("M").range(10, 20));
    let generic = |wire: Wire| wire.file_options(Wire::default().int(9, 3).int(16, 1));
    vec![
        loads(
            "lite imports lite",
            &[lite(file("a.proto")), lite(file("b.proto").import("a.proto"))],
        ),
        loads(
            "lite imports plain",
            &[file("a.proto"), lite(file("b.proto").import("a.proto"))],
        ),
        refused(
            "plain imports lite",
            "LITE_RUNTIME",
            &[lite(file("a.proto")), file("b.proto").import("a.proto")],
        ),
        refused(
            "lite extends plain",
            "it extends a message",
            &[extended(), lite(extends(file("b.proto")))],
        ),
        loads("lite extends lite", &[lite(extended()), lite(extends(file("b.proto")))]),
        refused(
            "lite with generic services",
            "generic code",
            &[generic(file("a.proto").service(message("S")))],
        ),
        loads(
            "lite without generic services",
            &[lite(file("a.proto").service(message("S")))],
        ),
    ]
}
