//! `google.api.HttpBody`: an answer whose bytes are its body.

use bytes::Bytes;

use super::bind::{CONTENT_TYPE, DATA, is_http_body};
use crate::{
    FieldPath, MessageType,
    codec::{put_bytes, put_message},
    raw::{Fields, Value, WireError},
};

/// A `google.api.HttpBody`, without its extensions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpBody {
    /// The value of `Content-Type`. Nothing is checked.
    pub content_type: Bytes,
    /// The body.
    pub data: Bytes,
}

/// Bytes that are no `HttpBody`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a google.api.HttpBody: {0}")]
pub struct HttpBodyError(#[source] WireError);

impl HttpBody {
    /// Whether a message, or that field of it, is a `google.api.HttpBody`.
    pub fn is(message: &MessageType, field: Option<&FieldPath>) -> bool {
        match field {
            None => is_http_body(message),
            Some(field) => {
                let single = !field.is_repeated();
                single
                    && field
                        .message(message.schema())
                        .is_some_and(|message| is_http_body(&message))
            }
        }
    }

    /// Reads one, which is the whole message or that field of it: a field of the message itself, as `response_body` names
    /// them. What is there in pieces is merged, and what is there twice counts as it was last. Nothing is copied.
    pub fn read(wire: &Bytes, field: Option<&FieldPath>) -> Result<Self, HttpBodyError> {
        let mut found = Self::default();
        let Some(number) = field.and_then(|field| field.numbers().next()) else {
            found.merge(wire, wire).map_err(HttpBodyError)?;
            return Ok(found);
        };
        for piece in Fields::new(wire) {
            match piece.map_err(HttpBodyError)? {
                (own, Value::Bytes(bytes) | Value::Group(bytes)) if own == number => {
                    found.merge(wire, bytes).map_err(HttpBodyError)?;
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// Appends it as wire bytes: as the whole message, or as that field of one.
    pub fn write(&self, field: Option<&FieldPath>, out: &mut Vec<u8>) {
        let mut own = Vec::new();
        for (number, bytes) in [(CONTENT_TYPE, &self.content_type), (DATA, &self.data)] {
            if !bytes.is_empty() {
                put_bytes(&mut own, number, bytes);
            }
        }
        match field.and_then(FieldPath::leaf) {
            Some(field) => put_message(out, field, &[&own]),
            None => out.append(&mut own),
        }
    }

    /// Merges `piece`, which is a part of `whole`.
    fn merge(&mut self, whole: &Bytes, piece: &[u8]) -> Result<(), WireError> {
        for field in Fields::new(piece) {
            match field? {
                (CONTENT_TYPE, Value::Bytes(bytes)) => self.content_type = whole.slice_ref(bytes),
                (DATA, Value::Bytes(bytes)) => self.data = whole.slice_ref(bytes),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::Wire;

    #[test]
    fn pieces_are_merged() {
        let wire = Wire::default().text(1, "text/plain").text(2, "old").text(2, "new");
        let body = HttpBody::read(&wire.0.into(), None).unwrap();
        assert_eq!(
            (&body.content_type[..], &body.data[..]),
            (&b"text/plain"[..], &b"new"[..])
        );
        assert_eq!(HttpBody::read(&Bytes::new(), None).unwrap(), HttpBody::default());
        let mut wire = Vec::new();
        body.write(None, &mut wire);
        assert_eq!(HttpBody::read(&wire.into(), None).unwrap(), body);
        assert!(HttpBody::read(&Bytes::from_static(b"\x0a\x05a"), None).is_err());
    }
}
