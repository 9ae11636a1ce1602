//! YAML as a tree, each part with its place. For Descant's own crates: what is here may change at any time.
//!
//! Scalars stay texts: what they mean is for the reader of a key to say. Aliases are copied, as far as that is bounded: a few
//! lines of them can stand for gigabytes.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

/// How deep lists and maps may nest.
const DEEPEST: usize = 64;
/// What aliases may stand for, all together: a part counts as one, a text as many more as it has bytes.
const MOST_COPIED: usize = 1 << 20;

/// A part of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// How many characters it takes on the line where it begins; 0 for lists and maps.
    pub length: usize,
    /// What it is.
    pub value: Value,
}

/// What a part of a document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing, or `null`.
    Null,
    /// A scalar.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping: keys and values, in their order.
    Map(Vec<(Node, Node)>),
}

/// A place in a text, counted from one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character in that line.
    pub column: usize,
}

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    /// Where.
    pub place: Place,
    /// What.
    pub what: String,
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
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl Node {
    /// Every part of it, with how deep it lies.
    fn parts(&self) -> impl Iterator<Item = (usize, &Self)> {
        let mut left = vec![(0, self)];
        std::iter::from_fn(move || {
            let (depth, node) = left.pop()?;
            match &node.value {
                Value::Null | Value::Text(_) => {}
                Value::List(items) => left.extend(items.iter().map(|item| (depth + 1, item))),
                Value::Map(entries) => {
                    let entries = entries.iter().flat_map(|(key, value)| [key, value]);
                    left.extend(entries.map(|part| (depth + 1, part)));
                }
            }
            Some((depth, node))
        })
    }

    fn weight(&self) -> usize {
        match &self.value {
            Value::Text(text) => text.len() + 1,
            _ => 1,
        }
    }
}

/// Reads the one document of a text; `None`: there is none.
///
/// # Errors
/// If it is no YAML, if there are several documents, or if it is deeper or says more than anybody needs.
pub fn read(text: &str) -> Result<Option<Node>, YamlError> {
    let mut reader = Reader::default();
    let mut document = None;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let place = error.marker().into();
            YamlError {
                place: reader.unclosed(text, place).unwrap_or(place),
                what: error.info().to_owned(),
            }
        })?;
        if let (Event::DocumentStart(_), Some(_)) = (&event, &document) {
            return Err(YamlError {
                place: Place::from(&span.start),
                what: "a second document begins: one is all that is read".to_owned(),
            });
        }
        if let Some(whole) = reader.take(event, span)? {
            document = Some(whole);
        }
    }
    Ok(document)
}

/// A list or a map that is not whole yet; of a map, a key that has no value yet.
struct Open {
    node: Node,
    anchor: usize,
    key: Option<Node>,
}

#[derive(Default)]
struct Reader {
    open: Vec<Open>,
    /// What aliases stand for. No anchor is 0.
    anchors: HashMap<usize, Node>,
    copied: usize,
}

impl Reader {
    /// The document, once it is whole.
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<Option<Node>, YamlError> {
        let place = Place::from(&span.start);
        let (whole, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                check_tag(tag.as_deref(), place)?;
                let value = scalar(&text, style);
                let length = length(&span, &text);
                (Node { place, length, value }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                check_tag(tag.as_deref(), place)?;
                return self.begin(place, anchor, Value::List(Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                check_tag(tag.as_deref(), place)?;
                return self.begin(place, anchor, Value::Map(Vec::new()));
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(ended) => (ended.node, ended.anchor),
                None => return Ok(None),
            },
            Event::Alias(anchor) => (self.copy(anchor, place)?, 0),
            _ => return Ok(None),
        };
        if anchor != 0 {
            self.keep(anchor, &whole)?;
        }
        match self.open.last_mut() {
            Some(around) => around.add(whole),
            None => return Ok(Some(whole)),
        }
        Ok(None)
    }

    /// The bracket that has no end where a text has ended.
    fn unclosed(&self, text: &str, end: Place) -> Option<Place> {
        let from = |place: Place| {
            let mut lines = text.lines().skip(place.line.saturating_sub(1));
            let first = lines.next().unwrap_or_default().chars().skip(place.column - 1);
            first.chain(lines.flat_map(str::chars))
        };
        if !from(end).all(char::is_whitespace) {
            return None;
        }
        let mut open = self.open.iter().rev().map(|open| open.node.place);
        open.find(|place| matches!(from(*place).next(), Some('[' | '{')))
    }

    fn begin(&mut self, place: Place, anchor: usize, value: Value) -> Result<Option<Node>, YamlError> {
        if self.open.len() == DEEPEST {
            return Err(too_deep(place));
        }
        let node = Node {
            place,
            length: 0,
            value,
        };
        self.open.push(Open {
            node,
            anchor,
            key: None,
        });
        Ok(None)
    }

    fn keep(&mut self, anchor: usize, node: &Node) -> Result<(), YamlError> {
        self.spend(node, node.place)?;
        self.anchors.insert(anchor, node.clone());
        Ok(())
    }

    fn copy(&mut self, anchor: usize, place: Place) -> Result<Node, YamlError> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            let what = "an alias stands within what it stands for".to_owned();
            return Err(YamlError { place, what });
        };
        if node.parts().any(|(depth, _)| depth + self.open.len() > DEEPEST) {
            return Err(too_deep(place));
        }
        self.spend(&node, place)?;
        Ok(node)
    }

    fn spend(&mut self, node: &Node, place: Place) -> Result<(), YamlError> {
        let weight: usize = node.parts().map(|(_, part)| part.weight()).sum();
        self.copied += weight;
        if self.copied > MOST_COPIED {
            let what = "aliases stand for too much: write out what they are for".to_owned();
            return Err(YamlError { place, what });
        }
        Ok(())
    }
}

impl Open {
    fn add(&mut self, node: Node) {
        match (&mut self.node.value, self.key.take()) {
            (Value::List(items), _) => items.push(node),
            (Value::Map(entries), Some(key)) => entries.push((key, node)),
            (Value::Map(_), None) => self.key = Some(node),
            (Value::Null | Value::Text(_), _) => {}
        }
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    match (style, text) {
        (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") => Value::Null,
        _ => Value::Text(text.to_owned()),
    }
}

/// Of a text that goes on, as much as it has in its first line.
fn length(span: &Span, text: &str) -> usize {
    if span.start.line() == span.end.line() {
        return span.end.col().saturating_sub(span.start.col());
    }
    text.lines().next().map_or(0, |line| line.chars().count())
}

/// Tags say what a text means, which is for the reader of a key to say.
fn check_tag(tag: Option<&Tag>, place: Place) -> Result<(), YamlError> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema() => Err(YamlError {
            place,
            what: format!("tags such as `{tag}` have no meaning here"),
        }),
        _ => Ok(()),
    }
}

fn too_deep(place: Place) -> YamlError {
    YamlError {
        place,
        what: format!("lists and maps nest more than {DEEPEST} levels deep"),
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
        assert_eq!((entries[0].0.length, entries[0].1.length), (1, 6));
        assert_eq!(entries[0].1.value, Value::Text("null".into()));
        assert_eq!(entries[1].1.value, Value::Null);
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for (text, says) in [
            ("a: [", ""),
            ("a: *b", ""),
            ("a: &b [*b]", "within"),
            (&"[".repeat(100), "deep"),
            ("a: b: c", ""),
            ("a: 1\n---\nb: 2", "second document"),
            ("a: !secret b", "!secret"),
            ("a:\n\tb: c", ""),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.place.line > 0 && error.what.contains(says), "{text}: {error:?}");
        }
        assert_eq!(read(""), Ok(None));
        assert_eq!(read("# nothing\n"), Ok(None));
        assert!(read("---\na: !!str 1\n...\n").is_ok_and(|document| document.is_some()));
        assert!(read("\u{feff}a: '1'").is_ok_and(|document| document.is_some()));
    }

    #[test]
    fn aliases_are_copied() {
        let aliased = read("a: &x { b: [1, 2] }\nc: *x").unwrap().unwrap();
        let Value::Map(entries) = aliased.value else { panic!() };
        assert_eq!(entries[0].1, entries[1].1);
    }

    #[test]
    fn aliases_are_bounded() {
        let line = |of: usize| {
            format!(
                "l{}: &l{} [{}]\n",
                of + 1,
                of + 1,
                vec![format!("*l{of}"); 10].join(",")
            )
        };
        let bomb: String = ["l0: &l0 [lol]\n".to_owned()]
            .into_iter()
            .chain((0..9).map(line))
            .collect();
        assert!(read(&bomb).unwrap_err().what.contains("too much"));
        let long = format!("a: &a {}\nb: [{}]", "x".repeat(100_000), vec!["*a"; 100].join(","));
        assert!(read(&long).unwrap_err().what.contains("too much"));
        let deep = |of: usize| format!("d{}: &d{} {}*d{of}{}\n", of + 1, of + 1, "[".repeat(30), "]".repeat(30));
        let deep: String = ["d0: &d0 x\n".to_owned()].into_iter().chain((0..3).map(deep)).collect();
        assert!(read(&deep).unwrap_err().what.contains("deep"));
    }
}
