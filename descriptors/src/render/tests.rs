//! What is printed compiles again, to an equal descriptor.

use std::collections::HashMap;

use protox::file::{ChainFileResolver, File as ProtoFile, FileResolver, GoogleFileResolver};

use crate::{Schema, raw::Fields};

const OPTIONS: &str = r#"
syntax = "proto2";
package opt.v1;
import "google/protobuf/descriptor.proto";

// How loud.
enum Volume { QUIET = 0; LOUD = 1; }

message Rule {
  optional string get = 1;
  repeated Rule more = 2;
  optional bytes raw = 3;
  repeated sint32 numbers = 4 [packed = true];
  map<string, double> weights = 5;
  optional Volume volume = 6;
  optional group Inner = 7 { optional bool on = 1; }
  extensions 100 to 199;
}
extend Rule { optional string note = 100; }
extend google.protobuf.MethodOptions {
  optional Rule rule = 50001;
  repeated string tags = 50002;
}
extend google.protobuf.MessageOptions { optional Volume volume = 50001; }
extend google.protobuf.FieldOptions { optional float weight = 50001; repeated Rule rules = 50002; }
extend google.protobuf.FileOptions { optional int64 build = 50001; }
extend google.protobuf.EnumOptions { optional bool closed = 50001; }
extend google.protobuf.EnumValueOptions { optional string label = 50001; }
extend google.protobuf.OneofOptions { optional uint32 pick = 50001; }
extend google.protobuf.ServiceOptions { optional fixed64 id = 50001; }
extend google.protobuf.ExtensionRangeOptions { optional string owner = 50001; }
"#;

const PROTO2: &str = r#"
// Licensed to nobody.
syntax = "proto2";

// The package of old things.
package old.v1;

import public "opt.proto";
import weak "google/protobuf/any.proto";

option java_package = "v1.old";
option optimize_for = CODE_SIZE;
option (opt.v1.build) = -7;

/* A message
   of many lines. */
message Old {
  option (opt.v1.volume) = LOUD;
  option deprecated = true;
  reserved 20, 30 to 39, 500 to max;
  reserved "gone", "away";
  extensions 100 to 199 [(opt.v1.owner) = "me"];
  extensions 200, 210 to 219;

  required string id = 1 [default = "a\"b\\\n\tz\001é", json_name = "ID"];
  optional bytes blob = 2 [default = "\000\377x\"", deprecated = true];
  repeated int32 packed = 3 [packed = true];
  optional double up = 4 [default = inf];
  optional float down = 5 [default = -0.25];
  optional Size size = 6 [default = BIG, (opt.v1.weight) = 0.25];
  // A group.
  repeated group Part = 7 {
    optional int64 n = 1;
    optional group Deep = 2 { optional bool x = 1; }
  }
  // One of them.
  oneof choice {
    option (opt.v1.pick) = 3;
    string left = 8;  // Behind the field.
    group Right = 9 { optional Size size = 1; }
  }
  map<string, Nested> by_name = 10;
  optional .google.protobuf.Any any = 11 [(opt.v1.rules) = { get: "x" }, (opt.v1.rules) = { get: "y" more { get: "z" volume: LOUD } }];
  message Nested {
    message Deeper { optional Old back = 1; }
    enum E { A = 0; B = -1; }
    optional E e = 1;
    extend Old { optional string inner = 100; repeated Deeper deeper = 101; }
  }
  enum Size {
    option allow_alias = true;
    option (opt.v1.closed) = true;
    reserved -5 to -2, 7, 100 to max;
    reserved "HUGE";
    BIG = 1 [deprecated = true, (opt.v1.label) = "big"];
    LARGE = 1;
    SMALL = 2;
  }
}
extend Old {
  optional group Loose = 150 { optional string s = 1; }
  optional int32 plain = 151 [default = -3];
}
message Wire { option message_set_wire_format = true; extensions 4 to max; }
"#;

const PROTO3: &str = r#"
syntax = "proto3";
package acme.opt.v2;
import "opt.proto";
import "google/protobuf/timestamp.proto";

message Request {
  optional string name = 1;
  repeated int32 numbers = 2 [packed = false];
  optional bool flag = 3;
  oneof kind { google.protobuf.Timestamp at = 4; string text = 5; }
  string snake_case_name = 6;
  map<int64, Kind> kinds = 7;
  enum Kind { KIND_UNSPECIFIED = 0; KIND_ONE = 1; }
}
message Empty {}

// Does things.
service Things {
  option (.opt.v1.id) = 12345678901234567890;
  // Does one.
  rpc One ( Request ) returns ( Empty ) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (.opt.v1.rule) = {
      get: "/v1/{name=*}"
      raw: "\000\376"
      numbers: [1, -2, 3]
      weights { key: "a" value: 1.5 }
      Inner { on: true }
      [opt.v1.note]: "said \"so\""
      more { get: "/a/very/long/path/that/does/not/fit/on/the/line" volume: LOUD }
      more { get: "/b" }
    };
    option (.opt.v1.tags) = "a";
    option (.opt.v1.tags) = "b";
  }
  rpc Up ( stream Request ) returns ( Empty );
  rpc Down ( Request ) returns ( stream Empty );
  rpc Both ( stream Request ) returns ( stream Empty ) { option deprecated = true; }
}
service None {}
"#;

struct Sources(HashMap<String, String>);

impl FileResolver for Sources {
    fn open_file(&self, name: &str) -> Result<ProtoFile, protox::Error> {
        let source = self.0.get(name).ok_or_else(|| protox::Error::file_not_found(name))?;
        ProtoFile::from_source(name, source)
    }
}

fn sources(pairs: &[(&str, &str)]) -> Sources {
    Sources(
        pairs
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect(),
    )
}

fn compile(sources: Sources) -> Result<Schema, String> {
    let mut names: Vec<_> = sources.0.keys().cloned().collect();
    names.sort_unstable();
    let mut resolver = ChainFileResolver::new();
    resolver.add(sources);
    resolver.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(&names).map_err(|error| format!("{error:?}"))?;
    Schema::from_bytes(compiler.encode_file_descriptor_set()).map_err(|error| format!("{error:?}"))
}

/// The file without its source info, field 9.
fn bare(file: &[u8]) -> Vec<String> {
    let fields = Fields::new(file).map(Result::unwrap).filter(|(number, _)| *number != 9);
    fields.map(|field| format!("{field:?}")).collect()
}

fn kitchen() -> Schema {
    compile(sources(&[
        ("opt.proto", OPTIONS),
        ("old.proto", PROTO2),
        ("new.proto", PROTO3),
    ]))
    .unwrap()
}

#[test]
fn files_compile_again_to_equal_descriptors() {
    let first = kitchen();
    let printed = first.files().map(|file| (file.name().to_owned(), file.source()));
    let printed: HashMap<_, _> = printed.collect();
    let second = compile(Sources(printed.clone())).unwrap_or_else(|error| panic!("{error}\n{printed:#?}"));
    for file in first.files() {
        let again = second.file(file.name()).unwrap();
        let text = &printed[file.name()];
        // Its copy has empty options, where options for compilers alone were; source has no way to say that.
        if file.name() != "google/protobuf/descriptor.proto" {
            assert_eq!(bare(&file.bytes()), bare(&again.bytes()), "{}:\n{text}", file.name());
        }
        assert_eq!(&again.source(), text, "printed twice, {} differs", file.name());
    }
}

fn source(schema: &Schema, name: &str) -> String {
    schema.symbol(name).unwrap_or_else(|| panic!("no {name}")).source()
}

#[test]
fn every_kind_of_symbol_is_printed() {
    let schema = kitchen();
    for (name, expected) in [
        (
            "old.v1.Old.id",
            "required string id = 1 [default = \"a\\\"b\\\\\\n\\tz\\001é\", json_name = \"ID\"];\n",
        ),
        ("old.v1.Old.by_name", "map<string, .old.v1.Old.Nested> by_name = 10;\n"),
        ("old.v1.Old.down", "optional float down = 5 [default = -0.25];\n"),
        ("old.v1.Old.LARGE", "LARGE = 1;\n"),
        (
            "old.v1.Old.Nested.inner",
            "extend .old.v1.Old {\n  optional string inner = 100;\n}\n",
        ),
        (
            "acme.opt.v2.Things.Up",
            "rpc Up ( stream .acme.opt.v2.Request ) returns ( .acme.opt.v2.Empty );\n",
        ),
        ("acme.opt.v2.None", "service None {\n}\n"),
        ("acme.opt.v2.Request.name", "optional string name = 1;\n"),
        (
            "acme.opt.v2.Request.kind",
            "oneof kind {\n  .google.protobuf.Timestamp at = 4;\n  string text = 5;\n}\n",
        ),
        ("old.v1.Old.Nested.E", "enum E {\n  A = 0;\n  B = -1;\n}\n"),
    ] {
        assert_eq!(source(&schema, name), expected);
    }
    let group = source(&schema, "old.v1.Old.part");
    assert_eq!(
        group,
        "// A group.\nrepeated group Part = 7 {\n  optional int64 n = 1;\n  optional group Deep = 2 {\n    optional bool x = 1;\n  }\n}\n"
    );
    assert_eq!(
        source(&schema, "old.v1.Old.left"),
        "// Behind the field.\nstring left = 8;\n"
    );
}

#[test]
fn options_are_printed_as_they_are_written() {
    let method = source(&kitchen(), "acme.opt.v2.Things.One");
    let expected = r#"// Does one.
rpc One ( .acme.opt.v2.Request ) returns ( .acme.opt.v2.Empty ) {
  option idempotency_level = NO_SIDE_EFFECTS;
  option (.opt.v1.rule) = {
    get: "/v1/{name=*}"
    more { get: "/a/very/long/path/that/does/not/fit/on/the/line" volume: LOUD }
    more { get: "/b" }
    raw: "\000\376"
    numbers: 1
    numbers: -2
    numbers: 3
    weights { key: "a" value: 1.5 }
    Inner { on: true }
    [opt.v1.note]: "said \"so\""
  };
  option (.opt.v1.tags) = "a";
  option (.opt.v1.tags) = "b";
}
"#;
    assert_eq!(method, expected);
}

#[test]
fn what_would_steer_a_terminal_is_escaped() {
    let hostile = "syntax = \"proto3\";\n// red \u{1b}[31m, \u{202e}turned\nmessage M { string s = 1 [json_name = \"a\u{1b}\"]; }";
    let schema = compile(sources(&[("m.proto", hostile)])).unwrap();
    let text = source(&schema, "M");
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    assert!(text.contains(r"// red \u{1b}[31m, \u{202e}turned"), "{text}");
}

/// A length-delimited field.
fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut bytes);
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    bytes.extend_from_slice(content);
    bytes
}

#[test]
fn values_that_nest_without_end_are_cut() {
    let mut rule = Vec::new();
    for _ in 0..5000 {
        rule = field(2, &rule);
    }
    let option = [
        field(1, b"a"),
        vec![24, 1, 32, 1, 40, 9],
        field(8, &field(50002, &rule)),
    ]
    .concat();
    let message = [field(1, b"M"), field(2, &option)].concat();
    let file = [
        field(1, b"deep.proto"),
        field(2, b"deep"),
        field(3, b"opt.proto"),
        field(4, &message),
    ]
    .concat();
    let mut set: Vec<u8> = kitchen().files().flat_map(|file| field(1, &file.bytes())).collect();
    set.extend(field(1, &file));
    let schema = Schema::from_bytes(set).unwrap();
    let text = source(&schema, "deep.M");
    assert!(text.contains("nested too deeply to show"), "{text}");
    assert!(text.len() < 100_000, "{}", text.len());
}
