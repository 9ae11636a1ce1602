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

    /// Where the file names the path that a finding misses.
    fn missing(&self, finding: &Finding) -> Option<Origin> {
        let paths = self.settings.descriptors.0.iter().chain(&self.settings.http_rules.0);
        let mut written = paths.filter(|path| matches!(path.origin, Origin::File { .. }));
        let of_it = written.find(|path| path.value.display().to_string() == finding.file);
        let missing = of_it.filter(|path| finding.severity == Severity::Error && path.value.metadata().is_err());
        missing.map(|path| path.origin)
    }
}
