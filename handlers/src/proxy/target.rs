//! Where an upstream is.

use std::{borrow::Cow, fmt, path::Path, str::FromStr};

use http::uri::{self, Scheme, Uri};

use crate::tls::TlsError;

/// An upstream's address, as it was written and as it is used.
#[derive(Clone, Debug)]
pub(super) struct Target {
    written: String,
    pub(super) place: Place,
    /// Whether TLS is spoken.
    pub(super) secure: bool,
    /// What requests say in `:authority`.
    authority: uri::Authority,
    /// The name that the server is asked for over TLS, unless another is said.
    pub(super) asked_for: String,
}

/// What requests say in `:authority` (RFC 9113, section 8.3.1), over HTTP/1.1 in `host`: a host, with or without a port, such as
/// `orders.example:443`. It is read from text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority(uri::Authority);

impl FromStr for Authority {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let authority = text.parse::<uri::Authority>();
        let sound = authority.ok().filter(|authority| {
            let has_port = authority.as_str() != authority.host();
            let is_port = !has_port || authority.port_u16().is_some();
            !authority.host().is_empty() && !text.contains('@') && is_port
        });
        let wrong = || format!("{text:?} is not a host, or a host and a port");
        sound.map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// What to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A name or an address, without the brackets of IPv6.
    Tcp(String, u16),
    #[cfg(unix)]
    Unix(std::path::PathBuf),
}

impl Place {
    /// Its name or address, or path, and its port.
    pub(super) fn named(&self) -> (Cow<'_, str>, Option<u16>) {
        match self {
            Self::Tcp(host, port) => (host.into(), Some(*port)),
            #[cfg(unix)]
            Self::Unix(path) => (path.to_string_lossy(), None),
        }
    }
}

/// Why there can be no such proxy: what is wrong, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct ProxyError(#[from] Wrong);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    #[error("upstream {written:?}: {what}; write http://HOST:PORT, https://HOST or unix:/PATH")]
    Address { written: String, what: String },
    #[error("no upstream is given; write http://HOST:PORT, https://HOST or unix:/PATH")]
    Nothing,
    #[error("upstream {written}: {what}")]
    Tls { written: String, what: TlsError },
}

impl ProxyError {
    pub(super) fn nothing() -> Self {
        Wrong::Nothing.into()
    }

    /// The file of certificates or of a key that it is about.
    pub fn file(&self) -> Option<&Path> {
        match &self.0 {
            Wrong::Tls { what, .. } => what.file(),
            Wrong::Address { .. } | Wrong::Nothing => None,
        }
    }
}

impl Target {
    pub(super) fn parse(written: &str) -> Result<Self, ProxyError> {
        let (place, secure, authority) = read(written).map_err(|what| Wrong::Address {
            written: written.to_owned(),
            what,
        })?;
        let asked_for = match &place {
            Place::Tcp(host, _) => host.clone(),
            #[cfg(unix)]
            Place::Unix(_) => authority.host().to_owned(),
        };
        Ok(Self {
            written: written.to_owned(),
            place,
            secure,
            authority,
            asked_for,
        })
    }

    /// The same over TLS.
    #[cfg(unix)]
    pub(super) fn secured(&self) -> Self {
        Self {
            secure: true,
            ..self.clone()
        }
    }

    /// The same under this name, which its certificate then has to have.
    pub(super) fn called(&self, Authority(name): &Authority) -> Self {
        Self {
            authority: name.clone(),
            asked_for: bare(name.host()).to_owned(),
            ..self.clone()
        }
    }

    /// The full URI of a method: what h2 takes `:scheme`, `:authority` and `:path` from.
    pub(super) fn uri(&self, path: &str) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme(if self.secure { Scheme::HTTPS } else { Scheme::HTTP })
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
    }
}

fn read(written: &str) -> Result<(Place, bool, uri::Authority), String> {
    if let Some(path) = written.strip_prefix("unix:") {
        return unix(path);
    }
    let (scheme, behind) = written.split_once("://").ok_or("a scheme is missing")?;
    let (secure, usual) = match scheme {
        "http" => (false, 80),
        "https" => (true, 443),
        other => return Err(format!("{other} is not spoken")),
    };
    if behind.is_empty() || behind.starts_with('/') {
        return Err("a host is missing".to_owned());
    }
    let uri: Uri = written.parse().map_err(|error| format!("{error}"))?;
    if uri.path() != "/" || uri.query().is_some() {
        return Err("there is something behind the port".to_owned());
    }
    let authority = uri.authority().ok_or("a host is missing")?;
    if authority.as_str().contains('@') {
        return Err("a user's name has no meaning here".to_owned());
    }
    let host = authority.host();
    let port = match authority.as_str().strip_prefix(host) {
        Some("") => usual,
        _ => match authority.port_u16() {
            Some(0) | None => return Err("the port is no number from 1 to 65535".to_owned()),
            Some(port) => port,
        },
    };
    match bare(host) {
        "" => Err("a host is missing".to_owned()),
        host => Ok((Place::Tcp(host.to_owned(), port), secure, authority.clone())),
    }
}

/// An address of IPv6 without its brackets.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(unix)]
fn unix(path: &str) -> Result<(Place, bool, uri::Authority), String> {
    // `unix:///path` is the same with an empty host.
    let path = path.strip_prefix("//").unwrap_or(path);
    if !path.starts_with('/') {
        return Err("a full path is needed".to_owned());
    }
    // What gRPC's own clients say over a socket that has no name in DNS.
    Ok((
        Place::Unix(path.into()),
        false,
        uri::Authority::from_static("localhost"),
    ))
}

#[cfg(not(unix))]
fn unix(_: &str) -> Result<(Place, bool, uri::Authority), String> {
    Err("there are no Unix sockets here".to_owned())
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Place {
        Place::Tcp(host.into(), port)
    }

    #[test]
    fn hosts_and_ports_are_told_apart() {
        for (written, place, secure, authority) in [
            ("http://orders:9000", tcp("orders", 9000), false, "orders:9000"),
            ("http://127.0.0.1:80/", tcp("127.0.0.1", 80), false, "127.0.0.1:80"),
            ("http://[::1]:9000", tcp("::1", 9000), false, "[::1]:9000"),
            ("http://orders", tcp("orders", 80), false, "orders"),
            ("https://orders", tcp("orders", 443), true, "orders"),
            ("https://[::1]", tcp("::1", 443), true, "[::1]"),
            ("https://orders:9000/", tcp("orders", 9000), true, "orders:9000"),
        ] {
            let target = Target::parse(written).unwrap();
            let found = (target.place, target.secure, target.authority.as_str());
            assert_eq!(found, (place, secure, authority));
        }
    }

    #[cfg(unix)]
    #[test]
    fn sockets_have_paths() {
        for written in ["unix:/run/orders.sock", "unix:///run/orders.sock"] {
            let target = Target::parse(written).unwrap();
            assert_eq!(target.place, Place::Unix("/run/orders.sock".into()));
            assert_eq!(target.to_string(), written);
        }
    }

    #[test]
    fn an_authority_is_a_host_with_or_without_a_port() {
        let target = Target::parse("https://10.0.0.1:9000").unwrap();
        for (said, asked_for) in [("orders", "orders"), ("orders:443", "orders"), ("[::1]:443", "::1")] {
            let called = target.called(&said.parse().unwrap());
            let found = (called.authority.as_str(), called.asked_for.as_str(), &called.place);
            assert_eq!(found, (said, asked_for, &tcp("10.0.0.1", 9000)));
        }
        for wrong in [
            "",
            ":443",
            "me@orders",
            "a b",
            "orders/v1",
            "https://orders",
            "a:",
            "a:b",
            "a:99999",
        ] {
            let error = wrong.parse::<Authority>().unwrap_err();
            assert_eq!(error, format!("{wrong:?} is not a host, or a host and a port"));
        }
    }

    #[test]
    fn other_words_are_refused() {
        for (written, what) in [
            ("orders:9000", "a scheme is missing"),
            ("ftp://orders:9000", "ftp is not spoken"),
            ("http://orders:", "the port is no number from 1 to 65535"),
            ("http://orders:0", "the port is no number from 1 to 65535"),
            ("http://:9000", "a host is missing"),
            ("http://", "a host is missing"),
            ("http:///v1", "a host is missing"),
            ("http://me@orders:9000", "a user's name has no meaning here"),
            ("http://orders:9000/v1", "there is something behind the port"),
            ("http://orders:9000?a", "there is something behind the port"),
            ("http://orders:90000", "the port is no number from 1 to 65535"),
            ("unix:run", "a full path is needed"),
        ] {
            let error = Target::parse(written).unwrap_err().to_string();
            let expected = format!("upstream {written:?}: {what}; write http://HOST:PORT, https://HOST or unix:/PATH");
            assert_eq!(error, expected);
        }
    }
}
