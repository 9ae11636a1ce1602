//! The one adapter behind all shapes and all codecs.

use std::{fmt, marker::PhantomData};

use async_trait::async_trait;
use descant_descriptors::Method;

use super::{Codec, Context, Incoming, IntoReply, Payload};
use crate::{Call, Handler, Messages, Reply, Status};

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

    /// Waits for as much as there must be before the handler can start.
    fn take(messages: Messages, method: &Method) -> impl Future<Output = Result<Self::Input, Status>> + Send;
}

impl<C: Codec, M: Payload<C>> Intake<M> for One<C> {
    type Input = M;

    async fn take(messages: Messages, method: &Method) -> Result<M, Status> {
        M::decode(messages.only().await?, method)
    }
}

impl<C: Codec, M: Payload<C>> Intake<M> for Many<C> {
    type Input = Incoming<M>;

    async fn take(messages: Messages, method: &Method) -> Result<Incoming<M>, Status> {
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

#[async_trait]
impl<F, Fut, M, I, O, R> Handler for Adapter<F, M, I, O>
where
    F: Fn(I::Input, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, Status>> + Send,
    M: 'static,
    I: Intake<M>,
    O: Side,
    R: IntoReply<O>,
{
    async fn call(&self, call: Call) -> Result<Reply, Status> {
        let (messages, context) = Context::split(call);
        let input = I::take(messages, &context.method).await?;
        let output = O::Codec::output(&context.method);
        (self.closure)(input, context).await?.into_reply(output)
    }
}

impl<F, M, I, O> fmt::Debug for Adapter<F, M, I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapter").finish_non_exhaustive()
    }
}
