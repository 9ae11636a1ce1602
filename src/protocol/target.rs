//! Which request targets are refused before anything looks at them.
//!
//! One canonical byte string serves routing, policy and logs, so whatever two parties could read differently is
//! refused: RFC 3986, section 6, names the forms.

use http::{HeaderMap, HeaderValue, Method, Uri, header::HOST, uri::Scheme};

/// Why a request target is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("the path of a call is /package.Service/Method: it takes no percent-encoding")]
    Escape,
    #[error("the path has a dot segment, `.` or `..`")]
    DotSegment,
    #[error("the path has an empty segment, `//`")]
    EmptySegment,
    #[error("the path has a character that no path may have, such as a backslash")]
    Character,
    #[error("the `host` header and `:authority` name different hosts: send one of them, or the same in both")]
    Authority,
    #[error("the request has more than one `host` header")]
    Hosts,
    #[error("the `host` header or `:authority` is not a host, or a host and a port")]
    Host,
    #[error("the scheme of the target is neither http nor https")]
    Scheme,
    #[error("CONNECT asks for a proxy, and this is none")]
    Connect,
}

/// Checks all of a target but its path: whatever the protocol, a request that names no one target is refused.
pub(crate) fn check(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), TargetError> {
    if method == Method::CONNECT {
        return Err(TargetError::Connect);
    }
    if uri
        .scheme()
        .is_some_and(|scheme| ![Scheme::HTTP, Scheme::HTTPS].contains(scheme))
    {
        return Err(TargetError::Scheme);
    }
    check_authority(uri, headers)
}

/// Checks the path of a call by name, `/package.Service/Method`.
pub(super) fn check_path(path: &str) -> Result<(), TargetError> {
    // What names are made of: nothing here can be read in two ways.
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_');
    let mut before = 0;
    let mut suspect = false;
    for byte in path.bytes() {
        suspect |= !plain(byte) && !matches!((before, byte), (_, b'.' | b'/'));
        suspect |= matches!((before, byte), (b'/', b'/' | b'.'));
        before = byte;
    }
    suspect |= before == b'/' && path.len() > 1;
    if suspect { suspicion(path) } else { Ok(()) }
}

/// Looks closely at a path that is not plain.
fn suspicion(path: &str) -> Result<(), TargetError> {
    let forbidden = |byte: u8| byte <= b' ' || byte >= 0x7f || matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'^' | b'`');
    if path.contains('%') {
        return Err(TargetError::Escape);
    }
    if path.bytes().any(forbidden) {
        return Err(TargetError::Character);
    }
    let segments = || path.strip_prefix('/').unwrap_or(path).split('/');
    if segments().any(|segment| matches!(segment, "." | "..")) {
        return Err(TargetError::DotSegment);
    }
    let mut inner = segments().peekable();
    while let Some(segment) = inner.next() {
        if segment.is_empty() && (inner.peek().is_some() || path.len() > 1) {
            return Err(TargetError::EmptySegment);
        }
    }
    Ok(())
}

/// Checks that a request names one authority. RFC 9113, section 8.3.1: `host` must not differ from `:authority`; RFC 9112,
/// section 3.2: it comes once, and is one.
fn check_authority(uri: &Uri, headers: &HeaderMap) -> Result<(), TargetError> {
    let authority = uri.authority().map(|authority| authority.as_str().as_bytes());
    if !authority.is_none_or(is_authority) {
        return Err(TargetError::Host);
    }
    let mut hosts = headers.get_all(HOST).iter().map(HeaderValue::as_bytes);
    let Some(host) = hosts.next() else {
        return Ok(());
    };
    if hosts.next().is_some() {
        return Err(TargetError::Hosts);
    }
    let entity = |name| without_default_port(name, uri.scheme());
    match authority {
        Some(authority) if !entity(authority).eq_ignore_ascii_case(entity(host)) => Err(TargetError::Authority),
        None if !is_authority(host) => Err(TargetError::Host),
        _ => Ok(()),
    }
}

/// What an authority is short for. RFC 3986, section 6.2.3.
fn without_default_port<'a>(authority: &'a [u8], scheme: Option<&Scheme>) -> &'a [u8] {
    let default = if scheme == Some(&Scheme::HTTPS) { ":443" } else { ":80" };
    let name = authority.strip_suffix(default.as_bytes());
    name.or(authority.strip_suffix(b":")).unwrap_or(authority)
}

/// Whether it is `host [":" port]`: no user, and none of the characters that no host has. RFC 3986, section 3.2.2. A comma
/// might be of two hosts that were made one.
fn is_authority(name: &[u8]) -> bool {
    let (host, port) = match name.iter().rposition(|byte| *byte == b':') {
        Some(colon) if !name.ends_with(b"]") => name.split_at(colon),
        _ => (name, &b":"[..]),
    };
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(byte);
    let literal = |byte: &u8| named(byte) || *byte == b':';
    let is_host = match host.strip_prefix(b"[") {
        Some(address) => address
            .strip_suffix(b"]")
            .is_some_and(|address| address.iter().all(literal)),
        None => host.iter().all(named),
    };
    is_host && port.iter().skip(1).all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(path: &str) -> Result<(), TargetError> {
        check_path(path)
    }

    #[test]
    fn names_pass() {
        assert_eq!(path("/pkg.v1.Service/Method_2"), Ok(()));
        assert_eq!(path("/Service/Method"), Ok(()));
        assert_eq!(path("/"), Ok(()));
        // Not a name, but nothing that could be read in two ways: it is unknown, not refused.
        assert_eq!(path("/a-b/c"), Ok(()));
        assert_eq!(path("/pkg.Service"), Ok(()));
        assert_eq!(path("/.pkg.Service/Method"), Ok(()));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        assert_eq!(path("/pkg.Service/%4dethod"), Err(TargetError::Escape));
        assert_eq!(path("/pkg.Service/Method%"), Err(TargetError::Escape));
        assert_eq!(path("/pkg.Service/../Method"), Err(TargetError::DotSegment));
        assert_eq!(path("/./Method"), Err(TargetError::DotSegment));
        assert_eq!(path("/pkg.Service//Method"), Err(TargetError::EmptySegment));
        assert_eq!(path("//pkg.Service/Method"), Err(TargetError::EmptySegment));
        assert_eq!(path("/pkg.Service/Method/"), Err(TargetError::EmptySegment));
        assert_eq!(path("/pkg.Service\\Method"), Err(TargetError::Character));
        assert_eq!(path("/pkg.Service/Möthod"), Err(TargetError::Character));
    }

    #[test]
    fn one_authority_is_named() {
        let check = |target: &str, hosts: &[&'static str]| {
            let hosts = hosts.iter().map(|host| (HOST, HeaderValue::from_static(host)));
            check_authority(&target.parse().unwrap(), &hosts.collect())
        };
        let with = |hosts: &[&'static str]| check("http://Example.org:50051/", hosts);
        assert_eq!(with(&[]), Ok(()));
        assert_eq!(with(&["example.org:50051"]), Ok(()));
        assert_eq!(with(&["example.com:50051"]), Err(TargetError::Authority));
        assert_eq!(
            with(&["example.org:50051", "example.org:50051"]),
            Err(TargetError::Hosts)
        );
        for (target, host, same) in [
            ("http://a/", "a:80", true),
            ("http://a:80/", "a", true),
            ("http://a:/", "A", true),
            ("https://a:443/", "a", true),
            ("https://a:80/", "a", false),
            ("http://a:443/", "a", false),
            ("http://a:8080/", "a:80", false),
            ("http://[::1]:80/", "[::1]", true),
        ] {
            assert_eq!(check(target, &[host]).is_ok(), same, "{target} {host}");
        }
    }

    #[test]
    fn an_authority_is_a_host_and_a_port() {
        for sound in [
            "a",
            "a:80",
            "a:",
            "",
            "my_host",
            "192.0.2.1:1",
            "[::1]",
            "[::1]:80",
            "%2Frun%2Fsocket",
        ] {
            assert!(is_authority(sound.as_bytes()), "{sound}");
        }
        for wrong in [
            "a b", "a/b", "u@a", "a:b", "a:80:80", "::1", "[::1", "[::1]80", "a,b", "a, b", "a#", "\u{e4}",
        ] {
            assert!(!is_authority(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn a_target_is_of_http() {
        let check = |method, uri: &str| check(&method, &uri.parse().unwrap(), &HeaderMap::new());
        assert_eq!(check(Method::GET, "/a"), Ok(()));
        assert_eq!(check(Method::OPTIONS, "*"), Ok(()));
        assert_eq!(check(Method::GET, "https://a/"), Ok(()));
        assert_eq!(check(Method::GET, "ftp://a/"), Err(TargetError::Scheme));
        assert_eq!(check(Method::GET, "http://u@a/"), Err(TargetError::Host));
        assert_eq!(check(Method::CONNECT, "a:443"), Err(TargetError::Connect));
    }
}
