//! The one adapter behind all shapes and all codecs.

use std::{
    fmt,
    future::ready,
    marker::PhantomData,
    pin::Pin,
    task::{self, Poll},
};

use descant_descriptors::Method;
use pin_project_lite::pin_project;

use super::{Codec, Context, Incoming, IntoReply, Payload};
use crate::{Answer, Call, Handler, Messages, Reply, Status};

/// A side of a method that has one message.
#[derive(Debug)]
pub struct One<C>(PhantomData<fn(C)>);

/// A side of a method that has any number of messages.
#[derive(Debug)]
pub struct Many<C>(PhantomData<fn(C)>);

/// A side of a method: [`One`] message or [`Many`].
pub trait Side: 'static {
    /// How its messages are seen.
    type Codec: Codec;
}

impl<C: Codec> Side for One<C> {
    type Codec = C;
}

impl<C: Codec> Side for Many<C> {
    type Codec = C;
}

/// What a handler gets from the request side of a method, for messages of type `M`.
pub trait Intake<M>: Side {
    /// A message, or [`Incoming`] ones.
    type Input: Send;

    /// The input, if all that a handler needs to start is there; or the messages as they were.
    fn ready(messages: Messages, method: &Method) -> Result<Result<Self::Input, Status>, Messages>;

    /// Waits for the input.
    fn wait(messages: Messages, method: &Method) -> impl Future<Output = Result<Self::Input, Status>> + Send;
}

impl<C: Codec, M: Payload<C>> Intake<M> for One<C> {
    type Input = M;

    fn ready(messages: Messages, method: &Method) -> Result<Result<M, Status>, Messages> {
        messages.try_one().map(|(message, _)| M::decode(message, method))
    }

    async fn wait(messages: Messages, method: &Method) -> Result<M, Status> {
        M::decode(messages.only().await?, method)
    }
}

impl<C: Codec, M: Payload<C>> Intake<M> for Many<C> {
    type Input = Incoming<M>;

    fn ready(messages: Messages, method: &Method) -> Result<Result<Incoming<M>, Status>, Messages> {
        Ok(Ok(Incoming::new(messages, method.clone())))
    }

    async fn wait(messages: Messages, method: &Method) -> Result<Incoming<M>, Status> {
        Ok(Incoming::new(messages, method.clone()))
    }
}

/// A closure as a handler: `M` is the type of request messages, `I` and `O` say how many there are
/// on either side.
pub(super) struct Adapter<F, M, I, O> {
    closure: F,
    types: PhantomData<fn(M, I, O)>,
}

impl<F, M, I, O> Adapter<F, M, I, O> {
    pub(super) fn new(closure: F) -> Self {
        Self {
            closure,
            types: PhantomData,
        }
    }
}

impl<F, Fut, M, I, O, R> Adapter<F, M, I, O>
where
    F: Fn(I::Input, Context) -> Fut,
    Fut: Future<Output = Result<R, Status>>,
    I: Intake<M>,
    O: Side,
{
    fn run(&self, input: I::Input, context: Context) -> Run<Fut, O> {
        let output = O::Codec::output(&context.method);
        Run {
            future: (self.closure)(input, context),
            output,
        }
    }
}

/// By hand, and not `async`: what is boxed is the closure's own future and little more, where the
/// request is there already.
impl<F, Fut, M, I, O, R> Handler for Adapter<F, M, I, O>
where
    F: Fn(I::Input, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, Status>> + Send + 'static,
    M: 'static,
    I: Intake<M>,
    O: Side,
    R: IntoReply<O>,
{
    fn call<'this, 'answer>(&'this self, call: Call) -> Answer<'answer>
    where
        'this: 'answer,
    {
        let (messages, context) = Context::split(call);
        match I::ready(messages, &context.method) {
            Ok(Ok(input)) => Box::pin(self.run(input, context)),
            Ok(Err(status)) => Box::pin(ready(Err(status))),
            Err(messages) => Box::pin(async move {
                let input = I::wait(messages, &context.method).await?;
                self.run(input, context).await
            }),
        }
    }
}

pin_project! {
    /// The closure's future, its result encoded.
    struct Run<Fut, O: Side> {
        #[pin]
        future: Fut,
        output: <O::Codec as Codec>::Output,
    }
}

impl<Fut, O, R> Future for Run<Fut, O>
where
    Fut: Future<Output = Result<R, Status>>,
    O: Side,
    R: IntoReply<O>,
{
    type Output = Result<Reply, Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let reply = task::ready!(this.future.poll(cx))?;
        Poll::Ready(reply.into_reply(this.output))
    }
}

impl<F, M, I, O> fmt::Debug for Adapter<F, M, I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapter").finish_non_exhaustive()
    }
}
