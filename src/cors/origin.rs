//! Origins, and patterns of them. RFC 6454, section 7: `scheme "://" host [":" port]`.

use std::{net::IpAddr, str::FromStr};

/// Which origins are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OriginPattern {
    /// `*`
    Any,
    /// `localhost`: whatever the scheme and the port.
    Local,
    /// `null`, the origin of files and sandboxed frames.
    Null,
    Of {
        scheme: String,
        /// Without `*.`.
        host: String,
        subdomains: bool,
        port: Port,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Port {
    Any,
    /// As written; empty: the scheme's own.
    Is(String),
}

/// A text that is no pattern of origins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no origin: write `https://host`, `http://host:8080`, `http://host:*`, `https://*.host`, `localhost`, or `*` \
     for all"
)]
pub struct OriginError(String);

impl FromStr for OriginPattern {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        match text {
            "*" => return Ok(Self::Any),
            "localhost" => return Ok(Self::Local),
            "null" => return Ok(Self::Null),
            _ => {}
        }
        let refused = || OriginError(text.to_owned());
        let lower = text.to_ascii_lowercase();
        let (scheme, host, port) = split(&lower).ok_or_else(refused)?;
        let (subdomains, host) = match host.strip_prefix("*.") {
            Some(host) => (true, host),
            None => (false, host),
        };
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
        let port_is_legal = port.is_empty() || port == "*" || port.parse::<u16>().is_ok();
        if host.is_empty() || !host.bytes().all(legal) || !port_is_legal || scheme.contains('*') {
            return Err(refused());
        }
        Ok(Self::Of {
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            subdomains,
            port: match port {
                "*" => Port::Any,
                port => Port::Is(default_port(scheme, port).to_owned()),
            },
        })
    }
}

impl OriginPattern {
    /// Whether an origin, as a browser sends it, is one of those that are meant.
    pub(super) fn fits(&self, origin: &str) -> bool {
        match self {
            Self::Any => return true,
            Self::Null => return origin == "null",
            Self::Local | Self::Of { .. } => {}
        }
        let origin = origin.to_ascii_lowercase();
        let Some((own_scheme, own_host, own_port)) = split(&origin) else {
            return false;
        };
        let Self::Of {
            scheme,
            host,
            subdomains,
            port,
        } = self
        else {
            return is_local(own_host);
        };
        let host_fits = if *subdomains {
            // At least one more label: `evilhost` is no subdomain of `host`.
            let labels = own_host
                .strip_suffix(host.as_str())
                .and_then(|rest| rest.strip_suffix('.'));
            labels.is_some_and(|labels| !labels.is_empty())
        } else {
            own_host == host
        };
        let port_fits = match port {
            Port::Any => true,
            Port::Is(port) => default_port(own_scheme, own_port) == port,
        };
        own_scheme == scheme && host_fits && port_fits
    }
}

/// Scheme, host and port, which may be empty. Anything behind them, a path for instance, makes it no origin.
fn split(origin: &str) -> Option<(&str, &str, &str)> {
    let (scheme, authority) = origin.split_once("://")?;
    // The colons of an IPv6 address stand in brackets.
    let behind = authority.rfind(']').map_or(0, |at| at + 1);
    let colon = authority.get(behind..)?.find(':').map(|at| behind + at);
    let (host, port) = match colon {
        Some(colon) => (authority.get(..colon)?, authority.get(colon + 1..)?),
        None => (authority, ""),
    };
    let is_scheme = !scheme.is_empty()
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let is_port = port.is_empty() && colon.is_none()
        || port == "*"
        || port.bytes().all(|byte| byte.is_ascii_digit()) && !port.is_empty();
    let is_host = !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ', ',']);
    (is_scheme && is_port && is_host).then_some((scheme, host, port))
}

/// The port that a scheme has anyway is not written.
fn default_port<'p>(scheme: &str, port: &'p str) -> &'p str {
    match (scheme, port) {
        ("http", "80") | ("https", "443") => "",
        _ => port,
    }
}

/// `localhost` and what is below it (RFC 6761, section 6.3), and the loopback addresses.
fn is_local(host: &str) -> bool {
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host == "localhost"
        || host.ends_with(".localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, origin: &str) -> bool {
        pattern.parse::<OriginPattern>().unwrap().fits(origin)
    }

    #[test]
    fn exact_origins() {
        assert!(fits("https://shop.example", "https://shop.example"));
        assert!(fits("https://Shop.example:443", "https://shop.example"));
        assert!(fits("http://[::1]:8080", "http://[::1]:8080"));
        for other in [
            "http://shop.example",
            "https://shop.example:8443",
            "https://shop.example.evil",
            "https://evilshop.example",
            "https://shop.example/",
            "https://a@shop.example",
            "https://shop.example:",
            "null",
            "",
        ] {
            assert!(!fits("https://shop.example", other), "{other}");
        }
    }

    #[test]
    fn patterns() {
        assert!(fits("*", "https://anything.at"));
        assert!(fits("*", "null"));
        assert!(fits("null", "null"));
        assert!(fits("http://host:*", "http://host:1"));
        assert!(fits("http://host:*", "http://host"));
        assert!(!fits("http://host:*", "http://host.evil:1"));
        assert!(fits("https://*.shop.example", "https://a.b.shop.example"));
        assert!(!fits("https://*.shop.example", "https://shop.example"));
        assert!(!fits("https://*.shop.example", "https://evilshop.example"));
        assert!(!fits("https://*.shop.example", "https://.shop.example"));
    }

    #[test]
    fn this_machine() {
        for local in [
            "http://localhost",
            "https://localhost:5173",
            "http://127.0.0.1:3000",
            "http://[::1]:3000",
            "http://app.localhost:3000",
        ] {
            assert!(fits("localhost", local), "{local}");
        }
        for other in [
            "http://localhost.evil",
            "http://mylocalhost",
            "http://128.0.0.1",
            "null",
            "localhost",
        ] {
            assert!(!fits("localhost", other), "{other}");
        }
    }

    #[test]
    fn what_is_no_origin() {
        for text in [
            "",
            "shop.example",
            "https://",
            "https://*",
            "https://a/b",
            "*.a",
            "https://a:x",
            "https://a:99999",
            "*://a",
        ] {
            assert!(text.parse::<OriginPattern>().is_err(), "{text}");
        }
    }
}
