//! The pipeline from a request's head to a response, without a socket.

use std::{sync::Arc, time::Duration};

use bytes::{Buf, Bytes};
use descant_handlers::{
    Call, Echo, Handler, Layer, Message, Messages, Reply, Status, async_trait, from_fn,
    layer::{self, Next},
    typed::Methods,
};
use http::{Request, Response, StatusCode, request::Builder};
use prost::Message as _;
use prost_types::{
    DescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto,
};

use super::Gateway;
use crate::{
    Limits, Schema,
    transport::{Connection, Frame, Inbound, Outbound, Serve},
};

/// `t.Shapes` with a method of each shape over one empty message type.
fn set() -> Vec<u8> {
    let method = |name: &str, client_streaming, server_streaming| MethodDescriptorProto {
        name: Some(name.into()),
        input_type: Some(".t.Any".into()),
        output_type: Some(".t.Any".into()),
        client_streaming: Some(client_streaming),
        server_streaming: Some(server_streaming),
        ..Default::default()
    };
    let service = ServiceDescriptorProto {
        name: Some("Shapes".into()),
        method: vec![
            method("Unary", false, false),
            method("Collect", true, false),
            method("List", false, true),
            method("Chat", true, true),
        ],
        ..Default::default()
    };
    let file = FileDescriptorProto {
        name: Some("t.proto".into()),
        package: Some("t".into()),
        syntax: Some("proto3".into()),
        message_type: vec![DescriptorProto {
            name: Some("Any".into()),
            ..Default::default()
        }],
        service: vec![service],
        ..Default::default()
    };
    FileDescriptorSet { file: vec![file] }.encode_to_vec()
}

fn schema() -> Schema {
    Schema::from_bytes(set()).unwrap()
}

fn gateway(handler: impl Handler) -> Gateway {
    Gateway::builder(schema()).route("*", handler).build().unwrap()
}

fn post(path: &str) -> Builder {
    Request::post(path)
        .version(http::Version::HTTP_2)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

fn enveloped(messages: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    for message in messages {
        body.push(0);
        body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        body.extend(*message);
    }
    body
}

/// What a client gets to see.
#[derive(Debug)]
struct Seen {
    head: http::response::Parts,
    body: Vec<u8>,
    trailers: http::HeaderMap,
}

impl Seen {
    fn status(&self) -> i32 {
        let status = self
            .trailers
            .get("grpc-status")
            .or_else(|| self.head.headers.get("grpc-status"));
        status.unwrap().to_str().unwrap().parse().unwrap()
    }

    fn message(&self) -> &str {
        let message = self
            .trailers
            .get("grpc-message")
            .or_else(|| self.head.headers.get("grpc-message"));
        message.map_or("", |message| message.to_str().unwrap())
    }
}

async fn ask(gateway: &Gateway, request: Builder, body: &[u8]) -> Seen {
    let connection = Arc::new(Connection::new(
        descant_handlers::Peer::default(),
        Arc::new(Limits::default()),
    ));
    let body = Inbound::from_chunks([Ok(Bytes::copy_from_slice(body))]);
    see(gateway.serve(request.body(body).unwrap(), &connection).await).await
}

async fn see(response: Response<Outbound>) -> Seen {
    let (head, body) = response.into_parts();
    let (mut bytes, mut trailers) = (Vec::new(), http::HeaderMap::new());
    match body {
        Outbound::Empty => {}
        Outbound::Whole { payload, trailers: all } => {
            drain(payload, &mut bytes);
            trailers = all;
        }
        Outbound::Stream(mut stream) => loop {
            match std::future::poll_fn(|cx| stream.as_mut().poll_frame(cx)).await {
                Some(Frame::Data(payload)) => drain(payload, &mut bytes),
                Some(Frame::Trailers(all)) => {
                    trailers = all;
                    break;
                }
                other => panic!("{other:?}"),
            }
        },
    }
    Seen {
        head,
        body: bytes,
        trailers,
    }
}

fn drain(mut payload: impl Buf, into: &mut Vec<u8>) {
    while payload.has_remaining() {
        into.extend(payload.chunk());
        payload.advance(payload.chunk().len());
    }
}

#[tokio::test]
async fn every_shape_is_echoed() {
    let gateway = gateway(Echo);
    for (path, sent, back) in [
        (
            "/t.Shapes/Unary",
            enveloped(&[b"\x0a\x01a"]),
            enveloped(&[b"\x0a\x01a"]),
        ),
        ("/t.Shapes/List", enveloped(&[b"\x0a\x01a"]), enveloped(&[b"\x0a\x01a"])),
        (
            "/t.Shapes/Collect",
            enveloped(&[b"\x0a\x01a", b"\x0a\x01b"]),
            enveloped(&[b"\x0a\x01b"]),
        ),
        (
            "/t.Shapes/Chat",
            enveloped(&[b"\x0a\x01a", b""]),
            enveloped(&[b"\x0a\x01a", b""]),
        ),
    ] {
        let seen = ask(&gateway, post(path), &sent).await;
        assert_eq!(
            (seen.head.status, seen.status()),
            (StatusCode::OK, 0),
            "{path}: {}",
            seen.message()
        );
        assert_eq!(seen.head.headers["content-type"], "application/grpc");
        assert_eq!(seen.body, back, "{path}");
    }
}

#[tokio::test]
async fn heads_that_are_malformed_are_refused() {
    let gateway = gateway(Echo);
    let cases = [
        (Request::post("/t.Shapes/Unary"), 415, None, "application/grpc, "),
        (
            Request::post("/t.Shapes/Unary").header("content-type", "application/grpc"),
            505,
            None,
            "over HTTP/1.1",
        ),
        (post("/t.Shapes/Unary").method("GET"), 405, Some(2), "POST"),
        (post("/t.Shapes/Un%61ry"), 400, Some(3), "percent-encoding"),
        (post("/t.Shapes/../Unary"), 400, Some(3), "dot segment"),
        (
            post("/t.Shapes/Unary").header("grpc-timeout", "1"),
            400,
            Some(3),
            "grpc-timeout",
        ),
        (
            post("/t.Shapes/Unary")
                .header("grpc-timeout", "1S")
                .header("grpc-timeout", "2S"),
            400,
            Some(3),
            "more than one",
        ),
        (post("/t.Shapes/Unary").header("note-bin", "*"), 400, Some(3), "base64"),
        (
            post("/t.Shapes/Unary").header("grpc-encoding", "rot13"),
            200,
            Some(12),
            "identity,gzip,zstd,br,deflate,snappy",
        ),
        (post("/t.Shapes/Unry"), 200, Some(12), "did you mean t.Shapes/Unary"),
        (
            post("/t.Shape/Unary"),
            200,
            Some(12),
            "unknown service t.Shape; did you mean t.Shapes/Unary",
        ),
        (post("/"), 200, Some(12), "malformed method name"),
    ];
    for (request, http, code, says) in cases {
        let what = format!("{:?}", request.uri_ref());
        let seen = ask(&gateway, request, &enveloped(&[b""])).await;
        assert_eq!(seen.head.status.as_u16(), http, "{what}");
        match code {
            Some(code) => {
                assert_eq!(seen.status(), code, "{what}");
                assert!(seen.message().contains(says), "{what}: {}", seen.message());
            }
            None => assert!(String::from_utf8(seen.body).unwrap().contains(says), "{what}"),
        }
    }
}

#[tokio::test]
async fn bodies_that_are_malformed_end_the_call() {
    let gateway = gateway(Echo);
    let cases: [(&str, &[u8], i32, &str); 8] = [
        ("/t.Shapes/Unary", b"", 12, "none came"),
        ("/t.Shapes/Unary", b"\x00\x00\x00", 13, "ends within the five bytes"),
        ("/t.Shapes/Unary", b"\x00\x00\x00\x00\x02a", 13, "1 of 2 bytes"),
        (
            "/t.Shapes/Unary",
            b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
            12,
            "more came",
        ),
        ("/t.Shapes/Unary", b"\x00\x00\x00\x00\x00x", 12, "more came"),
        (
            "/t.Shapes/Unary",
            b"\x01\x00\x00\x00\x00",
            13,
            "no header of the request says how",
        ),
        ("/t.Shapes/Unary", b"\x02\x00\x00\x00\x00", 13, "flag 2"),
        (
            "/t.Shapes/Collect",
            b"\x00\xff\xff\xff\xff",
            8,
            "limit of 4194304 bytes",
        ),
    ];
    for (path, body, code, says) in cases {
        let seen = ask(&gateway, post(path), body).await;
        assert_eq!(seen.status(), code, "{says}: {}", seen.message());
        assert!(seen.message().contains(says), "{}", seen.message());
    }
}

#[tokio::test]
async fn compressed_requests_get_compressed_replies() {
    let gateway = gateway(Echo);
    let message = [&b"\x0a\xac\x02"[..], &[b'a'; 300]].concat();
    for name in ["gzip", "zstd", "br", "deflate", "snappy"] {
        let coding = crate::protocol::Encoding::named(name).unwrap();
        let mut body = enveloped(&[&coding.deflate(&message).unwrap()]);
        body[0] = 1;
        let request = post("/t.Shapes/Unary").header("grpc-encoding", coding.name());
        let plain = ask(&gateway, request, &body).await;
        assert_eq!(plain.body, enveloped(&[&message]), "nobody asked for compression");
        let request = post("/t.Shapes/Unary").header("grpc-encoding", coding.name());
        let seen = ask(
            &gateway,
            request.header("grpc-accept-encoding", "identity, gzip,zstd,br, deflate,snappy"),
            &body,
        )
        .await;
        assert_eq!(seen.head.headers["grpc-encoding"], coding.name());
        assert_eq!(seen.body[0], 1);
        assert_eq!(coding.inflate(&seen.body[5..], 1000).unwrap(), message);
    }
}

/// Answers as the test wants it.
struct With<F>(F);

#[async_trait]
impl<F: Fn(Call) -> Result<Reply, Status> + Send + Sync + 'static> Handler for With<F> {
    async fn call(&self, call: Call) -> Result<Reply, Status> {
        (self.0)(call)
    }
}

#[tokio::test]
async fn statuses_are_percent_encoded_and_carry_details() {
    let gateway = gateway(With(|_| {
        let detail = prost_types::Any {
            type_url: "type.googleapis.com/t.Any".into(),
            value: vec![],
        };
        Err(Status::not_found("100 % grün\n").with_any(detail))
    }));
    let seen = ask(&gateway, post("/t.Shapes/Unary"), &enveloped(&[b""])).await;
    assert_eq!((seen.status(), seen.message()), (5, "100 %25 gr%C3%BCn%0A"));
    assert!(
        !seen.head.headers["grpc-status-details-bin"]
            .to_str()
            .unwrap()
            .contains('=')
    );
    assert!(seen.trailers.is_empty(), "trailers only");
}

#[tokio::test]
async fn a_handler_that_panics_fails_its_call_only() {
    let gateway = gateway(With(|call: Call| match call.method.name() {
        "Unary" => panic!("at the call"),
        "Chat" => Ok(Messages::generate(|_| async { panic!("at a message") }).into()),
        _ => Ok(Messages::empty().into()),
    }));
    for path in ["/t.Shapes/Unary", "/t.Shapes/Chat"] {
        let seen = ask(&gateway, post(path), &enveloped(&[b""])).await;
        assert_eq!(seen.status(), 13, "{path}");
        assert!(seen.message().contains("panicked"), "{}", seen.message());
    }
}

#[tokio::test]
async fn a_handler_that_panics_before_its_first_poll_fails_its_call_only() {
    let hasty = from_fn(|_| -> std::future::Ready<Result<Reply, Status>> { panic!("at once") });
    let seen = ask(&gateway(hasty), post("/t.Shapes/Unary"), &enveloped(&[b""])).await;
    assert_eq!(seen.status(), 13);
    assert!(seen.message().contains("panicked"), "{}", seen.message());
}

#[tokio::test]
async fn handlers_find_the_state_of_the_application() {
    struct Shelf(&'static [u8]);
    let lend = With(|call: Call| match call.extensions.get::<Shelf>() {
        Some(Shelf(wire)) => Ok(Message::from_wire(Bytes::from_static(wire)).into()),
        None => Err(Status::internal("no shelf")),
    });
    let builder = Gateway::builder(schema()).route("*", lend);
    let gateway = builder.state(0_u8).state(Shelf(b"\x0a\x01s")).build().unwrap();
    let seen = ask(&gateway, post("/t.Shapes/Unary"), &enveloped(&[b""])).await;
    assert_eq!((seen.status(), seen.body), (0, enveloped(&[b"\x0a\x01s"])));
}

#[tokio::test]
async fn layers_on_a_pattern_wrap_its_methods_only_and_in_order() {
    fn marks(letter: char) -> impl Layer {
        layer::from_fn(move |mut call: Call, next: Next| async move {
            let mut trail = call.extensions.get::<String>().cloned().unwrap_or_default();
            trail.push(letter);
            call.extensions.insert(trail);
            next.call(call).await
        })
    }
    let tells = With(|call: Call| Err(Status::aborted(call.state::<String>()?.as_str())));
    let gateway = Gateway::builder(schema())
        .route("*", tells)
        .layer_on("t.Shapes/Unary", marks('a'))
        .layer(marks('b'))
        .layer_on("t.Shapes", marks('c'))
        .layer_on("t.Shapes/Chat", marks('d'))
        .build()
        .unwrap();
    for (path, trail) in [("/t.Shapes/Unary", "abc"), ("/t.Shapes/Chat", "bcd")] {
        assert_eq!(ask(&gateway, post(path), &enveloped(&[b""])).await.message(), trail);
    }
    let builder = || Gateway::builder(schema()).layer_on("grpc.health.v1.Health", marks('a'));
    builder().build().unwrap();
    let error = builder().layer_on("t.Shapess", marks('b')).build().unwrap_err();
    assert!(
        error.to_string().starts_with("layer on `t.Shapess` matches no method"),
        "{error}"
    );
}

#[tokio::test]
async fn every_call_has_an_id_and_the_caller_learns_it() {
    const GIVEN: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let tells = || With(|call: Call| Err(Status::aborted(call.request_id.to_string())));
    let gateway = |keep, send| {
        let builder = Gateway::builder(schema()).route("*", tells());
        builder.keep_request_ids(keep).send_request_ids(send).build().unwrap()
    };
    let asks = async |gateway: &Gateway, given: &[&str]| {
        let request = given.iter().fold(post("/t.Shapes/Unary"), |request, id| {
            request.header("x-request-id", *id)
        });
        let seen = ask(gateway, request, &enveloped(&[b""])).await;
        let sent = seen.head.headers.get("x-request-id");
        let sent = sent.map(|id| id.to_str().unwrap().to_owned());
        (seen.message().to_owned(), sent)
    };
    let (known, sent) = asks(&gateway(true, true), &[GIVEN]).await;
    assert_eq!((known.as_str(), sent.as_deref()), (GIVEN, Some(GIVEN)));
    for (keep, given) in [
        (false, &[GIVEN][..]),
        (true, &["4bf9"]),
        (true, &[GIVEN, GIVEN]),
        (true, &[]),
    ] {
        let (known, sent) = asks(&gateway(keep, true), given).await;
        assert_eq!(Some(&known), sent.as_ref());
        assert!(known != GIVEN && known.len() == 32, "{known}");
    }
    assert_eq!(asks(&gateway(true, false), &[GIVEN]).await, (GIVEN.to_owned(), None));
}

#[tokio::test]
async fn one_reply_means_one() {
    let count = |count: usize| {
        With(move |_| {
            Ok(Messages::generate(move |tx| async move {
                for _ in 0..count {
                    tx.send(Message::from_wire(Bytes::new())).await?;
                }
                Ok(())
            })
            .into())
        })
    };
    for (sent, code) in [(0, 13), (1, 0), (2, 13)] {
        let seen = ask(&gateway(count(sent)), post("/t.Shapes/Unary"), &enveloped(&[b""])).await;
        assert_eq!(seen.status(), code, "{sent}: {}", seen.message());
        let seen = ask(&gateway(count(sent)), post("/t.Shapes/List"), &enveloped(&[b""])).await;
        assert_eq!((seen.status(), seen.body.len()), (0, sent * 5));
    }
}

#[tokio::test(start_paused = true)]
async fn deadlines_end_calls_and_streams() {
    let gateway = gateway(With(|call: Call| {
        let left = call.deadline.unwrap() - tokio::time::Instant::now().into_std();
        assert!(left > Duration::from_millis(400) && left <= Duration::from_millis(500));
        Ok(Messages::generate(|tx| async move {
            tx.send(Message::from_wire(Bytes::new())).await?;
            std::future::pending().await
        })
        .into())
    }));
    for path in ["/t.Shapes/Unary", "/t.Shapes/List"] {
        let seen = ask(&gateway, post(path).header("grpc-timeout", "500m"), &enveloped(&[b""])).await;
        assert_eq!(seen.status(), 4, "{path}");
    }
}

#[tokio::test]
async fn a_deadline_ends_a_stream_that_never_waits() {
    let gateway = gateway(With(|_| {
        Ok(Messages::generate(|tx| async move {
            loop {
                tx.send(Message::from_wire(Bytes::new())).await?;
            }
        })
        .into())
    }));
    let request = post("/t.Shapes/List").header("grpc-timeout", "50m");
    let seen = ask(&gateway, request, &enveloped(&[b""])).await;
    assert_eq!(seen.status(), 4, "{}", seen.message());
}

#[tokio::test]
async fn metadata_goes_both_ways_without_the_protocols_own() {
    let gateway = gateway(With(|call: Call| {
        assert_eq!(call.metadata.get("note"), Some("hi"));
        let names: Vec<_> = call.metadata.iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["note"]);
        let mut reply =
            Reply::from(Messages::one(Message::from_wire(Bytes::new())).with_trailers(call.metadata.clone()));
        reply.metadata = call.metadata;
        Ok(reply)
    }));
    let request = post("/t.Shapes/Unary")
        .header("note", "hi")
        .header("grpc-timeout", "5S");
    let seen = ask(&gateway, request, &enveloped(&[b""])).await;
    assert_eq!((seen.status(), seen.message()), (0, ""));
    assert_eq!(
        (&seen.head.headers["note"], &seen.trailers["note"]),
        (&"hi".parse().unwrap(), &"hi".parse().unwrap())
    );
}

#[tokio::test]
async fn the_most_specific_route_answers() {
    let says = |text: &'static str| With(move |_| Err(Status::aborted(text)));
    let builder = || {
        Gateway::builder(schema())
            .route("*", says("all"))
            .route("t.Shapes/Chat", says("method"))
    };
    let gateway = builder()
        .route("t.Shapes", says("service"))
        .route("t.*", says("package"))
        .build()
        .unwrap();
    for (path, answer) in [("/t.Shapes/Chat", "method"), ("/t.Shapes/Unary", "service")] {
        assert_eq!(ask(&gateway, post(path), &enveloped(&[b""])).await.message(), answer);
    }
    let gateway = builder().route("t.*", says("package")).build().unwrap();
    assert_eq!(
        ask(&gateway, post("/t.Shapes/Unary"), &enveloped(&[b""]))
            .await
            .message(),
        "package"
    );
}

#[test]
fn routes_that_make_no_sense_are_errors() {
    let error = |pattern: &str| {
        let builder = Gateway::builder(schema()).route("t.Shapes/Chat", Echo);
        builder.route(pattern, Echo).build().unwrap_err().to_string()
    };
    assert_eq!(
        error("t.Shapes/Chatt"),
        "route `t.Shapes/Chatt` matches no method of the schema; did you mean t.Shapes/Chat or t.Shapes/List or t.Shapes/Unary?"
    );
    assert_eq!(
        error("t.Shapes/Chat"),
        "route `t.Shapes/Chat` is given twice: a method has one handler"
    );
    assert_eq!(
        error("t"),
        "route `t` matches no method of the schema; did you mean t.*?"
    );
    assert_eq!(
        error("t.Shapes.Unary"),
        "route `t.Shapes.Unary` matches no method of the schema; did you mean t.Shapes/Unary?"
    );
    assert!(error("t Shapes").contains("is no pattern"));
}

#[test]
fn a_handler_of_a_method_that_there_is_not_is_an_error() {
    let methods = |name: &str| Methods::new().on("Unary", Echo).on(name, Echo);
    for pattern in ["t.Shapes", "t.Shapes/Unary", "*"] {
        let built = Gateway::builder(schema()).route(pattern, methods("Chatt")).build();
        let error = built.unwrap_err().to_string();
        for part in [pattern, "`Chatt`", "t.Shapes", "did you mean Chat"] {
            assert!(error.contains(part), "{error}");
        }
        let shared = Arc::new(methods("Chat"));
        Gateway::builder(schema()).route(pattern, shared).build().unwrap();
    }
}

#[tokio::test]
async fn what_nothing_answers_says_how_to_mend_it() {
    let gateway = Gateway::builder(schema()).build().unwrap();
    let seen = ask(&gateway, post("/t.Shapes/Unary"), &enveloped(&[b""])).await;
    assert_eq!(seen.status(), 12);
    assert!(
        seen.message().contains("nothing answers t.Shapes/Unary yet"),
        "{}",
        seen.message()
    );
}

#[tokio::test]
async fn a_reload_serves_another_schema_with_the_same_routes() {
    let gateway = gateway(Echo);
    let mut set = FileDescriptorSet::decode(&*set()).unwrap();
    set.file[0].service[0].name = Some("Forms".into());
    gateway
        .reload(Schema::from_bytes(set.encode_to_vec()).unwrap())
        .unwrap();
    assert_eq!(
        ask(&gateway, post("/t.Shapes/Unary"), &enveloped(&[b""]))
            .await
            .status(),
        12
    );
    assert_eq!(
        ask(&gateway, post("/t.Forms/Unary"), &enveloped(&[b""])).await.status(),
        0
    );
}

#[test]
fn a_reload_that_leaves_a_route_without_methods_changes_nothing() {
    let gateway = Gateway::builder(schema()).route("t.Shapes", Echo).build().unwrap();
    let mut set = FileDescriptorSet::decode(&*set()).unwrap();
    set.file[0].service[0].name = Some("Forms".into());
    let error = gateway
        .reload(Schema::from_bytes(set.encode_to_vec()).unwrap())
        .unwrap_err();
    assert!(
        error.to_string().contains("route `t.Shapes` matches no method"),
        "{error}"
    );
    assert!(gateway.schema().service("t.Shapes").is_some());
}
