//! The one error of this crate.

use std::{fmt, sync::Arc};

use crate::finding::{Finding, Severity};

/// Why descriptors could not be loaded or used.
///
/// Displays as one line: the first finding of severity [`Severity::Error`] and how many more there are.
/// [`Error::findings`] has all of them.
#[derive(Debug, Clone)]
pub struct Error(Arc<[Finding]>);

impl Error {
    pub(crate) fn new(findings: Vec<Finding>) -> Self {
        Self(findings.into())
    }

    /// Everything that was found, of every severity, in the order of the sources.
    pub fn findings(&self) -> &[Finding] {
        &self.0
    }

    /// The same with these findings alone; `None`: no error is left among them.
    pub fn retain(&self, keep: impl Fn(&Finding) -> bool) -> Option<Self> {
        let kept: Vec<_> = self
            .findings()
            .iter()
            .filter(|finding| keep(finding))
            .cloned()
            .collect();
        let is_error = kept.iter().any(|finding| finding.severity == Severity::Error);
        is_error.then(|| Self::new(kept))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut errors = self
            .findings()
            .iter()
            .filter(|finding| finding.severity == Severity::Error);
        let Some(first) = errors.next() else {
            return f.write_str("the descriptors cannot be used");
        };
        write!(f, "{first}")?;
        match errors.count() {
            0 => Ok(()),
            1 => f.write_str(" (and one more error)"),
            more => write!(f, " (and {more} more errors)"),
        }
    }
}

impl std::error::Error for Error {}
