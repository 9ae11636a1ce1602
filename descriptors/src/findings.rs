//! Collects findings, so that a report stays bounded whatever the input is.

use std::fmt;

use crate::finding::{Finding, Severity};

/// How many errors are kept, and how many warnings and notes; the others are counted.
const KEPT: usize = 1000;

/// How much of a name a report shows.
const SHOWN: usize = 200;

/// Where in the input a finding belongs: reports are ordered by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// The file's index.
    pub(crate) file: u32,
    /// An offset into the file's bytes; 0 for the file as a whole.
    pub(crate) offset: u32,
}

/// Everything that was found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    errors: Kept,
    others: Kept,
}

/// The first findings of one weight, and how many came after them.
#[derive(Debug, Default)]
struct Kept {
    list: Vec<(Position, Finding)>,
    dropped: usize,
}

/// What a finding says, before its texts are made fit to print.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) file: String,
    pub(crate) symbol: String,
    pub(crate) what: String,
    pub(crate) mend: String,
}

impl Findings {
    /// Adds a finding; `report` runs only if there is room for one more.
    pub(crate) fn add(&mut self, severity: Severity, position: Position, report: impl FnOnce() -> Report) {
        let kept = if severity == Severity::Error {
            &mut self.errors
        } else {
            &mut self.others
        };
        if kept.list.len() >= KEPT {
            kept.dropped += 1;
            return;
        }
        let report = report();
        let finding = Finding {
            severity,
            file: Shown(&report.file).to_string(),
            symbol: Shown(&report.symbol).to_string(),
            what: report.what,
            mend: report.mend,
        };
        kept.list.push((position, finding));
    }

    /// Whether there is an error among them.
    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.list.is_empty()
    }

    /// All findings, by file and position; of what was dropped, the count.
    pub(crate) fn into_sorted(self) -> Vec<Finding> {
        let dropped = [
            (Severity::Error, self.errors.dropped),
            (Severity::Warning, self.others.dropped),
        ];
        let mut list = self.errors.list;
        list.extend(self.others.list);
        list.sort_by_key(|(position, _)| *position);
        let mut findings: Vec<_> = list.into_iter().map(|(_, finding)| finding).collect();
        findings.extend(
            dropped
                .into_iter()
                .filter_map(|(severity, count)| left_out(severity, count)),
        );
        findings
    }
}

/// The finding that stands for those left out.
fn left_out(severity: Severity, count: usize) -> Option<Finding> {
    let kind = if severity == Severity::Error {
        "errors"
    } else {
        "warnings and notes"
    };
    (count > 0).then(|| Finding {
        severity,
        file: String::new(),
        symbol: String::new(),
        what: format!("{count} more {kind} were left out"),
        mend: "mend those above and check again".to_owned(),
    })
}

/// A name from the input as a report may show it: control characters escaped, capped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(SHOWN) {
            // What changes a line's direction or hides itself deceives as control characters do.
            if character.is_control()
                || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
            {
                write!(f, "{}", character.escape_unicode())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        let rest = characters.as_str();
        if rest.is_empty() {
            Ok(())
        } else {
            write!(f, "... ({} bytes)", self.0.len())
        }
    }
}

/// The start of a name, as much as a report could show: so that long names are not copied for each finding.
pub(crate) fn start_of(name: &str) -> String {
    let end = name.char_indices().nth(SHOWN + 1).map_or(name.len(), |(end, _)| end);
    name.get(..end).unwrap_or_default().to_owned()
}
