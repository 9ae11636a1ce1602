//! What a body is, by its content type.

use crate::{MessageType, Schema};

/// The body of a request, as it is once its content coding is undone.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestBody<'r> {
    /// The `content-type`, if there is one.
    pub content_type: Option<&'r str>,
    /// All of it.
    pub bytes: &'r [u8],
}

impl RequestBody<'_> {
    /// Whether it may be read as JSON. Without a type, whether it is JSON shows when it is read.
    pub(super) fn may_be_json(&self) -> bool {
        match self.content_type.map(str::trim_ascii) {
            None | Some("") => true,
            // RFC 9110, section 8.3: a type without content says nothing.
            Some(_) if self.bytes.is_empty() => true,
            Some(content_type) => Self::is_json(content_type),
        }
    }

    /// Checks that a content type names no other charset than that of JSON, UTF-8: RFC 8259, section 8.1.
    pub fn check_charset(content_type: &str) -> Result<(), ForeignCharset> {
        let mut quoted = false;
        let mut parameters = content_type.split(move |character| {
            quoted ^= character == '"';
            character == ';' && !quoted
        });
        parameters.find_map(foreign_charset).map_or(Ok(()), Err)
    }

    /// Whether a content type names JSON: `application/json`, or a type that is written in JSON (RFC 6839, section 3.1),
    /// whatever its parameters.
    pub fn is_json(content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim_ascii();
        let suffix = essence.len().checked_sub(5).and_then(|at| essence.get(at..));
        essence.eq_ignore_ascii_case("application/json")
            || essence.contains('/') && suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("+json"))
    }
}

/// A charset that JSON is not written in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its charset is {0:?}, but JSON is UTF-8")]
pub struct ForeignCharset(String);

/// What a parameter of a content type says of the charset, unless that is UTF-8.
fn foreign_charset(parameter: &str) -> Option<ForeignCharset> {
    let (name, value) = parameter.split_once('=')?;
    let value = value.trim_ascii().trim_matches('"').trim_ascii();
    let known = ["utf-8", "utf8"].iter().any(|known| value.eq_ignore_ascii_case(known));
    let foreign = name.trim_ascii().eq_ignore_ascii_case("charset") && !known;
    foreign.then(|| ForeignCharset(value.to_owned()))
}

/// Whether this is the message that takes a body as it is. Source: `google/api/httpbody.proto`.
pub(in crate::http) fn is_http_body(message: &MessageType) -> bool {
    message.full_name() == "google.api.HttpBody" && has_its_fields(message.schema(), message)
}

/// A type of that name may be anybody's.
fn has_its_fields(schema: &Schema, message: &MessageType) -> bool {
    use crate::table::{Kind, Shape};

    let table = schema.0.table(u32::try_from(message.index()).unwrap_or(u32::MAX));
    let is = |number, kind| {
        let field = table.field(number);
        field.is_some_and(|field| field.kind == kind && field.shape == Shape::Single)
    };
    is(CONTENT_TYPE, Kind::String) && is(DATA, Kind::Bytes)
}

// Fields of `HttpBody`.
pub(in crate::http) const CONTENT_TYPE: u32 = 1;
pub(in crate::http) const DATA: u32 = 2;

#[cfg(test)]
mod tests {
    use super::RequestBody;

    #[test]
    fn json_is_utf_8() {
        for (content_type, foreign) in [
            ("application/json", None),
            ("application/json; charset=utf-8", None),
            ("application/json;CHARSET=\"UTF-8\" ; v=1", None),
            ("application/json; charset=utf8", None),
            ("application/json; profile=\"a;charset=latin1\"", None),
            ("application/json; v=1; Charset = \"ISO-8859-1\"", Some("ISO-8859-1")),
            ("application/json;charset=utf-16", Some("utf-16")),
            ("application/json; charset=utf-8; charset=latin1", Some("latin1")),
        ] {
            let found = RequestBody::check_charset(content_type).err().map(|foreign| foreign.0);
            assert_eq!(found.as_deref(), foreign, "{content_type}");
        }
    }

    #[test]
    fn json_has_several_names() {
        for json in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/problem+json",
            "application/vnd.api+JSON ;v=1",
        ] {
            assert!(RequestBody::is_json(json), "{json}");
        }
        for other in [
            "text/plain",
            "application/jsonp",
            "+json",
            "json",
            "",
            "application/x-ndjson",
            "text/json",
        ] {
            assert!(!RequestBody::is_json(other), "{other}");
        }
    }
}
