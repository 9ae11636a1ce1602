//! The ends of streams, of which a part has come: no caller takes it for all.

use super::{before, fronts::exchange, scripted::scripted, url};
use crate::process::{Server, demo_set, descant};

/// Searches, by each protocol; says how that ends.
fn search(front: &Server, query: &str, code: i32, name: &str) {
    let (set, message) = (demo_set(), format!(r#"{{"query":"{query}"}}"#));
    let ran = descant([
        "call",
        front.address(),
        "bookshop.v1.Catalog/SearchBooks",
        set.to_str().unwrap(),
        "-d",
        &message,
    ]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(64 + code), "{}\n"),
        "{query}: {ran:?}"
    );

    let request = format!("GET /v1/books:search?query={query}");
    for (accept, begin, error) in [
        ("application/json", "[{}", format!(r#"{{"error":{{"code":{code},"#)),
        ("application/x-ndjson", "{}\n", format!(r#"{{"error":{{"code":{code},"#)),
        (
            "text/event-stream",
            "data: {}\n\n",
            format!("event: error\ndata: {{\"code\":{code},"),
        ),
    ] {
        let (status, said) = exchange(front, &request, &format!("accept: {accept}\r\n"), b"");
        assert_eq!(status, 200, "{said}");
        assert!(said.contains(begin) && said.contains(&error), "{accept}: {said}");
        // Without the last chunk it is not whole.
        assert!(!said.ends_with("0\r\n\r\n"), "{accept}: {said}");
    }

    let mut envelope = vec![0, 0, 0, 0, u8::try_from(query.len() + 2).unwrap(), 0x0a];
    envelope.push(u8::try_from(query.len()).unwrap());
    envelope.extend(query.as_bytes());
    let path = "POST /bookshop.v1.Catalog/SearchBooks";
    let (_, web) = exchange(front, path, "content-type: application/grpc-web+proto\r\n", &envelope);
    assert!(web.contains(&format!("grpc-status: {code}\r\n")), "{web}");
    assert!(web.contains("\0\0\0\0\0"), "{web}");
    let (_, connect) = exchange(front, path, "content-type: application/connect+proto\r\n", &envelope);
    assert!(
        connect.contains(&format!(r#"{{"error":{{"code":"{name}","#)),
        "{connect}"
    );
}

#[test]
fn a_stream_that_breaks_off_says_why() {
    let front = before(&[url(&scripted())], &[]);
    for (query, code, name) in [
        ("one-broken", 14, "unavailable"),
        ("one-babble", 14, "unavailable"),
        ("one-away-2", 14, "unavailable"),
        ("one-reset-2", 13, "internal"),
        ("one-reset-7", 14, "unavailable"),
        ("one-reset-8", 1, "canceled"),
        ("one-bare", 13, "internal"),
        ("one-silent", 2, "unknown"),
        ("one-cut", 13, "internal"),
    ] {
        search(&front, query, code, name);
    }
}
