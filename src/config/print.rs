//! What is in force, and why.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::{
    Config, calls,
    fault::{is_plain, shown},
    node::{Node, Value},
    origin::Origin,
    schema::to_json,
    setting::Setting,
    settings::Settings,
    shape::{Form, Key, Scalar, Shape, Table},
    variables::Text,
};

impl Config {
    /// What is in force, as a file that says the same, with where each value comes from: `# descant.yaml:12`, `# --grace` or
    /// `# default`. Of defaults whole lines are comments: what nobody says may stand beside what does not go with it. Texts that hold variables of the environment are shown as they are written, for those may be secrets. Paths of options
    /// are shown as a file beside the one that was read would have them.
    pub fn to_yaml(&self) -> String {
        let mut page = Page {
            file: self.file_name(),
            text: String::new(),
        };
        if let Shape::Map(table) = Settings::shape() {
            page.map(&self.rebased(), table, 0, "");
        }
        page.text
    }

    /// The same as one JSON object: by path (`limits.grace`, `listen[0].address`) the `value`, and where it comes `from`.
    pub fn to_json(&self) -> Json {
        let mut members = Map::new();
        self.collect(&self.rebased(), &Settings::shape(), "", &mut members);
        Json::Object(members)
    }

    fn file_name(&self) -> String {
        let name = self.file().and_then(|file| file.file_name());
        shown(&name.unwrap_or_default().to_string_lossy())
    }

    fn collect(&self, node: &Node, shape: &Shape, path: &str, members: &mut Map<String, Json>) {
        match (shape, &node.value) {
            (Shape::Map(table), Value::Map(entries)) if !table.keys.is_empty() => {
                for entry in entries {
                    let Some(key) = table.key(&entry.key) else { continue };
                    let path = match path {
                        "" => key.name.to_owned(),
                        path => format!("{path}.{}", key.name),
                    };
                    self.collect(&entry.node, &(key.shape)(), &path, members);
                }
            }
            (Shape::List { of, .. }, Value::List(items)) if !items.is_empty() => {
                for (at, item) in items.iter().enumerate() {
                    self.collect(item, of, &format!("{path}[{at}]"), members);
                }
            }
            _ => {
                let value = match as_written(node, shape) {
                    Some(written) => Json::from(written),
                    None => to_json(node, shape),
                };
                let from = from(node, &self.file_name());
                members.insert(path.to_owned(), json!({ "value": value, "from": from }));
            }
        }
    }
}

struct Page {
    file: String,
    text: String,
}

impl Page {
    /// The lines of a map. `first`: what the first of them begins with in the place of its indentation.
    fn map(&mut self, node: &Node, table: &Table, depth: usize, first: &str) {
        let mut lead = first.to_owned();
        for key in table.keys {
            let indent = "  ".repeat(depth);
            let start = if lead.is_empty() {
                indent
            } else {
                std::mem::take(&mut lead)
            };
            match node.get(key.name) {
                Some(value) => self.member(value, key, depth, &start),
                None if key.otherwise.is_empty() => lead = if start.trim().is_empty() { String::new() } else { start },
                None => {
                    let _ = writeln!(self.text, "{start}# {}: {}", key.name, key.otherwise);
                }
            }
        }
    }

    fn member(&mut self, node: &Node, key: &Key, depth: usize, start: &str) {
        let name = key.name;
        let start = &marked(start, node);
        match ((key.shape)(), &node.value) {
            (Shape::Map(table), Value::Map(_)) if !table.keys.is_empty() => {
                let _ = writeln!(self.text, "{start}{name}:");
                self.map(node, table, depth + 1, "");
            }
            (Shape::List { of, .. }, Value::List(items)) if !items.is_empty() => {
                let _ = writeln!(self.text, "{start}{name}:");
                self.items(items, &of, depth + 1);
            }
            (shape, _) => {
                let (value, from) = (written(node, &shape), from(node, &self.file));
                let _ = writeln!(self.text, "{start}{name}: {value}  # {from}");
            }
        }
    }

    fn items(&mut self, items: &[Node], of: &Shape, depth: usize) {
        for item in items {
            let start = format!("{}- ", marked(&"  ".repeat(depth), item));
            if let (Shape::Map(table), Value::Map(_)) = (of, &item.value) {
                self.map(item, table, depth + 1, &start);
            } else {
                let (value, from) = (written(item, of), from(item, &self.file));
                let _ = writeln!(self.text, "{start}{value}  # {from}");
            }
        }
    }
}

/// The beginning of a line, which is a comment if nobody says what is in it.
fn marked(start: &str, node: &Node) -> String {
    let mark = if is_unsaid(node) && !start.contains('#') {
        "# "
    } else {
        ""
    };
    format!("{start}{mark}")
}

fn is_unsaid(node: &Node) -> bool {
    node.origin.is_default()
        && match &node.value {
            Value::List(items) => items.iter().all(is_unsaid),
            Value::Map(entries) => entries.iter().all(|entry| is_unsaid(&entry.node)),
            Value::Null | Value::Text(_) => true,
        }
}

/// Where a value comes from.
fn from(node: &Node, file: &str) -> String {
    match node.origin {
        Origin::Default => "default".to_owned(),
        Origin::File { line, .. } => match &node.value {
            Value::Text(Text {
                written: Some(written), ..
            }) => format!("{file}:{line}, from {}", shown(written)),
            _ => format!("{file}:{line}"),
        },
        Origin::Flag(flag) => flag.to_owned(),
    }
}

/// What the file has in the place of a text that may be a secret.
fn as_written<'n>(node: &'n Node, shape: &Shape) -> Option<&'n str> {
    match (&node.value, shape) {
        // A file's name, where it is one text.
        (Value::Text(text), Shape::Scalar(Scalar { private: true, .. }) | Shape::Json { .. }) => {
            text.written.as_deref()
        }
        _ => None,
    }
}

/// A scalar, or what is empty, as the file would have it.
fn written(node: &Node, shape: &Shape) -> String {
    if let Some(written) = as_written(node, shape) {
        return quoted(written);
    }
    match (&node.value, shape) {
        // JSON is YAML; a dollar is written twice.
        (Value::Map(_), Shape::Json { .. }) => calls::as_written(node, "$$").to_string(),
        (Value::Text(text), Shape::Json { .. }) => quoted(&text.value.replace('$', "$$")),
        (Value::Text(text), Shape::Scalar(Scalar { form, .. })) => match form {
            Form::Bool | Form::Number { .. } => text.value.clone(),
            Form::NumberOrText { .. } if text.value.bytes().all(|byte| byte.is_ascii_digit()) => text.value.clone(),
            _ => quoted(&text.value.replace('$', "$$")),
        },
        (Value::List(_), _) => "[]".to_owned(),
        _ => "{}".to_owned(),
    }
}

/// A text that is read as itself.
fn quoted(text: &str) -> String {
    let is_bare = |character: char| character.is_ascii_alphanumeric() || "_./-".contains(character);
    let begins = text
        .chars()
        .next()
        .is_some_and(|first| first.is_ascii_alphanumeric() || "/.".contains(first));
    let is_word = |word: &str| matches!(word, "true" | "false" | "null" | "yes" | "no" | "on" | "y" | "n");
    let reads_alike = text.parse::<f64>().is_ok() || is_word(&text.to_ascii_lowercase());
    if begins && text.chars().all(is_bare) && !reads_alike {
        text.to_owned()
    } else {
        let mut quoted = String::with_capacity(text.len() + 2);
        quoted.push('"');
        for character in text.chars() {
            match character {
                '"' | '\\' => quoted.extend(['\\', character]),
                plain if is_plain(plain) => quoted.push(plain),
                other => {
                    let _ = write!(quoted, "\\U{:08X}", u32::from(other));
                }
            }
        }
        quoted.push('"');
        quoted
    }
}
