//! Where spans go.

use std::time::Duration;

use descant::{GatewayBuilder, config::Settings, otel::Otlp};

use super::{Failure, Kind};

/// How long the last spans may take, once everything else has ended.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the settings, or else the environment, say; `None`: nothing is to be traced.
pub(super) fn start(settings: &Settings) -> Result<Option<Otlp>, Failure> {
    if !*settings.observe {
        return Ok(None);
    }
    let hint = "give --otlp http://HOST:4318, or OTEL_EXPORTER_OTLP_ENDPOINT, and leave the rest out";
    let endpoint = settings.otlp.as_ref().map(|endpoint| endpoint.0.as_str());
    Otlp::start(endpoint).map_err(|error| Failure::new(Kind::Configuration, error, hint))
}

/// The same gateway, whose calls have spans if there is somewhere for them to go.
pub(super) fn traced(builder: GatewayBuilder, otlp: Option<&Otlp>) -> GatewayBuilder {
    match otlp {
        Some(otlp) => builder.tracer(otlp.tracer()),
        None => builder,
    }
}

/// Sends what is left.
pub(super) fn stop(otlp: Option<Otlp>) {
    if let Some(otlp) = otlp {
        otlp.stop(PATIENCE);
    }
}
