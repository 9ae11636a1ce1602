//! What wraps handlers.

use std::sync::Arc;

use crate::{Answer, Call, Handler, Reply, Status};

/// Wraps a handler in a handler: interceptors, authentication, observation.
///
/// Most layers are closures; see [`from_fn`].
pub trait Layer: Send + Sync {
    /// The handler that stands in front of this one.
    fn wrap(&self, inner: Arc<dyn Handler>) -> Arc<dyn Handler>;
}

impl<L: Layer + ?Sized> Layer for Arc<L> {
    fn wrap(&self, inner: Arc<dyn Handler>) -> Arc<dyn Handler> {
        (**self).wrap(inner)
    }
}

impl<L: Layer + ?Sized> Layer for Box<L> {
    fn wrap(&self, inner: Arc<dyn Handler>) -> Arc<dyn Handler> {
        (**self).wrap(inner)
    }
}

/// What a layer stands in front of.
pub type Next = Arc<dyn Handler>;

/// A layer from a closure, which answers the call itself or gives it to the next handler.
///
/// ```
/// use descant_handlers::{Call, Status, layer::{self, Next}};
///
/// let guard = layer::from_fn(|call: Call, next: Next| async move {
///     match call.metadata.get("authorization") {
///         Some("Bearer open-sesame") => next.call(call).await,
///         _ => Err(Status::unauthenticated("say the word")),
///     }
/// });
/// # let _: &dyn descant_handlers::Layer = &guard;
/// ```
pub fn from_fn<F, Fut>(intercept: F) -> impl Layer
where
    F: Fn(Call, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, Status>> + Send + 'static,
{
    FromFn(Arc::new(intercept))
}

struct FromFn<F>(Arc<F>);

impl<F, Fut> Layer for FromFn<F>
where
    F: Fn(Call, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, Status>> + Send + 'static,
{
    fn wrap(&self, inner: Arc<dyn Handler>) -> Arc<dyn Handler> {
        Arc::new(Intercepted {
            intercept: Arc::clone(&self.0),
            inner,
        })
    }
}

struct Intercepted<F> {
    intercept: Arc<F>,
    inner: Next,
}

impl<F, Fut> Handler for Intercepted<F>
where
    F: Fn(Call, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, Status>> + Send + 'static,
{
    fn call<'this, 'answer>(&'this self, call: Call) -> Answer<'answer>
    where
        'this: 'answer,
    {
        Box::pin((self.intercept)(call, Arc::clone(&self.inner)))
    }
}
