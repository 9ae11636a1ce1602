//! What is served, as the file names it.

use descant_descriptors::{Error, Finding, Severity};

use super::{
    Config,
    fault::{ConfigError, Faults, shown},
    origin::Origin,
};

impl Config {
    /// Why descriptors do not load, in two: paths that the file names and that are not there, where it names them; and all else.
    pub fn placed(&self, error: &Error) -> (Option<ConfigError>, Option<Error>) {
        let mut faults = Faults::default();
        for finding in error.findings() {
            if let Some(origin) = self.missing(finding) {
                let what = format!("`{}`: {}", shown(&finding.file), finding.what);
                faults.add(origin, what, finding.mend.as_str());
            }
        }
        let others = error.retain(|finding| self.missing(finding).is_none());
        (self.outcome(faults).err().map(ConfigError::of_descriptors), others)
    }

    /// Whether a server is asked what it serves where it is said how often.
    ///
    /// # Errors
    /// If descriptors are named as well. Those of options in the place of what a file says are none: they win over it.
    pub fn check_schema_interval(&self) -> Result<(), ConfigError> {
        let mut faults = Faults::default();
        let named = self.settings.descriptors.0.first().map(|path| path.origin);
        let proxies = self.settings.routes.iter().filter_map(|route| route.proxy.as_ref());
        for origin in proxies.map(|proxy| proxy.schema_interval.origin) {
            match (origin, named) {
                (_, None) | (Origin::Default, _) | (Origin::File { .. }, Some(Origin::Flag(_))) => {}
                _ => faults.add(
                    origin,
                    "the server is not asked what it serves: descriptors are named that say it",
                    origin.mend(
                        "leave it out, or the descriptors",
                        "leave out `schema_interval`, or the descriptors",
                    ),
                ),
            }
        }
        self.outcome(faults)
    }

    /// Where the file names the path that a finding misses.
    fn missing(&self, finding: &Finding) -> Option<Origin> {
        let paths = self.settings.descriptors.0.iter().chain(&self.settings.http_rules.0);
        let mut written = paths.filter(|path| matches!(path.origin, Origin::File { .. }));
        let of_it = written.find(|path| path.value.display().to_string() == finding.file);
        let missing = of_it.filter(|path| finding.severity == Severity::Error && path.value.metadata().is_err());
        missing.map(|path| path.origin)
    }
}
