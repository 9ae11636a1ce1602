//! How large heads and trailers are, as `SETTINGS_MAX_HEADER_LIST_SIZE` counts them: RFC 9113, section 6.5.2.

use std::fmt::Display;

use http::{HeaderMap, Request};

use crate::Status;

/// What stands around each field.
const FIELD: usize = 32;
fn size(headers: &HeaderMap) -> usize {
    let fields = headers.iter();
    let sizes = fields.map(|(name, value)| name.as_str().len() + value.len() + FIELD);
    sizes.sum()
}

/// Whether the head of a reply, or its trailers, are larger than they may be. Not left to h2: of trailers it would hand on what it has room
/// for, without a word.
pub(super) fn is_too_large(headers: &HeaderMap, most: usize) -> bool {
    size(headers) > most
}

/// Whether an upstream takes a head, if it takes `most` bytes: of a larger one it may close the connection, with the calls of others on it.
pub(super) fn check(head: &Request<()>, most: u32, upstream: &dyn Display) -> Result<(), Status> {
    if most == u32::MAX {
        return Ok(());
    }
    let uri = head.uri();
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    let scheme = uri.scheme_str().unwrap_or_default().len();
    let pseudo =
        ":method:scheme:authority:path".len() + head.method().as_str().len() + scheme + authority + path + 4 * FIELD;
    let size = pseudo + size(head.headers());
    if size <= most as usize {
        return Ok(());
    }
    Err(Status::resource_exhausted(format!(
        "{upstream} takes a head of {most} bytes at most, and that of the call has {size}, with its metadata"
    )))
}
