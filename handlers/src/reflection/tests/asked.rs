//! Servers that take their time, asked.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    super::{AskError, Fetched, Reflection, ReflectionClient},
    files::schema,
};
use crate::{Call, Handler as _, Messages, from_fn};

/// A client of a server that thinks for 20 s before each answer.
fn slow() -> ReflectionClient {
    ReflectionClient::new(from_fn(|mut call: Call| async move {
        let mut questions = call.messages;
        call.messages = Messages::generate(|sender| async move {
            while let Some(question) = questions.next().await {
                sleep(Duration::from_secs(20)).await;
                sender.send(question?).await?;
            }
            Ok(())
        });
        Reflection::of([schema()]).call(call).await
    }))
}

async fn everything(mut client: ReflectionClient) -> Result<Fetched, AskError> {
    client.everything(|_| false).await
}

#[tokio::test(start_paused = true)]
async fn each_answer_may_take_its_time() {
    let began = Instant::now();
    let fetched = everything(slow()).await.unwrap();
    assert!(fetched.files().count() > 1);
    assert!(began.elapsed() > Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn silence_is_an_end() {
    let (began, patience) = (Instant::now(), Duration::from_secs(10));
    let ended = everything(slow().patience(patience)).await.unwrap_err();
    assert_eq!(ended, AskError::Silent(patience));
    assert_eq!(ended.to_string(), "reflection does not answer within 10 s");
    assert_eq!(began.elapsed(), patience);
}
