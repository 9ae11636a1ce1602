//! Descriptor sets as JSON and in the text format.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;

use descant_descriptors::{Codec, Error, Schema, Severity};
use tempfile::TempDir;

/// Files with options of every kind: of their own, of shipped files, of extensions in extensions.
const OPTIONS: &str = r#"
    syntax = "proto2";
    package shop;
    import "google/protobuf/descriptor.proto";
    message Info {
      optional string name = 1;
      repeated float sizes = 2;
      extensions 100 to 199;
    }
    extend Info { optional Info more = 100; }
    extend google.protobuf.MessageOptions {
      optional Info info = 50001;
      repeated string tags = 50002;
    }
"#;
const SHELF: &str = r#"
    syntax = "proto3";
    package shop;
    import "google/api/annotations.proto";
    import "options.proto";
    // A book.
    message Book {
      option (info) = { name: "x" sizes: [1, 0.5] [shop.more] { name: "y" } };
      option (tags) = "a";
      option (tags) = "b";
      string title = 1 [deprecated = true, json_name = "t"];
    }
    service Shelf {
      rpc Get(Book) returns (Book) { option (google.api.http) = { get: "/books/{title}" additional_bindings { post: "/b" body: "*" } }; }
    }
"#;

fn protos() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("options.proto"), OPTIONS).unwrap();
    fs::write(folder.path().join("shelf.proto"), SHELF).unwrap();
    folder
}

/// The files of a schema of these names, as a set in wire form.
fn set(schema: &Schema, names: &[&str]) -> Vec<u8> {
    let mut set = Vec::new();
    for name in names {
        let bytes = schema.file(name).unwrap().bytes();
        set.push(10);
        prost::encode_length_delimiter(bytes.len(), &mut set).unwrap();
        set.extend_from_slice(&bytes);
    }
    set
}

/// A set as JSON and as text.
fn texts(schema: &Schema, names: &[&str]) -> [Vec<u8>; 2] {
    let message = schema.message("google.protobuf.FileDescriptorSet").unwrap();
    let wire = set(schema, names);
    let (mut json, mut text) = (Vec::new(), Vec::new());
    let mut codec = Codec::default();
    codec.wire_to_json(&message, &wire, &mut json).unwrap();
    codec.wire_to_textproto(&message, &wire, &mut text).unwrap();
    [json, text]
}

fn warnings(schema: &Schema) -> Vec<&str> {
    let warnings = schema.findings().iter();
    let warnings = warnings.filter(|finding| finding.severity == Severity::Warning);
    warnings.map(|finding| finding.what.as_str()).collect()
}

#[track_caller]
fn same(one: &Schema, other: &Schema) {
    for file in one.files() {
        let name = file.name();
        let other = other.file(name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(file.source(), other.source(), "{name}");
    }
    assert_eq!(one.files().len(), other.files().len());
}

fn errors(result: Result<Schema, Error>) -> Vec<String> {
    let error = result.unwrap_err();
    let errors = error.findings().iter();
    let errors = errors.filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.what.clone()).collect()
}

#[test]
fn options_survive_in_either_form() {
    let protos = protos();
    let schema = Schema::load(protos.path()).unwrap();
    let names: Vec<_> = schema.files().map(|file| file.name().to_owned()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    for text in texts(&schema, &names) {
        let again = Schema::from_bytes(text).unwrap();
        same(&schema, &again);
        assert_eq!(warnings(&again), [""; 0]);
        let http = again.method("/shop.Shelf/Get").unwrap().options().to_vec();
        assert_eq!(http, schema.method("/shop.Shelf/Get").unwrap().options());
        assert!(
            again
                .file("shelf.proto")
                .unwrap()
                .source()
                .contains("[shop.more] { name: \"y\" }")
        );
    }
}

/// `google/api` and `descriptor.proto` are shipped, so a set made without its imports has no less.
#[test]
fn shipped_files_know_their_extensions() {
    let protos = protos();
    let schema = Schema::load(protos.path()).unwrap();
    for text in texts(&schema, &["options.proto", "shelf.proto"]) {
        let again = Schema::from_bytes(text).unwrap();
        let source = again.file("shelf.proto").unwrap().source();
        assert_eq!(source, schema.file("shelf.proto").unwrap().source());
        assert_eq!(warnings(&again), [""; 0]);
    }
}

/// Wherever the file with the extensions comes from.
#[test]
fn sources_complete_each_other() {
    let protos = protos();
    let schema = Schema::load(protos.path()).unwrap();
    let [json, text] = texts(&schema, &["shelf.proto"]);
    let binary = set(&schema, &["options.proto"]);
    let [options, _] = texts(&schema, &["options.proto"]);
    let wanted = schema.file("shelf.proto").unwrap().source();
    for builder in [
        Schema::builder().bytes("a", json.clone()).bytes("b", binary),
        Schema::builder().bytes("a", text.clone()).bytes("b", options),
        Schema::builder()
            .bytes("a", text)
            .path(protos.path().join("options.proto")),
    ] {
        let again = builder.build().unwrap();
        assert_eq!(again.file("shelf.proto").unwrap().source(), wanted);
    }
    let alone = errors(Schema::from_bytes(json));
    assert!(
        alone.iter().any(|what| what.contains("\"options.proto\"")),
        "{alone:#?}"
    );
}

#[test]
fn what_nothing_defines_is_left_out_and_told() {
    let json = br#"{"file": [{"name": "a.proto", "future": {"x": [1]}, "bufExtension": {"isImport": false},
        "messageType": [{"name": "M", "options": {"deprecated": true, "[no.such]": {"a": 1}}}]}]}"#;
    let text = br#"file { name: "a.proto" future < x: [1] > buf_extension: { is_import: false }
        message_type: { name: "M" options { deprecated: true [no.such] { a: 1 } } } }"#;
    for set in [json.as_slice(), text] {
        let schema = Schema::builder().bytes("api", set).build().unwrap();
        assert_eq!(
            warnings(&schema)[..2],
            [
                "`future` was left out: nothing that is loaded defines it",
                "`[no.such]` was left out: nothing that is loaded defines it"
            ]
        );
        assert_eq!(schema.findings()[0].file, "api");
        let source = schema.file("a.proto").unwrap().source();
        assert!(source.contains("option deprecated = true;"), "{source}");
    }
}

#[test]
fn faults_name_path_line_and_column() {
    let json = "{\"file\": [{\"name\": \"a.proto\",\n \"package\": 5}]}";
    let said = "it is JSON, but no descriptor set: file[0].package: expected a string, but there is a number (line 2, column 13)";
    assert_eq!(errors(Schema::from_bytes(json)), [said]);
    let text = "# A set.\nfile {\n  name: a\n}\n";
    let said = "it is text, but no descriptor set: file.name: expected a string, but there is \"a\" (line 3, column 9)";
    assert_eq!(errors(Schema::from_bytes(text)), [said]);
    // With what defines the option, its value is read too.
    let json = r#"{"file": [{"name": "a.proto", "dependency": ["google/api/annotations.proto"],
        "service": [{"name": "S", "options": {"[google.api.default_host]": "h"}}], "options": {"[google.api.http]": 5}}]}"#;
    let schema = Schema::from_bytes(json).unwrap();
    assert_eq!(warnings(&schema).len(), 2);
    let wrong = json
        .replace("google.api.http", "google.api.resource_definition")
        .replace("annotations", "resource");
    let said = "it is JSON, but no descriptor set: file[0].options.[google.api.resource_definition]: expected an array, but there is a number (line 2, column 132)";
    assert_eq!(errors(Schema::from_bytes(wrong)), [said]);
    assert_eq!(errors(Schema::from_bytes("{}")), ["it is JSON, but has no file in it"]);
}

#[test]
fn endings_decide_where_text_does_not() {
    let folder = TempDir::new().unwrap();
    let odd = folder.path().join("api.txtpb");
    fs::write(&odd, "[x.y]: 1 file { name: \"a.proto\" }").unwrap();
    assert_eq!(Schema::load(&odd).unwrap().files().len(), 1);
    // Of a folder only what is surely meant is taken: JSON and text may be anything.
    fs::write(folder.path().join("package.json"), "{}").unwrap();
    let said = "the folder has no .proto file and no descriptor set in it";
    assert_eq!(errors(Schema::load(folder.path())), [said]);
}

/// Hostile sets end in an error, and soon.
#[test]
fn depth_and_size_are_bounded() {
    let deep = format!("{{\"file\":[{{\"messageType\":{}", "[{\"nestedType\":".repeat(100_000));
    assert!(errors(Schema::from_bytes(deep))[0].contains("messages nest deeper than the limit `depth` of 100"));
    let mut limits = descant_descriptors::LoadLimits::default();
    limits.bytes = 1000;
    let long = format!("file {{ name: \"{}\" }}", "a".repeat(2000));
    let said = errors(Schema::builder().bytes("a", long).limits(limits).build());
    assert!(said[0].contains("`descriptor_bytes`"), "{said:?}");
}
