//! HTTP/2 may cut a cookie into fields of its own, which nobody else takes for one.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::COOKIE};

/// Makes one field of several. RFC 9113, section 8.2.3.
pub(crate) fn join(headers: &mut HeaderMap) {
    let crumbs = headers.get_all(COOKIE);
    if crumbs.iter().nth(1).is_none() {
        return;
    }
    let is_sensitive = crumbs.iter().any(HeaderValue::is_sensitive);
    let crumbs: Vec<_> = crumbs.iter().map(HeaderValue::as_bytes).collect();
    let whole = crumbs.join(&b"; "[..]);
    if let Ok(mut whole) = HeaderValue::from_maybe_shared(Bytes::from(whole)) {
        whole.set_sensitive(is_sensitive);
        headers.insert(COOKIE, whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crumbs_become_one_cookie() {
        for (came, whole) in [
            (&[][..], None),
            (&["a=1"][..], Some("a=1")),
            (&["a=1", "b=2; c=3", ""][..], Some("a=1; b=2; c=3; ")),
        ] {
            let mut headers: HeaderMap = came.iter().map(|crumb| (COOKIE, crumb.parse().unwrap())).collect();
            join(&mut headers);
            let left: Vec<_> = headers
                .get_all(COOKIE)
                .iter()
                .map(|cookie| cookie.to_str().unwrap())
                .collect();
            assert_eq!(left, whole.into_iter().collect::<Vec<_>>());
        }
    }
}
