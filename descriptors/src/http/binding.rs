//! What a rule says once it is checked.

use super::template::Template;
use crate::schema::{FieldPath, Method, Schema};

/// One way in which HTTP requests call a method.
#[derive(Debug, Clone)]
pub struct Binding {
    pub(super) method: u32,
    pub(super) index: usize,
    pub(super) http_method: Box<str>,
    pub(super) template: Box<str>,
    pub(super) parsed: Template,
    pub(super) body: BodyRule,
    pub(super) response_body: Option<FieldPath>,
    pub(super) variables: Box<[Variable]>,
    pub(super) additional: bool,
    pub(super) place: Option<Box<str>>,
}

/// What the body of a request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyRule {
    /// There is none.
    None,
    /// `*`: all that the path does not bind; then the query binds nothing.
    All,
    /// The value of this field.
    Field(FieldPath),
}

/// A field that takes its value from the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub(super) field: FieldPath,
    pub(super) multiple: bool,
}

impl Binding {
    /// A binding without a rule: `POST` to the method's own path, with the whole message as body.
    pub fn of_method(method: &Method) -> Self {
        Self {
            method: u32::try_from(method.index()).unwrap_or(u32::MAX),
            index: usize::MAX,
            http_method: "POST".into(),
            template: method.path().into(),
            parsed: Template::default(),
            body: BodyRule::All,
            response_body: None,
            variables: Box::default(),
            additional: false,
            place: None,
        }
    }

    /// Its place among [`Routes::bindings`](super::Routes::bindings).
    pub fn index(&self) -> usize {
        self.index
    }

    /// The method that is called, of the schema that this binding belongs to.
    pub fn method(&self, schema: &Schema) -> Method {
        schema.method_at(self.method as usize)
    }

    /// `GET`, or another; `*` for any.
    pub fn http_method(&self) -> &str {
        &self.http_method
    }

    /// The template of the path, as it was written.
    pub fn template(&self) -> &str {
        &self.template
    }

    /// What the body of a request is.
    pub fn body(&self) -> &BodyRule {
        &self.body
    }

    /// The field of the response that is the body; without one it is the whole response.
    pub fn response_body(&self) -> Option<&FieldPath> {
        self.response_body.as_ref()
    }

    /// What the path binds, in the order of [`Captures`](super::Captures).
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// Whether its path binds a field that is not for logs: one with the option `debug_redact`.
    pub fn hides_path(&self) -> bool {
        self.variables.iter().any(|variable| variable.field.is_redacted())
    }

    /// Where its rule stands, if not in the options of its method: `rules.yaml:3:5`.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// Whether it is one of the `additional_bindings` of its rule.
    pub fn is_additional(&self) -> bool {
        self.additional
    }
}

impl Variable {
    /// The field of the request.
    pub fn field(&self) -> &FieldPath {
        &self.field
    }

    /// Whether it takes more than one segment (`{name=shelves/*}`, `{name=**}`): then `%2F` in it stays as it is.
    pub fn is_multiple(&self) -> bool {
        self.multiple
    }
}
