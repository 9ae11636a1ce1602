//! When a call must be over.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use descant_handlers::Status;
use tokio::time::{Sleep, sleep_until};

use crate::transport::Dismissal;

/// The end of a call's time, for whoever waits on its behalf: its own, or that of its connection, at which the task that waits is woken.
/// A timer is set only once there is something to wait for.
#[derive(Debug)]
pub(crate) struct Deadline {
    at: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    dismissal: Arc<Dismissal>,
}

impl Deadline {
    /// `None`: the call may take as long as its connection.
    pub(crate) fn new(at: Option<Instant>, dismissal: &Arc<Dismissal>) -> Self {
        Self {
            at,
            timer: None,
            dismissal: dismissal.clone(),
        }
    }

    /// What the call ends with, if its connection's time is over.
    pub(crate) fn dismissed(&self) -> Option<Status> {
        self.dismissal.status()
    }

    /// Ready with the status of the call once its time is over.
    pub(crate) fn poll_exceeded(&mut self, cx: &mut Context<'_>) -> Poll<Status> {
        if let Some(dismissed) = self.dismissal.status() {
            return Poll::Ready(dismissed);
        }
        let Some(at) = self.at else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at.into())));
        timer.as_mut().poll(cx).map(|()| passed())
    }

    /// The status of the call if its time is over: for whoever always has something to do, and so never waits.
    pub(crate) fn exceeded(&self) -> Option<Status> {
        if let Some(dismissed) = self.dismissal.status() {
            return Some(dismissed);
        }
        let at = self.at?;
        (tokio::time::Instant::now().into_std() >= at).then(passed)
    }

    /// Runs a part of the call, and drops it once the time is over; if that is so at once, it never begins.
    pub(crate) async fn bound<T, F>(&mut self, mut part: Pin<&mut F>) -> Result<T, Status>
    where
        F: Future<Output = Result<T, Status>>,
    {
        if let Some(late) = self.exceeded() {
            return Err(late);
        }
        std::future::poll_fn(|cx| match part.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending => self.poll_exceeded(cx).map(Err),
        })
        .await
    }
}

fn passed() -> Status {
    Status::deadline_exceeded("the deadline of the call has passed")
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, time::Duration};

    use descant_handlers::Code;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_part_that_takes_too_long_is_dropped() {
        let at = tokio::time::Instant::now() + Duration::from_secs(1);
        let mut deadline = Deadline::new(Some(at.into_std()), &Arc::default());
        let done = deadline.bound(pin!(async { Ok(1) })).await;
        assert_eq!(done.unwrap(), 1);
        let late = deadline.bound(pin!(std::future::pending::<Result<(), _>>())).await;
        assert_eq!(late.unwrap_err().code(), Code::DeadlineExceeded);
        assert!(tokio::time::Instant::now() >= at);
        let late = deadline.bound(pin!(async { Ok(1) })).await;
        assert_eq!(late.unwrap_err().code(), Code::DeadlineExceeded);
    }
}
