//! `descant serve`: from the command line to a server that runs, and down again.

mod admin;
mod banner;
mod pages;
mod ready;
mod reload;
mod signals;
mod tls;
mod upstream;
mod watch;

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, process::ExitCode, sync::Arc, thread};

use descant::{
    Error, Gateway, GatewayBuilder, Limits, Schema, Server, Tls, demo,
    handlers::{Echo, Proxy},
};
use descant_descriptors::Severity;
use tracing::level_filters::LevelFilter;

use self::{
    banner::Banner,
    reload::{Reloader, Renewed},
};
use super::{
    args::{AdminArg, LogCalls, LogFormat, LogLevel, Serve},
    check,
    failure::{Failure, Kind},
    log, rest, screen, sources,
};

/// Where the admin pages are unless told otherwise.
const DEFAULT_ADMIN: ([u8; 4], u16) = ([127, 0, 0, 1], 9901);

/// What answers the methods.
#[derive(Clone, Debug)]
enum Backend {
    /// The bookshop's own handlers.
    Demo,
    /// Every method gets its own request back.
    Echo,
    /// A gRPC server.
    To(Proxy),
    /// Nothing yet.
    Nothing,
}

/// Serves until it is told to stop.
pub(crate) fn run(args: Serve) -> Result<ExitCode, Failure> {
    let payloads = args.log_payloads.is_some();
    log::start(log_format(args.log_format), level(args.log_level), payloads);
    let schema = sources::load(&args.paths, &args.rest.http_rules).map_err(|error| sources::refused(&error))?;
    warn(&schema);
    let backend = match (args.echo, upstream::read(&args.upstream)?) {
        (true, _) => Backend::Echo,
        (false, Some(upstream)) => Backend::To(upstream),
        (false, None) if args.paths.is_empty() => Backend::Demo,
        (false, None) => Backend::Nothing,
    };
    let builder = builder(schema, &backend)
        .rest(rest::options(&args.rest))
        .observe(!args.no_observe)
        .log_calls(log_calls(args.log_calls))
        .log_payloads(args.log_payloads);
    let builder = match args.log_fields.as_slice() {
        [] => builder,
        fields => builder.log_fields(fields.iter().cloned()),
    };
    let gateway = match pages::cors(&args.cors)? {
        Some(cors) => builder.cors(cors).build(),
        None => builder.build(),
    };
    let gateway = gateway.map_err(|error| refused(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Kind::Other, error, ""))?;
    let outcome = runtime.block_on(serve(args, gateway, &backend));
    // A reload that is still under way must not hold the end up.
    runtime.shutdown_background();
    outcome.map(|()| ExitCode::SUCCESS)
}

fn builder(schema: Schema, backend: &Backend) -> GatewayBuilder {
    match backend {
        Backend::Demo => demo::gateway(schema),
        Backend::Echo => Gateway::builder(schema).route("*", Echo),
        Backend::To(upstream) => Gateway::builder(schema).route("*", upstream.clone()),
        Backend::Nothing => Gateway::builder(schema),
    }
}

async fn serve(args: Serve, gateway: Gateway, backend: &Backend) -> Result<(), Failure> {
    let tls = tls::read(&args.tls)?;
    let server = bind(&args, &gateway, tls.as_ref()).await;
    let server = server.map_err(|error| refused(&error))?;
    let admin = bind_admin(&args).await?;
    // From here on a signal is a wish, not an end.
    let signals = signals::Signals::listen().map_err(|error| Failure::new(Kind::Other, error, ""))?;
    let speaks_tls = tls.is_some();
    let reloader = Arc::new(Reloader::new(
        args.paths.clone(),
        args.rest.http_rules.clone(),
        gateway.clone(),
        Renewed {
            shown: tls,
            upstream: match backend {
                Backend::To(upstream) if upstream.speaks_tls() => Some(upstream.clone()),
                _ => None,
            },
        },
    ));
    let _watch = if args.watch {
        let files = args
            .paths
            .iter()
            .chain(&args.rest.http_rules)
            .chain(tls::files(&args.tls))
            .chain(upstream::files(&args.upstream));
        Some(watch::start(&files.cloned().collect::<Vec<_>>(), &reloader)?)
    } else {
        None
    };
    let admin_address = admin.as_ref().and_then(|listener| listener.local_addr().ok());
    if let Some(listener) = admin {
        tokio::spawn(admin::serve(listener, Arc::clone(&reloader), server.draining()));
    }
    introduce(
        &args,
        &Banner {
            addresses: server.addresses(),
            unix_paths: server.unix_paths(),
            tls: speaks_tls,
            admin: admin_address,
            schema: &gateway.schema(),
            backend,
            watches: args.watch,
        },
    );
    // Last: who waits for the file finds everything done.
    let addresses = addresses(server.addresses(), server.unix_paths());
    if let Some(file) = &args.ready_file {
        ready::write(file, &addresses)?;
    }
    let outcome = server.serve(signals.stop(&reloader, args.grace)).await;
    if let Some(file) = &args.ready_file {
        ready::remove(file, &addresses);
    }
    outcome.map_err(|error| refused(&error))
}

/// A banner for people; one line for whoever collects lines of JSON.
fn introduce(args: &Serve, banner: &Banner<'_>) {
    match (args.log_level, args.log_format) {
        (LogLevel::Off, _) => {}
        (_, LogFormat::Text) => {
            // Nobody may be reading: that is no reason not to serve.
            let _ = screen::print(&banner.to_string());
        }
        (_, LogFormat::Json) => {
            let addresses = addresses(banner.addresses, banner.unix_paths);
            let contents = check::contents(banner.schema);
            tracing::info!(addresses = addresses.join(" "), tls = banner.tls, "serving {contents}");
        }
    }
}

/// Where the server is, in the words of `--listen`.
fn addresses(addresses: &[SocketAddr], unix_paths: &[PathBuf]) -> Vec<String> {
    let paths = unix_paths.iter().map(|path| format!("unix:{}", path.display()));
    addresses.iter().map(ToString::to_string).chain(paths).collect()
}

async fn bind(args: &Serve, gateway: &Gateway, tls: Option<&Tls>) -> Result<Server, Error> {
    let mut limits = Limits::default();
    limits.grace = args.grace;
    let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let builder = Server::builder(gateway.clone())
        .limits(limits)
        .reuse_port(args.reuse_port)
        .workers(args.workers.map_or_else(cores, NonZeroUsize::get));
    let addresses = match args.listen.as_slice() {
        [] => &[Server::DEFAULT_ADDRESS.to_owned()],
        addresses => addresses,
    };
    let listening = addresses.iter().fold(builder, |builder, address| match tls {
        None => builder.listen(address),
        Some(tls) => builder.listen_tls(address, tls),
    });
    listening.bind().await
}

/// The default port may be taken, by another Descant most likely: that is no reason not to serve.
async fn bind_admin(args: &Serve) -> Result<Option<tokio::net::TcpListener>, Failure> {
    let address = match args.admin {
        Some(AdminArg::Off) => return Ok(None),
        Some(AdminArg::At(address)) => address,
        None => SocketAddr::from(DEFAULT_ADMIN),
    };
    match tokio::net::TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if args.admin.is_some() => Err(Failure::new(
            Kind::Bind,
            format!("cannot listen on {address} for the admin pages: {error}"),
            "choose another address with --admin ADDR, or `--admin off`",
        )),
        Err(error) => {
            tracing::warn!("no admin pages: cannot listen on {address}: {error}; --admin ADDR chooses another address");
            Ok(None)
        }
    }
}

fn warn(schema: &Schema) {
    for finding in schema.findings() {
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

fn log_calls(calls: LogCalls) -> descant::LogCalls {
    match calls {
        LogCalls::Off => descant::LogCalls::Off,
        LogCalls::Api => descant::LogCalls::Api,
        LogCalls::All => descant::LogCalls::All,
    }
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
