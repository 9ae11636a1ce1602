//! Spans to a receiver of OTLP. <https://opentelemetry.io/docs/specs/otlp/>

mod client;
mod settings;

use std::time::Duration;

use opentelemetry::Key;
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};

use self::{client::Client, settings::Settings};
use super::OtelTracer;

/// Sends spans to a receiver of OTLP (a collector, Jaeger, Tempo) as protobuf over HTTP, in batches, from a thread of its own.
///
/// Cheap to clone: clones are the same. Calls never wait for it: spans that are too many, or that the receiver does not take, are dropped. That it cannot be reached is
/// told in the log, once, and once more when it can.
///
/// Environment: `OTEL_EXPORTER_OTLP_ENDPOINT`, `..._HEADERS`, `..._TIMEOUT`, `..._CERTIFICATE`, `..._CLIENT_CERTIFICATE`, `..._CLIENT_KEY` (each also
/// as `OTEL_EXPORTER_OTLP_TRACES_...`, which wins, and of which the endpoint is the whole URL), `OTEL_SERVICE_NAME` (`descant` without it), `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER` and
/// `OTEL_TRACES_SAMPLER_ARG` (`parentbased_always_on` without them), `OTEL_BSP_...` and `OTEL_SPAN_...`; with `OTEL_SDK_DISABLED=true` or
/// `OTEL_TRACES_EXPORTER=none` nothing is traced. `OTEL_EXPORTER_OTLP_PROTOCOL` can only be `http/protobuf`.
/// <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>
///
/// ```no_run
/// use std::time::Duration;
///
/// use descant::{Mount, Schema, otel::Otlp};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let otlp = Otlp::start(Some("http://127.0.0.1:4318"))?;
/// let mut builder = Mount::builder(Schema::load("api.binpb")?);
/// if let Some(otlp) = &otlp {
///     let tracer = otlp.tracer();
///     builder = builder.gateway(|gateway| gateway.tracer(tracer));
/// }
/// builder.build()?.run(tokio::signal::ctrl_c()).await?;
/// if let Some(otlp) = otlp {
///     tokio::task::spawn_blocking(move || otlp.stop(Duration::from_secs(5))).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Otlp(SdkTracerProvider);

/// Why spans cannot be sent: a setting makes no sense. Displayed on one line: which, and how to mend it.
#[derive(Debug, thiserror::Error)]
#[error("traces: {0}")]
pub struct OtlpError(String);

impl Otlp {
    /// Begins. `endpoint` is where the receiver is, `http://HOST:PORT` or `https://...`, to which `/v1/traces` is added; without one it is what the
    /// environment names. `None`: the environment names none, or turns tracing off.
    ///
    /// # Errors
    /// If the endpoint, the exporter, the protocol, the compression, the timeout, the sampler or its argument makes no sense, if a
    /// certificate or key cannot be read or lacks the other, or if the thread cannot be started.
    pub fn start(endpoint: Option<&str>) -> Result<Option<Self>, OtlpError> {
        let Some(settings) = Settings::read(endpoint, &|name| std::env::var(name).ok())? else {
            return Ok(None);
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
            .with_endpoint(settings.endpoint.as_str())
            .with_http_client(Client::new(&settings)?)
            .build()
            .map_err(|error| OtlpError(error.to_string()))?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(settings.sampler)
            .with_resource(resource());
        Ok(Some(Self(provider.build())))
    }

    /// What gives a gateway its spans.
    pub fn tracer(&self) -> OtelTracer {
        OtelTracer::new(&self.0)
    }

    /// For an application's own spans, with `opentelemetry::global::set_tracer_provider` for instance.
    pub fn provider(&self) -> &SdkTracerProvider {
        &self.0
    }

    /// Sends what is still to be sent, for so long at most, and stops. This blocks: within a runtime, call it in `spawn_blocking`.
    pub fn stop(self, within: Duration) {
        if let Err(error) = self.0.shutdown_with_timeout(within) {
            tracing::warn!("the last spans may be lost: {error}");
        }
    }
}

/// What the environment says of this process, which is `descant` if it says nothing.
fn resource() -> Resource {
    const NAME: Key = Key::from_static_str("service.name");
    let resource = Resource::builder().build();
    let named = resource
        .get(&NAME)
        .is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    if named {
        return resource;
    }
    Resource::builder().with_service_name("descant").build()
}
