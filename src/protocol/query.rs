//! The query of a request target, as Connect's GET uses it: `application/x-www-form-urlencoded`.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The parameters of a query, names decoded, values as they came. What is no text has no name.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = percent_decode_str(name).decode_utf8().unwrap_or_default();
        (name, value)
    })
}
