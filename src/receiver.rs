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
            // What is no number of a port would be passed over, and the usual one asked.
            None if has_more(&uri, host) => Err(refused("has a port that is no number up to 65535")),
            _ => Ok(uri),
        },
        (Some("http" | "https"), _) => Err(refused("has no host")),
        _ => Err(refused("has no scheme that is spoken")),
    }
}

/// Whether something stands behind the host.
fn has_more(uri: &Uri, host: &str) -> bool {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    authority.rsplit('@').next() != Some(host)
}
