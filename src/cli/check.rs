//! `descant check`: everything that is wrong with descriptors, and how to mend it.

use std::{fmt::Write, process::ExitCode};

use descant::{ConfigError, config::ConfigBuilder};
use descant_descriptors::{Error, Finding, Schema, Severity};
use serde_json::{Value, json};

use super::{
    args::{Check, ReportFormat},
    config,
    failure::{Failure, Kind},
    prepare::{Unsound, Use, prepare},
    screen::{self, FAINT, Tone},
    sources,
};

/// Loads, reports, and exits with 4 if there are errors; with 3 if it is the configuration that is wrong.
pub(crate) fn run(args: &Check, given: &ConfigBuilder) -> Result<ExitCode, Failure> {
    if args.config.is_none() {
        return report(args, &[], &sources::load(&args.paths, &args.http_rules));
    }
    match prepare(given.build(), Use::Start) {
        Ok(prepared) if prepared.config.is_described_by_upstream() && args.format == ReportFormat::Text => {
            screen::print(&lines(&prepared.warnings))?;
            screen::print("The configuration is sound. What is served the upstream says, once `serve` asks it.\n")?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(prepared) => report(args, &prepared.warnings, &Ok(prepared.schema)),
        Err(Unsound {
            config: None,
            descriptors: Some(error),
        }) => report(args, &[], &Err(error)),
        Err(unsound) => refused(args, unsound),
    }
}

/// `warnings`: those of the configuration.
fn report(args: &Check, warnings: &[Finding], outcome: &Result<Schema, Error>) -> Result<ExitCode, Failure> {
    let found: Vec<_> = warnings.iter().chain(findings(outcome)).cloned().collect();
    let report = match args.format {
        ReportFormat::Text => format!("{}{}\n", lines(&found), summary(outcome, &found)),
        ReportFormat::Json => format!("{:#}\n", json(outcome, &found)),
    };
    screen::print(&report)?;
    Ok(match outcome {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(Kind::Descriptors as u8),
    })
}

/// What is wrong with a configuration, and with the descriptors that it names.
fn refused(args: &Check, unsound: Unsound) -> Result<ExitCode, Failure> {
    if args.format == ReportFormat::Text {
        return Err(unsound.into());
    }
    let lines: Vec<_> = unsound.config.iter().flat_map(ConfigError::lines).collect();
    let count: usize = unsound.config.iter().map(ConfigError::count).sum();
    let code = unsound.config.as_ref().map(config::refused);
    let outcome = unsound.descriptors.map(Err);
    let found = outcome.as_ref().map_or(&[][..], findings);
    let of_descriptors = found
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .count();
    let report = json!({
        "loads": false,
        "errors": count + of_descriptors,
        "configuration": lines,
        "findings": found.iter().map(finding_json).collect::<Vec<_>>(),
    });
    screen::print(&format!("{report:#}\n"))?;
    Ok(code.map_or(ExitCode::from(Kind::Configuration as u8), |failure| {
        ExitCode::from(&failure)
    }))
}

/// A finding on one line: what weighs how much, where, and what it is.
pub(crate) fn line(finding: &Finding) -> String {
    let style = tone(finding.severity).style();
    format!("{style}{}{style:#}: {}", finding.severity, plain(finding))
}

/// The same without its weight, and without colours.
pub(crate) fn plain(finding: &Finding) -> String {
    let mut line = String::new();
    for place in [&finding.file, &finding.symbol] {
        if !place.is_empty() {
            let _ = write!(line, "{}: ", screen::escape(place));
        }
    }
    line.push_str(&screen::escape(&finding.what));
    line
}

/// A finding as JSON, as `check` and the admin's `/schema` show it.
pub(crate) fn finding_json(finding: &Finding) -> Value {
    json!({
        "severity": finding.severity.to_string(),
        "file": finding.file,
        "symbol": finding.symbol,
        "what": finding.what,
        "mend": finding.mend,
    })
}

fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Error => Tone::Error,
        Severity::Warning => Tone::Warning,
        Severity::Note => Tone::Note,
    }
}

fn lines(found: &[Finding]) -> String {
    let mut text = String::new();
    for finding in found {
        let _ = writeln!(text, "{}", line(finding));
        if !finding.mend.is_empty() {
            let _ = writeln!(text, "  {FAINT}hint:{FAINT:#} {}", screen::escape(&finding.mend));
        }
    }
    text
}

fn summary(outcome: &Result<Schema, Error>, found: &[Finding]) -> String {
    let found = counts(found).map(|(count, what)| plural(count, what)).join(", ");
    match outcome {
        Ok(schema) => format!("{}: {found}", contents(schema)),
        Err(_) => format!("The descriptors do not load: {found}"),
    }
}

/// How much a schema holds, in words.
pub(crate) fn contents(schema: &Schema) -> String {
    let (files, services) = (schema.files().len(), schema.services().len());
    [
        plural(files, "file"),
        plural(services, "service"),
        plural(schema.method_count(), "method"),
    ]
    .join(", ")
}

fn json(outcome: &Result<Schema, Error>, found: &[Finding]) -> Value {
    let schema = outcome.as_ref().ok();
    let [errors, warnings, notes] = counts(found).map(|(count, _)| count);
    json!({
        "loads": schema.is_some(),
        "files": schema.map(|schema| schema.files().len()),
        "services": schema.map(|schema| schema.services().len()),
        "methods": schema.map(Schema::method_count),
        "errors": errors,
        "warnings": warnings,
        "notes": notes,
        "findings": found.iter().map(finding_json).collect::<Vec<_>>(),
    })
}

fn findings(outcome: &Result<Schema, Error>) -> &[Finding] {
    match outcome {
        Ok(schema) => schema.findings(),
        Err(error) => error.findings(),
    }
}

/// How many of each severity.
fn counts(found: &[Finding]) -> [(usize, &'static str); 3] {
    let count = |severity| found.iter().filter(|finding| finding.severity == severity).count();
    [
        (count(Severity::Error), "error"),
        (count(Severity::Warning), "warning"),
        (count(Severity::Note), "note"),
    ]
}

/// `1 file`, `2 files`.
pub(crate) fn plural(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}
