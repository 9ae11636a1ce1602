//! Where spans go: the URL of a receiver of OTLP over HTTP, as a setting or a variable of the environment has it.

use http::Uri;

/// Where a receiver takes spans, by the URL that it is known by. Source: OTLP/HTTP, "OTLP/HTTP Request".
pub(crate) fn endpoint(base: &str) -> Result<String, String> {
    uri(base)?;
    let base = base.trim_end_matches('/');
    let base = base.strip_suffix("/v1/traces").unwrap_or(base);
    Ok(format!("{base}/v1/traces"))
}

/// A URL that can be sent to; else why not, and how to write it.
pub(crate) fn uri(endpoint: &str) -> Result<Uri, String> {
    let refused = |what: &str| format!("the receiver {endpoint:?} {what}: write http://HOST:4318");
    if !endpoint.contains("://") {
        return Err(refused("has no scheme"));
    }
    let uri: Uri = endpoint
        .parse()
        .map_err(|error| refused(&format!("is no URL ({error})")))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() => match uri.port_u16() {
            Some(0) => Err(refused("has the port 0, where nothing listens")),
            _ => Ok(uri),
        },
        (Some("http" | "https"), _) => Err(refused("has no host")),
        _ => Err(refused("has no scheme that is spoken")),
    }
}
