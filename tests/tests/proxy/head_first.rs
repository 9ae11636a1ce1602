//! Replies of one message whose head comes while the caller still sends: the caller may wait for it.

use std::future::poll_fn;

use bytes::Bytes;
use descant::Gateway;
use descant_handlers::{Call, Handler, Message, Messages, Metadata, Reply, Status, UpstreamProtocol, async_trait};
use descant_tests::messages::Answer as Answered;
use http::Response;
use prost::Message as _;

use super::{
    WAYS, before, calling,
    shapes::CLIENT,
    upstream::{Asked, Upstream, trailers, upstream},
};
use crate::support::{Answer, Ask, BIDI, Running, UNARY, envelope, framed, serve, serve_gateway, soon, text};

/// Says at once that it has begun, and at the end of the request so many times how many messages came.
struct Counts(usize);

#[async_trait]
impl Handler for Counts {
    async fn call(&self, call: Call) -> Result<Reply, Status> {
        let (mut words, times) = (call.messages, self.0);
        let mut head = Metadata::new();
        head.append("note", "begun")?;
        let replies = Messages::generate(move |sender| async move {
            let mut count = 0;
            while poll_fn(|cx| words.poll_next(cx)).await.transpose()?.is_some() {
                count += 1;
            }
            for _ in 0..times {
                let answer = Answered {
                    text: count.to_string(),
                    ..Answered::default()
                };
                sender.send(Message::from_prost(&answer)).await?;
            }
            Ok(())
        });
        Ok(Reply::new(replies).with_metadata(head))
    }
}

async fn counting(times: usize) -> Running {
    let gateway = Gateway::builder(descant_tests::schema()).route("*", Counts(times));
    serve_gateway(gateway.build().unwrap(), |_| {}).await
}

/// Sends three messages, the last two once the head of the answer is there.
async fn talked(server: &Running) -> Answer {
    let mut open = server.connect().await.open(Ask::bytes(CLIENT, [Bytes::new()])).await;
    open.push(framed(&text("one")));
    let (mut body, response) = open.begun().await;
    assert_eq!(response.headers()["note"], "begun");
    body.send_data(framed(&text("two")), false).unwrap();
    body.send_data(framed(&text("three")), true).unwrap();
    soon(Answer::read(response)).await
}

#[tokio::test]
async fn the_head_goes_on_before_the_request_has_ended() {
    let upstream = counting(1).await;
    let counted = |answer: Answer| {
        assert_eq!(answer.code(), Some(0), "{answer:?}");
        answer.message::<Answered>().text
    };
    assert_eq!(counted(talked(&upstream).await), "3");
    // A rule gives such a reply a body that is the message, which has to be whole.
    for way in WAYS
        .into_iter()
        .filter(|(protocol, _)| *protocol != UpstreamProtocol::Rest)
    {
        let front = calling(way, upstream.address).await;
        assert_eq!(counted(talked(&front).await), "3", "{way:?}");
    }
}

#[tokio::test]
async fn a_handler_that_gives_another_number_of_messages_is_found_out() {
    for (times, why) in [(0, "none"), (2, "more")] {
        let answer = talked(&counting(times).await).await;
        assert_eq!(answer.code(), Some(13), "{answer:?}");
        assert_eq!(
            answer.reason(),
            format!("the handler of a method with one reply gave {why}")
        );
    }
}

#[tokio::test]
async fn so_is_an_upstream() {
    for (times, count) in [(0, "none"), (2, "several")] {
        let upstream = upstream(move |mut asked: Asked| async move {
            let mut stream = asked.begin();
            let body = asked.request.body_mut();
            while let Some(data) = body.data().await {
                let length = data.unwrap().len();
                body.flow_control().release_capacity(length).unwrap();
            }
            for _ in 0..times {
                stream
                    .send_data(envelope(0, &Answered::default().encode_to_vec()), false)
                    .unwrap();
            }
            stream.send_trailers(trailers("0")).unwrap();
        })
        .await;
        let front = before(upstream.address).await;
        let mut open = front.connect().await.open(Ask::bytes(CLIENT, [Bytes::new()])).await;
        open.push(framed(&text("one")));
        let (mut body, response) = open.begun().await;
        body.send_data(framed(&text("two")), true).unwrap();
        let answer = soon(Answer::read(response)).await;
        assert_eq!((answer.code(), answer.body.len()), (Some(12), 0), "{answer:?}");
        assert_eq!(
            answer.reason(),
            format!("the upstream sent {count}, where one message is due")
        );
    }
}

/// An upstream of gRPC-Web that says in each head how the call went, and of `Unary` all.
async fn foretelling(code: &'static str, body: &'static [u8]) -> Upstream {
    upstream(move |mut asked: Asked| async move {
        let head = Response::builder().header("content-type", "application/grpc-web+proto");
        let head = head.header("grpc-status", code).body(()).unwrap();
        if asked.request.uri().path() == UNARY {
            asked.respond.send_response(head, true).unwrap();
            return;
        }
        let mut stream = asked.respond.send_response(head, false).unwrap();
        asked.whole().await;
        // The request may have been broken off.
        let _ = stream.send_data(body.into(), true);
    })
    .await
}

#[tokio::test]
async fn a_head_that_says_that_all_went_well_does_not_wait_for_a_body() {
    const ANSWERED: &[u8] = b"\0\0\0\0\0\x80\0\0\0\x10grpc-status: 5\r\n";
    for (body, code, messages) in [(ANSWERED, 5, 1), (b"", 0, 0), (&ANSWERED[..5], 13, 1)] {
        let upstream = foretelling("0", body).await;
        let front = calling((UpstreamProtocol::GrpcWeb, false), upstream.address).await;
        let peer = front.connect().await;
        let (mut up, response) = peer.open(Ask::bytes(BIDI, [Bytes::new()])).await.begun().await;
        up.send_data(framed(&text("one")), true).unwrap();
        let answer = soon(Answer::read(response)).await;
        assert_eq!(
            (answer.code(), answer.envelopes().len()),
            (Some(code), messages),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_request_that_breaks_behind_a_head_that_waits_is_told_in_its_own_words() {
    let upstream = foretelling("5", b"").await;
    let front = calling((UpstreamProtocol::GrpcWeb, false), upstream.address).await;
    let peer = front.connect().await;
    let direct = serve(|_| {}).await;
    let broken = direct.connect().await.send(Ask::bytes(BIDI, [&b"\0\0\0"[..]])).await;
    let mut open = peer.open(Ask::bytes(BIDI, [Bytes::new()])).await;
    open.push(framed(&text("one")));
    // The head of the first reply comes before that of the second.
    for _ in 0..2 {
        assert_eq!(soon(peer.send(Ask::empty(UNARY))).await.code(), Some(5));
    }
    open.push(&b"\0\0\0"[..]);
    open.body.send_data(Bytes::new(), true).unwrap();
    let (_body, response) = open.begun().await;
    let answer = soon(Answer::read(response)).await;
    assert_eq!(
        (answer.code(), answer.reason()),
        (broken.code(), broken.reason()),
        "{answer:?}"
    );
}
