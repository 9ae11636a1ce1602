//! Unix sockets: who calls is known by its process.

use std::path::Path;

use descant::{Gateway, Schema, Server};
use descant_handlers::{
    Status,
    typed::{Context, unary},
};
use descant_tests::messages::{Answer, Ask as Asked};
use tokio::{net::UnixStream, sync::oneshot};

use crate::support::{Ask, Peer, UNARY, soon, text};

/// Answers with who calls.
async fn whose(_: Asked, context: Context) -> Result<Answer, Status> {
    let identity = context.peer.unix.ok_or_else(|| Status::internal("no Unix socket"))?;
    assert_eq!(context.peer.address, None);
    assert_eq!(context.peer.to_string(), identity.to_string());
    Ok(Answer {
        text: identity.to_string(),
        ..Answer::default()
    })
}

#[tokio::test]
async fn a_handler_knows_the_process_that_calls() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sock");
    let schema = Schema::load(Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/protos")).unwrap();
    let gateway = Gateway::builder(schema).route(UNARY.trim_start_matches('/'), unary(whose));
    let server = Server::builder(gateway.build().unwrap())
        .listen(format!("unix:{}", path.display()))
        .bind()
        .await
        .unwrap();
    assert!(server.addresses().is_empty());
    assert_eq!(server.unix_paths(), std::slice::from_ref(&path));
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.serve(stopped));
    let peer = Peer::over(UnixStream::connect(&path).await.unwrap()).await;
    let told = peer.send(Ask::one(UNARY, &text(""))).await.message::<Answer>().text;
    let own = format!(",pid={}", std::process::id());
    assert!(told.starts_with("unix:uid=") && told.ends_with(&own), "{told}");
    drop((peer, stop));
    soon(running).await.unwrap().unwrap();
    assert!(!path.exists());
}
