//! What answers calls.

use std::{pin::Pin, sync::Arc};

use async_trait::async_trait;

use descant_descriptors::Method;

use crate::{Call, Reply, Status, upstreams::UpstreamCounts};

/// Answers calls.
///
/// All four shapes of call have this one signature: where gRPC says "one message", it is a stream of
/// one, and [`Messages::only`](crate::Messages::only) checks that. The future is dropped when the
/// caller gives up, and so are the reply's messages; that is all there is to cancellation.
///
/// ```
/// use descant_handlers::{Call, Handler, Reply, Status, async_trait};
///
/// /// Gives back the message that it gets.
/// struct Mirror;
///
/// #[async_trait]
/// impl Handler for Mirror {
///     async fn call(&self, call: Call) -> Result<Reply, Status> {
///         Ok(call.messages.only().await?.into())
///     }
/// }
/// ```
///
/// [`typed`](crate::typed) makes handlers from closures over messages of your own types.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Answers one call.
    async fn call(&self, call: Call) -> Result<Reply, Status>;

    /// Says what is wrong about answering these methods: asked once, when a gateway is built, so that a slip shows before the
    /// first call. By default nothing is.
    ///
    /// # Errors
    /// A sentence without its subject, the handler: what it has or lacks, and what may have been meant.
    fn check(&self, methods: &[Method]) -> Result<(), String> {
        let _ = methods;
        Ok(())
    }

    /// A runtime is about to run calls of this handler: what would make the first of them slow may be begun here, in tasks of that
    /// runtime. Called within each runtime that serves a gateway, when it begins to, and when the gateway gets other handlers; once for each
    /// server, mount or service that runs there, and each route. A call may come before that, and where no gateway is served without it. Not called of
    /// handlers within layers that a program puts around them itself, unless those pass it on. By default nothing happens.
    fn begin(&self) {}

    /// A runtime runs no more calls of this handler, for one of those for whom it [began](Self::begin): what goes on there by itself is to stop once none of
    /// them is left. Called once for each `begin`, within the same runtime, which may have been shut down by then: when a server has stopped, when a
    /// mount has left its port and its last call is over, or when a gateway gets other handlers, after those began. In that case calls of before may still be
    /// in flight, and end as they would have. By default nothing happens.
    fn end(&self) {}

    /// What is counted of the servers that this handler calls, for metrics. Asked when a gateway is built, or gets other handlers; each time
    /// it is the same counts. Of handlers within others that a program makes itself, those have to pass it on. By default there are none.
    fn upstreams(&self) -> Vec<Arc<dyn UpstreamCounts>> {
        Vec::new()
    }
}

/// What [`Handler::call`] gives. A handler that wraps another one can return the inner one's
/// instead of boxing its own.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Reply, Status>> + Send + 'a>>;

/// A handler from a closure that takes calls as they are, of any method and shape.
/// [`typed`](crate::typed) has those for messages of one type.
///
/// ```
/// use descant_handlers::{Call, Reply, Status, from_fn};
///
/// let mirror = from_fn(|call: Call| async move { Ok(Reply::new(call.messages)) });
/// # let _: &dyn descant_handlers::Handler = &mirror;
/// ```
pub fn from_fn<F, Fut>(answer: F) -> impl Handler
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, Status>> + Send + 'static,
{
    FromFn(answer)
}

struct FromFn<F>(F);

impl<F, Fut> Handler for FromFn<F>
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, Status>> + Send + 'static,
{
    fn call<'this, 'answer>(&'this self, call: Call) -> Answer<'answer>
    where
        'this: 'answer,
    {
        Box::pin((self.0)(call))
    }
}

/// One impl for each pointer: passes the inner answer on, so pointers to pointers cost nothing more.
macro_rules! pointers {
    ($($pointer:ident),*) => {
        $(
            impl<H: Handler + ?Sized> Handler for $pointer<H> {
                fn call<'this, 'answer>(&'this self, call: Call) -> Answer<'answer>
                where
                    'this: 'answer,
                {
                    (**self).call(call)
                }

                fn check(&self, methods: &[Method]) -> Result<(), String> {
                    (**self).check(methods)
                }

                fn begin(&self) {
                    (**self).begin();
                }

                fn end(&self) {
                    (**self).end();
                }

                fn upstreams(&self) -> Vec<Arc<dyn UpstreamCounts>> {
                    (**self).upstreams()
                }
            }
        )*
    };
}

pointers!(Arc, Box);
