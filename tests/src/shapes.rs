//! `descant.suite.v1.Shapes`: what the suites ask that the interop service has no words for.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
};

use bytes::Bytes;
use descant_handlers::{
    Code, Health, Metadata, MetadataError, ServingStatus, Status,
    typed::{Context, Incoming, Methods, Response, bidi, client_streaming, generate, server_streaming, unary},
};

use futures_core::Stream;

use crate::messages::{Answer, Ask, Count, Empty, Failure, Serving};

pub(crate) fn service(health: &Health) -> Methods {
    let health = health.clone();
    let waits = Arc::new(Waits::default());
    let counted = Arc::clone(&waits);
    Methods::new()
        .on("Unary", unary(one))
        .on("Peek", unary(one))
        .on("Client", client_streaming(client))
        .on("Server", server_streaming(server))
        .on("Bidi", bidi(both))
        .on(
            "Fail",
            unary(|asked: Failure, _| async move { Err::<Answer, _>(failure(asked)) }),
        )
        .on("FailLate", server_streaming(fail_late))
        .on("Wait", unary(move |_: Empty, _| wait(Arc::clone(&waits))))
        .on(
            "GivenUp",
            unary(move |_: Empty, _| {
                let count = counted.count();
                async move { Ok(count) }
            }),
        )
        .on(
            "SetHealth",
            unary(move |asked: Serving, _| {
                let status = if asked.serving {
                    ServingStatus::Serving
                } else {
                    ServingStatus::NotServing
                };
                health.set(asked.service, status);
                async move { Ok(Empty {}) }
            }),
        )
}

async fn one(asked: Ask, context: Context) -> Result<Response<Answer>, Status> {
    respond(&context, answer(asked.text, asked.size)?)
}

async fn client(mut asked: Incoming<Ask>, context: Context) -> Result<Response<Answer>, Status> {
    let (mut texts, mut size) = (Vec::new(), 0);
    while let Some(ask) = asked.next().await {
        let ask = ask?;
        texts.push(ask.text);
        size = ask.size;
    }
    respond(&context, answer(texts.join(" "), size)?)
}

async fn server(asked: Ask, context: Context) -> Result<Response<impl Stream<Item = Result<Answer, Status>>>, Status> {
    respond(
        &context,
        generate(|sender| async move {
            for _ in 0..asked.count {
                sender.send(answer(asked.text.clone(), asked.size)?).await?;
            }
            Ok(())
        }),
    )
}

async fn both(
    mut asked: Incoming<Ask>,
    context: Context,
) -> Result<Response<impl Stream<Item = Result<Answer, Status>>>, Status> {
    respond(
        &context,
        generate(|sender| async move {
            while let Some(ask) = asked.next().await {
                let ask = ask?;
                sender.send(answer(ask.text, ask.size)?).await?;
            }
            Ok(())
        }),
    )
}

async fn fail_late(asked: Failure, _: Context) -> Result<impl Stream<Item = Result<Answer, Status>>, Status> {
    Ok(generate(|sender| async move {
        sender.send(answer("before it fails".into(), 0)?).await?;
        Err(failure(asked))
    }))
}

/// What became of the calls of `Wait`.
#[derive(Default)]
struct Waits {
    waiting: AtomicI32,
    given_up: AtomicI32,
}

impl Waits {
    fn count(&self) -> Count {
        Count {
            number: self.given_up.load(Ordering::SeqCst),
            waiting: self.waiting.load(Ordering::SeqCst),
        }
    }
}

async fn wait(waits: Arc<Waits>) -> Result<Empty, Status> {
    /// Counts a call that nobody waits for any more: its future is dropped.
    struct Waiting(Arc<Waits>);
    impl Drop for Waiting {
        fn drop(&mut self) {
            self.0.waiting.fetch_sub(1, Ordering::SeqCst);
            self.0.given_up.fetch_add(1, Ordering::SeqCst);
        }
    }
    waits.waiting.fetch_add(1, Ordering::SeqCst);
    let _waiting = Waiting(waits);
    std::future::pending().await
}

fn answer(text: String, size: i32) -> Result<Answer, Status> {
    let size = crate::size(size)?;
    Ok(Answer {
        text,
        padding: Bytes::from(vec![b'x'; size]),
    })
}

fn failure(asked: Failure) -> Status {
    let status = Status::new(Code::from(asked.code), asked.message);
    asked.details.into_iter().fold(status, Status::with_any)
}

/// Gives back the metadata whose name begins with `echo-`, and once more in the trailers.
fn respond<M>(context: &Context, message: M) -> Result<Response<M>, Status> {
    let mut response = Response::new(message);
    echo(&context.metadata, &mut response).map_err(|error| Status::internal(error.to_string()))?;
    Ok(response)
}

fn echo<M>(asked: &Metadata, response: &mut Response<M>) -> Result<(), MetadataError> {
    let names: BTreeSet<&str> = asked
        .iter()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("echo-"))
        .collect();
    for name in names {
        let trailer = format!("late-{name}");
        if name.ends_with("-bin") {
            for value in asked.get_all_bin(name) {
                let value = value?;
                response.metadata.append_bin(name, &value)?;
                response.trailers.append_bin(&trailer, &value)?;
            }
        } else {
            for value in asked.get_all(name) {
                response.metadata.append(name, value)?;
                response.trailers.append(&trailer, value)?;
            }
        }
    }
    Ok(())
}
