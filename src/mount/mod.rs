//! An API as a part of an application: it starts and stops with it.

mod builder;
mod place;
mod port;
mod resources;
mod roster;

use std::{
    fmt,
    future::Future,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use descant_descriptors::Schema;

use self::place::Place;
use crate::{Draining, Error, Gateway, ServerBuilder};

pub use self::builder::MountBuilder;

/// An API as a part of an application: it starts and stops with it, and shares its state.
///
/// # Build
///
/// A mount takes a [`Schema`], and handlers for its methods. Everything else has a default: every interface (`[::]`), port
/// 50051, plain text, reflection and health on.
///
/// ```
/// use descant::{Mount, Schema, handlers::typed::{self, Context}};
///
/// #[derive(Clone, PartialEq, prost::Message)]
/// struct Book {
///     #[prost(string, tag = "1")]
///     id: String,
///     #[prost(string, tag = "2")]
///     title: String,
/// }
///
/// /// What the application shares with its handlers.
/// struct Shop {
///     name: &'static str,
/// }
///
/// async fn get_book(asked: Book, context: Context) -> Result<Book, descant::handlers::Status> {
///     let shop = context.state::<Shop>()?;
///     Ok(Book { title: format!("Emma, at {}", shop.name), ..asked })
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let bytes = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/bookshop.binpb"));
/// # let schema = Schema::from_bytes(&bytes[..])?;
/// let mount = Mount::builder(schema)
///     .route("bookshop.v1.Catalog/GetBook", typed::unary(get_book))
///     .state(Shop { name: "the corner" })
///     .port(0) // any that is free
///     .build()?;
/// # Ok(())
/// # }
/// ```
///
/// # Start and stop
///
/// Nothing listens before [`start`](Self::start), which returns once connections are accepted; to call it again does
/// nothing. [`stop`](Self::stop) lets calls in flight finish, and does nothing if nothing runs. Then it can start again. Handlers
/// [begin](crate::handlers::Handler::begin) as it starts, and [end](crate::handlers::Handler::end) once it has stopped and its last call is over.
///
/// ```
/// # use descant::{Mount, Schema};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let bytes = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/bookshop.binpb"));
/// # let mount = Mount::builder(Schema::from_bytes(&bytes[..])?).port(0).build()?;
/// mount.start().await?;
/// println!("serving on port {:?}", mount.port());
/// // ... the application runs ...
/// mount.stop().await?;
/// assert_eq!(mount.port(), None);
/// # Ok(())
/// # }
/// ```
///
/// [`run`](Self::run) does both around a future of yours, to be awaited or spawned: it serves until that future is ready.
/// Dropped, `run` ends the mount, and so does dropping the last clone of a mount that runs.
///
/// ```no_run
/// # async fn example(mount: descant::Mount) -> Result<(), descant::Error> {
/// mount.run(tokio::signal::ctrl_c()).await
/// # }
/// ```
///
/// # On the port of an application
///
/// With the feature `tower` a mount is a `tower::Service` as well, for axum and whatever else takes one:
/// `Router::new().fallback_service(mount.service())` serves the application's own pages, and the API beside them. See
/// `Mount::service` and `examples/mount_axum.rs`.
///
/// # Two mounts on one port
///
/// Mounts of one process that have the same host and port (not 0), or the same Unix socket, share one server: whichever starts first listens, the
/// others join it, and the last one to stop closes it. Each keeps its own handlers, layers and state. Reflection and health
/// tell of all of them, behind the layers of the one that has been there longest.
///
/// They have to agree on how the port is spoken to (TLS, limits, workers), and no method may be answered by two of them: that
/// is an error of `start` which names both.
#[derive(Clone)]
pub struct Mount(Arc<Inner>);

struct Inner {
    name: Arc<str>,
    gateway: Gateway,
    server: ServerBuilder,
    /// Where it listens, as it was asked for.
    address: String,
    grace: Duration,
    /// Starts and stops come one after the other.
    turn: tokio::sync::Mutex<()>,
    /// While it runs.
    place: Mutex<Option<Place>>,
}

impl Mount {
    /// The port unless another one is chosen.
    pub const DEFAULT_PORT: u16 = 50051;
    /// Every interface, IPv6 and IPv4.
    pub const DEFAULT_HOST: &str = "[::]";
    /// How long [`stop`](Self::stop) lets calls in flight take, unless the mount was built with another time.
    pub const DEFAULT_GRACE: Duration = Duration::from_secs(5);

    /// A mount of this API, whose methods nothing answers until they are given a handler.
    #[track_caller]
    pub fn builder(schema: Schema) -> MountBuilder {
        MountBuilder::new(schema, std::panic::Location::caller())
    }

    /// Starts to serve, on the tokio runtime that this is called on; returns once connections are accepted. If it serves
    /// already nothing happens.
    ///
    /// # Errors
    /// If there is no runtime, the address cannot be listened on ([`Error::is_bind`]), or another mount on the same port does
    /// not get along with this one ([`Error::is_clash`]).
    pub async fn start(&self) -> Result<(), Error> {
        let _turn = self.0.turn.lock().await;
        if self.is_running() {
            return Ok(());
        }
        // What is left of a server whose runtime is gone must not be joined.
        drop(self.take_place());
        let place = Place::take(&self.0).await?;
        *self.place() = Some(place);
        // Not before: where nothing starts it is as it was.
        if let Some(health) = self.0.gateway.health() {
            health.resume();
        }
        Ok(())
    }

    /// Stops, as [`stop_within`](Self::stop_within) the mount's grace: 5 s unless it was built with another.
    ///
    /// # Errors
    /// As [`stop_within`](Self::stop_within).
    pub async fn stop(&self) -> Result<(), Error> {
        self.stop_within(self.0.grace).await
    }

    /// Stops: watchers of `grpc.health.v1` hear `NOT_SERVING`, nothing new is accepted, and calls in flight may take so long to
    /// finish; what is left then ends `UNAVAILABLE`, or is cut off where other mounts stay on the port. Returns once all of that is done. If it does not serve nothing happens.
    ///
    /// If this is dropped before it is done nobody waits any more; what is in flight ends with the grace at the latest.
    ///
    /// # Errors
    /// If the server had ended before because it could not run.
    pub async fn stop_within(&self, grace: Duration) -> Result<(), Error> {
        let _turn = self.0.turn.lock().await;
        let Some(place) = self.take_place() else {
            return Ok(());
        };
        if let Some(health) = self.0.gateway.health() {
            health.shutdown();
        }
        place.leave(grace).await
    }

    /// Starts, serves until `shutdown` is ready, and stops. It ends as well when someone else stops the mount. Dropped, it
    /// ends the mount.
    ///
    /// # Errors
    /// As [`start`](Self::start), and if the server cannot run.
    pub async fn run(&self, shutdown: impl Future) -> Result<(), Error> {
        let ending = EndsOnDrop(Some(self));
        self.start().await?;
        let ended = self.place().as_ref().map(Place::ended);
        if let Some(ended) = ended {
            tokio::select! {
                _ = shutdown => {}
                () = ended => {}
            }
        }
        let stopped = self.stop().await;
        ending.disarm();
        stopped
    }

    /// Whether it serves.
    pub fn is_running(&self) -> bool {
        self.place().as_ref().is_some_and(Place::is_open)
    }

    /// The port that it serves on, which the system chose if it was built with port 0; `None` while it does not serve, or on a
    /// Unix socket.
    pub fn port(&self) -> Option<u16> {
        self.addresses().first().map(SocketAddr::port)
    }

    /// The addresses that it serves on: a host name may stand for several. Empty while it does not serve.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.server().map(|server| server.addresses).unwrap_or_default()
    }

    /// The path of the Unix socket that it serves on; `None` while it does not serve, or on a port.
    pub fn unix_path(&self) -> Option<PathBuf> {
        self.server()?.unix_paths.pop()
    }

    /// The server, while it runs.
    pub fn server(&self) -> Option<ServerHandle> {
        let place = self.place();
        place.as_ref().filter(|place| place.is_open()).map(Place::server)
    }

    /// What answers the calls, whether it serves or not: to reload the schema, and to say how services are.
    pub fn gateway(&self) -> &Gateway {
        &self.0.gateway
    }

    /// The API on the port of an application: a `tower::Service` that answers the requests which it is handed, with the mount's
    /// limits on messages. The mount need not be started for that. See [`GatewayService`](crate::GatewayService).
    #[cfg(feature = "tower")]
    pub fn service(&self) -> crate::GatewayService {
        self.0.gateway.service(self.0.server.limits.clone())
    }

    /// What errors and logs call it: the name that it was given, or else where it was built.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    fn place(&self) -> MutexGuard<'_, Option<Place>> {
        self.0.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_place(&self) -> Option<Place> {
        self.place().take()
    }
}

/// A server that runs: what it serves with, and whether it is about to stop.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    addresses: Vec<SocketAddr>,
    unix_paths: Vec<PathBuf>,
    draining: Draining,
    mounts: Vec<Arc<str>>,
}

impl ServerHandle {
    /// Where it listens, with the ports that the system chose.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The paths of the Unix sockets that it listens on.
    pub fn unix_paths(&self) -> impl ExactSizeIterator<Item = &Path> {
        self.unix_paths.iter().map(PathBuf::as_path)
    }

    /// Knows when the server begins to stop, which one that several mounts share does when the last one stops.
    pub fn draining(&self) -> Draining {
        self.draining.clone()
    }

    /// The names of the mounts that it served when the handle was made, in the order in which they started.
    pub fn mounts(&self) -> impl ExactSizeIterator<Item = &str> {
        self.mounts.iter().map(|name| &**name)
    }
}

/// Ends a mount if it is dropped early.
struct EndsOnDrop<'a>(Option<&'a Mount>);

impl EndsOnDrop<'_> {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for EndsOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(mount) = self.0 {
            drop(mount.take_place());
        }
    }
}

impl Inner {
    /// The mount in errors.
    fn called(&self) -> String {
        format!("`{}`", self.name)
    }
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mount")
            .field("name", &self.0.name)
            .field("address", &self.0.address)
            .field("addresses", &self.addresses())
            .finish_non_exhaustive()
    }
}
