//! Where descriptors may come from, and what is said about what is none.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use descant_descriptors::{Codec, Error, Finding, LoadLimits, Schema, SchemaBuilder, Severity};
use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet, SourceCodeInfo};
use tempfile::TempDir;

const BOOK: &str = r#"
    syntax = "proto3";
    package shop.v1;
    import "google/protobuf/timestamp.proto";
    // A book.
    message Book { string title = 1; google.protobuf.Timestamp printed = 2; }
"#;
const SHELF: &str = r#"
    syntax = "proto3";
    package shop.v1;
    import "shop/v1/book.proto";
    service Shelf { rpc Get(Book) returns (Book); }
"#;

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn protos() -> TempDir {
    folder(&[
        ("shop/v1/book.proto", BOOK.as_bytes()),
        ("shop/v1/shelf.proto", SHELF.as_bytes()),
    ])
}

fn file(name: &str) -> FileDescriptorProto {
    FileDescriptorProto {
        name: Some(name.into()),
        package: Some("shop".into()),
        ..FileDescriptorProto::default()
    }
}

fn set(files: &[FileDescriptorProto]) -> Vec<u8> {
    FileDescriptorSet { file: files.to_vec() }.encode_to_vec()
}

fn names(schema: &Schema) -> Vec<String> {
    schema.files().map(|file| file.name().to_owned()).collect()
}

/// What and how to mend it, of the only error.
fn error(result: Result<Schema, Error>) -> (String, String) {
    let error = result.unwrap_err();
    let errors: Vec<&Finding> = error
        .findings()
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .collect();
    let [only] = errors.as_slice() else {
        panic!("{:#?}", error.findings());
    };
    (only.what.clone(), only.mend.clone())
}

const MAKE: &str = "make a descriptor set: `buf build -o api.binpb`, or `protoc --include_imports --include_source_info -o api.binpb FILE`";

#[test]
fn sets_are_read_from_files_whatever_their_ending() {
    let bytes = set(&[file("a.proto")]);
    let folder = folder(&[("api.binpb", &bytes), ("api", &bytes), ("api.json", &bytes)]);
    for name in ["api.binpb", "api", "api.json"] {
        assert_eq!(names(&Schema::load(folder.path().join(name)).unwrap()), ["a.proto"]);
    }
}

#[test]
fn compressed_sets_are_inflated() {
    let bytes = set(&[file("a.proto")]);
    for packed in [gzip(&bytes), zstd::encode_all(bytes.as_slice(), 3).unwrap()] {
        let schema = Schema::from_bytes(packed.clone()).unwrap();
        assert_eq!(schema.file("a.proto").unwrap().bytes(), file("a.proto").encode_to_vec());
        let cut = error(Schema::from_bytes(packed[..packed.len() - 6].to_vec()));
        assert_eq!(cut.1, "copy or make it anew: it is cut off or damaged");
        assert!(cut.0.starts_with("it is compressed with "), "{}", cut.0);
    }
    assert_eq!(
        error(Schema::from_bytes(gzip(&gzip(&bytes)))).0,
        "it is compressed twice"
    );
}

#[test]
fn a_set_has_some_gzip_members_but_not_any_number() {
    let (one, two) = (gzip(&set(&[file("a.proto")])), gzip(&set(&[file("b.proto")])));
    let schema = Schema::from_bytes([one, two].concat()).unwrap();
    assert_eq!(names(&schema), ["a.proto", "b.proto"]);
    let (what, _) = error(Schema::from_bytes(gzip(b"").repeat(1_000_000)));
    assert!(what.ends_with("more than 10000 gzip members"), "{what}");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn inflation_and_sources_together_stop_at_the_limit() {
    let mut limits = LoadLimits::default();
    limits.bytes = 1000;
    let bomb = vec![0u8; 10 << 20];
    let message = "with it, the sources come to more than the limit `descriptor_bytes`, 1000";
    for bytes in [gzip(&bomb), zstd::encode_all(bomb.as_slice(), 3).unwrap(), bomb] {
        let result = Schema::builder().bytes("bomb", bytes).limits(limits).build();
        assert_eq!(
            error(result),
            (message.to_owned(), "raise the limit, or load less".to_owned())
        );
    }
    let mut long = file("a.proto");
    long.package = Some("x".repeat(505));
    let mut other = long.clone();
    other.name = Some("b.proto".into());
    let two = Schema::builder().bytes("a", set(&[long])).bytes("b", set(&[other]));
    assert_eq!(error(two.limits(limits).build()).0, message);
    let protos = protos();
    limits.bytes = 200;
    assert_eq!(
        error(Schema::builder().path(protos.path()).limits(limits).build()).0,
        "with it, the sources come to more than the limit `descriptor_bytes`, 200"
    );
}

#[test]
fn what_is_no_set_is_told_apart() {
    let cases: [(&[u8], &str, &str); 13] = [
        (b"", "it is empty", MAKE),
        (b"{\"file\": []}", "it is JSON, but has no file in it", MAKE),
        (
            b"\xef\xbb\xbf[ {\"file\": []}]",
            "it looks like a list of JSON, and a descriptor set is one object",
            MAKE,
        ),
        (b"[package]", "it looks like text, but not like a descriptor set", MAKE),
        (
            b"// shop\nsyntax = \"proto3\";",
            "it looks like protobuf source, not like a descriptor set",
            "give the file the ending .proto",
        ),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
            "it is a Git LFS pointer, not the file that it stands for",
            "fetch the file: `git lfs pull`",
        ),
        (
            b"<!DOCTYPE html><p>",
            "it looks like a web page, not like a descriptor set",
            MAKE,
        ),
        (b"hello", "it looks like text, but not like a descriptor set", MAKE),
        (
            b"\x7fELF\x02\x01",
            "it looks like an executable, not like a descriptor set",
            MAKE,
        ),
        (
            b"\xfd7zXZ\0\0",
            "it looks like an xz file, not like a descriptor set",
            MAKE,
        ),
        (
            b"\x00\x01",
            "it is no descriptor set: a field has number 0, or one above 536870911",
            MAKE,
        ),
        (b"\x12\x00", "it is no descriptor set: it has no file in it", MAKE),
        (
            b"\x0a\xff\xff",
            "it is no descriptor set: the bytes end in the middle of a field",
            MAKE,
        ),
    ];
    for (bytes, what, mend) in cases {
        assert_eq!(error(Schema::from_bytes(bytes)), (what.to_owned(), mend.to_owned()));
    }
    let single = file("shop/v1/shop.proto").encode_to_vec();
    assert_eq!(
        error(Schema::from_bytes(single)).0,
        "it is a single file (FileDescriptorProto), not a set of files (FileDescriptorSet)"
    );
    let whole = set(&[file("a.proto"), file("b.proto")]);
    assert_eq!(
        error(Schema::from_bytes(whole[..whole.len() - 3].to_vec())),
        (
            "it starts as a descriptor set, but is damaged after 15 good bytes: the bytes end in the middle of a field"
                .to_owned(),
            "copy or make it anew: it is cut off or damaged".to_owned()
        )
    );
}

#[test]
fn findings_name_the_source() {
    let error = Schema::load("no/such/api.binpb").unwrap_err();
    assert_eq!(
        error.to_string(),
        "no/such/api.binpb: there is no such file or folder; check the path and its permissions"
    );
    let error = Schema::builder()
        .bytes("first", b"".as_slice())
        .path("none")
        .build()
        .unwrap_err();
    assert_eq!(error.findings().len(), 2);
    assert!(error.to_string().ends_with(" (and one more error)"), "{error}");
    let error = Schema::builder().build().unwrap_err();
    assert_eq!(error.to_string(), "there is nothing to load; add a path or bytes");
}

#[test]
fn a_folder_is_compiled_as_a_whole() {
    let protos = protos();
    let schema = Schema::load(protos.path()).unwrap();
    let all = [
        "shop/v1/book.proto",
        "shop/v1/shelf.proto",
        "google/protobuf/timestamp.proto",
    ];
    assert_eq!(names(&schema), all);
    assert!(schema.method("/shop.v1.Shelf/Get").is_some());
    // Every compiler has the well-known types at hand: nothing to tell.
    assert_eq!(schema.findings(), []);
}

#[test]
fn roots_are_inferred() {
    let protos = protos();
    let shelf = [
        "shop/v1/book.proto",
        "shop/v1/shelf.proto",
        "google/protobuf/timestamp.proto",
    ];
    // A single file, deep inside its root; the same by a folder below the root; and with the root below the folder.
    for path in ["shop/v1/shelf.proto", "shop/v1", "shop"] {
        assert_eq!(names(&Schema::load(protos.path().join(path)).unwrap()), shelf, "{path}");
    }
    let nested = folder(&[
        ("proto/shop/v1/shelf.proto", SHELF.as_bytes()),
        ("third_party/books/shop/v1/book.proto", BOOK.as_bytes()),
    ]);
    assert_eq!(names(&Schema::load(nested.path()).unwrap()), shelf);
    // Nothing imported: the package says where the root is.
    let alone = folder(&[("x/shop/v1/book.proto", BOOK.as_bytes())]);
    let schema = Schema::load(alone.path().join("x/shop/v1/book.proto")).unwrap();
    assert_eq!(names(&schema)[0], "shop/v1/book.proto");
    // Imports relative to their own folder.
    let flat = folder(&[
        ("api/book.proto", BOOK.as_bytes()),
        ("api/shelf.proto", SHELF.replace("shop/v1/", "").as_bytes()),
    ]);
    assert_eq!(
        names(&Schema::load(flat.path().join("api/shelf.proto")).unwrap())[..2],
        ["book.proto", "shelf.proto"]
    );
}

#[test]
fn sources_may_import_what_sets_have() {
    let book = folder(&[("shop/v1/book.proto", BOOK.as_bytes())]);
    let shelf = folder(&[("shop/v1/shelf.proto", SHELF.as_bytes())]);
    let files: Vec<_> = Schema::load(book.path())
        .unwrap()
        .files()
        .map(|file| file.bytes())
        .collect();
    let mut set = Vec::new();
    prost::encoding::bytes::encode_repeated(1, &files, &mut set);
    let schema = Schema::builder()
        .path(shelf.path())
        .bytes("books", set)
        .build()
        .unwrap();
    assert!(schema.method("/shop.v1.Shelf/Get").is_some());
    // So may they what other sources have, whichever come first.
    let shop = "syntax = \"proto3\"; import \"shop/v1/shelf.proto\"; message Shop {}";
    let shop = folder(&[("shop.proto", shop.as_bytes())]);
    let file = |folder: &TempDir, name: &str| folder.path().join(name);
    let mut paths = [
        file(&shop, "shop.proto"),
        file(&shelf, "shop/v1/shelf.proto"),
        file(&book, "shop/v1/book.proto"),
    ];
    for _ in 0..2 {
        let schema = paths.iter().fold(Schema::builder(), SchemaBuilder::path);
        let schema = schema.build().unwrap();
        assert!(schema.method("/shop.v1.Shelf/Get").is_some());
        paths.reverse();
    }
    // What nothing has is told of once.
    let error = Schema::builder().path(&paths[0]).path(&paths[1]).build().unwrap_err();
    let expected = "shop.proto: line 1:20: import 'shop/v1/shelf.proto' not found; load the folder that its import paths start from \
                    (and one more error)";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn files_that_imports_cannot_tell_apart_are_refused() {
    let with = |copy: &str| {
        folder(&[
            ("proto/shop/v1/shelf.proto", SHELF.as_bytes()),
            ("one/shop/v1/book.proto", BOOK.as_bytes()),
            ("two/shop/v1/book.proto", copy.as_bytes()),
        ])
    };
    assert_eq!(names(&Schema::load(with(BOOK).path()).unwrap()).len(), 3);
    let folder = with(&BOOK.replace("title", "name"));
    let path = folder.path().display();
    let clash = Schema::load(folder.path()).unwrap_err();
    assert_eq!(
        clash.to_string(),
        format!(
            "shop/v1/book.proto: {path}/one/shop/v1/book.proto and {path}/two/shop/v1/book.proto are both imported by this \
             name; leave one of them out"
        )
    );
}

#[test]
fn a_users_copy_of_a_shipped_file_wins() {
    let own = "syntax = \"proto3\"; package google.protobuf; message Timestamp { int64 seconds = 1; }";
    let folder = folder(&[
        ("shop/v1/book.proto", BOOK.as_bytes()),
        ("google/protobuf/timestamp.proto", own.as_bytes()),
    ]);
    let schema = Schema::load(folder.path()).unwrap();
    assert_eq!(
        names(&schema),
        ["google/protobuf/timestamp.proto", "shop/v1/book.proto"]
    );
    assert!(schema.symbol("google.protobuf.Timestamp.nanos").is_none());
}

const NOTE: &str = r#"
    syntax = "proto3";
    package shop.v1;
    import "google/protobuf/any.proto";
    message Note { google.protobuf.Any about = 1; }
"#;

/// The wire bytes of a `shop.v1.Note`, which become the same JSON again.
fn note(schema: &Schema, json: &str) -> Vec<u8> {
    let message = schema.message("shop.v1.Note").unwrap();
    let (mut codec, mut wire, mut again) = (Codec::default(), Vec::new(), Vec::new());
    codec.json_to_wire(&message, json.as_bytes(), &mut wire).unwrap();
    codec.wire_to_json(&message, &wire, &mut again).unwrap();
    assert_eq!(String::from_utf8(again).unwrap(), json);
    wire
}

#[test]
fn an_any_may_hold_a_well_known_type_that_nobody_imports() {
    let folder = folder(&[("shop/v1/note.proto", NOTE.as_bytes())]);
    let schema = Schema::load(folder.path()).unwrap();
    for (name, value) in [
        ("Duration", "\"1.500s\""),
        ("Timestamp", "\"2020-01-02T03:04:05Z\""),
        ("FieldMask", "\"a.b,c\""),
        ("Struct", "{\"a\":[1,null]}"),
        ("Value", "true"),
        ("ListValue", "[1]"),
        ("StringValue", "\"AQID\""),
        ("BytesValue", "\"AQID\""),
        ("Int64Value", "\"12\""),
    ] {
        let json =
            format!("{{\"about\":{{\"@type\":\"type.googleapis.com/google.protobuf.{name}\",\"value\":{value}}}}}");
        note(&schema, &json);
    }
    let string = r#"{"about":{"@type":"type.googleapis.com/google.protobuf.StringValue","value":"AQID"}}"#;
    assert!(note(&schema, string).ends_with(b"AQID"));
}

#[test]
fn a_users_own_well_known_type_stands_in_an_any() {
    let own = "syntax = \"proto3\"; package google.protobuf; message Duration { int64 hours = 1; }";
    let folder = folder(&[
        ("shop/v1/note.proto", NOTE.as_bytes()),
        ("own/times.proto", own.as_bytes()),
    ]);
    let schema = Schema::load(folder.path()).unwrap();
    assert!(schema.symbol("google.protobuf.Duration.hours").is_some());
    assert!(!names(&schema).contains(&"google/protobuf/duration.proto".to_owned()));
    assert!(names(&schema).contains(&"google/protobuf/wrappers.proto".to_owned()));
}

#[test]
fn every_broken_source_is_reported_with_its_place() {
    let folder = folder(&[
        ("a.proto", b"syntax = \"proto3\";\nmessage A { strin x = 1; }"),
        ("b.proto", b"syntax = \"proto3\";\nimport \"none.proto\";"),
        ("c.proto", b"message"),
        ("d.proto", b"syntax = \"proto3\"; import \"c.proto\";"),
    ]);
    let error = Schema::load(folder.path()).unwrap_err();
    let found: Vec<_> = error
        .findings()
        .iter()
        .map(|finding| (finding.file.as_str(), finding.what.as_str(), finding.mend.as_str()))
        .collect();
    let expected = [
        ("a.proto", "line 2:13: name 'strin' is not defined", "mend the source"),
        (
            "b.proto",
            "line 2:1: import 'none.proto' not found",
            "load the folder that its import paths start from",
        ),
        (
            "c.proto",
            "expected an identifier, but reached end of file",
            "mend the source",
        ),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_misspelt_http_rule_is_sought_in_its_fields() {
    let folder = folder(&[(
        "a.proto",
        b"syntax = \"proto3\"; import \"google/api/annotations.proto\"; message A {}\n\
          service S { rpc M(A) returns (A) { option (google.api.http) = { gett: \"/v1\" }; } }",
    )]);
    let error = Schema::load(folder.path()).unwrap_err();
    let finding = &error.findings()[0];
    assert!(finding.what.starts_with("line 2:36"), "{}", finding.what);
    assert_eq!(
        finding.mend,
        "one of the fields in it is misspelt, or has a value of another type"
    );
}

#[test]
fn what_is_defined_twice_is_not_missed_as_well() {
    let source =
        b"syntax = \"proto3\"; message A { message I {} I i = 1; map<string, A> m = 2; } message B { A.I i = 1; }";
    let folder = folder(&[("a/x.proto", &source[..]), ("b/y.proto", source)]);
    let (x, y) = (folder.path().join("a/x.proto"), folder.path().join("b/y.proto"));
    let error = Schema::builder().path(x).path(y).build().unwrap_err();
    let errors = error
        .findings()
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    let found: Vec<_> = errors
        .map(|finding| (finding.symbol.as_str(), finding.what.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("A", "\"A\" is defined twice: a message here, a message in \"x.proto\""),
            ("B", "\"B\" is defined twice: a message here, a message in \"x.proto\""),
        ]
    );
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    let deep = format!(
        "syntax = \"proto3\"; option (x) = {}{};",
        "{a ".repeat(100_000),
        "}".repeat(100_000)
    );
    let folder = folder(&[("deep.proto", deep.as_bytes())]);
    assert_eq!(
        error(Schema::load(folder.path())).0,
        "braces and brackets are nested more than 200 levels deep"
    );
}

#[test]
fn long_chains_of_imports_are_refused_not_followed() {
    let name = |number: usize| format!("f{number}.proto");
    let chain = |length: usize| {
        let folder = TempDir::new().unwrap();
        for number in 0..length {
            let import = format!("import \"{}\";", name(number + 1));
            let import = if number + 1 < length { &import } else { "" };
            fs::write(
                folder.path().join(name(number)),
                format!("syntax = \"proto3\"; {import}"),
            )
            .unwrap();
        }
        let files = |schema: Schema| schema.files().len();
        let whole = Schema::load(folder.path()).map(files);
        [Schema::load(folder.path().join(name(0))).map(files), whole]
    };
    assert_eq!(chain(300).map(Result::unwrap), [300, 300]);
    for refused in chain(20_000) {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("in a chain of more than 1000"), "{error}");
    }
}

#[test]
fn folders_are_walked_in_order_without_what_is_hidden() {
    let folder = folder(&[
        ("b/two.desc", &set(&[file("two.proto")])),
        ("a/one.pb", &set(&[file("one.proto")])),
        ("a/three.binpb.gz", &gzip(&set(&[file("three.proto")]))),
        (".git/hidden.binpb", b"{}"),
        ("README.md", b"# Hello"),
    ]);
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path(), folder.path().join("a/loop")).unwrap();
    assert_eq!(
        names(&Schema::load(folder.path()).unwrap()),
        ["one.proto", "three.proto", "two.proto"]
    );
}

#[test]
fn an_empty_folder_is_an_error() {
    let folder = folder(&[("README.md", b"# Hello")]);
    assert_eq!(
        error(Schema::load(folder.path())),
        (
            "the folder has no .proto file and no descriptor set in it".to_owned(),
            "give another folder; descriptor sets end in .binpb, .pb, .desc, .protoset or .bin".to_owned()
        )
    );
}

#[test]
fn sources_merge() {
    let mut commented = file("a.proto");
    commented.source_code_info = Some(SourceCodeInfo::default());
    let schema = Schema::builder()
        .bytes("one", set(&[file("a.proto"), file("a.proto"), file("b.proto")]))
        .bytes("two", set(&[commented.clone(), file("c.proto")]))
        .build()
        .unwrap();
    assert_eq!(names(&schema), ["a.proto", "b.proto", "c.proto"]);
    assert_eq!(schema.file("a.proto").unwrap().bytes(), commented.encode_to_vec());

    let mut other = file("a.proto");
    other.package = Some("other".into());
    let two = Schema::builder()
        .bytes("one", set(&[file("a.proto")]))
        .bytes("two", set(&[other]))
        .build();
    assert_eq!(
        error(two),
        (
            "one and two have different files of this name".to_owned(),
            "leave one of them out, or make both from the same sources".to_owned()
        )
    );
}

#[test]
fn editions_without_a_compiler_say_how_to_go_on() {
    let folder = folder(&[("a.proto", b"edition = \"2023\"; message A {}")]);
    let path: PathBuf = folder.path().join("a.proto");
    if on_path("protoc") || on_path("buf") {
        Schema::load(path).unwrap();
        return;
    }
    let (what, mend) = error(Schema::load(path));
    assert_eq!(
        what,
        "it is of edition 2023, which Descant compiles with `protoc` or `buf`, but neither `protoc` nor `buf` is on the PATH"
    );
    let root = folder.path().display();
    assert_eq!(
        mend,
        format!(
            "install one of them, or make a descriptor set elsewhere: `buf build {root} -o api.binpb`, or \
             `protoc -I {root} --include_imports --include_source_info -o api.binpb a.proto`"
        )
    );
}

fn on_path(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).any(|folder| Path::new(&folder).join(tool).is_file())
}

#[test]
fn more_elements_than_the_limit_are_refused() {
    let mut limits = LoadLimits::default();
    limits.elements = 4;
    let mut file = file("a.proto");
    file.dependency = vec!["b.proto".into()];
    file.message_type = vec![prost_types::DescriptorProto::default(); 3];
    let result = Schema::builder().bytes("a", set(&[file])).limits(limits).build();
    assert_eq!(
        error(result),
        (
            "the files have more elements than the limit `descriptor_elements`, 4".to_owned(),
            "raise the limit, or load less".to_owned()
        )
    );
}

#[test]
fn a_set_without_services_is_a_warning() {
    let schema = Schema::from_bytes(set(&[file("a.proto")])).unwrap();
    let [warning] = schema.findings() else {
        panic!("{:?}", schema.findings());
    };
    assert_eq!(warning.severity, Severity::Warning);
    assert_eq!(
        warning.to_string(),
        "no file defines a service, so there is nothing to call; load the files that define services"
    );
}
