//! A schema's tables: what is found under which name.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use descant_descriptors::{Builtin, Schema, Severity, Shape, SymbolKind};
use prost::Message;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    FileDescriptorSet, MethodDescriptorProto, OneofDescriptorProto, ServiceDescriptorProto, descriptor_proto,
};

fn field(name: &str, number: i32) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.into()),
        number: Some(number),
        label: Some(1),
        r#type: Some(5),
        ..FieldDescriptorProto::default()
    }
}

fn method(name: &str, client_streaming: bool, server_streaming: bool) -> MethodDescriptorProto {
    MethodDescriptorProto {
        name: Some(name.into()),
        input_type: Some(".shop.v1.Book".into()),
        output_type: Some(".shop.v1.Book.Page".into()),
        client_streaming: Some(client_streaming),
        server_streaming: Some(server_streaming),
        ..MethodDescriptorProto::default()
    }
}

fn shop() -> FileDescriptorProto {
    let page = DescriptorProto {
        name: Some("Page".into()),
        field: vec![field("number", 1)],
        ..DescriptorProto::default()
    };
    let mut title = field("title", 1);
    title.oneof_index = Some(0);
    let book = DescriptorProto {
        name: Some("Book".into()),
        field: vec![title],
        nested_type: vec![page],
        oneof_decl: vec![OneofDescriptorProto {
            name: Some("name".into()),
            options: None,
        }],
        extension_range: vec![descriptor_proto::ExtensionRange {
            start: Some(100),
            end: Some(200),
            options: None,
        }],
        ..DescriptorProto::default()
    };
    let kind = EnumDescriptorProto {
        name: Some("Kind".into()),
        value: vec![EnumValueDescriptorProto {
            name: Some("NOVEL".into()),
            number: Some(0),
            options: None,
        }],
        ..EnumDescriptorProto::default()
    };
    let mut colour = field("colour", 100);
    colour.extendee = Some(".shop.v1.Book".into());
    let service = ServiceDescriptorProto {
        name: Some("Shelf".into()),
        method: vec![
            method("Get", false, false),
            method("List", false, true),
            method("Chat", true, true),
        ],
        options: None,
    };
    FileDescriptorProto {
        name: Some("shop/v1/shop.proto".into()),
        package: Some("shop.v1".into()),
        message_type: vec![book],
        enum_type: vec![kind],
        extension: vec![colour],
        service: vec![service],
        ..FileDescriptorProto::default()
    }
}

fn set(files: Vec<FileDescriptorProto>) -> Vec<u8> {
    FileDescriptorSet { file: files }.encode_to_vec()
}

fn schema() -> Schema {
    Schema::from_bytes(set(vec![shop()])).unwrap()
}

#[test]
fn every_kind_of_symbol_is_found_in_its_scope() {
    let schema = schema();
    for (name, kind) in [
        ("shop.v1.Book", SymbolKind::Message),
        ("shop.v1.Book.Page", SymbolKind::Message),
        ("shop.v1.Book.title", SymbolKind::Field),
        ("shop.v1.Book.Page.number", SymbolKind::Field),
        ("shop.v1.Book.name", SymbolKind::Oneof),
        ("shop.v1.Kind", SymbolKind::Enum),
        ("shop.v1.NOVEL", SymbolKind::EnumValue),
        ("shop.v1.colour", SymbolKind::Extension),
        ("shop.v1.Shelf", SymbolKind::Service),
        ("shop.v1.Shelf.Get", SymbolKind::Method),
    ] {
        let symbol = schema.symbol(name).unwrap();
        assert_eq!((symbol.kind(), symbol.full_name().as_str()), (kind, name));
        assert_eq!(symbol.file().name(), "shop/v1/shop.proto");
    }
    for name in [
        "",
        "shop",
        "shop.v1",
        "Book",
        "shop.v1.Kind.NOVEL",
        ".shop.v1.Book",
        "shop.v1.Book.",
        "v1.Book",
    ] {
        assert!(schema.symbol(name).is_none(), "{name}");
    }
}

#[test]
fn methods_have_names_types_and_shapes() {
    let schema = schema();
    assert_eq!(schema.method_count(), 3);
    let chat = schema.method("/shop.v1.Shelf/Chat").unwrap();
    assert_eq!((chat.name(), chat.full_name()), ("Chat", "shop.v1.Shelf.Chat"));
    assert_eq!(
        (chat.path(), chat.index(), chat.shape()),
        ("/shop.v1.Shelf/Chat", 2, Shape::Bidi)
    );
    assert_eq!(
        (chat.input().full_name(), chat.output().full_name()),
        ("shop.v1.Book", "shop.v1.Book.Page")
    );
    assert_eq!(chat.service().full_name(), "shop.v1.Shelf");
    for path in [
        "",
        "/",
        "shop.v1.Shelf/Chat",
        "/shop.v1.Shelf/",
        "/shop.v1.Shelf/Chat/",
        "/shop.v1.Shelf.Chat",
    ] {
        assert!(schema.method(path).is_none(), "{path}");
    }
}

#[test]
fn extensions_are_found_by_number() {
    let schema = schema();
    assert_eq!(
        schema.extension("shop.v1.Book", 100).unwrap().full_name(),
        "shop.v1.colour"
    );
    assert!(schema.extension("shop.v1.Book", 101).is_none());
    assert_eq!(schema.extension_numbers("shop.v1.Book"), Some(vec![100]));
    assert_eq!(schema.extension_numbers("shop.v1.Book.Page"), Some(vec![]));
    assert_eq!(schema.extension_numbers("shop.v1.Kind"), None);
}

#[test]
fn files_keep_their_bytes() {
    let bytes = set(vec![shop()]);
    let schema = Schema::from_bytes(bytes.clone()).unwrap();
    let file = schema.file("shop/v1/shop.proto").unwrap();
    assert_eq!(file.bytes(), shop().encode_to_vec());
    assert_eq!(
        (file.package(), file.syntax().to_string().as_str()),
        ("shop.v1", "proto2")
    );
}

#[test]
fn names_that_resemble_are_offered() {
    let schema = schema();
    assert_eq!(schema.nearest_services("shop.v1.Shelv"), ["shop.v1.Shelf"]);
    assert_eq!(schema.nearest_services("shelf"), ["shop.v1.Shelf"]);
    assert_eq!(schema.nearest_methods("/shop.v1.Shelf/get")[0], "shop.v1.Shelf/Get");
    assert_eq!(schema.nearest_methods("shop.v2.Shelf/Chat")[0], "shop.v1.Shelf/Chat");
    assert_eq!(schema.nearest_symbols("shop.v1.Bok")[0], "shop.v1.Book");
    assert!(schema.nearest_services(&"x".repeat(100_000)).is_empty());
}

#[test]
fn a_message_has_a_dynamic_descriptor() {
    let descriptor = schema().message("shop.v1.Book").unwrap().descriptor().unwrap();
    assert_eq!(descriptor.full_name(), "shop.v1.Book");
    assert_eq!(descriptor.get_field_by_name("title").unwrap().number(), 1);
}

#[test]
fn builtins_are_added_once() {
    let with = |files: Vec<FileDescriptorProto>| {
        Schema::builder()
            .bytes("set", set(files))
            .builtin(Builtin::Reflection)
            .builtin(Builtin::Health)
            .builtin(Builtin::Health)
            .build()
            .unwrap()
    };
    let schema = with(vec![shop()]);
    let names: Vec<_> = schema
        .services()
        .map(|service| service.full_name().to_owned())
        .collect();
    let builtins = [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "shop.v1.Shelf",
    ];
    assert_eq!(names, builtins);
    assert!(schema.findings().is_empty(), "{:?}", schema.findings());

    let own = FileDescriptorProto {
        name: Some("my/health.proto".into()),
        package: Some("grpc.health.v1".into()),
        service: vec![ServiceDescriptorProto {
            name: Some("Health".into()),
            ..ServiceDescriptorProto::default()
        }],
        ..FileDescriptorProto::default()
    };
    let schema = with(vec![own]);
    let health = schema.service("grpc.health.v1.Health").unwrap();
    assert_eq!(health.file().name(), "my/health.proto");
    assert!(schema.file("grpc/health/v1/health.proto").is_none());
}

#[test]
fn imports_that_a_set_lacks_are_filled_in() {
    let mut file = shop();
    file.dependency = vec!["google/api/annotations.proto".into()];
    let schema = Schema::from_bytes(set(vec![file])).unwrap();
    let names: Vec<_> = schema.files().map(|file| file.name().to_owned()).collect();
    let all = [
        "shop/v1/shop.proto",
        "google/api/http.proto",
        "google/protobuf/descriptor.proto",
        "google/api/annotations.proto",
    ];
    assert_eq!(names, all);
    let [note] = schema.findings() else {
        panic!("{:?}", schema.findings());
    };
    assert_eq!(
        (note.severity, note.file.as_str()),
        (Severity::Note, "shop/v1/shop.proto")
    );
}

#[test]
fn a_file_that_takes_a_builtins_name_is_an_error() {
    let taken = FileDescriptorProto {
        name: Some("grpc/health/v1/health.proto".into()),
        ..FileDescriptorProto::default()
    };
    let schema = Schema::builder()
        .bytes("set", set(vec![taken]))
        .builtin(Builtin::Health)
        .build();
    assert_eq!(
        schema.unwrap_err().to_string(),
        "grpc/health/v1/health.proto: grpc.health.v1.Health: the loaded file of this name does not define this service, so \
         the shipped one cannot be added; rename the file, or load one that defines the service"
    );
}
