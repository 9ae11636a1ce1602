use super::{Kind, Linked, link};
use crate::{
    finding::Severity,
    findings::Findings,
    raw,
    write::{INT32, Wire, enumeration, field, file, message, method, named, sub},
};

fn linked<T>(files: &[Wire], test: impl FnOnce(&[raw::File<'_>], &Linked, Findings) -> T) -> T {
    let files: Vec<_> = files.iter().map(|file| raw::File::parse(&file.0)).collect();
    let mut findings = Findings::default();
    let linked = link(&files, Severity::Error, &mut findings);
    test(&files, &linked, findings)
}

fn library() -> Vec<Wire> {
    let shelf = message("Shelf")
        .field(field("id", 1, INT32))
        .nested(message("Slot").field(sub("shelf", 1, "Shelf")))
        .oneof("o");
    let books = file("books.proto")
        .package("lib.books")
        .message(shelf)
        .enumeration(enumeration("Genre", &[("NOVEL", 0)]))
        .service(named("Library").method(method("Get", "Shelf.Slot", ".lib.books.Shelf")));
    let loans = file("loans.proto")
        .package("lib.loans")
        .import("books.proto")
        .message(message("Loan").field(sub("slot", 1, "books.Shelf.Slot")).range(5, 9))
        .extension(field("extra", 5, INT32).extends("Loan"));
    vec![loans, books]
}

#[test]
fn symbols_are_found_by_full_name() {
    linked(&library(), |files, linked, findings| {
        assert!(!findings.has_errors(), "{:?}", findings.into_sorted());
        for (name, kind) in [
            ("lib", Kind::Package),
            ("lib.books", Kind::Package),
            ("lib.books.Shelf", Kind::Message),
            ("lib.books.Shelf.Slot", Kind::Message),
            ("lib.books.Shelf.id", Kind::Field),
            ("lib.books.Shelf.o", Kind::Oneof),
            ("lib.books.Genre", Kind::Enum),
            ("lib.books.NOVEL", Kind::EnumValue),
            ("lib.books.Library", Kind::Service),
            ("lib.books.Library.Get", Kind::Method),
            ("lib.loans.extra", Kind::Extension),
        ] {
            let id = linked.symbols.find(files, name).unwrap();
            assert_eq!(linked.symbols.get(id).unwrap().kind, kind, "{name}");
            assert_eq!(linked.symbols.full_name(files, id), name);
            assert_eq!(linked.symbols.label(files, id), name);
        }
        for name in [
            "",
            ".",
            "lib.",
            ".lib",
            "lib.books.Genre.NOVEL",
            "books",
            "lib.books.shelf",
        ] {
            assert_eq!(linked.symbols.find(files, name), None, "{name}");
        }
    });
}

#[test]
fn references_lead_to_symbols() {
    linked(&library(), |files, linked, _| {
        let name = |symbol: super::Symbol| {
            let id = linked.symbols.id(symbol.kind, symbol.file, symbol.index);
            linked.symbols.full_name(files, id.unwrap())
        };
        assert_eq!(linked.imports.direct, [vec![Some(1)], vec![]]);
        assert_eq!(name(linked.field_type(0, 1).unwrap()), "lib.books.Shelf.Slot");
        assert_eq!(name(linked.extendee(0, 0).unwrap()), "lib.loans.Loan");
        assert!(linked.field_type(0, 0).is_none() && linked.extendee(0, 1).is_none());
        let (input, output) = linked.files[1].methods[0];
        let of = |id| linked.symbols.full_name(files, id);
        assert_eq!(
            (of(input.unwrap()), of(output.unwrap())),
            ("lib.books.Shelf.Slot".into(), "lib.books.Shelf".into())
        );
    });
}

#[test]
fn labels_of_long_names_are_short() {
    let long = "x".repeat(5000);
    linked(
        &[file("a.proto").message(message(&long).nested(message("Inner")))],
        |files, linked, _| {
            let outer = linked.symbols.find(files, &long).unwrap();
            assert!(linked.symbols.label(files, outer).len() < 200);
            let inner = linked.symbols.find(files, &format!("{long}.Inner")).unwrap();
            let label = linked.symbols.label(files, inner);
            assert!(label.len() < 200 && label.ends_with(".Inner"), "{label}");
        },
    );
}

#[test]
fn reports_are_ordered_and_bounded() {
    let wrong = |name: &str| {
        (0..1500).fold(file(name), |file, index| {
            file.message(message("M").field(sub(&format!("f{index}"), 1, "Nowhere")))
        })
    };
    linked(&[wrong("b.proto"), wrong("a.proto")], |_, _, findings| {
        let findings = findings.into_sorted();
        assert_eq!(findings.len(), 1001);
        assert!(
            findings.last().unwrap().what.ends_with("errors were left out"),
            "{:?}",
            findings.last()
        );
        let files: Vec<_> = findings.iter().map(|finding| finding.file.as_str()).collect();
        assert!(
            files[..1000]
                .windows(2)
                .all(|pair| pair[0] == pair[1] || pair == ["b.proto", "a.proto"])
        );
    });
}
