use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    FileDescriptorSet, MethodDescriptorProto, OneofDescriptorProto, ServiceDescriptorProto,
    descriptor_proto::ExtensionRange,
    field_descriptor_proto::{Label, Type},
};

use super::{
    wire::{Answer, Error, Extension, ExtensionNumbers, Query},
    *,
};
use crate::Code;

fn field(name: &str, number: i32) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.into()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(Type::String.into()),
        ..Default::default()
    }
}

fn extension(name: &str, number: i32) -> FieldDescriptorProto {
    FieldDescriptorProto {
        extendee: Some(".base.Open".into()),
        ..field(name, number)
    }
}

fn service(name: &str, method: &str, streams: bool) -> ServiceDescriptorProto {
    let method = MethodDescriptorProto {
        name: Some(method.into()),
        input_type: Some(".base.Open".into()),
        output_type: Some(".base.Open".into()),
        client_streaming: Some(streams),
        server_streaming: Some(streams),
        ..Default::default()
    };
    ServiceDescriptorProto {
        name: Some(name.into()),
        method: vec![method],
        ..Default::default()
    }
}

fn base() -> FileDescriptorProto {
    let open = DescriptorProto {
        name: Some("Open".into()),
        extension_range: vec![ExtensionRange {
            start: Some(100),
            end: Some(200),
            options: None,
        }],
        ..Default::default()
    };
    file(
        "base.proto",
        "base",
        &[],
        FileDescriptorProto {
            message_type: vec![open],
            ..Default::default()
        },
    )
}

fn file(name: &str, package: &str, imports: &[&str], rest: FileDescriptorProto) -> FileDescriptorProto {
    let dependency = imports.iter().copied().map(String::from).collect();
    FileDescriptorProto {
        name: Some(name.into()),
        package: Some(package.into()),
        dependency,
        ..rest
    }
}

/// A message with something of every kind inside.
fn things() -> FileDescriptorProto {
    let inner = DescriptorProto {
        name: Some("Inner".into()),
        field: vec![field("deep", 1)],
        ..Default::default()
    };
    let color = EnumDescriptorProto {
        name: Some("Color".into()),
        value: vec![EnumValueDescriptorProto {
            name: Some("RED".into()),
            number: Some(0),
            options: None,
        }],
        ..Default::default()
    };
    let thing = DescriptorProto {
        name: Some("Thing".into()),
        field: vec![FieldDescriptorProto {
            oneof_index: Some(0),
            ..field("name", 1)
        }],
        oneof_decl: vec![OneofDescriptorProto {
            name: Some("choice".into()),
            options: None,
        }],
        nested_type: vec![inner],
        enum_type: vec![color],
        extension: vec![extension("nested_mark", 150)],
        ..Default::default()
    };
    let rest = FileDescriptorProto {
        message_type: vec![thing],
        extension: vec![extension("mark", 120)],
        service: vec![service("Things", "Get", false), service("Hidden", "Get", false)],
        ..Default::default()
    };
    file("things.proto", "acme", &["base.proto"], rest)
}

fn more() -> FileDescriptorProto {
    let rest = FileDescriptorProto {
        extension: vec![extension("other_mark", 110)],
        service: vec![service("More", "Get", false)],
        ..Default::default()
    };
    file("more.proto", "acme", &["things.proto", "base.proto"], rest)
}

fn reflection() -> FileDescriptorProto {
    let rest = FileDescriptorProto {
        service: vec![
            service("ServerReflection", "ServerReflectionInfo", true),
            service("Odd", "ServerReflectionInfo", false),
        ],
        ..Default::default()
    };
    file("reflection.proto", "grpc.reflection.v1", &["base.proto"], rest)
}

/// The bytes of each file: none is what an encoder of today would write.
fn originals() -> Vec<Bytes> {
    let encode = |file: FileDescriptorProto| {
        let mut bytes = file.encode_to_vec();
        // `syntax` as an overlong varint key, and then an option that nobody knows.
        bytes.extend(b"\xe2\x80\x00\x06proto2\x42\x05\xc2\xbb\x06\x01!");
        Bytes::from(bytes)
    };
    [base(), things(), more(), reflection()].map(encode).into()
}

fn schema() -> Schema {
    let mut set = Vec::new();
    for file in originals() {
        set.push(0x0a);
        prost::encoding::encode_varint(file.len() as u64, &mut set);
        set.extend(file);
    }
    Schema::from_bytes(set).unwrap()
}

/// One stream of questions.
struct Client {
    requests: tokio::sync::mpsc::UnboundedSender<Bytes>,
    responses: Messages,
}

fn connect(reflection: &Reflection) -> Client {
    connect_to("ServerReflection", reflection)
}

fn connect_to(service: &str, reflection: &Reflection) -> Client {
    let path = format!("/grpc.reflection.v1.{service}/ServerReflectionInfo");
    let (requests, mut incoming) = tokio::sync::mpsc::unbounded_channel();
    let messages = Messages::generate(|sender| async move {
        while let Some(wire) = incoming.recv().await {
            sender.send(Message::from_wire(wire)).await?;
        }
        Ok(())
    });
    let call = Call::new(schema().method(&path).unwrap(), messages);
    // The handler has nothing to wait for.
    let mut reply = reflection.call(call);
    let Poll::Ready(reply) = reply.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())) else {
        panic!("reflection waits before it answers");
    };
    Client {
        requests,
        responses: reply.unwrap().messages,
    }
}

impl Client {
    async fn send(&mut self, wire: impl Into<Bytes>) -> Option<Result<Bytes, Status>> {
        self.requests.send(wire.into()).unwrap();
        Some(self.responses.next().await?.map(Message::into_wire))
    }

    async fn ask(&mut self, query: Query) -> Answer {
        let request = Request {
            host: "here".into(),
            query: Some(query),
        }
        .encode_to_vec();
        let response = self.send(request.clone()).await.unwrap().unwrap();
        let response = Response::decode(response).unwrap();
        assert_eq!(response.valid_host, "here");
        assert_eq!(response.original_request.unwrap(), request);
        response.answer.unwrap()
    }

    async fn files(&mut self, query: Query) -> Vec<Bytes> {
        match self.ask(query).await {
            Answer::Files(files) => files.file_descriptor_proto,
            other => panic!("{other:?}"),
        }
    }

    async fn error(&mut self, query: Query) -> Error {
        match self.ask(query).await {
            Answer::Error(error) => error,
            other => panic!("{other:?}"),
        }
    }

    async fn services(&mut self) -> Vec<String> {
        match self.ask(Query::ListServices("*".into())).await {
            Answer::Services(services) => services.service.into_iter().map(|service| service.name).collect(),
            other => panic!("{other:?}"),
        }
    }

    async fn numbers(&mut self, name: &str) -> Vec<i32> {
        match self.ask(Query::AllExtensionNumbersOfType(name.into())).await {
            Answer::ExtensionNumbers(ExtensionNumbers {
                base_type_name,
                extension_number,
            }) => {
                assert_eq!(base_type_name, name);
                extension_number
            }
            other => panic!("{other:?}"),
        }
    }
}

fn symbol(name: &str) -> Query {
    Query::FileContainingSymbol(name.into())
}

fn file_named(name: &str) -> Query {
    Query::FileByFilename(name.into())
}

fn extension_of(name: &str, number: i32) -> Query {
    Query::FileContainingExtension(Extension {
        containing_type: name.into(),
        extension_number: number,
    })
}

#[tokio::test]
async fn the_file_asked_for_comes_first_as_it_was_loaded() {
    let [base, things, more, reflection] = originals().try_into().unwrap();
    let mut client = connect(&Reflection::new());
    assert_eq!(client.files(file_named("things.proto")).await, [things.clone(), base]);
    // What the stream has sent is sent again only if it is asked for.
    assert_eq!(client.files(file_named("more.proto")).await, [more]);
    assert_eq!(client.files(file_named("reflection.proto")).await, [reflection]);
    assert_eq!(client.files(symbol("acme.Thing")).await, [things]);
}

#[tokio::test]
async fn imports_come_with_the_first_file_and_once() {
    let [base, things, more, _] = originals().try_into().unwrap();
    assert_eq!(
        connect(&Reflection::new()).files(symbol("acme.More")).await,
        [more, things, base]
    );
}

#[tokio::test]
async fn symbols_of_every_kind_lead_to_their_file() {
    let things = &originals()[1];
    let mut client = connect(&Reflection::new());
    for name in [
        "acme.Thing",
        "acme.Thing.name",
        "acme.Thing.choice",
        "acme.Thing.Inner",
        "acme.Thing.Inner.deep",
        "acme.Thing.Color",
        "acme.Thing.RED",
        "acme.Thing.nested_mark",
        "acme.mark",
        "acme.Things",
        "acme.Things.Get",
    ] {
        assert_eq!(&client.files(symbol(name)).await[0], things, "{name}");
    }
}

#[tokio::test]
async fn extensions_are_found_by_number() {
    let originals = originals();
    let mut client = connect(&Reflection::new());
    assert_eq!(client.files(extension_of("base.Open", 110)).await[0], originals[2]);
    assert_eq!(
        client.files(extension_of("base.Open", 150)).await,
        [originals[1].clone()]
    );
    assert_eq!(client.numbers("base.Open").await, [110, 120, 150]);
    assert_eq!(client.numbers("acme.Thing").await, []);
}

#[tokio::test]
async fn services_are_sorted() {
    let services = connect(&Reflection::new()).services().await;
    let expected = [
        "acme.Hidden",
        "acme.More",
        "acme.Things",
        "grpc.reflection.v1.Odd",
        "grpc.reflection.v1.ServerReflection",
    ];
    assert_eq!(services, expected);
}

#[tokio::test]
async fn what_does_not_exist_is_an_answer_and_not_the_end() {
    let mut client = connect(&Reflection::new());
    for (query, message) in [
        (file_named("none.proto"), r#"there is no file "none.proto""#),
        (symbol("acme.None"), r#"there is no symbol "acme.None""#),
        (symbol(""), r#"there is no symbol """#),
        (
            extension_of("base.Open", 111),
            r#"there is no extension with the number 111 of message "base.Open""#,
        ),
        (
            extension_of("base.None", 110),
            r#"there is no extension with the number 110 of message "base.None""#,
        ),
        (
            Query::AllExtensionNumbersOfType("acme.Things".into()),
            r#"there is no message "acme.Things""#,
        ),
    ] {
        let error = client.error(query).await;
        assert_eq!((error.error_code, error.error_message.as_str()), (5, message));
    }
    assert_eq!(client.services().await.len(), 5);
}

#[tokio::test]
async fn a_request_that_asks_nothing_is_answered() {
    let mut client = connect(&Reflection::new());
    let response = Response::decode(client.send(Bytes::new()).await.unwrap().unwrap()).unwrap();
    assert_eq!(response.original_request, Some(Bytes::new()));
    let Some(Answer::Error(error)) = response.answer else {
        panic!("{response:?}")
    };
    assert_eq!(error.error_code, Code::InvalidArgument.number());
    assert_eq!(client.services().await.len(), 5);
}

#[tokio::test]
async fn a_name_of_64_kilobytes_is_not_repeated() {
    let mut client = connect(&Reflection::new());
    let query = Some(symbol(&"a".repeat(64 << 10)));
    let request = Request {
        host: "here".into(),
        query,
    }
    .encode_to_vec();
    let response = client.send(request).await.unwrap().unwrap();
    assert!(response.len() < 200, "{} bytes", response.len());
    let Some(Answer::Error(error)) = Response::decode(response).unwrap().answer else {
        panic!("no error")
    };
    assert_eq!(error.error_message, "there is no symbol with a name of 65536 bytes");
}

#[tokio::test]
async fn bytes_that_are_no_request_end_the_call() {
    let mut client = connect(&Reflection::new());
    let status = client.send(&b"\x0a\x05x"[..]).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(client.responses.next().await.is_none());
}

#[tokio::test]
async fn the_stream_ends_with_its_requests() {
    let Client {
        requests,
        mut responses,
    } = connect(&Reflection::new());
    drop(requests);
    assert!(responses.next().await.is_none());
}

/// Compared byte for byte with the messages of `reflection.proto`, written out by hand.
#[tokio::test]
async fn answers_have_the_bytes_of_the_specification() {
    let mut client = connect(&Reflection::new());
    let list = client.send(&b"\x0a\x01h\x3a\x00"[..]).await.unwrap().unwrap();
    let mut golden = b"\x0a\x01h\x12\x05\x0a\x01h\x3a\x00\x32\x6c".to_vec();
    for (entry, length, name) in [
        (13, 11, "acme.Hidden"),
        (11, 9, "acme.More"),
        (13, 11, "acme.Things"),
        (24, 22, "grpc.reflection.v1.Odd"),
        (37, 35, "grpc.reflection.v1.ServerReflection"),
    ] {
        golden.extend([0x0a, entry, 0x0a, length]);
        golden.extend(name.as_bytes());
    }
    assert_eq!(list, golden);

    let numbers = client.send(&b"\x32\x09base.Open"[..]).await.unwrap().unwrap();
    assert_eq!(
        numbers,
        &b"\x12\x0b\x32\x09base.Open\x2a\x11\x0a\x09base.Open\x12\x04\x6e\x78\x96\x01"[..]
    );

    let missing = client.send(&b"\x1a\x01x"[..]).await.unwrap().unwrap();
    assert_eq!(
        missing,
        &b"\x12\x03\x1a\x01x\x3a\x18\x08\x05\x12\x14there is no file \"x\""[..]
    );

    let file = client.send(&b"\x22\x09base.Open"[..]).await.unwrap().unwrap();
    let base = &originals()[0];
    let mut golden = b"\x12\x0b\x22\x09base.Open\x22".to_vec();
    golden.extend([
        u8::try_from(base.len() + 2).unwrap(),
        0x0a,
        u8::try_from(base.len()).unwrap(),
    ]);
    golden.extend(base);
    assert_eq!(file, golden);
}

#[tokio::test]
async fn a_limit_hides_the_rest() {
    let schema = schema();
    let mut client = connect(&Reflection::only([schema.clone()], ["acme.Things"]).unwrap());
    assert_eq!(client.services().await, ["acme.Things"]);
    assert_eq!(
        client.files(symbol("acme.Things.Get")).await,
        originals()[..2].iter().rev().cloned().collect::<Vec<_>>()
    );
    assert_eq!(client.files(symbol("base.Open")).await.len(), 1);
    assert_eq!(client.numbers("base.Open").await, [120, 150]);
    for query in [
        file_named("more.proto"),
        symbol("acme.More"),
        symbol("acme.other_mark"),
        extension_of("base.Open", 110),
        symbol("grpc.reflection.v1.ServerReflection"),
        // It shares its file with one that is named.
        symbol("acme.Hidden"),
        symbol("acme.Hidden.Get"),
    ] {
        let error = client.error(query.clone()).await;
        assert_eq!(error.error_code, 5, "{query:?}");
    }
}

#[test]
fn a_limit_names_services_that_exist() {
    let error = |names: &[&str]| Reflection::only([schema()], names).unwrap_err().to_string();
    assert_eq!(
        error(&[]),
        "reflection is limited to no service at all: name some, or turn it off"
    );
    let unknown = error(&["acme.Thigns", "acme.More", "zzz"]);
    let expected = "reflection is limited to services that no descriptor declares: \
                    \"acme.Thigns\" (did you mean acme.Things?); \"zzz\"";
    assert_eq!(unknown, expected);
}

#[tokio::test]
async fn other_methods_are_unimplemented() {
    let call = Call::new(
        schema().method("/grpc.reflection.v1.Odd/ServerReflectionInfo").unwrap(),
        Messages::empty(),
    );
    let status = Reflection::new().call(call).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

/// The whole of what a file needs may be more than clients take in one message.
#[tokio::test]
async fn large_imports_are_left_to_be_asked_for() {
    let large = |name: &str, imports: &[&str]| {
        let rest = FileDescriptorProto {
            message_type: vec![DescriptorProto {
                name: Some("M".repeat(1 << 20)),
                ..Default::default()
            }],
            ..Default::default()
        };
        file(name, &name.replace(".proto", ""), imports, rest)
    };
    let imports = ["a.proto", "b.proto", "c.proto", "base.proto"];
    let mut files = vec![base(), reflection()];
    files.extend(imports[..3].iter().map(|name| large(name, &[])));
    files.push(large("top.proto", &imports));
    let schema = Schema::from_bytes(FileDescriptorSet { file: files }.encode_to_vec()).unwrap();
    let mut sent = HashSet::new();
    let names = |files: Vec<descant_descriptors::File>| -> Vec<String> {
        files.iter().map(|file| file.name().to_owned()).collect()
    };
    let top = schema.file("top.proto").unwrap();
    assert_eq!(
        names(scope::closure(top, &mut sent, 3 << 20)),
        ["top.proto", "a.proto", "base.proto"]
    );
    assert!(!sent.contains("b.proto"));
}

#[tokio::test]
async fn several_schemas_are_told_of_as_one() {
    let health = Schema::builder()
        .builtin(descant_descriptors::Builtin::Health)
        .build()
        .unwrap();
    let reflection = Reflection::of([schema(), health.clone()]);
    let mut client = connect(&reflection);
    let services = client.services().await;
    assert!(services.contains(&"grpc.health.v1.Health".to_owned()), "{services:?}");
    assert!(services.contains(&"acme.Things".to_owned()), "{services:?}");
    assert_eq!(
        client.files(symbol("grpc.health.v1.Health")).await[0],
        health.files().next().unwrap().bytes()
    );
}
