//! A schema that the server behind describes itself, by reflection, and that is kept fresh.

use std::{
    fmt, mem,
    pin::Pin,
    sync::{Arc, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};

use descant_descriptors::{Builtin, Error as LoadError, Finding, Schema, SchemaBuilder};
use descant_handlers::{
    AskError, Call, Code, Fetched, Handler, Layer, Message, MessageStream, Messages, Metadata, Proxy, ReflectionClient,
    Reply, ServingStatus, Status, async_trait, envelope::Batch, proxy::ServiceConfig,
};
use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{Error, Gateway, GatewayBuilder, observe::on_one_line};

/// How long a server may take to describe itself, each answer of which may take its time.
const LONGEST: Duration = Duration::from_secs(300);
/// Between two looks at what the server describes, whoever asks for them.
const LEAST: Duration = Duration::from_secs(1);
/// After the first failure, as long as there is no schema at all.
const FIRST: Duration = Duration::from_millis(200);
/// At most.
const LAST: Duration = Duration::from_secs(10);
/// The longest answer of reflection.
const MOST_BYTES: usize = 128 << 20;

/// Keeps the schema of a gateway as its upstream describes it, by reflection (v1, else v1alpha).
///
/// ```text
/// attach (to a builder) -> refresh (once, before serving) -> keep (a task)
/// ```
///
/// The schema is asked for anew after an interval, and soon after the upstream said UNIMPLEMENTED or a call had a name that is not
/// known, at most once a second. What has not changed is not loaded again. If the upstream is gone, does not describe itself any
/// more, or what it says does not load, the schema of before stays. A file that does not check is left out, with all that
/// import it; the rest is served.
///
/// Until there is a schema the gateway's health is `NOT_SERVING`, and calls get UNAVAILABLE with the reason. Reflection and health
/// of the upstream are not passed on: the gateway answers those itself.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use descant::{Gateway, Schema, Server, UpstreamSchema, handlers::Proxy};
///
/// let proxy = Proxy::to("http://127.0.0.1:9000")?;
/// let upstream = UpstreamSchema::new(proxy.clone(), Some(Duration::from_secs(30)), Schema::builder);
/// let builder = Gateway::builder(UpstreamSchema::nothing_yet()?).route("*", proxy);
/// let gateway = upstream.attach(builder).build()?;
/// let server = Server::builder(gateway.clone()).listen("[::]:50051").bind().await?;
/// tokio::spawn(async move { upstream.keep(&gateway).await });
/// server.serve(std::future::pending::<()>()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct UpstreamSchema(Arc<Inner>);

struct Inner {
    server: ArcSwap<Described>,
    /// Somebody asks for a look.
    bell: Notify,
    /// Another server is asked.
    changed: Notify,
    /// Why there is no schema yet; `None`: there is one.
    absent: ArcSwapOption<Status>,
    /// What is served, and by which server. Held by who looks: one at a time.
    last: Mutex<Option<(Arc<Described>, Arc<Fetched>)>>,
    /// Why the last look changed nothing, as it was logged.
    told: std::sync::Mutex<String>,
}

/// A server that describes itself.
struct Described {
    name: String,
    /// By which it is asked.
    proxy: Proxy,
    interval: Option<Duration>,
    /// What its files are added to.
    sources: Box<dyn Fn() -> SchemaBuilder + Send + Sync>,
}

/// Why a look changed nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamSchemaError {
    /// The server does not describe itself, or cannot be reached.
    #[error("{0}")]
    Ask(AskError),
    /// It takes too long.
    #[error("it has not described itself within {} min", LONGEST.as_secs() / 60)]
    Late,
    /// Another one is asked by now.
    #[error("another server is asked in its place")]
    Replaced,
    /// It serves nothing but reflection and health.
    #[error("it lists no service of its own: does it tell its reflection of them?")]
    NoService,
    /// It describes none of the services that it lists.
    #[error("it describes none of the services that it lists: {0}")]
    Undescribed(String),
    /// What it describes does not load.
    #[error(transparent)]
    Load(LoadError),
    /// What it describes cannot be served.
    #[error(transparent)]
    Serve(Error),
}

/// What a look found that was not there before.
#[derive(Debug)]
#[non_exhaustive]
pub struct Renewed {
    /// What is served now.
    pub schema: Schema,
    /// What was left out, and why.
    pub findings: Vec<Finding>,
}

impl UpstreamSchema {
    /// A schema from the server that this proxy reaches, asked for each `interval` (`None`: only if a call gives a reason). `sources`
    /// makes what the server's files are added to, such as HTTP rules that stand apart, and the limits of loading.
    pub fn new(
        proxy: Proxy,
        interval: Option<Duration>,
        sources: impl Fn() -> SchemaBuilder + Send + Sync + 'static,
    ) -> Self {
        let server = Described::new(proxy, interval, sources);
        let absent = Status::unavailable(format!("{} has not described its API yet", server.name));
        Self(Arc::new(Inner {
            server: ArcSwap::from_pointee(server),
            bell: Notify::new(),
            changed: Notify::new(),
            absent: ArcSwapOption::from_pointee(absent),
            last: Mutex::new(None),
            told: std::sync::Mutex::default(),
        }))
    }

    /// Asks this server from now on, at this interval, and adds what it says to this: see [`new`](Self::new). The schema that there is stays
    /// until the next look.
    pub fn change(
        &self,
        proxy: Proxy,
        interval: Option<Duration>,
        sources: impl Fn() -> SchemaBuilder + Send + Sync + 'static,
    ) {
        let server = Arc::new(Described::new(proxy, interval, sources));
        let before = self.0.server.swap(Arc::clone(&server));
        if before.name != server.name || before.proxy.chosen() != server.proxy.chosen() {
            self.0.changed.notify_waiters();
        }
        // Whoever waits does so for as long as it was said before.
        self.0.bell.notify_one();
    }

    /// What a gateway begins with, which knows no method yet.
    pub fn nothing_yet() -> Result<Schema, LoadError> {
        // A schema has to have something in it.
        Schema::builder().builtin(Builtin::ErrorDetails).build()
    }

    /// Lets a gateway, which begins without a schema, say why it has none, and ask for a look where a call gives a reason.
    pub fn attach(&self, builder: GatewayBuilder) -> GatewayBuilder {
        let this = self.clone();
        let absence = move |is_call: bool| {
            if is_call {
                this.0.bell.notify_one();
            }
            this.0.absent.load_full().map(Arc::unwrap_or_clone)
        };
        builder.absence(Arc::new(absence)).layer(self.clone())
    }

    /// Whether there is no schema yet.
    pub fn is_absent(&self) -> bool {
        self.0.absent.load().is_some()
    }

    /// Looks now. `None`: nothing has changed, unless `anew` says to load it in any case.
    pub async fn refresh(&self, gateway: &Gateway, anew: bool) -> Result<Option<Renewed>, UpstreamSchemaError> {
        let mut last = self.0.last.lock().await;
        let changed = self.0.changed.notified();
        let server = self.0.server.load_full();
        if last.is_none() {
            // Before it is asked: one that hangs is not heard of for long, and there may be nobody who waits for that.
            tell_health(gateway, ServingStatus::NotServing);
        }
        let fetched = tokio::select! {
            fetched = server.fetch() => fetched,
            () = changed => Err(UpstreamSchemaError::Replaced),
        };
        let renewed = match fetched {
            Ok(fetched) if !anew && server.gave(last.as_ref(), &fetched) => {
                self.told().clear();
                return Ok(None);
            }
            Ok(fetched) => {
                let fetched = Arc::new(fetched);
                let renewed = server.load(gateway, &fetched).await;
                renewed.map(|renewed| (renewed, fetched))
            }
            Err(error) => Err(error),
        };
        match renewed {
            Ok((renewed, fetched)) => {
                *last = Some((server, fetched));
                self.told().clear();
                if self.0.absent.swap(None).is_some() {
                    tell_health(gateway, ServingStatus::Serving);
                }
                Ok(Some(renewed))
            }
            Err(error) => {
                let is_told = !matches!(error, UpstreamSchemaError::Replaced);
                if last.is_none() && is_told {
                    let why = format!("{} has not described its API yet: {error}", server.name);
                    self.0.absent.store(Some(Arc::new(Status::unavailable(why))));
                }
                Err(error)
            }
        }
    }

    /// Looks again and again, and logs what has changed, until it is dropped.
    pub async fn keep(&self, gateway: &Gateway) {
        let mut failures = 0;
        loop {
            let earliest = Instant::now() + LEAST;
            tokio::select! {
                () = self.due(failures) => {}
                () = self.0.bell.notified() => sleep_until(earliest).await,
            }
            match self.refresh(gateway, false).await {
                Ok(renewed) => {
                    if failures > 0 && renewed.is_none() {
                        tracing::info!("{} describes its API again", self.name());
                    }
                    failures = 0;
                    if let Some(renewed) = renewed {
                        self.tell(&renewed);
                    }
                }
                // The look at the other one is due.
                Err(UpstreamSchemaError::Replaced) => {}
                Err(error) => {
                    failures += 1;
                    self.tell_why(&error);
                }
            }
        }
    }

    /// Logs what is served now, and what was left out of it.
    pub fn tell(&self, renewed: &Renewed) {
        let (services, methods) = (renewed.schema.services().len(), renewed.schema.method_count());
        tracing::info!("{} describes {services} services with {methods} methods", self.name());
        for finding in &renewed.findings {
            tracing::warn!("{}", on_one_line(&finding.to_string()));
        }
    }

    /// What the server is called.
    pub fn name(&self) -> String {
        self.0.server.load().name.clone()
    }

    /// Asks for a look if the upstream does not know what was called.
    fn heard(&self, status: &Status) {
        if status.code() == Code::Unimplemented {
            self.0.bell.notify_one();
        }
    }

    fn told(&self) -> MutexGuard<'_, String> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs why a look changed nothing, unless that was the reason the last time.
    pub fn tell_why(&self, error: &UpstreamSchemaError) {
        // The look at the other one is due.
        if matches!(error, UpstreamSchemaError::Replaced) {
            return;
        }
        let why = on_one_line(&error.to_string());
        let mut told = self.told();
        if *told == why {
            return;
        }
        let name = self.name();
        if self.is_absent() {
            tracing::warn!("{name} has not described its API yet, and is asked again: {why}");
        } else {
            tracing::warn!("{name} does not describe its API, what was served stays: {why}");
        }
        *told = why;
    }

    /// When the next look is due: by the interval, sooner as long as there is nothing.
    async fn due(&self, failures: i32) {
        let wait = FIRST.mul_f64(1.6_f64.powi(failures.min(32))).min(LAST);
        let wait = if self.is_absent() {
            Some(wait)
        } else {
            self.0.server.load().interval
        };
        match wait {
            // All that lost an upstream at once shall not come back at once.
            Some(wait) => sleep(wait.mul_f64(0.8 + 0.4 * fastrand::f64())).await,
            None => std::future::pending().await,
        }
    }
}

impl Described {
    fn new(
        proxy: Proxy,
        interval: Option<Duration>,
        sources: impl Fn() -> SchemaBuilder + Send + Sync + 'static,
    ) -> Self {
        let name = proxy.to_string();
        // What calls may take, and how often they are tried, is said of those of the API.
        let mut options = proxy.chosen().clone();
        options.message_bytes = MOST_BYTES;
        options.timeout = None;
        options.service_config = ServiceConfig::default();
        Self {
            name,
            proxy: proxy.options(options),
            interval,
            sources: Box::new(sources),
        }
    }

    /// Whether that is what it said the last time, and nothing else was said of it since.
    fn gave(self: &Arc<Self>, last: Option<&(Arc<Self>, Arc<Fetched>)>, fetched: &Fetched) -> bool {
        last.is_some_and(|(server, last)| Arc::ptr_eq(self, server) && **last == *fetched)
    }

    async fn fetch(&self) -> Result<Fetched, UpstreamSchemaError> {
        let mut client = ReflectionClient::new(self.proxy.clone());
        let fetched = timeout(LONGEST, client.everything(is_own)).await;
        let fetched = fetched
            .map_err(|_| UpstreamSchemaError::Late)?
            .map_err(UpstreamSchemaError::Ask)?;
        if !fetched.has_services() {
            let told = fetched.undescribed().map(|(name, why)| format!("{name} ({why})"));
            let told = told.collect::<Vec<_>>().join(", ");
            return Err(match told.as_str() {
                "" => UpstreamSchemaError::NoService,
                _ => UpstreamSchemaError::Undescribed(told),
            });
        }
        Ok(fetched)
    }

    /// Loads and serves it, aside: that may take a while.
    async fn load(self: &Arc<Self>, gateway: &Gateway, fetched: &Arc<Fetched>) -> Result<Renewed, UpstreamSchemaError> {
        let (this, gateway, fetched) = (Arc::clone(self), gateway.clone(), Arc::clone(fetched));
        let loaded = tokio::task::spawn_blocking(move || {
            let origin = format!("reflection at {}", this.name);
            let loaded = fetched.load(&origin, &this.sources);
            let (schema, findings) = loaded.map_err(UpstreamSchemaError::Load)?;
            gateway.reload(schema.clone()).map_err(UpstreamSchemaError::Serve)?;
            Ok(Renewed { schema, findings })
        });
        let ended =
            |error| UpstreamSchemaError::Ask(AskError::Ended(Status::internal(format!("loading ended: {error}"))));
        loaded.await.map_err(ended)?
    }
}

/// The gateway answers these itself.
fn is_own(service: &str) -> bool {
    service == "grpc.health.v1.Health" || service.starts_with("grpc.reflection.")
}

fn tell_health(gateway: &Gateway, status: ServingStatus) {
    if let Some(health) = gateway.health() {
        // The server as a whole.
        health.set("", status);
    }
}

/// A call that the upstream does not know gives a reason to look.
impl Layer for UpstreamSchema {
    fn wrap(&self, inner: Arc<dyn Handler>) -> Arc<dyn Handler> {
        Arc::new(Noticed {
            inner,
            schema: self.clone(),
        })
    }
}

struct Noticed {
    inner: Arc<dyn Handler>,
    schema: UpstreamSchema,
}

#[async_trait]
impl Handler for Noticed {
    async fn call(&self, call: Call) -> Result<Reply, Status> {
        let mut reply = self.inner.call(call).await;
        match &mut reply {
            Ok(reply) => {
                let messages = mem::replace(&mut reply.messages, Messages::empty());
                reply.messages = match messages.try_one() {
                    Ok((message, trailers)) => Messages::one(message).with_trailers(trailers),
                    Err(mut messages) => {
                        // They may be asked for before the end.
                        let trailers = messages.take_trailers();
                        let begun = Begun {
                            messages,
                            unheard: Some(self.schema.clone()),
                        };
                        Messages::stream(begun).with_trailers(trailers)
                    }
                };
            }
            Err(status) => self.schema.heard(status),
        }
        reply
    }
}

/// A reply that has begun and may still say that there is no such method, in the place of its first message: where a failure stands in the body, or
/// the caller was still sending.
struct Begun {
    messages: Messages,
    /// Who is told, as long as there was no message.
    unheard: Option<UpstreamSchema>,
}

impl Begun {
    fn heard<T>(&mut self, next: Option<&Result<T, Status>>) {
        if let (Some(schema), Some(Err(status))) = (self.unheard.take(), next) {
            schema.heard(status);
        }
    }
}

impl MessageStream for Begun {
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        let this = self.get_mut();
        let next = ready!(this.messages.poll_next(cx));
        this.heard(next.as_ref());
        Poll::Ready(next)
    }

    fn poll_batch(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Batch, Status>>> {
        let this = self.get_mut();
        let next = ready!(this.messages.poll_batch(cx));
        this.heard(next.as_ref());
        Poll::Ready(next)
    }

    fn take_trailers(mut self: Pin<&mut Self>) -> Metadata {
        self.messages.take_trailers()
    }
}

impl fmt::Debug for UpstreamSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = self.0.server.load();
        f.debug_struct("UpstreamSchema")
            .field("proxy", &server.proxy)
            .field("interval", &server.interval)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use descant_handlers::from_fn;

    use super::*;

    /// Whether a look is asked for after a reply that has begun, with so many messages, and then says that there is no such method.
    async fn is_heard(messages: usize) -> bool {
        let proxy = Proxy::to("http://127.0.0.1:1").unwrap();
        let upstream = UpstreamSchema::new(proxy, None, Schema::builder);
        let handler = upstream.wrap(Arc::new(from_fn(move |_| async move {
            Ok(Reply::new(Messages::generate(move |sender| async move {
                for _ in 0..messages {
                    sender.send(Message::from_wire(bytes::Bytes::new())).await?;
                }
                Err(Status::unimplemented("no such method"))
            })))
        })));
        let schema = Schema::builder().builtin(Builtin::Health).build().unwrap();
        let method = schema.method("/grpc.health.v1.Health/Watch").unwrap();
        let mut reply = handler.call(Call::new(method, Messages::empty())).await.unwrap();
        while reply.messages.next().await.unwrap().is_ok() {}
        timeout(Duration::from_millis(10), upstream.0.bell.notified())
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn a_reply_may_say_in_place_of_its_messages_that_there_is_no_such_method() {
        assert!(is_heard(0).await);
        assert!(!is_heard(1).await);
    }
}
