//! Just enough YAML: what a service configuration is made of, each part with its place.
//!
//! Aliases are not taken: nobody needs them there, and a few lines of them stand for gigabytes.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

/// How deep lists and maps may nest.
const DEEPEST: usize = 64;

/// A part of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing, or `null`.
    Null,
    Text(String),
    List(Vec<Node>),
    /// Keys and values, in their order.
    Map(Vec<(Node, Node)>),
}

/// A place in a text, counted from one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct YamlError {
    pub(super) place: Place,
    pub(super) what: String,
}

impl From<&Marker> for Place {
    fn from(marker: &Marker) -> Self {
        Self {
            line: marker.line(),
            column: marker.col() + 1,
        }
    }
}

impl Value {
    /// As a sentence calls it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// A list or a map that is not whole yet; of a map, a key that has no value yet.
struct Open {
    node: Node,
    key: Option<Node>,
}

/// Reads the first document of a text; `None`: there is none.
pub(super) fn read(text: &str) -> Result<Option<Node>, YamlError> {
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| YamlError {
            place: error.marker().into(),
            what: error.info().to_owned(),
        })?;
        let place = Place::from(&span.start);
        let whole = match event {
            Event::Scalar(text, style, ..) => Node {
                place,
                value: scalar(&text, style),
            },
            Event::SequenceStart(..) | Event::MappingStart(..) if open.len() == DEEPEST => {
                let what = format!("lists and maps nest more than {DEEPEST} levels deep");
                return Err(YamlError { place, what });
            }
            Event::SequenceStart(..) => {
                open.push(Open::new(place, Value::List(Vec::new())));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::new(place, Value::Map(Vec::new())));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(ended) => ended.node,
                None => continue,
            },
            Event::Alias(_) => {
                let what = "aliases (`*name`) are not taken: write the value out".to_owned();
                return Err(YamlError { place, what });
            }
            Event::DocumentEnd => break,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => continue,
        };
        match open.last_mut() {
            Some(around) => around.add(whole),
            None => return Ok(Some(whole)),
        }
    }
    Ok(None)
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    match (style, text) {
        (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") => Value::Null,
        _ => Value::Text(text.to_owned()),
    }
}

impl Open {
    fn new(place: Place, value: Value) -> Self {
        Self {
            node: Node { place, value },
            key: None,
        }
    }

    fn add(&mut self, node: Node) {
        match (&mut self.node.value, self.key.take()) {
            (Value::List(items), _) => items.push(node),
            (Value::Map(entries), Some(key)) => entries.push((key, node)),
            (Value::Map(_), None) => self.key = Some(node),
            (Value::Null | Value::Text(_), _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_their_places() {
        let node = read("# comment\na:\n  - b: 'null'\n    c:\n").unwrap().unwrap();
        let Value::Map(entries) = node.value else { panic!() };
        let (key, value) = &entries[0];
        assert_eq!(
            (key.place, &key.value),
            (Place { line: 2, column: 1 }, &Value::Text("a".into()))
        );
        let Value::List(items) = &value.value else { panic!() };
        let Value::Map(entries) = &items[0].value else { panic!() };
        assert_eq!(entries[0].0.place, Place { line: 3, column: 5 });
        assert_eq!(entries[0].1.value, Value::Text("null".into()));
        assert_eq!(entries[1].1.value, Value::Null);
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for (text, says) in [
            ("a: [", ""),
            ("a: *b", ""),
            ("a: &b 1\nc: *b", "aliases"),
            (&"[".repeat(100), "deep"),
            ("a: b: c", ""),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.place.line > 0 && error.what.contains(says), "{text}: {error:?}");
        }
        assert_eq!(read(""), Ok(None));
        assert_eq!(read("# nothing\n"), Ok(None));
    }
}
