//! What a file and flags say, before it is known what it means: a tree, each part with its origin.

use std::{borrow::Cow, collections::HashMap, env::VarError};

use descant_descriptors::yaml;

use super::{
    fault::{Faults, shown},
    origin::Origin,
    variables::{self, Text},
};

/// A part of what is said.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) value: Value,
}

/// What is said there.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Text(Text),
    List(Vec<Node>),
    /// Each key once.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Where the key stands.
    pub(super) origin: Origin,
    pub(super) node: Node,
}

/// Where variables are looked up.
pub(super) type Environment<'e> = &'e dyn Fn(&str) -> Result<String, VarError>;

/// The key that brings the entries of other maps along.
const MERGE: &str = "<<";

impl Node {
    pub(super) fn text(origin: Origin, text: impl Into<String>) -> Self {
        Self {
            origin,
            value: Value::Text(Text::plain(text.into())),
        }
    }

    /// What a snippet of our own says. The first of `values` stands for the text `$value` in it, a list of all for `$values`.
    pub(super) fn snippet(origin: Origin, text: &str, values: &[String]) -> Self {
        // A snippet that is no YAML fails the tests of the table that it stands in.
        let node = yaml::read(text).ok().flatten();
        node.map_or_else(|| Self::text(origin, text), |node| Self::ours(origin, &node, values))
    }

    fn ours(origin: Origin, node: &yaml::Node, values: &[String]) -> Self {
        let value = match &node.value {
            yaml::Value::Null => Value::Null,
            yaml::Value::Text(text) if text == "$value" => {
                return Self::text(origin, values.first().map_or("", String::as_str));
            }
            yaml::Value::Text(text) if text == "$values" => {
                Value::List(values.iter().map(|value| Self::text(origin, value)).collect())
            }
            yaml::Value::Text(text) => return Self::text(origin, text),
            yaml::Value::List(items) => {
                Value::List(items.iter().map(|item| Self::ours(origin, item, values)).collect())
            }
            yaml::Value::Map(entries) => {
                let entry = |(key, node): &(yaml::Node, yaml::Node)| Entry {
                    key: key_text(key).unwrap_or_default().to_owned(),
                    origin,
                    node: Self::ours(origin, node, values),
                };
                Value::Map(entries.iter().map(entry).collect())
            }
        };
        Self { origin, value }
    }

    /// What a file says. Variables are put in here, after parsing: what they hold is never read as YAML.
    pub(super) fn of(node: &yaml::Node, environment: Environment<'_>, faults: &mut Faults) -> Self {
        let origin = Origin::of(node);
        let value = match &node.value {
            yaml::Value::Null => Value::Null,
            yaml::Value::Text(text) => Value::Text(variables::substitute(text, origin, environment, faults)),
            yaml::Value::List(items) => {
                Value::List(items.iter().map(|item| Self::of(item, environment, faults)).collect())
            }
            yaml::Value::Map(entries) => Value::Map(map(entries, environment, faults)),
        };
        Self { origin, value }
    }

    /// As a sentence calls it.
    pub(super) fn shown_kind(&self) -> Cow<'static, str> {
        match &self.value {
            Value::Null => "nothing".into(),
            Value::Text(text) => format!("`{}`", text.shown()).into(),
            Value::List(_) => "a list".into(),
            Value::Map(_) => "a map".into(),
        }
    }

    /// What the file has in the place of a text with variables, if this is one or has one in it.
    pub(super) fn written(&self) -> Option<&str> {
        match &self.value {
            Value::Null => None,
            Value::Text(text) => text.written.as_deref(),
            Value::List(items) => items.iter().find_map(Self::written),
            Value::Map(entries) => entries.iter().find_map(|entry| entry.node.written()),
        }
    }

    /// The value of a key, if this is a map that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The place of a key, if this is a map that has it.
    pub(super) fn origin_of(&self, key: &str) -> Option<Origin> {
        self.entry(key).map(|entry| entry.origin)
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        let Value::Map(entries) = &self.value else {
            return None;
        };
        entries.iter().find(|entry| entry.key == key)
    }
}

fn map(entries: &[(yaml::Node, yaml::Node)], environment: Environment<'_>, faults: &mut Faults) -> Vec<Entry> {
    let mut map: Vec<Entry> = Vec::new();
    let mut places: HashMap<String, Origin> = HashMap::new();
    let mut merged = Vec::new();
    for (key, value) in entries {
        let origin = Origin::of(key);
        let Some(name) = key_text(key) else {
            let what = format!("{} stands where a key is due", key.value.kind());
            faults.add(origin, what, "keys are texts");
            continue;
        };
        if name == MERGE {
            merged.extend(sources(value, faults).map(|source| map_of(source, environment, faults)));
            continue;
        }
        if let Some(first) = places.get(name) {
            let place = match first {
                Origin::File { line, .. } => format!(", first in line {line}"),
                _ => String::new(),
            };
            faults.add(
                origin,
                format!("`{}` is there twice{place}", shown(name)),
                "leave one of them out",
            );
            continue;
        }
        places.insert(name.to_owned(), origin);
        map.push(Entry {
            key: name.to_owned(),
            origin,
            node: Node::of(value, environment, faults),
        });
    }
    // What stands in the map itself wins, then what is merged first.
    for entry in merged.into_iter().flatten() {
        if !places.contains_key(&entry.key) {
            places.insert(entry.key.clone(), entry.origin);
            map.push(entry);
        }
    }
    map
}

/// The maps that a merge key brings along: one, or a list of them.
fn sources<'n>(value: &'n yaml::Node, faults: &mut Faults) -> std::vec::IntoIter<&'n yaml::Node> {
    let maps = match &value.value {
        yaml::Value::List(items) => items.iter().collect(),
        _ => vec![value],
    };
    let (maps, others): (Vec<_>, Vec<_>) = maps
        .into_iter()
        .partition(|node| matches!(node.value, yaml::Value::Map(_)));
    for other in others {
        let what = format!("{} stands where `<<` takes a map", other.value.kind());
        faults.add(Origin::of(other), what, "give it an alias of a map, or a list of such");
    }
    maps.into_iter()
}

fn map_of(node: &yaml::Node, environment: Environment<'_>, faults: &mut Faults) -> Vec<Entry> {
    match &node.value {
        yaml::Value::Map(entries) => map(entries, environment, faults),
        _ => Vec::new(),
    }
}

fn key_text(key: &yaml::Node) -> Option<&str> {
    match &key.value {
        yaml::Value::Text(text) => Some(text),
        _ => None,
    }
}
