//! Preflights and grants.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Request, StatusCode};

use super::Cors;

const PAGE: &str = "https://shop.example";

fn shop() -> Cors {
    Cors::allow([PAGE]).unwrap()
}

/// The headers of the answer to a preflight, if it is one.
fn preflight(cors: Cors, request: &Request<()>) -> Option<HeaderMap> {
    let visitor = Arc::new(cors).greet(request);
    let mut response = visitor.preflight(request)?;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    visitor.grant(response.headers_mut());
    Some(response.headers().clone())
}

fn asking(origin: &str, headers: &str) -> Request<()> {
    Request::options("/v1/books")
        .header("origin", origin)
        .header("access-control-request-method", "PATCH")
        .header("access-control-request-headers", headers)
        .body(())
        .unwrap()
}

fn granted(cors: Cors, origin: Option<&'static str>, mut headers: HeaderMap) -> HeaderMap {
    let mut request = Request::new(());
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", HeaderValue::from_static(origin));
    }
    Arc::new(cors).greet(&request).grant(&mut headers);
    headers
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

#[test]
fn a_preflight_is_answered() {
    let headers = preflight(
        shop().request_headers(["Authorization"]),
        &asking(PAGE, "authorization"),
    )
    .unwrap();
    assert_eq!(text(&headers, "access-control-allow-origin"), Some(PAGE));
    assert_eq!(
        text(&headers, "access-control-allow-methods"),
        Some("GET, HEAD, POST, PUT, PATCH, DELETE")
    );
    let allowed = text(&headers, "access-control-allow-headers").unwrap();
    for name in [
        "content-type",
        "connect-protocol-version",
        "x-grpc-web",
        "authorization",
    ] {
        assert!(allowed.split(", ").any(|allowed| allowed == name), "{name}");
    }
    assert_eq!(text(&headers, "access-control-max-age"), Some("7200"));
    assert_eq!(text(&headers, "access-control-allow-credentials"), None);
    assert_eq!(text(&headers, "access-control-expose-headers"), None);
    let vary: Vec<_> = headers.get_all("vary").iter().collect();
    assert_eq!(
        vary,
        [
            "access-control-request-method, access-control-request-headers",
            "origin"
        ]
    );
}

#[test]
fn a_preflight_of_another_page_allows_nothing() {
    let headers = preflight(shop(), &asking("https://evil.example", "content-type")).unwrap();
    assert_eq!(
        headers.keys().map(http::HeaderName::as_str).collect::<Vec<_>>(),
        ["vary"]
    );
}

#[test]
fn options_alone_is_no_preflight() {
    let mut request = asking(PAGE, "");
    request.headers_mut().remove("access-control-request-method");
    assert!(preflight(shop(), &request).is_none());
    let mut request = asking(PAGE, "");
    request.headers_mut().remove("origin");
    assert!(preflight(shop(), &request).is_none());
    *request.method_mut() = http::Method::POST;
    request.headers_mut().insert("origin", HeaderValue::from_static(PAGE));
    assert!(preflight(shop(), &request).is_none());
}

#[test]
fn any_header_is_what_the_page_asks_for() {
    let cors = || shop().request_headers(["*"]);
    let headers = preflight(cors(), &asking(PAGE, "x-own, x-other")).unwrap();
    assert_eq!(text(&headers, "access-control-allow-headers"), Some("x-own, x-other"));
    let mut request = asking(PAGE, "");
    request.headers_mut().remove("access-control-request-headers");
    let headers = preflight(cors(), &request).unwrap();
    assert_eq!(text(&headers, "access-control-allow-headers"), None);
}

#[test]
fn answers_are_granted_to_the_page() {
    let headers = granted(shop().response_headers(["X-Own"]), Some(PAGE), HeaderMap::new());
    assert_eq!(text(&headers, "access-control-allow-origin"), Some(PAGE));
    assert_eq!(text(&headers, "vary"), Some("origin"));
    let exposed = text(&headers, "access-control-expose-headers").unwrap();
    for name in [
        "grpc-status",
        "grpc-message",
        "grpc-status-details-bin",
        "grpc-retry-pushback-ms",
        "x-own",
    ] {
        assert!(exposed.split(", ").any(|exposed| exposed == name), "{name}");
    }
    for origin in [Some("https://other.example"), None] {
        let headers = granted(shop(), origin, HeaderMap::new());
        assert_eq!(text(&headers, "access-control-allow-origin"), None);
        assert_eq!(text(&headers, "vary"), Some("origin"), "a cache must not mix them up");
    }
}

#[test]
fn trailers_in_headers_are_exposed() {
    let trailers = [("trailer-own", "1"), ("other", "2")];
    let trailers = trailers.map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
    let headers = granted(shop(), Some(PAGE), HeaderMap::from_iter(trailers));
    let exposed = text(&headers, "access-control-expose-headers").unwrap();
    assert!(exposed.ends_with(", trailer-own"), "{exposed}");
}

#[test]
fn every_origin() {
    let all = Cors::allow(["*"]).unwrap();
    assert!(all.clone().credentials(true).is_reckless());
    let headers = granted(all, Some(PAGE), HeaderMap::new());
    assert_eq!(text(&headers, "access-control-allow-origin"), Some("*"));
    assert_eq!(text(&headers, "vary"), None);
}

#[test]
fn credentials() {
    let cors = shop().credentials(true);
    assert!(!cors.is_reckless());
    let headers = granted(cors, Some(PAGE), HeaderMap::new());
    assert_eq!(text(&headers, "access-control-allow-credentials"), Some("true"));
    assert_eq!(text(&headers, "access-control-allow-origin"), Some(PAGE));
}

/// A server behind would let everybody in.
#[test]
fn nobody_else_lets_pages_in() {
    let theirs = || {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("access-control-allow-origin", "*"),
            ("access-control-allow-credentials", "true"),
            ("access-control-expose-headers", "secret"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers
    };
    for origin in [None, Some("https://evil.example")] {
        let headers = granted(shop(), origin, theirs());
        assert!(headers.keys().all(|name| name == "vary"), "{headers:?}");
    }
    let headers = granted(shop(), Some(PAGE), theirs());
    assert_eq!(text(&headers, "access-control-allow-origin"), Some(PAGE));
    assert_eq!(text(&headers, "access-control-allow-credentials"), None);
    assert!(
        !text(&headers, "access-control-expose-headers")
            .unwrap()
            .contains("secret")
    );
}
