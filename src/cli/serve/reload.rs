//! Loading anew: the whole schema aside, then one swap; and likewise the certificates. What fails changes nothing.

use std::sync::{Mutex, PoisonError};

use descant::{
    Config, Gateway, Tls,
    config::{Handlers, Listener},
};
use descant_descriptors::{Finding, Severity};

use super::load;
use crate::cli::check;

/// Reloads the schema of a gateway, and the certificates of its listeners, from where they came.
#[derive(Debug)]
pub(super) struct Reloader {
    config: Config,
    is_demo: bool,
    gateway: Gateway,
    handlers: Handlers,
    /// What listeners show.
    shown: Vec<Tls>,
    /// One reload at a time: of two that overlap, the one that read first might win last.
    turn: Mutex<()>,
}

/// Why a reload changed nothing.
#[derive(Debug)]
pub(super) struct Unchanged {
    pub(super) why: String,
    pub(super) findings: Vec<Finding>,
}

impl Reloader {
    pub(super) fn new(config: Config, is_demo: bool, gateway: Gateway, handlers: Handlers) -> Self {
        Self {
            config,
            is_demo,
            gateway,
            handlers,
            shown: Vec::new(),
            turn: Mutex::new(()),
        }
    }

    /// Renews what these listeners show as well.
    pub(super) fn renew(&mut self, listeners: &[Listener]) {
        self.shown = listeners.iter().filter_map(|listener| listener.tls.clone()).collect();
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Reloads and logs how it went; says what is served now. Takes as long as loading takes: not for a thread that serves.
    pub(super) fn reload(&self) -> Result<String, Unchanged> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = self.reload_schema();
        let certificates = self.reload_certificates();
        outcome.and_then(|contents| certificates.map(|()| contents))
    }

    /// Certificates run out: they are renewed though the descriptors may be broken just now.
    fn reload_certificates(&self) -> Result<(), Unchanged> {
        // All of them, whatever is wrong with one.
        let shown = self
            .shown
            .iter()
            .map(|tls| tls.reload().map_err(|error| error.to_string()));
        let shown = shown.reduce(Result::and);
        let upstream = self.handlers.reload_certificates();
        let upstream = upstream.map(|read| read.map_err(|error| error.to_string()));
        let shown = renewed("the certificates", "shown", shown);
        renewed("the certificates for the upstream", "used", upstream).and(shown)
    }

    fn reload_schema(&self) -> Result<String, Unchanged> {
        let outcome = self.try_reload();
        match &outcome {
            Ok(contents) => tracing::info!("reloaded: {contents}"),
            Err(unchanged) => {
                tracing::error!("not reloaded, what was served stays: {}", unchanged.why);
                // A finding that stands alone is the reason, which the line above has told in full.
                if unchanged.findings.len() == 1 {
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

    fn try_reload(&self) -> Result<String, Unchanged> {
        let schema = load(&self.config, self.is_demo).map_err(|error| Unchanged {
            why: error.to_string(),
            findings: error.findings().to_vec(),
        })?;
        let contents = check::contents(&schema);
        self.gateway.reload(schema).map_err(|error| Unchanged {
            why: error.to_string(),
            findings: error.findings().to_vec(),
        })?;
        Ok(contents)
    }
}

/// Tells how certificates were read again, if there are any.
fn renewed(what: &str, how: &str, outcome: Option<Result<(), String>>) -> Result<(), Unchanged> {
    match outcome {
        None => Ok(()),
        Some(Ok(())) => {
            tracing::info!("reloaded {what}");
            Ok(())
        }
        Some(Err(why)) => {
            let what = what.trim_start_matches("the ");
            tracing::error!("{what} not reloaded, those that were {how} stay: {why}");
            let findings = Vec::new();
            Err(Unchanged { why, findings })
        }
    }
}
