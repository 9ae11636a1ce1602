//! What travels beside the messages.

pub(crate) mod bin;
mod check;

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header::GetAll};

pub use self::check::MetadataError;
#[cfg(feature = "proxy")]
pub(crate) use self::check::is_reserved;

/// Values of one `-bin` name that may have been joined.
const MOST_PARTS: usize = 100;

/// What travels beside the messages: names with values, in order, each name as often as you like.
///
/// Names are lower-case (`[0-9a-z_.-]+`). A name that ends in `-bin` holds bytes, every other one
/// text: visible ASCII and spaces, without spaces at the ends. Names that start with `grpc-`,
/// `connect-` or `trailer-`, and the few that HTTP itself needs, belong to the protocols: handlers cannot set them.
/// What a caller by gRPC sends may have names of Connect nevertheless, which mean nothing there, and those of [`END_TO_END`](Self::END_TO_END).
///
/// Values are kept as on the wire, so metadata that nobody reads is moved through, never copied.
///
/// Source: gRPC over HTTP/2, "Custom-Metadata" (gRPC core, `doc/PROTOCOL-HTTP2.md`).
///
/// ```
/// use descant_handlers::Metadata;
///
/// let mut metadata = Metadata::new();
/// metadata.append("shelf", "poetry")?;
/// metadata.append("shelf", "drama")?;
/// metadata.insert_bin("token-bin", [0xde, 0xad])?;
///
/// assert_eq!(metadata.get("shelf"), Some("poetry"));
/// assert_eq!(metadata.get_all("shelf").collect::<Vec<_>>(), ["poetry", "drama"]);
/// assert_eq!(metadata.get_bin("token-bin").transpose()?.as_deref(), Some(&[0xde, 0xad][..]));
/// # Ok::<(), descant_handlers::MetadataError>(())
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Metadata(HeaderMap);

impl Metadata {
    /// Names of gRPC's that callers send to the server, and not to those between: how often a call was tried before (gRFC A6, "Exposed
    /// Retry Metadata"), and the trace and tags of Census.
    pub const END_TO_END: [&str; 3] = check::END_TO_END;

    /// Nothing yet; allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first value of this name as text. `None` also for bytes outside ASCII, which gRPC does not allow.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    /// Every value of this name as text, in order.
    pub fn get_all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let values: GetAll<'a, HeaderValue> = self.0.get_all(name);
        values.into_iter().filter_map(|value| value.to_str().ok())
    }

    /// The first value of this `-bin` name, decoded.
    pub fn get_bin(&self, name: &str) -> Option<Result<Bytes, MetadataError>> {
        self.get_all_bin(name).next()
    }

    /// Every value of this `-bin` name, decoded, in order. A list that was joined with commas on its
    /// way comes apart again, as gRPC demands.
    pub fn get_all_bin<'a>(&'a self, name: &str) -> impl Iterator<Item = Result<Bytes, MetadataError>> + use<'a> {
        let values: GetAll<'a, HeaderValue> = self.0.get_all(name);
        values
            .into_iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .map(bin::decode)
    }

    /// Takes `-bin` values apart that were joined with commas, and writes each as gRPC does: for metadata that was received and goes on. Some servers do
    /// not read what others may write, and refuse calls of others for it that come by the same connection.
    ///
    /// # Errors
    /// With the name, if a value is no base64, or there are more than 100 of it.
    pub fn part_bin(&mut self) -> Result<(), (HeaderName, MetadataError)> {
        let names = self.0.keys().filter(|name| name.as_str().ends_with("-bin"));
        let names: Vec<_> = names.cloned().collect();
        for name in names {
            if let Err(error) = self.part_values(&name) {
                return Err((name, error));
            }
        }
        Ok(())
    }

    fn part_values(&mut self, name: &HeaderName) -> Result<(), MetadataError> {
        let mut parted = Vec::new();
        for value in self.get_all_bin(name.as_str()) {
            if parted.len() == MOST_PARTS {
                return Err(MetadataError::too_many());
            }
            parted.push(bin::encode(&value?)?);
        }
        // Padded as RFC 4648 has it, everybody reads them.
        let without_padding = |value: &'_ HeaderValue| {
            let value = value.as_bytes();
            let padding = value.iter().rev().take_while(|byte| **byte == b'=').count();
            let padding = if value.len().is_multiple_of(4) { padding } else { 0 };
            value.get(..value.len() - padding).unwrap_or_default().to_vec()
        };
        let came = self.0.get_all(name).iter().map(without_padding);
        if came.eq(parted.iter().map(HeaderValue::as_bytes)) {
            return Ok(());
        }
        self.0.remove(name);
        parted.into_iter().try_for_each(|value| self.add(name.clone(), value))
    }

    /// Sets the one text of this name, in the place of all it had.
    pub fn insert(&mut self, name: &str, value: &str) -> Result<(), MetadataError> {
        self.put(check::text_name(name)?, check::text(name, value)?)
    }

    /// Adds a text to those that this name has.
    pub fn append(&mut self, name: &str, value: &str) -> Result<(), MetadataError> {
        self.add(check::text_name(name)?, check::text(name, value)?)
    }

    /// Sets the one value of this `-bin` name, in the place of all it had.
    pub fn insert_bin(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), MetadataError> {
        self.put(check::bin_name(name)?, bin::encode(value.as_ref())?)
    }

    /// Adds a value to those that this `-bin` name has.
    pub fn append_bin(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), MetadataError> {
        self.add(check::bin_name(name)?, bin::encode(value.as_ref())?)
    }

    /// Removes all values of this name, and says whether there were any.
    pub fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// Every name with every value, as on the wire.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds every value of the other metadata to these.
    pub fn extend(&mut self, other: Metadata) -> Result<(), MetadataError> {
        if self.is_empty() {
            self.0 = other.0;
            return Ok(());
        }
        let mut last = None;
        for (name, value) in other.0 {
            // The map names each name once, with its first value.
            last = name.or(last);
            if let Some(name) = &last {
                self.add(name.clone(), value)?;
            }
        }
        Ok(())
    }

    /// Headers that a transport received, its own ones taken out. Nothing is checked.
    pub fn from_headers(headers: HeaderMap) -> Self {
        Self(headers)
    }

    /// The headers for a transport to send, without those that belong to HTTP or to a protocol: metadata that was received may
    /// hold some.
    pub fn into_headers(self) -> HeaderMap {
        self.without(|name| check::is_reserved(name) || check::is_connects(name))
    }

    /// As [`into_headers`](Self::into_headers), by gRPC or gRPC-Web, to which the names of Connect are like any other.
    pub fn into_grpc_headers(self) -> HeaderMap {
        self.without(check::is_reserved)
    }

    /// As [`into_grpc_headers`](Self::into_grpc_headers), of a request that goes on: with those of [`END_TO_END`](Self::END_TO_END).
    pub fn into_grpc_request_headers(self) -> HeaderMap {
        self.without(check::is_reserved_on_the_way)
    }

    fn without(mut self, reserved: impl Fn(&str) -> bool) -> HeaderMap {
        let reserved = |name: &HeaderName| reserved(name.as_str());
        if self.0.keys().all(reserved) {
            // As in most replies. The room is kept for what is put in their place.
            self.0.clear();
        }
        while let Some(name) = self.0.keys().find(|name| reserved(name)).cloned() {
            self.0.remove(name);
        }
        self.0
    }

    /// The same as headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.0
    }

    fn put(&mut self, name: HeaderName, value: HeaderValue) -> Result<(), MetadataError> {
        self.0
            .try_insert(name, value)
            .map(drop)
            .map_err(|_| MetadataError::too_many())
    }

    fn add(&mut self, name: HeaderName, value: HeaderValue) -> Result<(), MetadataError> {
        self.0
            .try_append(name, value)
            .map(drop)
            .map_err(|_| MetadataError::too_many())
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(metadata: &Metadata, name: &str) -> Vec<String> {
        metadata.get_all(name).map(String::from).collect()
    }

    #[test]
    fn bytes_go_on_one_by_one_as_grpc_writes_them() {
        for (came, parted) in [
            (&["AAE"][..], &["AAE"][..]),
            (&["AAE=", "AA==", "AA="], &["AAE", "AA", "AA"]),
            (&["AAE=", "AA=="], &["AAE=", "AA=="]),
            (&["AAE=, AQI=", "/+8="], &["AAE", "AQI", "/+8"]),
            // With bits over.
            (&["AB"], &["AA"]),
            (&["AAE,"], &["AAE", ""]),
        ] {
            let mut headers = HeaderMap::new();
            for value in came {
                headers.append("a-bin", value.parse().unwrap());
            }
            headers.insert("note", "a,b".parse().unwrap());
            let mut metadata = Metadata::from_headers(headers);
            metadata.part_bin().unwrap();
            assert_eq!(metadata.get_all("a-bin").collect::<Vec<_>>(), parted);
            assert_eq!(metadata.get("note"), Some("a,b"));
        }
        for wrong in ["_-8".to_owned(), "A".to_owned(), "AA,".repeat(100)] {
            let headers = [(HeaderName::from_static("a-bin"), wrong.parse().unwrap())];
            let mut metadata = Metadata::from_headers(headers.into_iter().collect());
            assert_eq!(metadata.part_bin().unwrap_err().0, "a-bin");
        }
    }

    #[test]
    fn keeps_repeated_values_in_order() {
        let mut metadata = Metadata::new();
        for value in ["one", "two", "three"] {
            metadata.append("word", value).unwrap();
        }
        assert_eq!(texts(&metadata, "word"), ["one", "two", "three"]);
        assert_eq!(metadata.len(), 3);
        metadata.insert("word", "four").unwrap();
        assert_eq!(texts(&metadata, "word"), ["four"]);
        assert!(metadata.remove("word"));
        assert!(!metadata.remove("word"));
        assert!(metadata.is_empty());
    }

    #[test]
    fn extending_keeps_both() {
        let mut metadata = Metadata::new();
        metadata.append("word", "one").unwrap();
        let mut other = Metadata::new();
        other.append("word", "two").unwrap();
        other.append("word", "three").unwrap();
        other.append("name", "x").unwrap();
        metadata.extend(other).unwrap();
        assert_eq!(texts(&metadata, "word"), ["one", "two", "three"]);
        assert_eq!(metadata.get("name"), Some("x"));
    }

    #[test]
    fn more_values_than_the_map_holds_are_an_error() {
        let mut metadata = Metadata::new();
        let error = (0..40_000).find_map(|number| metadata.append(&format!("name-{number}"), "").err());
        assert_eq!(error.unwrap().to_string(), "too many metadata values for one call");
    }

    #[test]
    fn bytes_outside_ascii_are_no_text() {
        let mut headers = HeaderMap::new();
        headers.insert("name", HeaderValue::from_bytes(b"\xff").unwrap());
        let metadata = Metadata::from_headers(headers);
        assert_eq!(metadata.get("name"), None);
        assert_eq!(metadata.iter().collect::<Vec<_>>(), [("name", &b"\xff"[..])]);
    }

    #[test]
    fn what_belongs_to_the_protocols_is_not_sent() {
        let names = ["grpc-status", "note", "trailer-note", "content-type"];
        let headers = names.map(|name| (HeaderName::from_static(name), HeaderValue::from_static("0")));
        let metadata = Metadata::from_headers(headers.into_iter().collect());
        let sent = metadata.clone().into_grpc_headers();
        assert!(sent.len() == 2 && sent.contains_key("note") && sent.contains_key("trailer-note"));
        let sent = metadata.into_headers();
        assert_eq!(sent.keys().collect::<Vec<_>>(), ["note"]);
        let names = Metadata::END_TO_END.map(HeaderName::from_static);
        let headers = names.map(|name| (name, HeaderValue::from_static("00")));
        let metadata = Metadata::from_headers(headers.into_iter().collect());
        assert_eq!(metadata.clone().into_grpc_request_headers().len(), 3);
        assert!(metadata.into_grpc_headers().is_empty());
    }

    #[test]
    fn bytes_come_apart_at_commas() {
        let mut headers = HeaderMap::new();
        headers.append("key-bin", HeaderValue::from_static("AQ==,Ag"));
        headers.append("key-bin", HeaderValue::from_static("Aw"));
        let metadata = Metadata::from_headers(headers);
        let values: Vec<_> = metadata.get_all_bin("key-bin").map(Result::unwrap).collect();
        assert_eq!(values, [&[1][..], &[2], &[3]]);
        assert_eq!(metadata.get_bin("key-bin").unwrap().unwrap(), &[1][..]);
        assert!(metadata.get_bin("other-bin").is_none());
    }

    #[test]
    fn bytes_are_written_without_padding() {
        let mut metadata = Metadata::new();
        metadata.insert_bin("key-bin", [1]).unwrap();
        metadata.append_bin("key-bin", [0xfb, 0xff]).unwrap();
        assert_eq!(texts(&metadata, "key-bin"), ["AQ", "+/8"]);
    }
}
