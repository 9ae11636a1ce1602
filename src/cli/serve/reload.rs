//! Loading anew: the configuration and the whole schema aside, then one swap; and likewise the certificates. What fails
//! changes nothing.

use std::{
    path::Path,
    sync::{
        Mutex, OnceLock, PoisonError,
        mpsc::{self, RecvTimeoutError, SendError},
    },
    time::Duration,
};

use descant::{
    Config, ConfigError, Error, Gateway, Tls, UpstreamSchema,
    config::{ConfigBuilder, Handlers, Listener},
    otel::Otlp,
};
use descant_descriptors::{Finding, Severity};

use tokio::runtime::Handle;

use super::{
    attach, builder, level,
    traces::traced,
    upkeep::{Outcome, Upkeep},
    warn,
    watch::Watching,
    watched,
};
use crate::cli::{
    check,
    log::Volume,
    prepare::{Prepared, Unsound, Use, prepare},
};

/// Reloads what a gateway serves, and the certificates of its listeners, from where they came.
#[derive(Debug)]
pub(super) struct Reloader {
    given: ConfigBuilder,
    /// What the server was started with: some of it cannot change any more.
    started: Config,
    is_demo: bool,
    gateway: Gateway,
    volume: Volume,
    upkeep: Upkeep,
    /// Where spans go.
    otlp: Option<Otlp>,
    /// The server behind, if it describes what is served.
    described: Option<Described>,
    /// What listeners show.
    shown: Vec<Tls>,
    watching: OnceLock<Mutex<Watching>>,
    /// Locked for a reload: of two that overlap, the one that read first might win last.
    current: Mutex<Current>,
}

/// How long a reload waits for a server that describes itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is in force.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) config: Config,
    pub(super) handlers: Handlers,
}

/// What a reload brought about.
#[derive(Debug)]
pub(super) struct Reloaded {
    /// How much is served now.
    pub(super) contents: String,
    /// Keys that have changed, to no effect before the next start.
    pub(super) needs_restart: Vec<String>,
    /// Why something is as it was though the configuration is in force: the schema of the server behind, or certificates.
    pub(super) stays: Vec<String>,
}

/// A schema that the server behind describes, and the runtime on which it is asked.
#[derive(Debug)]
pub(super) struct Described {
    schema: UpstreamSchema,
    runtime: Handle,
}

impl Described {
    pub(super) fn new(schema: UpstreamSchema, runtime: Handle) -> Self {
        Self { schema, runtime }
    }

    fn reload(&self, gateway: &Gateway) -> Result<(), String> {
        let (tell, told) = mpsc::channel();
        let (schema, gateway) = (self.schema.clone(), gateway.clone());
        self.runtime.spawn(async move {
            let looked = schema.refresh(&gateway, true).await;
            // Where nobody waits any more it is told as any other look.
            match tell.send(looked) {
                Err(SendError(Ok(Some(renewed)))) => schema.tell(&renewed),
                Err(SendError(Err(error))) => schema.tell_why(&error),
                _ => {}
            }
        });
        match told.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Disconnected) => Err("the server is ending".to_owned()),
            Err(RecvTimeoutError::Timeout) => {
                let (name, time) = (self.schema.name(), PATIENCE.as_secs());
                Err(format!(
                    "{name} has not described its API within {time} s; it is still asked, and all else is in force"
                ))
            }
            Ok(Ok(renewed)) => {
                for finding in renewed.iter().flat_map(|renewed| &renewed.findings) {
                    tracing::warn!("{}", check::plain(finding));
                }
                Ok(())
            }
            Ok(Err(error)) => {
                let what = if self.schema.is_absent() {
                    "has not described its API yet"
                } else {
                    "does not describe its API, the schema of before stays"
                };
                let name = self.schema.name();
                Err(format!("{name} {what}, and all else is in force: {error}"))
            }
        }
    }
}

/// Why a reload changed nothing but certificates.
#[derive(Debug)]
pub(super) struct Unchanged {
    pub(super) why: String,
    pub(super) findings: Vec<Finding>,
    /// What is wrong with the configuration.
    pub(super) faults: Vec<String>,
}

impl Unchanged {
    fn because(why: String) -> Self {
        Self {
            why,
            findings: Vec::new(),
            faults: Vec::new(),
        }
    }

    fn of_gateway(error: &Error) -> Self {
        Self {
            findings: error.findings().to_vec(),
            ..Self::because(error.to_string())
        }
    }

    fn of_unsound(unsound: &Unsound) -> Self {
        let descriptors = unsound.descriptors.as_ref();
        Self {
            faults: unsound.config.iter().flat_map(ConfigError::lines).collect(),
            findings: descriptors.map_or_else(Vec::new, |error| error.findings().to_vec()),
            ..Self::because(match (&unsound.config, descriptors) {
                (None, Some(error)) => error.to_string(),
                (Some(_), Some(_)) => "the configuration cannot be used, and the descriptors do not load".to_owned(),
                (_, None) => "the configuration cannot be used".to_owned(),
            })
        }
    }
}

impl Reloader {
    pub(super) fn new(
        given: ConfigBuilder,
        is_demo: bool,
        current: Current,
        gateway: Gateway,
        (volume, upkeep): (Volume, Upkeep),
        otlp: Option<Otlp>,
    ) -> Self {
        Self {
            given,
            started: current.config.clone(),
            is_demo,
            gateway,
            volume,
            upkeep,
            otlp,
            described: None,
            shown: Vec::new(),
            watching: OnceLock::new(),
            current: Mutex::new(current),
        }
    }

    /// What is served the server behind describes.
    pub(super) fn describe_by(&mut self, described: Described) {
        self.described = Some(described);
    }

    /// What is served, if the server behind describes it.
    pub(super) fn upstream_schema(&self) -> Option<&UpstreamSchema> {
        self.described.as_ref().map(|described| &described.schema)
    }

    /// Renews what these listeners show as well.
    pub(super) fn renew(&mut self, listeners: &[Listener]) {
        self.shown = listeners.iter().filter_map(|listener| listener.tls.clone()).collect();
    }

    /// Has this watch what is read, whatever that comes to be.
    pub(super) fn watch(&self, watching: Watching) {
        // There is one.
        let _ = self.watching.set(Mutex::new(watching));
    }

    /// What the server was started with.
    pub(super) fn started(&self) -> &Config {
        &self.started
    }

    pub(super) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Reloads and logs how it went; says what is served now, and what stays as it was. Takes as long as loading takes: not for a thread that serves.
    pub(super) fn reload(&self) -> Result<Reloaded, Unchanged> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let before = current.config.clone();
        let outcome = self.reload_gateway(&mut current);
        let certificates = self.reload_certificates(&current);
        self.forget_certificates(&before, &current.config);
        let outcome = outcome.map(|mut reloaded| {
            reloaded.stays.extend(certificates);
            reloaded
        });
        self.upkeep.reloaded(match &outcome {
            Ok(reloaded) if reloaded.stays.is_empty() => Outcome::Done,
            Ok(_) => Outcome::Partial,
            Err(_) => Outcome::Failed,
        });
        outcome
    }

    /// Certificates run out: they are renewed though the descriptors may be broken just now. Says why some stay, if they do.
    fn reload_certificates(&self, current: &Current) -> Vec<String> {
        // All of them, whatever is wrong with one.
        let shown: Vec<_> = self.shown.iter().map(Tls::reload).collect();
        // Listeners are what they were at the start.
        let listeners = self.started.settings().listen.0.iter();
        let files = listeners.filter_map(|listen| listen.tls.as_ref());
        for (_, tls) in shown.iter().zip(files).filter(|(read, _)| read.is_ok()) {
            self.upkeep.shows(tls.certificate.0.iter().map(|file| &*file.value));
        }
        let shown = shown.into_iter().map(|read| read.map_err(|error| error.to_string()));
        let shown = shown.reduce(Result::and);
        let upstream = current.handlers.reload_certificates();
        let upstream = upstream.map(|read| read.map_err(|error| error.to_string()));
        if let Some(Ok(())) = upstream {
            self.upkeep.shows(current.config.upstream_certificates());
        }
        let shown = renewed("the certificates", "shown", shown);
        let upstream = renewed("the certificates for the upstream", "used", upstream);
        shown.into_iter().chain(upstream).collect()
    }

    /// Of upstreams that are gone nobody shows certificates any more.
    fn forget_certificates(&self, before: &Config, now: &Config) {
        let stays = |file: &&Path| {
            let mut shown = self.started.listener_certificates().chain(now.upstream_certificates());
            shown.any(|one| one == *file)
        };
        self.upkeep
            .shows_none(before.upstream_certificates().filter(|file| !stays(file)));
    }

    /// As the configuration says, and then as the server behind describes it, if it does. Of the two the one does not need the other: something may
    /// have to be changed while that server is down.
    fn reload_gateway(&self, current: &mut Current) -> Result<Reloaded, Unchanged> {
        let outcome = self.try_reload(current).map(|needs_restart| {
            let looked = self.described.as_ref().map_or(Ok(()), |by| by.reload(&self.gateway));
            Reloaded {
                contents: check::contents(&self.gateway.schema()),
                needs_restart,
                stays: looked.err().into_iter().collect(),
            }
        });
        match &outcome {
            Ok(reloaded) => {
                tracing::info!("reloaded: {}", reloaded.contents);
                for why in &reloaded.stays {
                    tracing::error!("{why}");
                }
                for key in &reloaded.needs_restart {
                    tracing::warn!(
                        "`{key}` has changed, which takes effect with the next start: what was in force stays"
                    );
                }
            }
            Err(unchanged) => {
                tracing::error!("not reloaded, what was served stays: {}", unchanged.why);
                for fault in &unchanged.faults {
                    tracing::error!("{fault}");
                }
                // A finding that stands alone is the reason, which the line above has told in full.
                if unchanged.findings.len() == 1 && unchanged.faults.is_empty() {
                    return outcome;
                }
                for finding in &unchanged.findings {
                    let line = check::plain(finding);
                    if finding.severity == Severity::Error {
                        tracing::error!("{line}; hint: {}", finding.mend);
                    } else {
                        tracing::warn!("{line}");
                    }
                }
            }
        }
        outcome
    }

    /// Puts the configuration in force; names the keys that have changed to no effect.
    fn try_reload(&self, current: &mut Current) -> Result<Vec<String>, Unchanged> {
        let built = self.given.build();
        // Before it is read: what changes while it is read is read again.
        self.follow(built.as_ref().unwrap_or(&current.config));
        if let Ok(config) = &built {
            self.check_who_describes(config)?;
        }
        let prepared = prepare(built, Use::Reload(&current.handlers));
        let Prepared {
            config,
            schema,
            handlers,
            warnings,
            ..
        } = prepared.map_err(|unsound| Unchanged::of_unsound(&unsound))?;
        let described = self.described.as_ref().map(|described| &described.schema);
        if config.file().is_none() && config.settings().routes == current.config.settings().routes {
            // Options do not change, unless a file does that they name, and handlers keep what they hold.
            if described.is_none() {
                let loaded = self.gateway.reload(schema);
                loaded.map_err(|error| Unchanged::of_gateway(&error))?;
            }
        } else {
            let schema = if described.is_some() {
                self.gateway.schema()
            } else {
                warn(schema.findings());
                schema
            };
            let builder = builder(&config, self.is_demo, schema, &handlers);
            let builder = builder.observe(*self.started.settings().observe);
            let builder = attach(described, traced(builder, self.otlp.as_ref()));
            self.gateway
                .replace(builder)
                .map_err(|error| Unchanged::of_gateway(&error))?;
            current.handlers = handlers;
        }
        if let Some(schema) = described {
            // Its HTTP rules are read again with it.
            config.change_upstream_schema(schema, &current.handlers);
        }
        warn(&warnings);
        self.set_volume(&config);
        // What is imported is known only now.
        self.follow(&config);
        let needs_restart = config.needs_restart(&self.started);
        current.config = config;
        Ok(needs_restart)
    }

    /// Who says what is served cannot change any more.
    fn check_who_describes(&self, config: &Config) -> Result<(), Unchanged> {
        let why = match (self.described.is_some(), config.is_described_by_upstream()) {
            (false, true) => {
                "the configuration names no descriptors any more: to have the server behind describe what is served needs a restart"
            }
            (true, false) => "the server behind describes what is served: to have anything else say it needs a restart",
            (true, true) | (false, false) => return Ok(()),
        };
        Err(Unchanged::because(why.to_owned()))
    }

    /// Logs what a configuration says.
    fn set_volume(&self, config: &Config) {
        let log = &config.settings().log;
        self.volume.set(level(*log.level), log.payloads.is_some());
    }

    /// Watches what a configuration names.
    fn follow(&self, config: &Config) {
        if let Some(watching) = self.watching.get() {
            let mut watching = watching.lock().unwrap_or_else(PoisonError::into_inner);
            watching.follow(&watched(config, &self.gateway.schema()));
        }
    }
}

/// Tells how certificates were read again, if there are any; and returns it if they stay.
fn renewed(what: &str, how: &str, outcome: Option<Result<(), String>>) -> Option<String> {
    match outcome? {
        Ok(()) => {
            tracing::info!("reloaded {what}");
            None
        }
        Err(why) => {
            let what = what.trim_start_matches("the ");
            let told = format!("{what} not reloaded, those that were {how} stay: {why}");
            tracing::error!("{told}");
            Some(told)
        }
    }
}
