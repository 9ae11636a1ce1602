use std::{
    future::{pending, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use bytes::Bytes;
use tokio::{sync::oneshot, task::yield_now, time::timeout};

use super::*;
use crate::Code;

fn message(text: &'static str) -> Message {
    Message::from_wire(Bytes::from_static(text.as_bytes()))
}

fn trailers(value: &str) -> Metadata {
    let mut trailers = Metadata::new();
    trailers.insert("note", value).unwrap();
    trailers
}

async fn texts(messages: &mut Messages) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some(message) = messages.next().await {
        texts.push(String::from_utf8(message.unwrap().into_wire().unwrap().to_vec()).unwrap());
    }
    texts
}

/// Fails instead of hanging.
async fn soon<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(10), future).await.expect("it hangs")
}

/// Polls once, with a waker that counts.
fn poll_once<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> (Poll<T>, Arc<Count>) {
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    (poll(&mut Context::from_waker(&waker)), count)
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn stay_small() {
    assert!(size_of::<Message>() <= 32);
    assert!(size_of::<Messages>() <= 48);
}

#[tokio::test]
async fn one_comes_once_and_then_its_trailers() {
    let mut messages = Messages::one(message("a")).with_trailers(trailers("t"));
    assert_eq!(texts(&mut messages).await, ["a"]);
    assert!(messages.next().await.is_none());
    assert_eq!(messages.take_trailers(), trailers("t"));
    assert!(messages.take_trailers().is_empty());
}

#[tokio::test]
async fn trailers_only_have_no_message() {
    let mut messages = Messages::trailers_only(trailers("t"));
    assert!(messages.next().await.is_none());
    assert_eq!(messages.take_trailers(), trailers("t"));
}

#[test]
fn one_that_is_there_is_had_without_polling() {
    let (message, brought) = Messages::one(message("a"))
        .with_trailers(trailers("t"))
        .try_one()
        .unwrap();
    assert_eq!(message.into_wire().unwrap(), "a");
    assert_eq!(brought, trailers("t"));
    assert!(Messages::empty().try_one().is_err());
    assert!(Messages::generate(|_| pending()).try_one().is_err());
}

#[tokio::test]
async fn only_takes_exactly_one() {
    assert_eq!(
        Messages::one(message("a")).only().await.unwrap().into_wire().unwrap(),
        "a"
    );
    let none = Messages::empty().only().await.unwrap_err();
    assert_eq!(
        (none.code(), none.message()),
        (
            Code::Unimplemented,
            "this call takes exactly one message, but none came"
        )
    );
    let two = Messages::generate(|sender| async move {
        sender.send(message("a")).await?;
        sender.send(message("b")).await?;
        Ok(())
    });
    let two = two.only().await.unwrap_err();
    assert_eq!(
        (two.code(), two.message()),
        (
            Code::Unimplemented,
            "this call takes exactly one message, but more came"
        )
    );
}

#[tokio::test]
async fn only_waits_for_the_end_and_its_error() {
    let failing = Messages::generate(|sender| async move {
        sender.send(message("a")).await?;
        Err(Status::resource_exhausted("too much"))
    });
    assert_eq!(failing.only().await.unwrap_err().code(), Code::ResourceExhausted);
}

/// Ends at its first poll, maybe with an error, and panics if polled on.
struct Brittle {
    error: Option<Status>,
    ended: bool,
}

fn brittle(error: Option<Status>) -> Messages {
    Messages::stream(Brittle { error, ended: false })
}

impl MessageStream for Brittle {
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        assert!(!self.ended, "polled after its end");
        self.ended = true;
        Poll::Ready(self.error.take().map(Err))
    }

    fn take_trailers(self: Pin<&mut Self>) -> Metadata {
        trailers("brought")
    }
}

#[tokio::test]
async fn a_stream_is_not_polled_after_its_end() {
    let mut failing = brittle(Some(Status::aborted("lost")));
    assert_eq!(failing.next().await.unwrap().unwrap_err().code(), Code::Aborted);
    assert!(failing.next().await.is_none());
    assert!(failing.take_trailers().is_empty());
    let mut ending = brittle(None);
    assert!(ending.next().await.is_none());
    assert!(ending.next().await.is_none());
    assert_eq!(ending.take_trailers(), trailers("brought"));
}

#[tokio::test]
async fn trailers_that_are_set_join_those_of_the_stream() {
    let mut messages = brittle(None).with_trailers(trailers("set"));
    assert!(messages.next().await.is_none());
    assert_eq!(
        messages.take_trailers().get_all("note").collect::<Vec<_>>(),
        ["set", "brought"]
    );
}

#[tokio::test]
async fn messages_are_a_stream() {
    let mut inner = Some(message("a"));
    let stream = std::pin::pin!(Messages::from_stream(Messages::one(inner.take().unwrap())));
    let mut outer = Messages::from_stream(Messages::generate(|sender| async move {
        sender.send(message("b")).await?;
        Ok(())
    }));
    assert_eq!(texts(stream.get_mut()).await, ["a"]);
    assert_eq!(texts(&mut outer).await, ["b"]);
}

#[tokio::test]
async fn a_loop_sends_until_it_ends() {
    let mut messages = Messages::generate(|sender| async move {
        for text in ["a", "b", "c"] {
            yield_now().await;
            sender.send(message(text)).await?;
        }
        sender.set_trailers(trailers("t"));
        Ok(())
    });
    assert_eq!(soon(texts(&mut messages)).await, ["a", "b", "c"]);
    assert_eq!(messages.take_trailers(), trailers("t"));
}

#[tokio::test]
async fn a_loops_error_follows_what_it_sent() {
    let mut messages = Messages::generate(|sender| async move {
        // Put on the table by one poll, never awaited: still sent before the error.
        let mut sending = pin!(sender.send(message("a")));
        poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx).is_ready())).await;
        Err(Status::data_loss("torn"))
    });
    assert_eq!(messages.next().await.unwrap().unwrap().into_wire().unwrap(), "a");
    assert_eq!(messages.next().await.unwrap().unwrap_err().code(), Code::DataLoss);
    assert!(messages.next().await.is_none());
}

#[test]
fn nothing_is_made_before_it_is_asked_for() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let mut messages = Messages::generate(|sender| async move {
        loop {
            count.fetch_add(1, Ordering::SeqCst);
            sender.send(message("a")).await?;
        }
    });
    for asked in 1..=3 {
        let (next, woken) = poll_once(|cx| messages.poll_next(cx));
        assert!(matches!(next, Poll::Ready(Some(Ok(_)))));
        assert_eq!(made.load(Ordering::SeqCst), asked);
        // A loop inside the stream needs no waking: the next poll runs it.
        assert_eq!(woken.get(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_may_move_to_another_task() {
    let mut messages = Messages::generate(|sender| async move {
        let task = tokio::spawn(async move {
            for _ in 0..1000 {
                sender.send(message("a")).await?;
            }
            Ok::<_, Closed>(())
        });
        task.await.unwrap()?;
        Ok(())
    });
    assert_eq!(soon(texts(&mut messages)).await.len(), 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_may_send() {
    let mut messages = Messages::generate(|sender| async move {
        let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(send_many(sender.clone()))).collect();
        for task in tasks {
            task.await.unwrap()?;
        }
        Ok(())
    });
    assert_eq!(soon(texts(&mut messages)).await.len(), 800);
}

async fn send_many(sender: Sender<Message>) -> Result<(), Closed> {
    for _ in 0..100 {
        sender.send(message("a")).await?;
    }
    Ok(())
}

#[tokio::test]
async fn two_sends_at_once_both_arrive() {
    let mut messages = Messages::generate(|sender| async move {
        let (first, second) = tokio::join!(sender.send(message("a")), sender.send(message("b")));
        first?;
        second?;
        Ok(())
    });
    assert_eq!(soon(texts(&mut messages)).await, ["a", "b"]);
}

#[tokio::test]
async fn a_sender_in_the_consumers_own_task_is_woken() {
    let (give, take) = oneshot::channel();
    let mut messages = Messages::generate(|sender| async move {
        assert!(give.send(sender).is_ok());
        pending().await
    });
    let sending = async {
        let sender: Sender<Message> = take.await.unwrap();
        sender.send(message("a")).await.unwrap();
        sender.send(message("b")).await
    };
    let taking = async {
        let first = messages.next().await.unwrap().unwrap();
        let second = messages.next().await.unwrap().unwrap();
        (first.into_wire().unwrap(), second.into_wire().unwrap())
    };
    let (sent, taken) = soon(async { tokio::join!(sending, taking) }).await;
    assert_eq!(sent, Ok(()));
    assert_eq!(taken, (Bytes::from("a"), Bytes::from("b")));
}

#[tokio::test]
async fn a_sender_without_its_stream_is_told() {
    let (give, take) = oneshot::channel();
    let mut messages = Messages::generate(|sender| async move {
        assert!(give.send(sender).is_ok());
        pending().await
    });
    let (next, _) = poll_once(|cx| messages.poll_next(cx));
    assert!(next.is_pending());
    let sender: Sender<Message> = take.await.unwrap();
    let waiting = tokio::spawn({
        let sender = sender.clone();
        async move { sender.send(message("a")).await }
    });
    yield_now().await;
    drop(messages);
    assert!(soon(waiting).await.unwrap().is_err());
    let closed = soon(sender.send(message("b"))).await.unwrap_err();
    assert_eq!(Status::from(closed).code(), Code::Cancelled);
}

#[tokio::test]
async fn a_sender_that_outlives_the_loop_is_told() {
    let (give, take) = oneshot::channel();
    let mut messages = Messages::generate(|sender| async move {
        assert!(give.send(sender).is_ok());
        Ok(())
    });
    assert!(messages.next().await.is_none());
    let sender: Sender<Message> = take.await.unwrap();
    assert!(soon(sender.send(message("a"))).await.is_err());
}

#[test]
fn dropping_the_stream_drops_the_loop() {
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    let mut messages = Messages::generate(|sender| async move {
        sender.send(message("a")).await?;
        pending::<()>().await;
        drop(held);
        Ok(())
    });
    let (next, _) = poll_once(|cx| messages.poll_next(cx));
    assert!(next.is_ready());
    assert_eq!(Arc::strong_count(&alive), 2);
    drop(messages);
    assert_eq!(Arc::strong_count(&alive), 1);
}
