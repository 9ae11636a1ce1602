//! No more attempts at an upstream that fails. gRFC A6, "Throttling Retry Attempts and Hedged RPCs".

use std::time::Duration;

use super::{
    replica::failures,
    script::{Scripted, configured, throttled},
    upstream::trailers,
};
use crate::support::{Ask, FAIL, SERVER, envelope};

const CLIENT: &str = "/descant.suite.v1.Shapes/Client";

#[tokio::test]
async fn an_upstream_that_fails_gets_no_more_of_the_same() {
    let scripted = Scripted::failing(&["14"; 100]).await;
    let front = scripted.before(throttled()).await;
    let peer = front.connect().await;
    assert_eq!(failures(&peer, 10).await, 10);
    // Four attempts of the first call, which is then at six tokens less one; all others have one.
    assert_eq!(scripted.calls(), 5 + 9);
}

/// The head of a reply says nothing of how the call ends.
#[tokio::test]
async fn calls_that_fail_behind_their_head_bring_no_tokens() {
    for (code, attempts) in [("14", 1), ("0", 2)] {
        let scripted = Scripted::start(move |_, mut asked| async move {
            if asked.request.uri().path() == FAIL {
                return asked.refuse("14", &[]);
            }
            let mut stream = asked.begin();
            tokio::time::sleep(Duration::from_millis(20)).await;
            if code == "0" {
                stream.send_data(envelope(0, b""), false).unwrap();
            }
            stream.send_trailers(trailers(code)).unwrap();
        })
        .await;
        let json = r#"{ "methodConfig": [{ "name": [{}], "retryPolicy": { "maxAttempts": 5, "initialBackoff": "0.001s",
            "maxBackoff": "0.001s", "backoffMultiplier": 1, "retryableStatusCodes": [14] } }],
            "retryThrottling": { "maxTokens": 4, "tokenRatio": 1 } }"#;
        let front = scripted.before(configured(json)).await;
        let peer = front.connect().await;
        // Until half of the tokens are left.
        assert_eq!(peer.send(Ask::empty(FAIL)).await.code(), Some(14));
        assert_eq!(scripted.calls(), 2);
        for path in [CLIENT, SERVER] {
            assert_eq!(peer.send(Ask::empty(path)).await.code(), code.parse().ok());
        }
        assert_eq!(peer.send(Ask::empty(FAIL)).await.code(), Some(14));
        assert_eq!(scripted.calls(), 4 + attempts, "{code}");
    }
}

/// What is too large to be kept is made once, and fails no less.
#[tokio::test]
async fn calls_that_cannot_be_made_again_cost_tokens() {
    let large = vec![b'x'; 1000];
    for path in [FAIL, CLIENT] {
        let scripted = Scripted::start(|_, mut asked| async move {
            asked.whole().await;
            asked.refuse("14", &[]);
        })
        .await;
        let mut options = throttled();
        options.retry_bytes = 999;
        let front = scripted.before(options).await;
        let peer = front.connect().await;
        for _ in 0..5 {
            let answer = peer.send(Ask::bytes(path, [envelope(0, &large)])).await;
            assert_eq!(answer.code(), Some(14), "{answer:?}");
        }
        assert_eq!(scripted.calls(), 5, "{path}");
        assert_eq!(peer.send(Ask::empty(FAIL)).await.code(), Some(14));
        assert_eq!(scripted.calls(), 6, "{path}");
    }
}
