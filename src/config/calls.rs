//! gRPC's service config as a setting: a file, or the same as YAML in its place.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use descant_descriptors::{Method, yaml};
use serde_json::{Value as Json, json};

use super::{
    fault::{Faults, shown},
    node::{Entry, Node, Value},
    origin::{Origin, Placed},
    read,
    setting::{Reader, Setting},
    shape::Shape,
    variables::Text,
};
use crate::{
    Schema,
    handlers::proxy::{ServiceConfig, ServiceConfigFault, Step},
};

/// What is said of the calls to a server, method by method. Two are equal if they say the same, wherever they stand.
#[derive(Clone)]
pub struct UpstreamCalls {
    config: ServiceConfig,
    origin: Origin,
    source: Source,
}

/// Where it stands.
#[derive(Clone)]
enum Source {
    Here(Node),
    File { path: PathBuf, text: String },
}

impl UpstreamCalls {
    /// What it says.
    pub fn config(&self) -> &ServiceConfig {
        &self.config
    }

    /// The file that it is in, if it is not in the configuration itself.
    pub fn file(&self) -> Option<&Path> {
        match &self.source {
            Source::Here(_) => None,
            Source::File { path, .. } => Some(path),
        }
    }

    /// Notes what has no effect in it.
    pub(super) fn check_keys(&self, faults: &mut Faults) {
        self.source.note(self.origin, self.config.passed_over(), faults);
    }

    /// Notes what it names and the API does not have.
    pub(super) fn check(&self, schema: &Schema, faults: &mut Faults) {
        if let Err(error) = self.config.check(schema) {
            self.source.note(self.origin, error.faults(), faults);
        }
    }

    /// Notes what it names and none of these methods is.
    pub(super) fn check_use(&self, methods: &[Method], faults: &mut Faults) {
        if let Err(error) = self.config.check_use(methods) {
            self.source.note(self.origin, error.faults(), faults);
        }
    }
}

impl PartialEq for UpstreamCalls {
    fn eq(&self, other: &Self) -> bool {
        self.config == other.config && self.file() == other.file()
    }
}

/// None of its numbers is unequal to itself.
impl Eq for UpstreamCalls {}

impl fmt::Debug for UpstreamCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.config.fmt(f)
    }
}

impl Setting for UpstreamCalls {
    fn shape() -> Shape {
        Shape::Json {
            due: "a map as gRPC's service config, or the file that has it in JSON",
            schema,
        }
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let (source, json) = match &node.value {
            Value::Text(_) => {
                let path = Placed::<PathBuf>::read(node, reader)?.value;
                match read(&path) {
                    Ok(text) => (
                        Source::File {
                            path,
                            text: text.clone(),
                        },
                        text,
                    ),
                    Err((what, mend)) => {
                        let path = shown(&path.to_string_lossy());
                        reader.faults.add(node.origin, format!("{path}: {what}"), mend);
                        return None;
                    }
                }
            }
            _ => (Source::Here(node.clone()), to_json(node).to_string()),
        };
        match ServiceConfig::from_json(&json) {
            Ok(config) => Some(Self {
                config,
                origin: node.origin,
                source,
            }),
            Err(error) => {
                source.note(node.origin, error.faults(), reader.faults);
                None
            }
        }
    }
}

impl Source {
    /// Notes faults, each with its place in the configuration, or in the file that is named there.
    fn note(&self, origin: Origin, found: &[ServiceConfigFault], faults: &mut Faults) {
        for fault in found {
            match self {
                Self::Here(node) => {
                    let (found, mut origin) = within(node, fault.place());
                    if fault.is_of_key() {
                        origin = key(node, fault.place()).unwrap_or(origin);
                    }
                    let written = found.written().or_else(|| service(node, fault.place())?.written());
                    let (what, mend) = match written.filter(|_| fault.quotes()) {
                        // It may repeat what only the environment knows.
                        Some(written) => (
                            format!("the value of `{}` does not fit here", shown(written)),
                            fault.due(),
                        ),
                        None => (fault.what().to_owned(), fault.mend()),
                    };
                    faults.add(origin, what, mend);
                }
                Self::File { path, text } => {
                    let place = yaml::read(text)
                        .ok()
                        .flatten()
                        .map(|node| place(&node, fault.place(), fault.is_of_key()));
                    let at = place.map_or_else(String::new, |place| format!(":{}:{}", place.line, place.column));
                    let path = shown(&path.to_string_lossy());
                    faults.add(origin, format!("{path}{at}: {}", fault.what()), fault.mend());
                }
            }
        }
    }
}

/// The last part on this way that is there, and its place.
fn within<'n>(node: &'n Node, way: &[Step]) -> (&'n Node, Origin) {
    let mut found = (node, node.origin);
    for step in way {
        let next = match (&found.0.value, step) {
            (Value::Map(entries), Step::Key(key)) => {
                let entry = entries.iter().find(|entry| entry.key == *key);
                // A map has no length to mark; its key has.
                entry.map(|entry| match entry.node.value {
                    Value::Text(_) => (&entry.node, entry.node.origin),
                    _ => (&entry.node, entry.origin),
                })
            }
            (Value::List(items), Step::Item(index)) => items.get(*index).map(|item| (item, item.origin)),
            _ => None,
        };
        let Some(next) = next else { break };
        found = next;
    }
    found
}

/// Where the key stands that this way ends with.
fn key(node: &Node, way: &[Step]) -> Option<Origin> {
    let (Step::Key(last), around) = way.split_last()? else {
        return None;
    };
    within(node, around).0.origin_of(last)
}

/// The service of a method: both are named if there is none such.
fn service<'n>(node: &'n Node, way: &[Step]) -> Option<&'n Node> {
    let (last, around) = way.split_last()?;
    let is_method = matches!(last, Step::Key(key) if key == "method");
    is_method.then(|| within(node, around).0.get("service")).flatten()
}

/// `of_key`: of the last step the key, not its value.
fn place(node: &yaml::Node, way: &[Step], of_key: bool) -> yaml::Place {
    let next = match (&node.value, way.first()) {
        (yaml::Value::Map(entries), Some(Step::Key(key))) => {
            let is_key = |found: &yaml::Node| matches!(&found.value, yaml::Value::Text(text) if text == key);
            let entry = entries.iter().find(|(found, _)| is_key(found));
            entry.map(|(key, value)| if of_key && way.len() == 1 { key } else { value })
        }
        (yaml::Value::List(items), Some(Step::Item(index))) => items.get(*index),
        _ => None,
    };
    match next {
        Some(next) => place(next, way.get(1..).unwrap_or_default(), of_key),
        None => node.place,
    }
}

/// A part of a file as JSON, as it is written: of texts with variables not what those hold. `dollar`: what stands for a dollar in all others.
pub(super) fn as_written(node: &Node, dollar: &str) -> Json {
    match &node.value {
        Value::Text(Text {
            written: Some(written), ..
        }) => Json::from(written.as_str()),
        Value::Text(_) | Value::Null => match to_json(node) {
            Json::String(text) => Json::from(text.replace('$', dollar)),
            other => other,
        },
        Value::List(items) => items.iter().map(|item| as_written(item, dollar)).collect(),
        Value::Map(entries) => {
            let member = |entry: &Entry| (entry.key.clone(), as_written(&entry.node, dollar));
            Json::Object(entries.iter().map(member).collect())
        }
    }
}

/// A part of a file as JSON: what reads as a number or a truth value is one.
fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Text(text) => match serde_json::from_str(&text.value) {
            Ok(typed @ (Json::Bool(_) | Json::Number(_))) => typed,
            _ => Json::from(text.value.as_str()),
        },
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => {
            let member = |entry: &Entry| (entry.key.clone(), to_json(&entry.node));
            Json::Object(entries.iter().map(member).collect())
        }
    }
}

/// For validators.
fn schema() -> Json {
    // Where a text is not as good a variable may stand. `true`: whatever stands there is passed over.
    let or_variable = |schema: Json| json!({ "anyOf": [schema, { "$ref": "#/$defs/variable" }] });
    let time = or_variable(json!({ "type": "string", "pattern": r"^([0-9]+(\.[0-9]{0,9})?|\.[0-9]{1,9})s$" }));
    let attempts = or_variable(json!({ "type": "integer", "minimum": 2 }));
    let above_0 = or_variable(json!({ "type": "number", "exclusiveMinimum": 0 }));
    let codes = json!({
        "type": "array",
        "items": { "anyOf": [{ "type": "string" }, { "type": "integer", "minimum": 1, "maximum": 16 }] },
    });
    let object = |properties: Json, required: &[&str]| json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
    let name = object(
        json!({ "service": { "type": "string" }, "method": { "type": "string" } }),
        &[],
    );
    let retry = object(
        json!({
            "maxAttempts": attempts,
            "initialBackoff": time,
            "maxBackoff": time,
            "backoffMultiplier": above_0,
            "retryableStatusCodes": codes,
        }),
        &[
            "maxAttempts",
            "initialBackoff",
            "maxBackoff",
            "backoffMultiplier",
            "retryableStatusCodes",
        ],
    );
    let hedge = object(
        json!({ "maxAttempts": attempts, "hedgingDelay": time, "nonFatalStatusCodes": codes }),
        &["maxAttempts"],
    );
    let method = object(
        json!({
            "name": { "type": "array", "items": name, "minItems": 1 },
            "timeout": time,
            "waitForReady": or_variable(json!({ "type": "boolean" })),
            "retryPolicy": retry,
            "hedgingPolicy": hedge,
            "maxRequestMessageBytes": true,
            "maxResponseMessageBytes": true,
        }),
        &["name"],
    );
    let throttling = object(
        json!({
            "maxTokens": or_variable(json!({ "type": "integer", "minimum": 1, "maximum": 1000 })),
            "tokenRatio": above_0,
        }),
        &["maxTokens", "tokenRatio"],
    );
    let config = object(
        json!({
            "methodConfig": { "type": "array", "items": method },
            "retryThrottling": throttling,
            "loadBalancingConfig": true,
            "loadBalancingPolicy": true,
            "healthCheckConfig": true,
        }),
        &[],
    );
    json!({ "anyOf": [{ "type": "string" }, config] })
}
