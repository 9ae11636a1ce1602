//! What is counted of the upkeep of a server: its reloads, and until when its certificates are valid.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use descant::{
    Config, Metrics,
    handlers::tls::{Pem, certificates, valid_until},
    prometheus::{self, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry},
};

/// How a reload went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All of it is in force.
    Done,
    /// Something stays as it was: certificates, or the schema of the server behind.
    Partial,
    /// Everything stays as it was, but certificates.
    Failed,
}

/// Counts, if anything is counted.
#[derive(Debug)]
pub(super) struct Upkeep(Option<Families>);

#[derive(Debug)]
struct Families {
    reloads: IntCounterVec,
    last_good: IntGauge,
    good_since: IntGauge,
    certificates: IntGaugeVec,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Done, Self::Partial, Self::Failed];

    fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }
}

impl Upkeep {
    /// In the registry of these metrics, of a server that has just loaded everything.
    pub(super) fn new(metrics: Option<&Metrics>, config: &Config) -> Result<Self, prometheus::Error> {
        let families = metrics.map(|metrics| Families::new(metrics.registry())).transpose()?;
        let upkeep = Self(families);
        upkeep.is_good(true);
        upkeep.shows(config.listener_certificates().chain(config.upstream_certificates()));
        Ok(upkeep)
    }

    /// Counts a reload.
    pub(super) fn reloaded(&self, outcome: Outcome) {
        if let Some(families) = &self.0 {
            families.reloads.with_label_values(&[outcome.name()]).inc();
        }
        self.is_good(outcome == Outcome::Done);
    }

    fn is_good(&self, good: bool) {
        let Some(families) = &self.0 else { return };
        families.last_good.set(i64::from(good));
        if good {
            #[allow(clippy::disallowed_methods, reason = "it is told when on the calendar that was")]
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            families
                .good_since
                .set(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        }
    }

    /// Reads the dates of certificates that are shown from now on.
    pub(super) fn shows<'f>(&self, files: impl Iterator<Item = &'f Path>) {
        let Some(families) = &self.0 else { return };
        for file in files {
            if let Some(last) = first_to_expire(file) {
                let label = file.to_string_lossy();
                families.certificates.with_label_values(&[&*label]).set(last);
            }
        }
    }

    /// Forgets those of files that are shown no more.
    pub(super) fn shows_none<'f>(&self, files: impl Iterator<Item = &'f Path>) {
        let Some(families) = &self.0 else { return };
        for file in files {
            // There is none of a certificate that could not be read.
            let _ = families.certificates.remove_label_values(&[&*file.to_string_lossy()]);
        }
    }
}

/// When the first certificate of a file runs out. One that cannot be read is told of elsewhere.
fn first_to_expire(file: &Path) -> Option<i64> {
    let found = certificates(&Pem::File(file.to_owned())).unwrap_or_default();
    found.iter().filter_map(valid_until).min()
}

impl Families {
    fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let families = Self {
            reloads: IntCounterVec::new(
                Opts::new("descant_reloads_total", "Reloads, by how they went."),
                &["outcome"],
            )?,
            last_good: IntGauge::new(
                "descant_last_reload_successful",
                "Whether all of the last reload, or of the start, is in force, but for keys that need a restart.",
            )?,
            good_since: IntGauge::new(
                "descant_last_reload_success_timestamp_seconds",
                "When a reload, or the start, last brought all of it into force.",
            )?,
            certificates: IntGaugeVec::new(
                Opts::new(
                    "descant_certificate_not_after_timestamp_seconds",
                    "Until when the certificates of a file are valid: the one that runs out first.",
                ),
                &["file"],
            )?,
        };
        for outcome in Outcome::ALL {
            families.reloads.get_metric_with_label_values(&[outcome.name()])?;
        }
        registry.register(Box::new(families.reloads.clone()))?;
        registry.register(Box::new(families.last_good.clone()))?;
        registry.register(Box::new(families.good_since.clone()))?;
        registry.register(Box::new(families.certificates.clone()))?;
        Ok(families)
    }
}
