mod asked;
mod client;
mod files;

use descant_descriptors::Schema;
use prost_types::{FileDescriptorProto, FileDescriptorSet, FileOptions};

use self::{
    client::{Client, connect, extension_of, file_named, symbol},
    files::{base, file, originals, reflection, schema},
};
use super::{
    wire::{Answer, Query},
    *,
};
use crate::Code;

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
    assert!(client.numbers("acme.Thing").await.is_empty());
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
async fn what_is_still_to_come_is_not_said_to_be_missing() {
    let why = |_| Some(Status::unavailable("not yet"));
    let mut client = connect(&Reflection::new().absence(why));
    for query in [
        symbol("acme.None"),
        file_named("none.proto"),
        Query::ListServices("*".into()),
    ] {
        let error = client.error(query).await;
        assert_eq!((error.error_code, error.error_message.as_str()), (14, "not yet"));
    }
    assert!(!client.files(symbol("acme.Things")).await.is_empty());
    let mut client = connect(&Reflection::new().absence(|_| None));
    assert_eq!(client.error(symbol("acme.None")).await.error_code, 5);
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
            options: Some(FileOptions {
                java_package: Some("m".repeat(1 << 20)),
                ..Default::default()
            }),
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

/// The shipped files, by the paths that clients call.
#[tokio::test]
async fn both_versions_are_answered_alike() {
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let method = crate::fixtures::schema().method(&path).unwrap();
        let request = Message::from_wire(Bytes::from_static(b"\x22\x0cshop.v1.Shop"));
        let reply = Reflection::new().call(Call::new(method, request)).await.unwrap();
        let response = reply.messages.only().await.unwrap().decode::<Response>().unwrap();
        let Some(Answer::Files(files)) = response.answer else {
            panic!("{response:?}")
        };
        let file = crate::fixtures::schema().file("shop/v1/shop.proto").unwrap();
        assert_eq!(files.file_descriptor_proto, [file.bytes()]);
    }
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

/// Most are no request at all, and end the call; none does any other harm.
#[tokio::test]
async fn any_bytes_are_answered_or_refused() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..1000 {
        let mut wire = vec![0; random.usize(..40)];
        random.fill(&mut wire);
        if random.bool() && wire.len() > 2 {
            // A well-formed field of a question, then anything.
            wire[0] = 0x1a + 8 * random.u8(..5);
            wire[1] = random.u8(..40);
        }
        let mut client = connect(&Reflection::new());
        match client.send(wire).await.unwrap() {
            Ok(response) => drop(Response::decode(response).unwrap()),
            Err(status) => assert_eq!(status.code(), Code::Internal),
        }
    }
}
