//! The JSON Schema of the file, for editors and validators. Source: JSON Schema 2020-12.

use serde_json::{Map, Value as Json, json};

use super::{
    Config, calls,
    node::{Node, Value},
    origin::Origin,
    setting::Setting,
    settings::Settings,
    shape::{Form, Key, Scalar, Shape, Table},
};

/// A value with variables of the environment in it may stand for any other.
const VARIABLE: &str = r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}";

impl Config {
    /// The JSON Schema of the file, 2020-12.
    pub fn json_schema() -> Json {
        let mut schema = of(&Settings::shape());
        if let Json::Object(members) = &mut schema {
            members.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
            members.insert("title".into(), "descant.yaml".into());
            members.insert(
                "$defs".into(),
                json!({ "variable": {
                    "description": "A text with variables of the environment: ${NAME} or ${NAME:-default}; $$ is a dollar",
                    "type": "string",
                    "pattern": VARIABLE,
                } }),
            );
        }
        schema
    }
}

fn of(shape: &Shape) -> Json {
    match shape {
        Shape::Scalar(scalar) => of_scalar(scalar),
        Shape::List { of: item, one: false } => json!({ "type": ["array", "null"], "items": of(item) }),
        Shape::List { of: item, one: true } => {
            json!({ "anyOf": [{ "type": ["array", "null"], "items": of(item) }, of(item)] })
        }
        Shape::Map(table) => of_table(table),
        Shape::Json { schema, .. } => schema(),
        Shape::Unavailable => json!({ "not": {} }),
    }
}

fn of_scalar(scalar: &Scalar) -> Json {
    let variable = || json!({ "$ref": "#/$defs/variable" });
    // To what is no text the expression does not apply.
    let any_text =
        |pattern| json!({ "anyOf": [{ "type": ["string", "number", "boolean"], "pattern": pattern }, variable()] });
    match scalar.form {
        Form::Bool => {
            let quoted = json!({ "enum": ["true", "True", "TRUE", "false", "False", "FALSE"] });
            json!({ "anyOf": [{ "type": "boolean" }, quoted, variable()] })
        }
        Form::Number { least, most: u64::MAX } => {
            json!({ "anyOf": [{ "type": "integer", "minimum": least }, variable()] })
        }
        Form::Number { least, most } => {
            json!({ "anyOf": [{ "type": "integer", "minimum": least, "maximum": most }, variable()] })
        }
        Form::Text(None) => json!({ "type": "string" }),
        Form::Text(Some(pattern)) => json!({ "anyOf": [{ "type": "string", "pattern": pattern }, variable()] }),
        Form::AnyText(None) => json!({ "type": ["string", "number", "boolean"] }),
        Form::AnyText(Some(pattern)) => any_text(pattern),
        Form::Path => any_text("^[^\\u0000]+$"),
        Form::NumberOrText {
            least,
            or_zero,
            pattern,
        } => {
            let zero = or_zero.then(|| json!({ "const": 0 }));
            let number = json!({ "type": "integer", "minimum": least });
            let text = json!({ "type": "string", "pattern": pattern });
            let any = zero.into_iter().chain([number, text, variable()]);
            json!({ "anyOf": any.collect::<Vec<_>>() })
        }
        Form::ZeroOrText(pattern) => json!({ "anyOf": [
            { "const": 0 },
            { "type": "string", "pattern": pattern },
            variable(),
        ] }),
        Form::Choice(words) => {
            let words = words
                .iter()
                .map(|(word, about)| json!({ "const": word, "description": about.trim() }));
            json!({ "anyOf": words.chain([variable()]).collect::<Vec<_>>() })
        }
    }
}

fn of_table(table: &Table) -> Json {
    let properties: Map<_, _> = table
        .keys
        .iter()
        .map(|key| (key.name.to_owned(), of_key(key)))
        .collect();
    let is_needed = |key: &&Key| key.default.is_none() && (key.needed)();
    let needed: Vec<_> = table.keys.iter().filter(is_needed).map(|key| key.name).collect();
    // Of a map that needs nothing all may be left out.
    let kind = if needed.is_empty() {
        json!(["object", "null"])
    } else {
        json!("object")
    };
    let mut schema = json!({ "type": kind, "properties": properties, "additionalProperties": false });
    if let Json::Object(members) = &mut schema {
        if !needed.is_empty() {
            members.insert("required".into(), needed.into());
        }
        if !table.one_of.is_empty() {
            let one_of: Vec<_> = table.one_of.iter().map(|key| json!({ "required": [key] })).collect();
            members.insert("oneOf".into(), one_of.into());
        }
    }
    match table.short.and_then(|short| table.key(short)) {
        Some(short) => json!({ "anyOf": [schema, of_value(short)] }),
        None => schema,
    }
}

/// What has to be there is not an empty list.
fn of_value(key: &Key) -> Json {
    match (key.shape)() {
        Shape::List { of: item, one: true } if key.default.is_none() && (key.needed)() => {
            json!({ "anyOf": [{ "type": "array", "items": of(&item), "minItems": 1 }, of(&item)] })
        }
        shape => of(&shape),
    }
}

fn of_key(key: &Key) -> Json {
    let shape = (key.shape)();
    let mut schema = of_value(key);
    if let Json::Object(members) = &mut schema {
        members.insert("description".into(), key.about().into());
        if let Some(default) = key.default {
            let default = Node::snippet(Origin::Default, default, &[]);
            members.insert("default".into(), to_json(&default, &shape));
        }
    }
    schema
}

/// A value as JSON has it: numbers and truth values as such. What a service config has of variables is shown as it is written.
pub(super) fn to_json(node: &Node, shape: &Shape) -> Json {
    match (&node.value, shape) {
        (_, Shape::Json { .. }) => calls::as_written(node, "$"),
        (Value::Text(text), shape) => {
            let text = text.value.as_str();
            let typed = match shape {
                Shape::Scalar(Scalar { form: Form::Bool, .. }) => text.parse().ok().map(Json::Bool),
                Shape::Scalar(Scalar {
                    form: Form::Number { .. } | Form::NumberOrText { .. },
                    ..
                }) => text.parse::<u64>().ok().map(Json::from),
                _ => None,
            };
            typed.unwrap_or_else(|| text.into())
        }
        (Value::List(items), Shape::List { of, .. }) => items.iter().map(|item| to_json(item, of)).collect(),
        (Value::List(items), _) => items.iter().map(|item| to_json(item, shape)).collect(),
        (Value::Map(entries), Shape::Map(table)) => {
            let member = |entry: &super::node::Entry| {
                let shape = table.key(&entry.key).map_or(Shape::Unavailable, |key| (key.shape)());
                (entry.key.clone(), to_json(&entry.node, &shape))
            };
            Json::Object(entries.iter().map(member).collect())
        }
        (Value::Null | Value::Map(_), _) => Json::Null,
    }
}
