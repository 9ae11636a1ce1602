//! A gRPC server that does to each call what the call's text says.

use std::{io::Write, net::TcpStream};

use bytes::Bytes;
use h2::{
    Reason, RecvStream,
    server::{Connection, SendResponse},
};
use http::{HeaderMap, Response};
use tokio::sync::mpsc::{Sender, channel};

use crate::process::beside;

/// What becomes of a connection.
enum Fate {
    /// GOAWAY that has none of its calls done, with this reason.
    Away(Reason),
    /// It breaks.
    Broken,
    /// Bytes that are no frames.
    Noise,
}

/// Says where it is. The text of a call is the first field of its message: the id of a book, or what is searched for.
///
/// | text | what happens |
/// |---|---|
/// | `reset-N` | `RST_STREAM` with this code |
/// | `http-N` | this status of HTTP, with a page |
/// | `bare`, `silent` | a reply without trailers, or whose trailers have no `grpc-status` |
/// | `noise`, `flag`, `cut` | a body that is no envelope, one with a flag that there is none of, or half of one |
/// | `hang` | nothing |
/// | `away-N`, `broken`, `babble` | the connection ends: GOAWAY with this code, without a word, or with bytes that are no HTTP/2 |
///
/// `one-` before it: a message comes first, half a second before the rest.
pub(super) fn scripted() -> String {
    beside(|tell| async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        tell.send(listener.local_addr().unwrap().to_string()).unwrap();
        while let Ok((socket, _)) = listener.accept().await {
            // Another handle of the same socket, to say what h2 would not.
            let socket = socket.into_std().unwrap();
            let raw = socket.try_clone().unwrap();
            let socket = tokio::net::TcpStream::from_std(socket).unwrap();
            tokio::spawn(async move {
                let connection = h2::server::handshake(socket).await.unwrap();
                converse(connection, raw).await;
            });
        }
    })
}

async fn converse(mut connection: Connection<tokio::net::TcpStream, Bytes>, mut raw: TcpStream) {
    let (decide, mut decided) = channel(16);
    loop {
        tokio::select! {
            call = connection.accept() => match call {
                Some(Ok((request, respond))) => drop(tokio::spawn(act(request.into_body(), respond, decide.clone()))),
                _ => return,
            },
            Some(fate) = decided.recv() => match fate {
                Fate::Away(reason) => {
                    connection.abrupt_shutdown(reason);
                    let _ = std::future::poll_fn(|cx| connection.poll_closed(cx)).await;
                    return;
                }
                Fate::Broken => return,
                Fate::Noise => raw.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap(),
            },
        }
    }
}

async fn act(mut body: RecvStream, mut respond: SendResponse<Bytes>, decide: Sender<Fate>) {
    let mut message = Vec::new();
    while let Some(Ok(data)) = body.data().await {
        message.extend_from_slice(&data);
    }
    // An envelope's head, a tag and a length come first.
    let text = String::from_utf8(message.split_off(7)).unwrap();
    let (one, what) = match text.strip_prefix("one-") {
        Some(rest) => (true, rest),
        None => (false, text.as_str()),
    };
    let (what, number) = match what.split_once('-') {
        Some((what, number)) => (what, number.parse::<u32>().unwrap()),
        None => (what, 0),
    };
    let mut stream = None;
    if one {
        let mut begun = begin(&mut respond);
        begun.send_data(Bytes::from_static(&[0; 5]), false).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        stream = Some(begun);
    }
    let gone = match what {
        "reset" => {
            match &mut stream {
                Some(stream) => stream.send_reset(number.into()),
                None => respond.send_reset(number.into()),
            }
            return;
        }
        "http" => {
            let head = Response::builder()
                .status(u16::try_from(number).unwrap())
                .header("content-type", "text/html");
            let mut page = respond.send_response(head.body(()).unwrap(), false).unwrap();
            page.send_data("<h1>Bad Gateway</h1>".into(), true).unwrap();
            return;
        }
        "hang" => return std::future::pending().await,
        "away" => Some(Fate::Away(number.into())),
        "broken" => Some(Fate::Broken),
        "babble" => Some(Fate::Noise),
        _ => None,
    };
    if let Some(fate) = gone {
        let _ = decide.send(fate).await;
        // The call is the connection's.
        return std::future::pending().await;
    }
    let mut stream = stream.unwrap_or_else(|| begin(&mut respond));
    match what {
        "bare" => stream.send_data(if one { Bytes::new() } else { Bytes::from_static(&[0; 5]) }, true),
        "silent" => {
            let trailers = [("note".parse().unwrap(), "a".parse().unwrap())]
                .into_iter()
                .collect::<HeaderMap>();
            stream.send_trailers(trailers)
        }
        "noise" => stream.send_data("\u{0}\u{7f}\u{7f}\u{7f}\u{7f}garbage".into(), true),
        "flag" => stream.send_data(Bytes::from_static(b"\x80\0\0\0\0"), true),
        "cut" => stream.send_data(Bytes::from_static(b"\0\0\0\0\x02h"), true),
        _ => panic!("{text} is no script"),
    }
    .unwrap();
}

fn begin(respond: &mut SendResponse<Bytes>) -> h2::SendStream<Bytes> {
    let head = Response::builder().header("content-type", "application/grpc");
    respond.send_response(head.body(()).unwrap(), false).unwrap()
}
