//! What the environment says of tracing.

use std::{path::PathBuf, time::Duration};

use descant_handlers::tls::ClientTls;
use http::Uri;
use opentelemetry_sdk::trace::Sampler;

use super::OtlpError;
use crate::receiver;

/// What the specification has where nothing is said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What was said, and what it means.
#[derive(Debug)]
pub(super) struct Settings {
    /// Where spans go, path and all.
    pub(super) endpoint: String,
    pub(super) uri: Uri,
    pub(super) sampler: Sampler,
    /// Of one request.
    pub(super) timeout: Duration,
    pub(super) tls: ClientTls,
}

/// A variable by its name; an empty one is not there, says the specification.
type Read<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Settings {
    /// `None`: nothing is to be traced.
    pub(super) fn read(endpoint: Option<&str>, read: Read<'_>) -> Result<Option<Self>, OtlpError> {
        let variable = |name: &str| read(name).filter(|value| !value.is_empty());
        let disabled = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let exporter = variable("OTEL_TRACES_EXPORTER");
        if disabled || exporter.as_deref() == Some("none") {
            return Ok(None);
        }
        if let Some(other) = exporter.filter(|exporter| exporter != "otlp") {
            return Err(OtlpError(format!(
                "OTEL_TRACES_EXPORTER is {other:?}: otlp and none are known"
            )));
        }
        let of_traces = |what: &str| {
            variable(&format!("OTEL_EXPORTER_OTLP_TRACES_{what}"))
                .or_else(|| variable(&format!("OTEL_EXPORTER_OTLP_{what}")))
        };
        let endpoint = match (endpoint, variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")) {
            (Some(base), _) => endpoint_of(base)?,
            (None, Some(whole)) => whole,
            (None, None) => match variable("OTEL_EXPORTER_OTLP_ENDPOINT") {
                Some(base) => endpoint_of(&base)?,
                None => return Ok(None),
            },
        };
        match of_traces("PROTOCOL").as_deref() {
            None | Some("http/protobuf") => {}
            Some(other) => {
                return Err(OtlpError(format!(
                    "OTEL_EXPORTER_OTLP_PROTOCOL is {other:?}: http/protobuf is what is spoken, by most receivers on port 4318"
                )));
            }
        }
        match of_traces("COMPRESSION").as_deref() {
            None | Some("none") => {}
            Some(other) => {
                return Err(OtlpError(format!(
                    "OTEL_EXPORTER_OTLP_COMPRESSION is {other:?}: only none is known"
                )));
            }
        }
        let timeout = match of_traces("TIMEOUT") {
            None => TIMEOUT,
            Some(said) => said.parse().map(Duration::from_millis).map_err(|_| {
                OtlpError(format!(
                    "OTEL_EXPORTER_OTLP_TIMEOUT is {said:?}: it is a number of milliseconds"
                ))
            })?,
        };
        let said = ["OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"].map(variable);
        let [name, argument] = said.each_ref().map(|said| said.as_deref());
        let sampler = sampler(name, argument)?;
        Ok(Some(Self {
            uri: receiver::uri(&endpoint).map_err(OtlpError)?,
            endpoint,
            sampler,
            timeout,
            tls: tls(&of_traces)?,
        }))
    }
}

fn endpoint_of(base: &str) -> Result<String, OtlpError> {
    receiver::endpoint(base).map_err(OtlpError)
}

fn sampler(name: Option<&str>, argument: Option<&str>) -> Result<Sampler, OtlpError> {
    let ratio = || match argument {
        None => Ok(Sampler::TraceIdRatioBased(1.0)),
        Some(said) => match said.parse() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(Sampler::TraceIdRatioBased(ratio)),
            _ => Err(OtlpError(format!(
                "OTEL_TRACES_SAMPLER_ARG is {said:?}: it is a part of 1, such as 0.1"
            ))),
        },
    };
    let based = |root| Sampler::ParentBased(Box::new(root));
    Ok(match name {
        None | Some("parentbased_always_on") => based(Sampler::AlwaysOn),
        Some("parentbased_always_off") => based(Sampler::AlwaysOff),
        Some("parentbased_traceidratio") => based(ratio()?),
        Some("always_on") => Sampler::AlwaysOn,
        Some("always_off") => Sampler::AlwaysOff,
        Some("traceidratio") => ratio()?,
        Some(other) => {
            return Err(OtlpError(format!(
                "OTEL_TRACES_SAMPLER is {other:?}: known are always_on, always_off, traceidratio, and each with parentbased_ before it"
            )));
        }
    })
}

fn tls(of_traces: &dyn Fn(&str) -> Option<String>) -> Result<ClientTls, OtlpError> {
    let file = |what| of_traces(what).map(PathBuf::from);
    let mut tls = ClientTls::new();
    if let Some(ca) = file("CERTIFICATE") {
        tls = tls.ca_file(ca);
    }
    match (file("CLIENT_CERTIFICATE"), file("CLIENT_KEY")) {
        (Some(certificate), Some(key)) => tls = tls.certificate_files(certificate, key),
        (None, None) => {}
        (certificate, _) => {
            let (has, lacks) = match certificate {
                Some(_) => ("CERTIFICATE", "KEY"),
                None => ("KEY", "CERTIFICATE"),
            };
            return Err(OtlpError(format!(
                "OTEL_EXPORTER_OTLP_CLIENT_{has} is set, and OTEL_EXPORTER_OTLP_CLIENT_{lacks} is not: to show a certificate takes both"
            )));
        }
    }
    Ok(tls)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(endpoint: Option<&str>, variables: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        let find = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Settings::read(endpoint, &find).map_err(|error| error.to_string())
    }

    #[test]
    fn the_receiver_is_the_commands_or_the_environments() {
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://b:4318/otlp/");
        let whole = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/spans");
        for (endpoint, variables, wanted) in [
            (None, &[][..], None),
            (Some("http://a:4318"), &[base, whole], Some("http://a:4318/v1/traces")),
            (Some("http://a:4318/v1/traces"), &[], Some("http://a:4318/v1/traces")),
            (None, &[base], Some("https://b:4318/otlp/v1/traces")),
            (None, &[base, whole], Some("http://c/spans")),
            (None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")], None),
            (Some("http://a"), &[("OTEL_SDK_DISABLED", "TRUE")], None),
            (Some("http://a"), &[("OTEL_TRACES_EXPORTER", "none")], None),
        ] {
            let settings = read(endpoint, variables).unwrap();
            assert_eq!(settings.map(|settings| settings.endpoint).as_deref(), wanted);
        }
    }

    #[test]
    fn samplers_are_those_of_the_specification() {
        for (name, argument, wanted) in [
            (None, None, "ParentBased(AlwaysOn)"),
            (Some("always_off"), None, "AlwaysOff"),
            (Some("traceidratio"), Some("0.25"), "TraceIdRatioBased(0.25)"),
            (
                Some("parentbased_traceidratio"),
                Some("0"),
                "ParentBased(TraceIdRatioBased(0.0))",
            ),
            (
                Some("parentbased_traceidratio"),
                None,
                "ParentBased(TraceIdRatioBased(1.0))",
            ),
        ] {
            let sampler = sampler(name, argument).unwrap();
            assert_eq!(format!("{sampler:?}"), wanted);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (endpoint, variable, value, said) in [
            ("a:4318", "", "", "the receiver \"a:4318\" has no scheme:"),
            ("http://", "", "", "is no URL"),
            (
                "http://a",
                "OTEL_EXPORTER_OTLP_PROTOCOL",
                "grpc",
                "OTEL_EXPORTER_OTLP_PROTOCOL is \"grpc\"",
            ),
            (
                "http://a",
                "OTEL_EXPORTER_OTLP_COMPRESSION",
                "gzip",
                "only none is known",
            ),
            ("http://a", "OTEL_EXPORTER_OTLP_TIMEOUT", "1s", "number of milliseconds"),
            (
                "http://a",
                "OTEL_TRACES_SAMPLER",
                "jaeger_remote",
                "known are always_on",
            ),
            ("http://a", "OTEL_TRACES_EXPORTER", "zipkin", "otlp and none are known"),
            (
                "http://a",
                "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
                "me.pem",
                "OTEL_EXPORTER_OTLP_CLIENT_KEY is not",
            ),
        ] {
            let error = read(Some(endpoint), &[(variable, value)]).unwrap_err();
            assert!(error.starts_with("traces: ") && error.contains(said), "{error}");
        }
        let error = sampler(Some("traceidratio"), Some("10%")).unwrap_err();
        assert!(error.to_string().contains("a part of 1"), "{error}");
    }
}
