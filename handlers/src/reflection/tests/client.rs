//! A client of reflection, without a network.

use std::task::{Context, Poll};

use bytes::Bytes;
use prost::Message as _;

use super::{
    super::{
        Reflection,
        wire::{Answer, Error, Extension, ExtensionNumbers, Query, Request, Response},
    },
    files::schema,
};
use crate::{Call, Handler, Message, Messages, Status};

/// One stream of questions.
pub(super) struct Client {
    pub(super) requests: tokio::sync::mpsc::Sender<Bytes>,
    pub(super) responses: Messages,
}

pub(super) fn connect(reflection: &Reflection) -> Client {
    connect_to("ServerReflection", reflection)
}

pub(super) fn connect_to(service: &str, reflection: &Reflection) -> Client {
    let path = format!("/grpc.reflection.v1.{service}/ServerReflectionInfo");
    let (requests, mut incoming) = tokio::sync::mpsc::channel(1);
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
    pub(super) async fn send(&mut self, wire: impl Into<Bytes>) -> Option<Result<Bytes, Status>> {
        self.requests.send(wire.into()).await.unwrap();
        Some(self.responses.next().await?.and_then(Message::into_wire))
    }

    pub(super) async fn ask(&mut self, query: Query) -> Answer {
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

    pub(super) async fn files(&mut self, query: Query) -> Vec<Bytes> {
        match self.ask(query).await {
            Answer::Files(files) => files.file_descriptor_proto,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn error(&mut self, query: Query) -> Error {
        match self.ask(query).await {
            Answer::Error(error) => error,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn services(&mut self) -> Vec<String> {
        match self.ask(Query::ListServices("*".into())).await {
            Answer::Services(services) => services.service.into_iter().map(|service| service.name).collect(),
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn numbers(&mut self, name: &str) -> Vec<i32> {
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

pub(super) fn symbol(name: &str) -> Query {
    Query::FileContainingSymbol(name.into())
}

pub(super) fn file_named(name: &str) -> Query {
    Query::FileByFilename(name.into())
}

pub(super) fn extension_of(name: &str, number: i32) -> Query {
    Query::FileContainingExtension(Extension {
        containing_type: name.into(),
        extension_number: number,
    })
}
