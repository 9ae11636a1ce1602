//! `descant serve`: from the command line to a server that runs, and down again.

mod admin;
mod banner;
mod ready;
mod reload;
mod signals;
mod traces;
mod upkeep;
mod watch;

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    thread,
    time::Duration,
};

use descant::{
    Config, Error, Gateway, GatewayBuilder, Schema, UpstreamSchema,
    config::{ConfigBuilder, Handlers, Listener, LogFormat, LogLevel, Settings},
    demo,
};
use descant_descriptors::{Finding, Severity};
use tracing::level_filters::LevelFilter;

use self::{
    banner::{Backend, Banner},
    reload::{Current, Described, Reloader},
    upkeep::Upkeep,
};
use super::{
    check,
    failure::{Failure, Kind},
    log,
    prepare::{Prepared, Use, prepare},
    screen,
};

/// How long a start waits for the server behind to describe itself.
const FIRST_LOOK: Duration = Duration::from_secs(3);

/// Serves until it is told to stop.
pub(crate) fn run(given: &ConfigBuilder) -> Result<ExitCode, Failure> {
    let Prepared {
        config,
        is_demo,
        schema,
        handlers,
        warnings,
        listeners,
    } = prepare(given.build(), Use::Start)?;
    let settings = config.settings();
    let payloads = settings.log.payloads.is_some();
    let volume = log::start(log_format(*settings.log.format), level(*settings.log.level), payloads);
    if *settings.watch {
        watch::check(&watched(&config, &schema), is_demo)?;
    }
    warn(&warnings);
    if !config.is_described_by_upstream() {
        warn(schema.findings());
    }
    let upstream = config.upstream_schema(&handlers);
    let builder = builder(&config, is_demo, schema, &handlers);
    let otlp = traces::start(settings)?;
    let builder = traces::traced(builder, otlp.as_ref());
    let builder = attach(upstream.as_ref(), builder);
    let gateway = builder.build().map_err(|error| refused(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Kind::Other, error, ""))?;
    let backend = Backend::of(settings, is_demo);
    let upkeep = Upkeep::new(gateway.metrics(), &config);
    let upkeep = upkeep.map_err(|error| Failure::new(Kind::Other, error, ""))?;
    let current = Current { config, handlers };
    let mut reloader = Reloader::new(given.clone(), is_demo, current, gateway, (volume, upkeep), otlp.clone());
    if let Some(upstream) = upstream {
        reloader.describe_by(Described::new(upstream, runtime.handle().clone()));
    }
    let outcome = runtime.block_on(serve(reloader, &listeners, &backend));
    // A reload that is still under way must not hold the end up.
    runtime.shutdown_background();
    traces::stop(otlp);
    outcome.map(|()| ExitCode::SUCCESS)
}

/// What serves a schema; its routes are checked.
fn builder(config: &Config, is_demo: bool, schema: Schema, handlers: &Handlers) -> GatewayBuilder {
    let builder = if is_demo && config.settings().routes.is_empty() {
        demo::gateway(schema)
    } else {
        Gateway::builder(schema)
    };
    config.configure(builder, handlers)
}

async fn serve(mut reloader: Reloader, listeners: &[Listener], backend: &Backend) -> Result<(), Failure> {
    let (config, gateway) = (reloader.started().clone(), reloader.gateway().clone());
    let settings = config.settings();
    let mut server = config.server_on(gateway.clone(), listeners);
    if settings.workers.is_none() {
        server = server.workers(thread::available_parallelism().map_or(1, NonZeroUsize::get));
    }
    let server = server.bind().await.map_err(|error| refused(&error))?;
    let admin = bind_admin(settings).await?;
    // From here on a signal is a wish, not an end.
    let signals = signals::Signals::listen().map_err(|error| Failure::new(Kind::Other, error, ""))?;
    reloader.renew(listeners);
    let reloader = Arc::new(reloader);
    look(&reloader).await;
    if *settings.watch {
        reloader.watch(watch::start(&watched(&config, &gateway.schema()), &reloader)?);
    }
    let admin_address = admin.as_ref().and_then(|listener| listener.local_addr().ok());
    if let Some(listener) = admin {
        tokio::spawn(admin::serve(listener, Arc::clone(&reloader), server.draining()));
    }
    let addresses: Vec<_> = server.listeners().map(|(address, _)| address).collect();
    let tls = server.listeners().filter_map(|(address, tls)| tls.then_some(address));
    introduce(
        settings,
        &addresses,
        &Banner {
            addresses: server.addresses(),
            unix_paths: server.unix_paths(),
            tls: &tls.collect::<Vec<_>>(),
            admin: admin_address,
            schema: &gateway.schema(),
            backend,
            watches: *settings.watch,
            observes: *settings.observe,
        },
    );
    // Last: who waits for the file finds everything done.
    if let Some(file) = &settings.ready_file {
        ready::write(file, &addresses)?;
    }
    let unready = || {
        if let Some(file) = &settings.ready_file {
            ready::remove(file, &addresses);
        }
    };
    let stop = async {
        signals.stop(&reloader, settings.limits.grace.value).await;
        // Nothing new is taken from here on, and a second signal ends at once.
        unready();
    };
    let outcome = server.serve(stop).await;
    unready();
    outcome.map_err(|error| refused(&error))
}

/// Looks what the server behind serves, if nobody else says so, and has it looked for from then on.
async fn look(reloader: &Reloader) {
    let Some(schema) = reloader.upstream_schema().cloned() else {
        return;
    };
    let gateway = reloader.gateway().clone();
    // Who does not answer now is waited for later.
    match tokio::time::timeout(FIRST_LOOK, schema.refresh(&gateway, false)).await {
        Ok(Ok(Some(renewed))) => schema.tell(&renewed),
        Ok(Err(error)) => schema.tell_why(&error),
        Ok(Ok(None)) => {}
        Err(_) => tracing::warn!(
            "the server behind has not described its API within {} s; until it has, there is nothing to call",
            FIRST_LOOK.as_secs()
        ),
    }
    tokio::spawn(async move { schema.keep(&gateway).await });
}

/// Lets the server behind say what is served, if nobody else does.
fn attach(upstream: Option<&UpstreamSchema>, builder: GatewayBuilder) -> GatewayBuilder {
    match upstream {
        Some(upstream) => upstream.attach(builder),
        None => builder,
    }
}

/// The files that a reload reads again. Of those that sources import the schema tells, which was made of them.
fn watched(config: &Config, schema: &Schema) -> Vec<PathBuf> {
    let settings = config.settings();
    let sources = settings.descriptors.0.iter().chain(&settings.http_rules.0);
    let tls = settings.listen.0.iter().filter_map(|listen| listen.tls.as_ref());
    let certificates = tls.flat_map(|tls| tls.certificate.0.iter().chain(&tls.key.0).chain(&tls.client_ca));
    let upstreams = settings
        .routes
        .iter()
        .filter_map(|route| route.proxy.as_ref()?.tls.as_ref());
    let theirs = upstreams.flat_map(|tls| [&tls.ca, &tls.certificate, &tls.key].into_iter().flatten());
    let proxies = settings.routes.iter().filter_map(|route| route.proxy.as_ref());
    let calls = proxies.filter_map(|proxy| proxy.service_config.as_ref()?.file());
    sources
        .chain(certificates)
        .chain(theirs)
        .map(|path| path.value.clone())
        .chain(
            settings
                .descriptors
                .0
                .iter()
                .flat_map(|path| imported(&path.value, schema)),
        )
        .chain(calls.chain(config.file()).map(Path::to_owned))
        .collect()
}

/// The files of a schema that are found from a folder around this source, as imports are.
fn imported(source: &Path, schema: &Schema) -> Vec<PathBuf> {
    let source = std::path::absolute(source).unwrap_or_else(|_| source.to_owned());
    let is_source = source.extension().is_some_and(|extension| extension == "proto");
    if !is_source && !source.is_dir() {
        return Vec::new();
    }
    let around = |file: &str| -> Vec<_> { source.ancestors().skip(1).map(|folder| folder.join(file)).collect() };
    let files = schema.files().flat_map(|file| around(file.name()));
    files.filter(|path| path.is_file()).collect()
}

/// A banner for people; one line for whoever collects lines of JSON.
fn introduce(settings: &Settings, addresses: &[String], banner: &Banner<'_>) {
    match (*settings.log.level, *settings.log.format) {
        (LogLevel::Off, _) => {}
        (_, LogFormat::Text) => {
            // Nobody may be reading: that is no reason not to serve.
            let _ = screen::print(&banner.to_string());
        }
        (_, LogFormat::Json) => {
            let contents = check::contents(banner.schema);
            let tls = !banner.tls.is_empty();
            tracing::info!(addresses = addresses.join(" "), tls, "serving {contents}");
        }
    }
}

/// The default port may be taken, by another Descant most likely: that is no reason not to serve.
async fn bind_admin(settings: &Settings) -> Result<Option<tokio::net::TcpListener>, Failure> {
    let place = &settings.admin.address;
    let Some(address) = place.0 else {
        return Ok(None);
    };
    match tokio::net::TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if place.origin.is_default() => {
            tracing::warn!("no admin pages: cannot listen on {address}: {error}; --admin ADDR chooses another address");
            Ok(None)
        }
        Err(error) => Err(Failure::new(
            Kind::Bind,
            format!("cannot listen on {address} for the admin pages: {error}"),
            "choose another address with --admin ADDR, or `--admin off`",
        )),
    }
}

fn warn(findings: &[Finding]) {
    for finding in findings {
        if finding.severity == Severity::Warning {
            tracing::warn!("{}", check::plain(finding));
        }
    }
}

/// Why the server does not run, with the exit code that says so.
fn refused(error: &Error) -> Failure {
    let kind = match () {
        () if error.is_bind() || error.is_tls() => Kind::Bind,
        () if !error.findings().is_empty() => Kind::Descriptors,
        () => Kind::Configuration,
    };
    Failure::new(kind, error, "")
}

fn log_format(format: LogFormat) -> log::Format {
    match format {
        LogFormat::Text => log::Format::Text,
        LogFormat::Json => log::Format::Json,
    }
}

fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
