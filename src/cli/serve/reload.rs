//! Loading anew: the whole schema aside, then one swap; and likewise the certificates. What fails changes nothing.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use descant::{Gateway, Tls, handlers::Proxy};
use descant_descriptors::{Finding, Severity};

use crate::cli::{check, sources};

/// Reloads the schema of a gateway, and the certificates of its listeners, from where they came.
#[derive(Debug)]
pub(super) struct Reloader {
    paths: Vec<PathBuf>,
    http_rules: Vec<PathBuf>,
    gateway: Gateway,
    renewed: Renewed,
    /// One reload at a time: of two that overlap, the one that read first might win last.
    turn: Mutex<()>,
}

/// What has certificates that are read again.
#[derive(Debug)]
pub(super) struct Renewed {
    /// By listeners.
    pub(super) shown: Option<Tls>,
    /// The server that answers, over TLS.
    pub(super) upstream: Option<Proxy>,
}

/// Why a reload changed nothing.
#[derive(Debug)]
pub(super) struct Unchanged {
    pub(super) why: String,
    pub(super) findings: Vec<Finding>,
}

impl Reloader {
    pub(super) fn new(paths: Vec<PathBuf>, http_rules: Vec<PathBuf>, gateway: Gateway, renewed: Renewed) -> Self {
        Self {
            paths,
            http_rules,
            gateway,
            renewed,
            turn: Mutex::new(()),
        }
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
        let shown = self
            .renewed
            .shown
            .as_ref()
            .map(|tls| tls.reload().map_err(|error| error.to_string()));
        let upstream = self.renewed.upstream.as_ref();
        let upstream = upstream.map(|proxy| proxy.reload().map_err(|error| error.to_string()));
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
        let schema = sources::load(&self.paths, &self.http_rules).map_err(|error| Unchanged {
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
