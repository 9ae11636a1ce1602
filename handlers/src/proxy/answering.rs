//! A call on its way through the proxy, of which nothing is said.

use std::{
    future::ready,
    pin::Pin,
    task::{Context, Poll, ready},
};

use super::{
    Proxy,
    exchange::{Asked, Finish},
    fate::Failed,
    lease::Lease,
    line::Ready,
    pool::Refusal,
    retry::{Spare, Tried, Trip},
};
use crate::{Answer, Call, Reply, Status, upstreams::AttemptLog};

/// A call of which nothing is said. There is one for each call in flight, and so it is small: what is rare has a box of its own.
pub(super) struct Answering<'p> {
    proxy: &'p Proxy,
    /// The call once more, as long as its reply has not begun.
    spare: Option<Spare>,
    /// Who wants to know of attempts.
    log: Option<AttemptLog>,
    stage: Stage<'p>,
}

enum Stage<'p> {
    /// There is no connection yet that takes the call.
    Placed(Placed<'p>, Option<Box<Call>>),
    Asked(Asked),
    /// What comes then, if it takes time.
    Rest(Answer<'p>),
}

/// Ready once there is a connection.
pub(super) type Placed<'p> = Pin<Box<dyn Future<Output = Result<(Ready, Lease), Refusal>> + Send + 'p>>;

impl<'p> Answering<'p> {
    /// Sends the call once there is a connection for it.
    pub(super) fn placed(proxy: &'p Proxy, place: Placed<'p>, call: Call) -> Self {
        Self {
            proxy,
            spare: None,
            log: None,
            stage: Stage::Placed(place, Some(Box::new(call))),
        }
    }

    /// Sends the call.
    #[inline]
    pub(super) fn sent(proxy: &'p Proxy, place: (Ready, Lease), call: &mut Call) -> Self {
        let options = &proxy.upstream.options;
        let streams = call.method.client_streaming();
        let spare = Spare::of_one(call, options.retry_bytes);
        let spare = spare.map(|one| one.or_else(|| streams.then(|| Spare::of_stream(call, options.unseen_bytes()))));
        let log = call.extensions.get::<AttemptLog>().cloned();
        let (spare, stage) = match spare {
            Ok(spare) => match proxy.ask(place, call, Trip::ONLY) {
                Ok(asked) => (spare, Stage::Asked(asked)),
                Err(failed) => (
                    None,
                    Stage::Rest(proxy.again(spare, Tried::told_to(log.clone()), failed)),
                ),
            },
            Err(status) => (None, Stage::Rest(Box::pin(ready(Err(status))))),
        };
        Self {
            proxy,
            spare,
            log,
            stage,
        }
    }
}

impl Future for Answering<'_> {
    type Output = Result<Reply, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answering = &mut *self;
        if let Stage::Placed(placed, call) = &mut answering.stage {
            let place = ready!(placed.as_mut().poll(cx)).map_err(|refusal| Failed::from(refusal).status)?;
            if let Some(mut call) = call.take() {
                *answering = Self::sent(answering.proxy, place, &mut call);
            }
        }
        if let Stage::Asked(asked) = &mut answering.stage {
            let begun = ready!(Pin::new(asked).poll(cx));
            let spare = answering.spare.take();
            if let (Ok(_), Some(spare)) = (&begun, &spare) {
                spare.commit_first();
            }
            answering.stage = Stage::Rest(match begun.map(|begun| begun.finish_now(cx)) {
                Ok(Finish::Now(reply)) => return Poll::Ready(reply),
                Ok(Finish::Later(rest)) => rest,
                Err(failed) => answering
                    .proxy
                    .again(spare, Tried::told_to(answering.log.take()), failed),
            });
        }
        match &mut answering.stage {
            Stage::Rest(rest) => rest.as_mut().poll(cx),
            Stage::Placed(..) | Stage::Asked(_) => Poll::Pending,
        }
    }
}
