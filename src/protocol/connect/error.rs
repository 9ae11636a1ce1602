//! Errors as JSON. Connect, "Error End-Stream" and "Unary-Response".

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use bytes::Bytes;
use descant_descriptors::{Codec, JsonOptions, Schema};
use descant_handlers::{Code, Status};
use http::HeaderMap;
use prost_types::Any;

use super::super::Context;

/// How details of errors are shown.
#[derive(Clone, Debug)]
pub(crate) struct Details {
    /// Where their types are looked up.
    schema: Schema,
    /// How deep they may nest.
    depth: u32,
}

impl Details {
    pub(crate) fn new(context: &Context<'_>) -> Self {
        Self {
            schema: context.snapshot.schema().clone(),
            depth: context.connection.limits().depth,
        }
    }

    /// A detail as JSON. `None`: its type is unknown, or it has no JSON form.
    fn shown(&self, name: &str, detail: &Any) -> Option<Vec<u8>> {
        let message = self.schema.message(name)?;
        let mut options = JsonOptions::default();
        options.depth = self.depth;
        let mut json = Vec::new();
        Codec::new(options)
            .wire_to_json(&message, &detail.value, &mut json)
            .ok()?;
        Some(json)
    }
}

/// A document in JSON that grows.
#[derive(Debug, Default)]
pub(super) struct Json(Vec<u8>);

impl Json {
    /// Appends punctuation.
    pub(super) fn text(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// A comma, unless something has just begun.
    fn next(&mut self) {
        if !matches!(self.0.last(), Some(b'{' | b'[')) {
            self.0.push(b',');
        }
    }

    fn string(&mut self, text: &str) {
        // Neither a string nor a vector can fail.
        let _ = serde_json::to_writer(&mut self.0, text);
    }

    fn member(&mut self, name: &str) {
        self.next();
        self.string(name);
        self.text(":");
    }

    /// `{"code": ..., "message": ..., "details": [...]}`
    pub(super) fn error(&mut self, status: &Status, details: &Details) {
        self.text("{");
        self.member("code");
        self.string(&name(status.code()));
        if !status.message().is_empty() {
            self.member("message");
            self.string(status.message());
        }
        if !status.details().is_empty() {
            self.member("details");
            self.text("[");
            for detail in status.details() {
                self.next();
                self.detail(detail, details);
            }
            self.text("]");
        }
        self.text("}");
    }

    fn detail(&mut self, detail: &Any, details: &Details) {
        let name = detail.type_url.rsplit('/').next().unwrap_or_default();
        self.text("{");
        self.member("type");
        self.string(name);
        self.member("value");
        self.string(&BASE64.encode(&detail.value));
        // Only for people: what has no JSON form goes without.
        if let Some(debug) = details.shown(name, detail) {
            self.member("debug");
            self.0.extend_from_slice(&debug);
        }
        self.text("}");
    }

    /// `"metadata": {"name": ["value", ...]}`
    pub(super) fn metadata(&mut self, headers: &HeaderMap) {
        self.member("metadata");
        self.text("{");
        for name in headers.keys() {
            self.member(name.as_str());
            self.text("[");
            for value in headers.get_all(name) {
                self.next();
                self.string(&String::from_utf8_lossy(value.as_bytes()));
            }
            self.text("]");
        }
        self.text("}");
    }
}

impl From<Json> for Bytes {
    fn from(json: Json) -> Self {
        json.0.into()
    }
}

/// A code as Connect writes it. "Error Codes".
fn name(code: Code) -> String {
    match code {
        Code::Cancelled => "canceled".to_owned(),
        code => code.name().to_ascii_lowercase(),
    }
}
