use std::sync::Arc;

use bytes::Bytes;
use descant_descriptors::{Codec, Schema};
use prost_reflect::{DynamicMessage, Value};

use super::{dynamic, *};
use crate::{
    Call, Code, Extensions, Handler, Message, Messages, Metadata, Reply,
    fixtures::{Book, Query, all, ask, book, call, messages, method, query, schema},
};

async fn get(query: Query, _: Context) -> Result<Book, Status> {
    Ok(book(&query.text))
}

fn metadata(name: &str) -> Metadata {
    let mut metadata = Metadata::new();
    metadata.insert(name, "here").unwrap();
    metadata
}

async fn refused(handler: &dyn Handler, name: &str, request: Messages) -> Status {
    match handler.call(Call::new(method(name), request)).await {
        Ok(reply) => all::<Book>(reply).await.unwrap_err(),
        Err(status) => status,
    }
}

#[tokio::test]
async fn responses_bring_metadata_and_trailers() {
    let one = unary(|query: Query, _| async move {
        let response = Response::new(book(&query.text));
        Ok(response
            .with_metadata(metadata("first"))
            .with_trailers(metadata("last")))
    });
    let many = server_streaming(|query: Query, _| async move {
        let mut response = Response::new(generate(|sender| async move {
            sender.send(book(&query.text)).await?;
            Ok(())
        }));
        response.metadata = metadata("first");
        response.trailers = metadata("last");
        Ok(response)
    });
    for (name, handler) in [("Get", &one as &dyn Handler), ("List", &many)] {
        let mut reply = handler.call(call(name, vec![query("Emma")])).await.unwrap();
        assert_eq!(reply.metadata, metadata("first"));
        let message = reply.messages.next().await.unwrap().unwrap();
        assert_eq!(message.decode::<Book>().unwrap(), book("Emma"));
        assert!(reply.messages.next().await.is_none());
        assert_eq!(reply.messages.take_trailers(), metadata("last"));
    }
}

#[tokio::test]
async fn a_unary_reply_is_there_at_once() {
    let reply = unary(get).call(call("Get", vec![query("Emma")])).await.unwrap();
    assert!(reply.messages.try_one().is_ok());
}

#[tokio::test]
async fn a_request_of_the_wrong_number_of_messages_is_refused() {
    for queries in [vec![], vec![query("Emma"), query("Ivanhoe")]] {
        let status = ask::<_, Book>(&unary(get), "Get", queries).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented, "{status}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_such_message_are_internal() {
    let garbage = || Messages::one(Message::from_wire(Bytes::from_static(b"\xff")));
    let status = refused(&unary(get), "Get", garbage()).await;
    assert_eq!(status.code(), Code::Internal);
    assert!(
        status.message().starts_with("not a message of type Query: "),
        "{status}"
    );
    let tree = dynamic::unary(|query: DynamicMessage, _| async move { Ok(query) });
    let status = refused(&tree, "Get", garbage()).await;
    assert_eq!(status.code(), Code::Internal);
    assert!(
        status.message().starts_with("not a message of type shop.v1.Query: "),
        "{status}"
    );
}

#[tokio::test]
async fn an_incoming_stream_ends_with_its_first_error() {
    let add = client_streaming(|mut books: Incoming<Book>, _| async move {
        assert!(books.next().await.unwrap().is_err());
        assert!(books.next().await.is_none());
        Ok(query("done"))
    });
    let request = generate(|sender| async move {
        sender.send(Message::from_wire(Bytes::from_static(b"\xff"))).await?;
        sender.send(Message::from_prost(&book("Emma"))).await?;
        Ok(())
    });
    let reply = add
        .call(Call::new(method("Add"), Messages::from_stream(request)))
        .await
        .unwrap();
    assert_eq!(all::<Query>(reply).await.unwrap(), [query("done")]);
}

#[tokio::test]
async fn a_dynamic_reply_of_another_type_is_internal_and_names_both() {
    let one = dynamic::unary(|query: DynamicMessage, _| async move { Ok(query) });
    let many = dynamic::bidi(|queries: Incoming<DynamicMessage>, _| async move { Ok(queries) });
    for (name, handler) in [("Get", &one as &dyn Handler), ("Chat", &many)] {
        let status = refused(handler, name, messages(vec![query("Emma")])).await;
        assert_eq!(status.code(), Code::Internal);
        let expected = "the handler replied with a shop.v1.Query, but the method gives a shop.v1.Book";
        assert_eq!(status.message(), expected);
    }
}

fn tree(schema: &Schema, name: &str) -> DynamicMessage {
    let mut tree = DynamicMessage::new(schema.message(name).unwrap().descriptor().unwrap());
    tree.set_field_by_number(1, Value::String("Emma".into()));
    tree
}

#[test]
fn trees_pass_as_they_are_and_cross_schemas() {
    let (here, there) = (schema(), schema());
    let expected = here.message("shop.v1.Query").unwrap();
    for schema in [&here, &there] {
        let message = Message::from_tree(tree(schema, "shop.v1.Query"));
        assert_eq!(message.wire_len(), 6);
        assert_eq!(message.clone().into_wire().unwrap(), &b"\x0a\x04Emma"[..]);
        assert_eq!(message.clone().decode::<Query>().unwrap(), query("Emma"));
        assert_eq!(message.into_tree(&expected).unwrap(), tree(&here, "shop.v1.Query"));
    }
    let status = Message::from_tree(tree(&here, "shop.v1.Book"))
        .into_tree(&expected)
        .unwrap_err();
    assert_eq!(
        status.message(),
        "a message of type shop.v1.Book where one of type shop.v1.Query is due"
    );
}

#[test]
fn either_form_has_json() {
    let here = schema();
    let query = here.message("shop.v1.Query").unwrap();
    let mut codec = Codec::default();
    let from_tree = Message::from_tree(tree(&schema(), "shop.v1.Query"));
    let from_json = Message::from_json(br#"{"text": "Emma"}"#, &query, &mut codec).unwrap();
    for message in [from_tree, from_json] {
        assert_eq!(message.to_json(&query, &mut codec).unwrap(), br#"{"text":"Emma"}"#);
        assert_eq!(message.into_tree(&query).unwrap(), tree(&here, "shop.v1.Query"));
    }
    let book = Message::from_tree(tree(&here, "shop.v1.Book"));
    for message in [book, Message::from_wire(Bytes::from_static(b"\xff"))] {
        let status = message.to_json(&query, &mut codec).unwrap_err();
        assert_eq!(status.code(), Code::Internal, "{status}");
    }
}

#[tokio::test]
async fn a_service_answers_the_methods_it_has() {
    let service = Methods::new().on("Get", unary(get));
    assert_eq!(
        ask::<_, Book>(&service, "Get", vec![query("Emma")]).await.unwrap(),
        [book("Emma")]
    );
    let status = ask::<_, Book>(&service, "Add", vec![book("Emma")]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(status.message(), "shop.v1.Shop.Add has no handler");
    let service = service.on("add", unary(get));
    let status = ask::<_, Book>(&service, "Add", vec![book("Emma")]).await.unwrap_err();
    let expected = "shop.v1.Shop.Add has no handler; there are handlers for add, which shop.v1.Shop does not declare";
    assert_eq!(status.message(), expected);
}

#[tokio::test]
async fn handlers_find_the_applications_state() {
    struct Shelf(&'static str);
    let handler = unary(|_: Query, context| async move {
        let Shelf(title) = context.state()?;
        Ok(book(title))
    });
    let status = ask::<_, Book>(&handler, "Get", vec![query("")]).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(status.message().contains("::Shelf to its handlers"), "{status}");
    let mut state = Extensions::new();
    state.insert(Shelf("Emma"));
    let mut call = call("Get", vec![query("")]);
    call.extensions = Extensions::with_shared(Arc::new(state));
    assert_eq!(
        all::<Book>(handler.call(call).await.unwrap()).await.unwrap(),
        [book("Emma")]
    );
}

#[tokio::test]
async fn layers_see_the_call_first_and_the_reply_last() {
    use crate::layer::{Layer, Next, from_fn};

    let mark = |name: &'static str| {
        from_fn(move |call: Call, next: Next| async move {
            let mut reply: Reply = next.call(call).await?;
            reply
                .metadata
                .append("seen", name)
                .map_err(|error| Status::internal(error.to_string()))?;
            Ok(reply)
        })
    };
    let layers: [Arc<dyn Layer>; 2] = [Arc::new(mark("inner")), Arc::new(Box::new(mark("outer")))];
    let start: Arc<dyn Handler> = Arc::new(Box::new(unary(get)));
    let handler = layers.iter().fold(start, |handler, layer| layer.wrap(handler));
    let reply = handler.call(call("Get", vec![query("Emma")])).await.unwrap();
    assert_eq!(reply.metadata.get_all("seen").collect::<Vec<_>>(), ["inner", "outer"]);
}

#[tokio::test]
async fn a_layer_may_answer_in_the_handlers_place() {
    use crate::layer::{Layer, Next, from_fn};

    let closed = from_fn(|_: Call, _: Next| async { Err(Status::unavailable("closed on Sundays")) });
    let handler = closed.wrap(Arc::new(unary(get)));
    let status = ask::<_, Book>(&handler, "Get", vec![query("Emma")]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}
