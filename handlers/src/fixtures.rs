// A bookshop to test with: a schema, its messages as prost types, and calls without a server.
//
// The doc examples include this file too, so it names everything by its public path.

use descant_descriptors::{Builtin, Method, Schema};
use descant_handlers::{Call, Handler, Message, Messages, Reply, Status};
use prost::Message as _;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
    ServiceDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

/// `shop.v1.Book`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Book {
    #[prost(string, tag = "1")]
    pub title: String,
    #[prost(uint32, tag = "2")]
    pub pages: u32,
}

/// `shop.v1.Query`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Query {
    #[prost(string, tag = "1")]
    pub text: String,
}

/// The book of this title.
pub(crate) fn book(title: &str) -> Book {
    Book {
        title: title.into(),
        pages: 7,
    }
}

/// The query of this text.
pub(crate) fn query(text: &str) -> Query {
    Query { text: text.into() }
}

/// `shop.v1.Shop`: `Get`, `Add`, `List` and `Chat` are its four shapes, `Lend...` the same from book to book.
/// Reflection and health are there too.
pub(crate) fn schema() -> Schema {
    let file = FileDescriptorProto {
        name: Some("shop/v1/shop.proto".into()),
        package: Some("shop.v1".into()),
        syntax: Some("proto3".into()),
        message_type: vec![
            message("Book", &[("title", 1, Type::String), ("pages", 2, Type::Uint32)]),
            message("Query", &[("text", 1, Type::String)]),
        ],
        service: vec![ServiceDescriptorProto {
            name: Some("Shop".into()),
            method: vec![
                rpc("Get", ("Query", false), ("Book", false)),
                rpc("Add", ("Book", true), ("Query", false)),
                rpc("List", ("Query", false), ("Book", true)),
                rpc("Chat", ("Query", true), ("Book", true)),
                rpc("LendOne", ("Book", false), ("Book", false)),
                rpc("LendLast", ("Book", true), ("Book", false)),
                rpc("LendOnce", ("Book", false), ("Book", true)),
                rpc("LendEach", ("Book", true), ("Book", true)),
            ],
            ..Default::default()
        }],
        ..Default::default()
    };
    let set = FileDescriptorSet { file: vec![file] };
    let builder = Schema::builder().bytes("shop", set.encode_to_vec());
    let builder = builder.builtin(Builtin::Reflection).builtin(Builtin::Health);
    builder.build().expect("the fixture is valid")
}

fn message(name: &str, fields: &[(&str, i32, Type)]) -> DescriptorProto {
    let field = |&(name, number, kind): &(&str, i32, Type)| FieldDescriptorProto {
        name: Some(name.into()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(kind.into()),
        ..Default::default()
    };
    DescriptorProto {
        name: Some(name.into()),
        field: fields.iter().map(field).collect(),
        ..Default::default()
    }
}

fn rpc(name: &str, (input, many_in): (&str, bool), (output, many_out): (&str, bool)) -> MethodDescriptorProto {
    MethodDescriptorProto {
        name: Some(name.into()),
        input_type: Some(format!(".shop.v1.{input}")),
        output_type: Some(format!(".shop.v1.{output}")),
        client_streaming: Some(many_in),
        server_streaming: Some(many_out),
        ..Default::default()
    }
}

/// A method of the shop.
pub(crate) fn method(name: &str) -> Method {
    schema()
        .method(&format!("/shop.v1.Shop/{name}"))
        .expect("a method of the shop")
}

/// Messages that are not all there at once.
pub(crate) fn messages<M: prost::Message + 'static>(items: Vec<M>) -> Messages {
    Messages::generate(|sender| async move {
        for item in items {
            sender.send(Message::from_prost(&item)).await?;
        }
        Ok(())
    })
}

/// A call of a method of the shop.
pub(crate) fn call<M: prost::Message + 'static>(name: &str, items: Vec<M>) -> Call {
    Call::new(method(name), messages(items))
}

/// Calls a method of the shop, and waits for all messages of the reply.
pub(crate) async fn ask<M, R>(handler: &dyn Handler, name: &str, items: Vec<M>) -> Result<Vec<R>, Status>
where
    M: prost::Message + 'static,
    R: prost::Message + Default,
{
    all(handler.call(call(name, items)).await?).await
}

/// All messages of a reply.
pub(crate) async fn all<R: prost::Message + Default>(reply: Reply) -> Result<Vec<R>, Status> {
    let mut messages = reply.messages;
    let mut items = Vec::new();
    while let Some(message) = messages.next().await {
        items.push(message?.decode()?);
    }
    Ok(items)
}
