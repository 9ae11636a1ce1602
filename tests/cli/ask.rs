//! `--from`: what servers that are not as expected are told to be.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use descant::{
    Gateway, demo,
    handlers::{Call, Code, Handler as _, Message, Messages, Reply, Status, layer::Next},
};

use crate::process::{Server, descant, serve_beside};

/// A server that says the same to everyone, and its address.
pub(crate) fn parrot(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(answer);
    });
    address
}

#[test]
fn other_protocols_are_recognised() {
    for (answer, what, hint) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"[..],
            "it answers in HTTP/1.1, and gRPC needs HTTP/2",
            "is it the port of the gRPC server?",
        ),
        (
            &[21, 3, 3, 0, 2, 2, 40],
            "it speaks TLS",
            "say --from https://HOST:PORT",
        ),
    ] {
        let address = parrot(answer);
        let ran = descant(["list", "--from", &address]);
        assert_eq!(
            ran.err,
            format!("error: cannot connect to {address}: {what}\nhint: {hint}\n")
        );
        assert_eq!(ran.code, Some(1));
    }
}

#[test]
fn a_server_may_want_metadata() {
    let address = serve_beside(|| {
        let guarded = async |call: Call, next: Next| match call.metadata.get("authorization") {
            Some("Bearer t") => next.call(call).await,
            _ => Err(Status::new(Code::Unauthenticated, "who asks?")),
        };
        Gateway::builder(demo::schema().unwrap()).intercept(guarded)
    });
    let ran = descant(["list", "--from", &address]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("who asks?"), "{ran:?}");
    let header = "authorization: Bearer t";
    for command in ["list", "describe"] {
        let ran = descant([command, "--from", &address, "-H", header]);
        assert!(
            ran.code == Some(0) && ran.out.contains("bookshop.v1.Catalog"),
            "{ran:?}"
        );
    }
    assert_eq!(descant(["list", "-H", header]).code, Some(2));
}

/// As some load balancers and servers have it.
#[test]
fn a_server_may_take_one_question_a_call() {
    for end in [Ok(()), Err(Status::unavailable("too long"))] {
        let address = serve_beside(|| {
            let one = move |mut call: Call, next: Next| {
                let end = end.clone();
                async move {
                    let question = call.messages.next().await.transpose()?;
                    call.messages = question.map_or_else(Messages::empty, Messages::one);
                    let Reply {
                        metadata, mut messages, ..
                    } = next.call(call).await?;
                    let answers = Messages::generate(|sender| async move {
                        while let Some(answer) = messages.next().await {
                            sender.send(answer?).await?;
                        }
                        end
                    });
                    Ok(Reply::new(answers).with_metadata(metadata))
                }
            };
            Gateway::builder(demo::schema().unwrap()).intercept(one)
        });
        let front = Server::start(&["--to", &format!("http://{address}")]);
        assert!(front.services().contains("bookshop.v1.Catalog"), "{}", front.err());
    }
}

#[test]
fn a_service_without_a_descriptor_hides_no_other() {
    let address = serve_beside(|| {
        let forgetful = async |mut call: Call, next: Next| {
            let mut questions = call.messages;
            call.messages = Messages::generate(|sender| async move {
                while let Some(question) = questions.next().await {
                    let wire = question?.into_wire()?;
                    // It is asked for a name of the same length instead, which there is not.
                    let asked =
                        String::from_utf8_lossy(&wire).replace("grpc.health.v1.Health", "grpc.health.v1.Wealth");
                    sender.send(Message::from_wire(asked.into_bytes().into())).await?;
                }
                Ok(())
            });
            next.call(call).await
        };
        Gateway::builder(demo::schema().unwrap()).intercept(forgetful)
    });
    let ran = descant(["describe", "--from", &address]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.out.contains("service Catalog {"), "{ran:?}");
    let told = format!(
        "error: {address} does not describe `grpc.health.v1.Health`: the server lists it, and does not know it\n\
         hint: name a PATH that does\n"
    );
    assert_eq!(ran.err, told);
}

/// One that is not found by its name may stand in another one's file; and where there is nothing at all each is told.
#[test]
fn what_is_described_after_all_is_not_missed_and_nothing_is_told_as_nothing() {
    let hiding = |hidden: &'static [&'static str]| {
        serve_beside(move || {
            let forgetful = move |mut call: Call, next: Next| async move {
                let mut questions = call.messages;
                call.messages = Messages::generate(move |sender| async move {
                    while let Some(question) = questions.next().await {
                        let wire = question?.into_wire()?;
                        let mut asked = String::from_utf8_lossy(&wire).into_owned();
                        for name in hidden {
                            asked = asked.replace(name, &"x".repeat(name.len()));
                        }
                        sender.send(Message::from_wire(asked.into_bytes().into())).await?;
                    }
                    Ok(())
                });
                next.call(call).await
            };
            Gateway::builder(demo::schema().unwrap()).intercept(forgetful)
        })
    };
    let ran = descant(["describe", "--from", &hiding(&["bookshop.v1.Desk"])]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(ran.out.contains("service Desk {"), "{ran:?}");
    let ran = descant([
        "describe",
        "--from",
        &hiding(&["bookshop.v1", "grpc.health", "grpc.reflection.v1"]),
    ]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(4), ""), "{ran:?}");
    for service in ["bookshop.v1.Desk", "grpc.health.v1.Health"] {
        assert!(
            ran.err
                .contains(&format!("does not describe `{service}`: the server lists it")),
            "{ran:?}"
        );
    }
}

#[test]
fn a_server_may_not_offer_reflection() {
    let address = serve_beside(|| Gateway::builder(demo::schema().unwrap()).reflection(false));
    let ran = descant(["list", "--from", &address]);
    assert_eq!(
        ran.err,
        format!(
            "error: {address} does not offer reflection\n\
             hint: turn it on there, or name its descriptor set\n"
        )
    );
}
