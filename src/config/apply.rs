//! What the settings make: a schema, a gateway, a server.

use descant_descriptors::{LoadLimits, Schema, SchemaBuilder, UnknownParameters};

use super::{
    Config,
    fault::{ConfigError, Faults},
    handlers::Handlers,
    origin::Origin,
    settings::{self, LogCalls},
};
use crate::{
    Cors, Error, Gateway, GatewayBuilder, Keepalive, Limits, OriginError, Rate, RestOptions, Server, ServerBuilder,
    Tls,
    handlers::tls::{Half, TlsError},
};

/// Where a server is to listen.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Listener {
    /// The address, as [`ServerBuilder::listen`] takes it.
    pub address: String,
    /// What is shown there over TLS; `None`: plain text. Listeners that show the same share it.
    pub tls: Option<Tls>,
}

impl Config {
    /// Loads the descriptors, and HTTP rules that stand apart.
    ///
    /// # Errors
    /// If they do not load: every finding.
    pub fn schema(&self) -> Result<Schema, descant_descriptors::Error> {
        self.sources(Schema::builder()).build()
    }

    /// Adds the descriptors, HTTP rules that stand apart, and how much may be loaded.
    #[must_use]
    pub fn sources(&self, builder: SchemaBuilder) -> SchemaBuilder {
        let rules = self.settings.http_rules.0.iter();
        rules.fold(self.descriptors(builder), |builder, path| {
            builder.http_rules_path(&path.value)
        })
    }

    /// The same without HTTP rules, which do not say what methods there are.
    #[must_use]
    pub fn descriptors(&self, builder: SchemaBuilder) -> SchemaBuilder {
        let paths = self.settings.descriptors.0.iter();
        let builder = paths.fold(builder, |builder, path| builder.path(&path.value));
        builder.limits(self.load_limits())
    }

    /// How much is loaded at most.
    fn load_limits(&self) -> LoadLimits {
        let limits = &self.settings.limits;
        let mut load = LoadLimits::default();
        load.bytes = limits.descriptor_bytes.whole();
        load.elements = limits.descriptor_elements.whole();
        load
    }

    /// A gateway for this API with the routes of the file, to which others may be added.
    ///
    /// # Errors
    /// If a route matches nothing, or a handler does not fit its methods, or certificates are not what they should be: each,
    /// with its place.
    pub fn gateway(&self, schema: Schema) -> Result<GatewayBuilder, ConfigError> {
        let handlers = self.handlers(&Handlers::default())?;
        self.check_routes(&schema, &handlers)?;
        Ok(self.configure(Gateway::builder(schema), &handlers))
    }

    /// The same for a gateway that has something already. Nothing is checked: see [`check_routes`](Self::check_routes).
    pub fn configure(&self, gateway: GatewayBuilder, handlers: &Handlers) -> GatewayBuilder {
        let settings = &self.settings;
        let gateway = gateway
            .rest(self.rest())
            .observe(*settings.observe)
            .log_calls(match *settings.log.calls {
                LogCalls::Off => crate::LogCalls::Off,
                LogCalls::Api => crate::LogCalls::Api,
                LogCalls::All => crate::LogCalls::All,
            })
            .log_fields(settings.log.fields.0.iter().map(|field| field.value.clone()))
            .log_payloads(settings.log.payloads.as_ref().map(|bytes| bytes.whole()));
        let gateway = handlers.route(gateway);
        match self.cors() {
            Ok(Some(cors)) => gateway.cors(cors),
            // What is no origin was refused when it was read.
            Ok(None) | Err(_) => gateway,
        }
    }

    /// A server for a gateway, with all listeners. Workers are 1 unless the file says how many; `admin`, `watch`, `ready_file`,
    /// `otlp`, `log.format` and `log.level` are what the command does, and a program does itself.
    ///
    /// # Errors
    /// As [`listeners`](Self::listeners).
    pub fn server(&self, gateway: Gateway) -> Result<ServerBuilder, ConfigError> {
        Ok(self.server_on(gateway, &self.listeners()?))
    }

    /// The same with listeners whose certificates are read already.
    pub fn server_on(&self, gateway: Gateway, listeners: &[Listener]) -> ServerBuilder {
        let settings = &self.settings;
        let server = Server::builder(gateway)
            .limits(self.limits())
            .reuse_port(*settings.reuse_port);
        let server = match &settings.workers {
            None => server,
            Some(workers) => server.workers(workers.whole()),
        };
        listeners.iter().fold(server, |server, listener| match &listener.tls {
            None => server.listen(&listener.address),
            Some(tls) => server.listen_tls(&listener.address, tls),
        })
    }

    /// Where to listen, with certificates and keys read.
    ///
    /// # Errors
    /// If one of them is not what it should be: each, with the place where the file names it.
    pub fn listeners(&self) -> Result<Vec<Listener>, ConfigError> {
        let mut faults = Faults::default();
        if self.settings.listen.0.is_empty() && self.is_whole("listen") {
            faults.add(
                self.tree.origin_of("listen"),
                "`listen` is an empty list: there is nowhere to listen",
                "name an address, or leave `listen` out",
            );
            return Err(faults.into_error(self.file.clone()));
        }
        let mut read: Vec<(&settings::Tls, Tls)> = Vec::new();
        let mut listeners = Vec::new();
        for listen in &self.settings.listen.0 {
            let tls = listen.tls.as_ref().and_then(|files| {
                if let Some((_, tls)) = read.iter().find(|(other, _)| *other == files) {
                    return Some(tls.clone());
                }
                match tls(files) {
                    Ok(tls) => {
                        read.push((files, tls.clone()));
                        Some(tls)
                    }
                    Err(error) => {
                        faults.add(place(files, error.tls()), error.to_string(), "");
                        None
                    }
                }
            });
            listeners.push(Listener {
                address: listen.address.0.clone(),
                tls,
            });
        }
        self.outcome(faults).map_err(ConfigError::of_tls)?;
        Ok(listeners)
    }

    /// What peers may take.
    pub fn limits(&self) -> Limits {
        let settings::Limits {
            tls_handshake,
            preface,
            header_block,
            message,
            write_stall,
            idle,
            keepalive,
            age,
            grace,
            streams,
            header_bytes,
            header_fields,
            message_bytes,
            stream_window,
            connection_window,
            control_frames,
            connections,
            connections_per_peer,
            held_per_connection,
            memory,
            depth,
            descriptor_bytes: _,
            descriptor_elements: _,
        } = &self.settings.limits;
        let timeout = keepalive.timeout.0;
        Limits {
            tls_handshake: tls_handshake.0,
            preface: preface.0,
            header_block: header_block.0,
            message: message.0,
            write_stall: write_stall.0,
            idle: idle.0,
            keepalive: keepalive.every.0.map(|every| Keepalive { every, timeout }),
            age: age.0,
            grace: grace.value,
            streams: streams.whole(),
            header_bytes: header_bytes.whole(),
            header_fields: header_fields.whole(),
            message_bytes: message_bytes.whole(),
            depth: depth.whole(),
            stream_window: stream_window.whole(),
            connection_window: connection_window.whole(),
            control_frames: Rate {
                burst: control_frames.burst.whole(),
                per_second: control_frames.per_second.whole(),
            },
            connections: connections.whole(),
            connections_per_peer: connections_per_peer.whole(),
            memory: memory.whole(),
            held_per_connection: held_per_connection.whole(),
        }
    }

    /// How HTTP and JSON are spoken.
    pub fn rest(&self) -> RestOptions {
        let rest = &self.settings.rest;
        let mut options = RestOptions::default();
        options.json.pretty = *rest.pretty;
        options.json.emit_defaults = *rest.emit_defaults;
        options.json.proto_names = *rest.proto_names;
        options.json.enums_as_numbers = *rest.enums_as_numbers;
        options.json.integers_as_numbers = *rest.integers_as_numbers;
        options.json.ignore_unknown = *rest.ignore_unknown;
        options.bind.fill_update_mask = *rest.update_mask;
        let ignored = &rest.ignore_parameters.0;
        options.bind.unknown_parameters = match ignored.as_slice() {
            [] => UnknownParameters::Refuse,
            names if names.iter().any(|name| name.value == "*") => UnknownParameters::Ignore,
            names => UnknownParameters::IgnoreNamed(names.iter().map(|name| name.value.clone()).collect()),
        };
        options.unbound_methods = *rest.unbound_methods;
        options
    }

    /// Which pages may call the API; `None`: nothing is said.
    fn cors(&self) -> Result<Option<Cors>, OriginError> {
        let cors = &self.settings.cors;
        if cors.origins.0.is_empty() {
            return Ok(None);
        }
        let allowed = Cors::allow(cors.origins.0.iter().map(|origin| &origin.value.0))?;
        let allowed = allowed
            .request_headers(cors.headers.0.iter().map(|name| &name.value.0))
            .response_headers(cors.expose.0.iter().map(|name| &name.value.0))
            .credentials(*cors.credentials)
            .max_age(cors.max_age.value);
        Ok(Some(allowed))
    }
}

/// Where a file of them is named, or else the first.
fn place(files: &settings::Tls, error: Option<&TlsError>) -> Option<Origin> {
    let named = match error.and_then(TlsError::half) {
        Some(Half::Certificate) => files.certificate.0.as_slice(),
        Some(Half::Key) => files.key.0.as_slice(),
        None => files.client_ca.as_slice(),
    };
    let file = error.and_then(TlsError::file);
    let wrong = named.iter().find(|named| Some(named.value.as_path()) == file);
    wrong.or(files.certificate.0.first()).map(|named| named.origin)
}

fn tls(files: &settings::Tls) -> Result<Tls, Error> {
    let pairs = files.certificate.0.iter().zip(&files.key.0);
    let shown = pairs.fold(Tls::builder(), |builder, (certificate, key)| {
        builder.certificate_files(&certificate.value, &key.value)
    });
    match &files.client_ca {
        None => shown.build(),
        Some(ca) => shown
            .client_ca_file(&ca.value)
            .client_optional(*files.client_optional)
            .build(),
    }
}
