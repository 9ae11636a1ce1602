//! What a mount serves, and how.

use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    panic::Location,
    sync::{Arc, Mutex},
    time::Duration,
};

use descant_descriptors::Schema;
use descant_handlers::{Call, Handler, Health, Layer, Reply, Status, layer::Next};

use super::{Inner, Mount};
use crate::{Error, Gateway, GatewayBuilder, Limits, Server, Tls, transport::UNIX};

/// Says what a mount serves, and how.
///
/// | | default | |
/// |---|---|---|
/// | [`host`](Self::host), [`port`](Self::port) | `[::]`, 50051 | where it listens |
/// | [`unix`](Self::unix) | none | a Unix socket in the place of host and port |
/// | [`route`](Self::route) | none | which handler answers which methods |
/// | [`layer`](Self::layer), [`layer_on`](Self::layer_on), [`intercept`](Self::intercept) | none | what stands before handlers, in order |
/// | [`state`](Self::state) | none | what the application shares with handlers |
/// | [`tls`](Self::tls) | plain text | which certificate it shows |
/// | [`reflection`](Self::reflection), [`reflect_only`](Self::reflect_only) | on, all services | what it tells of itself |
/// | [`health`](Self::health) | on | how services are |
/// | [`limits`](Self::limits) | see [`Limits`] | what peers may take |
/// | [`workers`](Self::workers) | 1 | threads that serve connections |
/// | [`reuse_port`](Self::reuse_port) | no | whether other processes may share the port |
/// | [`grace`](Self::grace) | 5 s | how long calls in flight may take once it stops |
/// | [`gateway`](Self::gateway) | | everything else that a [`GatewayBuilder`] has |
#[derive(Debug)]
#[must_use]
pub struct MountBuilder {
    gateway: GatewayBuilder,
    name: Option<String>,
    built_at: &'static Location<'static>,
    host: String,
    port: u16,
    unix: Option<String>,
    tls: Option<Tls>,
    limits: Limits,
    reuse_port: bool,
    workers: usize,
    grace: Duration,
}

impl MountBuilder {
    pub(super) fn new(schema: Schema, built_at: &'static Location<'static>) -> Self {
        Self {
            gateway: Gateway::builder(schema),
            name: None,
            built_at,
            host: Mount::DEFAULT_HOST.to_owned(),
            port: Mount::DEFAULT_PORT,
            unix: None,
            tls: None,
            limits: Limits::default(),
            reuse_port: false,
            workers: 1,
            grace: Mount::DEFAULT_GRACE,
        }
    }

    /// What errors and logs call it. Default: the line of the program that made the builder.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Listens on this IP address or on all addresses of this name. Default `[::]`: every interface, IPv6 and IPv4.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = host.into();
        self
    }

    /// Listens on this port; 0 lets the system choose. Default 50051.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Listens on a Unix socket at this path, in the place of host and port. Default: none.
    ///
    /// The file has the permissions that the umask leaves, and is gone once the mount has stopped. One that a process left
    /// behind which is gone is replaced; one that somebody listens on is an error of [`Mount::start`]. Handlers know who calls
    /// by [`Peer::unix`](descant_handlers::Peer::unix).
    pub fn unix(mut self, path: impl Into<String>) -> Self {
        self.unix = Some(path.into());
        self
    }

    /// Speaks TLS: PEM files, PEM in memory, or a ready configuration of rustls; see [`Tls`]. Default: plain text.
    pub fn tls(mut self, tls: impl Into<Option<Tls>>) -> Self {
        self.tls = tls.into();
        self
    }

    /// What peers may take; see there for the defaults.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Shares the port with other processes that ask for the same: `SO_REUSEPORT`. Default no.
    pub fn reuse_port(mut self, reuse_port: bool) -> Self {
        self.reuse_port = reuse_port;
        self
    }

    /// How many runtimes serve connections: the application's own, and for each beyond it a thread with one of its own.
    /// Default 1. See [`ServerBuilder::workers`](crate::ServerBuilder::workers).
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// How long calls in flight may take once the mount stops. Default 5 s.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Answers the methods of a pattern: [`GatewayBuilder::route`].
    pub fn route<H: Handler>(self, pattern: impl Into<String>, handler: H) -> Self {
        self.gateway(|gateway| gateway.route(pattern, handler))
    }

    /// Wraps every handler; the layer that was added first sees a call first: [`GatewayBuilder::layer`].
    pub fn layer(self, layer: impl Layer + 'static) -> Self {
        self.gateway(|gateway| gateway.layer(layer))
    }

    /// Wraps the handlers of some methods: [`GatewayBuilder::layer_on`].
    pub fn layer_on(self, pattern: impl Into<String>, layer: impl Layer + 'static) -> Self {
        self.gateway(|gateway| gateway.layer_on(pattern, layer))
    }

    /// Wraps every handler in an async function, a layer like any other: [`GatewayBuilder::intercept`].
    pub fn intercept<F, Fut>(self, interceptor: F) -> Self
    where
        F: Fn(Call, Next) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply, Status>> + Send + 'static,
    {
        self.gateway(|gateway| gateway.intercept(interceptor))
    }

    /// Shares a value with every handler, as `call.state::<T>()`: [`GatewayBuilder::state`].
    pub fn state<T: Send + Sync + 'static>(self, state: T) -> Self {
        self.gateway(|gateway| gateway.state(state))
    }

    /// Turns reflection on or off: [`GatewayBuilder::reflection`].
    pub fn reflection(self, on: bool) -> Self {
        self.gateway(|gateway| gateway.reflection(on))
    }

    /// Limits reflection to these services: [`GatewayBuilder::reflect_only`].
    pub fn reflect_only<N: Into<String>>(self, services: impl IntoIterator<Item = N>) -> Self {
        self.gateway(|gateway| gateway.reflect_only(services))
    }

    /// Answers `grpc.health.v1` from this handle: [`GatewayBuilder::health`].
    pub fn health(self, health: impl Into<Option<Health>>) -> Self {
        self.gateway(|gateway| gateway.health(health))
    }

    /// Changes how calls are answered in any other way that a gateway has.
    ///
    /// ```
    /// # fn example(builder: descant::MountBuilder) -> descant::MountBuilder {
    /// builder.gateway(|gateway| gateway.keep_request_ids(true).cors(descant::Cors::localhost()))
    /// # }
    /// ```
    pub fn gateway(mut self, change: impl FnOnce(GatewayBuilder) -> GatewayBuilder) -> Self {
        self.gateway = change(self.gateway);
        self
    }

    /// Builds the mount. Nothing listens yet: see [`Mount::start`].
    ///
    /// # Errors
    /// If routes, layers or reflection name what the schema does not have.
    pub fn build(self) -> Result<Mount, Error> {
        let gateway = self.gateway.build()?;
        let address = match self.unix {
            Some(path) => format!("{UNIX}{path}"),
            None => address(&self.host, self.port),
        };
        let server = Server::builder(gateway.clone())
            .limits(self.limits)
            .reuse_port(self.reuse_port)
            .workers(self.workers);
        let server = match &self.tls {
            None => server.listen(&address),
            Some(tls) => server.listen_tls(&address, tls),
        };
        let name = self.name.unwrap_or_else(|| self.built_at.to_string());
        Ok(Mount(Arc::new(Inner {
            name: name.into(),
            gateway,
            server,
            address,
            grace: self.grace,
            turn: tokio::sync::Mutex::new(()),
            place: Mutex::new(None),
        })))
    }

    /// Builds the mount and starts it at once.
    ///
    /// # Errors
    /// As [`build`](Self::build) and [`Mount::start`].
    pub async fn start(self) -> Result<Mount, Error> {
        let mount = self.build()?;
        mount.start().await?;
        Ok(mount)
    }
}

/// Host and port as one; an IPv6 address may stand in brackets or not.
fn address(host: &str, port: u16) -> String {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bare.unwrap_or(host).parse::<IpAddr>() {
        Ok(ip) => SocketAddr::new(ip, port).to_string(),
        Err(_) => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_addresses_or_names() {
        for (host, joined) in [
            ("[::]", "[::]:80"),
            ("::", "[::]:80"),
            ("127.0.0.1", "127.0.0.1:80"),
            ("localhost", "localhost:80"),
            ("", ":80"),
        ] {
            assert_eq!(address(host, 80), joined);
        }
    }
}
