//! Streams in, streams out, and a layer around it all. `cargo run --example streaming`
//!
//! ```text
//! grpcurl -plaintext -d '{"text":"Good day"} {"text":"Any news?"}' localhost:50051 bookshop.v1.Desk/Chat
//! grpcurl -plaintext -d '{"query":"emma"}' localhost:50051 bookshop.v1.Catalog/SearchBooks
//! ```

use std::{error::Error, sync::Arc, time::Instant};

use descant::{
    Gateway, Schema, Server,
    handlers::{
        Call, Handler, Layer, Reply, Status, async_trait,
        typed::{self, Context, Incoming, generate},
    },
};

#[derive(Clone, PartialEq, prost::Message)]
struct ChatMessage {
    #[prost(string, tag = "3")]
    text: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SearchBooksRequest {
    #[prost(string, tag = "1")]
    query: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SearchResult {
    #[prost(double, tag = "2")]
    score: f64,
}

/// Says on standard error how long handlers take to answer; what they then stream is not part of it.
struct Timed;

impl Layer for Timed {
    fn wrap(&self, inner: Arc<dyn Handler>) -> Arc<dyn Handler> {
        Arc::new(TimedHandler(inner))
    }
}

struct TimedHandler(Arc<dyn Handler>);

#[async_trait]
impl Handler for TimedHandler {
    async fn call(&self, call: Call) -> Result<Reply, Status> {
        let (path, start) = (call.method.path().to_owned(), Instant::now());
        let answer = self.0.call(call).await;
        #[allow(clippy::print_stderr, reason = "an example says what it does")]
        {
            eprintln!("{path} took {:?}", start.elapsed());
        }
        answer
    }
}

fn gateway() -> Result<Gateway, Box<dyn Error>> {
    let chat = typed::bidi(|mut said: Incoming<ChatMessage>, _: Context| async move {
        Ok(generate(|sender| async move {
            // A loop that waits for the peer: nothing is read ahead, and nothing runs once the peer is gone.
            while let Some(message) = said.next().await {
                let text = format!("You said: {}", message?.text);
                sender.send(ChatMessage { text }).await?;
            }
            Ok(())
        }))
    });
    let search = typed::server_streaming(|request: SearchBooksRequest, _: Context| async move {
        if request.query.is_empty() {
            return Err(Status::invalid_argument("query: is needed"));
        }
        Ok(generate(|sender| async move {
            for score in [1.0, 0.5, 0.25] {
                sender.send(SearchResult { score }).await?;
            }
            Ok(())
        }))
    });
    let gateway = Gateway::builder(Schema::load("src/demo/bookshop.binpb")?)
        .route("bookshop.v1.Desk/Chat", chat)
        .route("bookshop.v1.Catalog/SearchBooks", search)
        .layer(Timed);
    Ok(gateway.build()?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::builder(gateway()?).bind().await?;
    Ok(server.serve(tokio::signal::ctrl_c()).await?)
}
