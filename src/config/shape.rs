//! What may stand where: the table of keys, which the reader, the JSON Schema, the reference and the flags are made from.

use super::{
    node::{Entry, Node, Value},
    origin::Origin,
};

/// What may stand somewhere.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// One text, number or the like.
    Scalar(Scalar),
    /// A list; `one`: what it is of may stand alone.
    List { of: Box<Shape>, one: bool },
    /// A map with these keys.
    Map(&'static Table),
    /// What is read as JSON, and has a schema of its own.
    Json {
        due: &'static str,
        schema: fn() -> serde_json::Value,
    },
    /// A key that is known and says nothing yet.
    Unavailable,
}

/// A scalar as people and validators are told of it.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    /// What is due: `a time such as 30s`.
    pub(super) due: String,
    pub(super) form: Form,
    /// Whether its value may be a secret, which is not shown where it comes from the environment.
    pub(super) private: bool,
}

/// What a validator makes of a scalar.
#[derive(Clone, Debug)]
pub(super) enum Form {
    Bool,
    /// A whole number.
    Number {
        least: u64,
        most: u64,
    },
    /// A text; a regular expression that it fits.
    Text(Option<&'static str>),
    /// The same, which may be what otherwise reads as a number or a truth value.
    AnyText(Option<&'static str>),
    /// A path.
    Path,
    /// A whole number, or a text that fits a regular expression; `or_zero`: the number may be 0 as well.
    NumberOrText {
        least: u64,
        or_zero: bool,
        pattern: &'static str,
    },
    /// The number 0, or a text that fits a regular expression.
    ZeroOrText(&'static str),
    /// One of these words, each with what it stands for.
    Choice(&'static [(&'static str, &'static str)]),
}

/// The keys of a map.
#[derive(Debug)]
pub(super) struct Table {
    /// What the map is: `a listener`.
    pub(super) name: &'static str,
    pub(super) keys: &'static [Key],
    /// The key that a scalar in the place of the map stands for.
    pub(super) short: Option<&'static str>,
    /// Keys of which exactly one is there.
    pub(super) one_of: &'static [&'static str],
}

/// A key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    /// Lines of its documentation.
    pub(super) about: &'static [&'static str],
    pub(super) shape: fn() -> Shape,
    /// Whether it has to be there, unless it has a default.
    pub(super) needed: fn() -> bool,
    /// In YAML. Without one nothing stands for it.
    pub(super) default: Option<&'static str>,
    /// What happens without it, where no value says so.
    pub(super) otherwise: &'static str,
    pub(super) flags: &'static [Flag],
    /// Whether a change takes effect with the next start alone; `None`: as with the map that it is in.
    pub(super) restart: Option<bool>,
}

/// An option of `descant serve`, and what it says in the place of a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag {
    pub(super) name: &'static str,
    /// YAML in which `$value` stands for the option's value; `None`: the value or values alone.
    pub(super) means: Option<&'static str>,
}

impl Flag {
    pub(super) const fn value(name: &'static str) -> Self {
        Self { name, means: None }
    }

    pub(super) const fn means(name: &'static str, yaml: &'static str) -> Self {
        Self {
            name,
            means: Some(yaml),
        }
    }
}

impl Key {
    pub(super) const fn new(
        name: &'static str,
        about: &'static [&'static str],
        shape: fn() -> Shape,
        needed: fn() -> bool,
    ) -> Self {
        Self {
            name,
            about,
            shape,
            needed,
            default: None,
            otherwise: "",
            flags: &[],
            restart: None,
        }
    }

    pub(super) const fn default(self, yaml: &'static str) -> Self {
        Self {
            default: Some(yaml),
            ..self
        }
    }

    pub(super) const fn otherwise(self, otherwise: &'static str) -> Self {
        Self { otherwise, ..self }
    }

    pub(super) const fn flags(self, flags: &'static [Flag]) -> Self {
        Self { flags, ..self }
    }

    pub(super) const fn restart(self) -> Self {
        Self {
            restart: Some(true),
            ..self
        }
    }

    pub(super) const fn live(self) -> Self {
        Self {
            restart: Some(false),
            ..self
        }
    }

    /// Its documentation as one paragraph.
    pub(super) fn about(&self) -> String {
        let lines: Vec<_> = self.about.iter().map(|line| line.trim()).collect();
        lines.join(" ").trim_end_matches('.').to_owned()
    }
}

impl Table {
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    pub(super) fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }

    /// The same without those that say nothing yet.
    pub(super) fn offered(&self) -> Vec<&'static str> {
        let keys = self.keys.iter();
        let offered = keys.filter(|key| !matches!((key.shape)(), Shape::Unavailable));
        offered.map(|key| key.name).collect()
    }
}

impl Shape {
    /// Writes out what a short form stands for, and what stands for keys that nobody says anything of. What does not fit stays as it
    /// is, for the reader to complain of.
    pub(super) fn complete(&self, node: &mut Node) {
        match self {
            Self::Scalar(_) | Self::Json { .. } | Self::Unavailable => {}
            Self::List { of, one } => {
                match &node.value {
                    Value::Null => node.value = Value::List(Vec::new()),
                    Value::Text(_) | Value::Map(_) if *one => {
                        let alone = node.clone();
                        node.value = Value::List(vec![alone]);
                    }
                    _ => {}
                }
                if let Value::List(items) = &mut node.value {
                    for item in items {
                        of.complete(item);
                    }
                }
            }
            Self::Map(table) => table.complete(node),
        }
    }
}

impl Table {
    /// Whether a value in the place of the map is that of its most important key.
    fn may_stand_for(&self, short: &str, value: &Value) -> bool {
        let shape = self.key(short).map(|key| (key.shape)());
        match value {
            Value::Text(_) => true,
            Value::List(_) => matches!(shape, Some(Shape::List { .. })),
            Value::Null | Value::Map(_) => false,
        }
    }

    fn complete(&self, node: &mut Node) {
        match (&node.value, self.short) {
            (Value::Null, _) => node.value = Value::Map(Vec::new()),
            (value, Some(short)) if self.may_stand_for(short, value) => {
                let alone = node.clone();
                node.value = Value::Map(vec![Entry {
                    key: short.to_owned(),
                    origin: node.origin,
                    node: alone,
                }]);
            }
            _ => {}
        }
        let Value::Map(entries) = &mut node.value else {
            return;
        };
        for key in self.keys {
            let shape = (key.shape)();
            if let Some(entry) = entries.iter_mut().find(|entry| entry.key == key.name) {
                shape.complete(&mut entry.node);
            } else if let Some(default) = key.default {
                let mut node = Node::snippet(Origin::Default, default, &[]);
                shape.complete(&mut node);
                entries.push(Entry {
                    key: key.name.to_owned(),
                    origin: Origin::Default,
                    node,
                });
            }
        }
    }
}
