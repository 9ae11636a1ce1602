//! A gateway whose plan is replaced while it serves.

use descant::{Gateway, RestOptions, Schema, handlers::Echo};
use http::Request;

const LIBRARY: &str = r#"syntax = "proto3"; package library;
message Book { string name = 1; }
service Library { rpc Get(Book) returns (Book); rpc Put(Book) returns (Book); }
"#;

fn schema() -> Schema {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("library.proto");
    std::fs::write(&file, LIBRARY).unwrap();
    Schema::load(&file).unwrap()
}

/// Which route answers a method, and with what.
async fn answered(gateway: &Gateway, method: &str) -> Option<String> {
    let request = Request::post(format!("/library.Library/{method}"))
        .header("content-type", "application/json")
        .body(bytes::Bytes::from_static(b"{}"))
        .unwrap();
    gateway.explain(request).await.handler
}

#[tokio::test]
async fn routes_and_options_can_be_replaced() {
    let gateway = Gateway::builder(schema())
        .route("library.Library/Get", Echo)
        .build()
        .unwrap();
    let health = gateway.health().unwrap().clone();
    assert_eq!(answered(&gateway, "Put").await, None);
    let mut rest = RestOptions::default();
    rest.unbound_methods = true;
    let next = Gateway::builder(schema())
        .route("*", Echo)
        .rest(rest)
        .health(None)
        .observe(false);
    gateway.replace(next).unwrap();
    for method in ["Get", "Put"] {
        let handler = answered(&gateway, method).await.unwrap();
        assert!(handler.contains("by route `*`"), "{handler}");
    }
    // What others hold stays.
    assert!(gateway.metrics().is_some());
    health.shutdown();
    assert!(gateway.health().unwrap().get("library.Library").is_some());
}

#[tokio::test]
async fn what_cannot_be_served_changes_nothing() {
    let gateway = Gateway::builder(schema()).route("*", Echo).build().unwrap();
    let wrong = Gateway::builder(schema()).route("library.Librarian", Echo);
    let error = gateway.replace(wrong).unwrap_err().to_string();
    assert!(error.contains("matches no method"), "{error}");
    let twice = Gateway::builder(schema()).route("*", Echo).route("*", Echo);
    assert!(gateway.replace(twice).is_err());
    assert!(answered(&gateway, "Get").await.is_some());
}
