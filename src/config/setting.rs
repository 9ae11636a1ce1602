//! How what is said becomes typed values.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use descant_descriptors::near;
use strsim::osa_distance;

use super::{
    Config, KeyReference,
    fault::{Faults, listed, nearest, shown},
    node::{Entry, Node, Value},
    origin::{Origin, Placed},
    shape::{self, Shape, Table},
};

/// Bytes of a text that a message may repeat.
const LONGEST: usize = 256;
/// Places of a key that a message names.
const PLACES: usize = 3;

/// A type that settings have.
pub(super) trait Setting: Sized {
    /// What may stand for it.
    fn shape() -> Shape;

    /// Reads it. `None`: something is wrong, and the reader has noted what.
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self>;

    /// What it is where nothing is said; `None`: it has to be said.
    fn absent() -> Option<Self> {
        None
    }
}

/// A type that is read from one scalar.
pub(super) trait FromScalar: Sized {
    /// What may stand for it.
    fn scalar() -> shape::Scalar;

    /// Reads it; what else is due, or why not.
    fn from_scalar(text: &str, from: From<'_>) -> Result<Self, Unfit>;
}

/// Why a text does not do.
#[derive(Debug)]
pub(super) enum Unfit {
    /// It is not what is due.
    Other,
    /// The same, and how to mend it.
    Mended(String),
    /// Something more particular, as a sentence about the place.
    Because(String),
}

/// What a scalar is read in the light of.
#[derive(Clone, Copy, Debug)]
pub(super) struct From<'f> {
    origin: Origin,
    /// Where the file lies.
    folder: Option<&'f Path>,
}

impl From<'_> {
    /// A path as its writer means it: in a file it is relative to the file.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        match (self.folder, self.origin) {
            (Some(folder), Origin::File { .. }) => folder.join(path),
            _ => PathBuf::from(path),
        }
    }
}

/// The entries of a map, and keys of it that are meant by others, which it does not have.
#[derive(Debug)]
pub(super) struct Entries<'n> {
    entries: &'n [Entry],
    meant: BTreeSet<&'static str>,
}

/// Reads a tree, and notes what is wrong with it.
#[derive(Debug)]
pub(super) struct Reader<'r> {
    pub(super) faults: &'r mut Faults,
    pub(super) folder: Option<&'r Path>,
    /// The key whose value is read.
    pub(super) key: &'static str,
    /// Whether what cannot be read is left out, so that the rest can be looked at: items of lists with anything wrong in them, and values
    /// for which their defaults stand in then.
    pub(super) leaves_out: bool,
    /// Keys of which something was left out.
    pub(super) lacking: BTreeSet<&'static str>,
}

impl<'r> Reader<'r> {
    /// One that reads everything. `folder`: where the file lies.
    pub(super) fn new(faults: &'r mut Faults, folder: Option<&'r Path>) -> Self {
        Self {
            faults,
            folder,
            key: "",
            leaves_out: false,
            lacking: BTreeSet::new(),
        }
    }
}

impl Reader<'_> {
    /// The entries of a map that has only keys that it may have, and exactly one of those that exclude each other.
    pub(super) fn entries<'n>(&mut self, node: &'n Node, table: &Table) -> Option<Entries<'n>> {
        let Value::Map(entries) = &node.value else {
            let what = format!(
                "{} stands where {} is due, which is a map",
                node.shown_kind(),
                table.name
            );
            self.faults.add(node.origin, what, no_map(node, self.key, table));
            return None;
        };
        let mut meant = BTreeSet::new();
        let mut keys = None;
        for entry in entries {
            if table.key(&entry.key).is_none() {
                let what = format!("{} has no key `{}`", table.name, shown(&entry.key));
                let keys = keys.get_or_insert_with(Config::keys);
                let mend = misplaced(&entry.key, table, keys).unwrap_or_else(|| nearest(&entry.key, &table.offered()));
                self.faults.add(entry.origin, what, mend);
                meant.extend(near::nearest(&entry.key, &table.offered()));
                meant.extend(said_by_option(&entry.key, table, keys));
            }
        }
        self.check_one_of(node, entries, table);
        Some(Entries { entries, meant })
    }

    fn check_one_of(&mut self, node: &Node, entries: &[Entry], table: &Table) {
        if table.one_of.is_empty() {
            return;
        }
        let mut there = entries
            .iter()
            .filter(|entry| table.one_of.contains(&entry.key.as_str()));
        match (there.next(), there.next()) {
            (Some(_), None) => {}
            (Some(first), Some(second)) => {
                let what = format!("{} has both `{}` and `{}`", table.name, first.key, second.key);
                self.faults.add(second.origin, what, "keep one of them");
            }
            (None, _) => {
                // A key that is misspelt has been told of.
                if entries.iter().all(|entry| table.key(&entry.key).is_some()) {
                    let what = format!("{} says nothing of how its methods are answered", table.name);
                    let mut offered = table.offered();
                    offered.retain(|name| table.one_of.contains(name));
                    self.faults
                        .add(node.origin, what, format!("give it one of {}", listed(&offered)));
                }
            }
        }
    }

    /// What stands for a key whose value cannot be read.
    fn without<T: Setting>(&mut self, key: &'static str, table: &Table) -> Option<T> {
        let default = table.key(key).and_then(|key| key.default);
        let Some(default) = default else { return T::absent() };
        let mut node = Node::snippet(Origin::Default, default, &[]);
        T::shape().complete(&mut node);
        T::read(&node, self)
    }

    /// The value of a key.
    pub(super) fn member<T: Setting>(
        &mut self,
        node: &Node,
        Entries { entries, meant }: &Entries<'_>,
        key: &'static str,
        table: &Table,
    ) -> Option<T> {
        match entries.iter().find(|entry| entry.key == key) {
            Some(entry) => {
                self.key = key;
                if entry.origin.is_default() && meant.contains(key) {
                    self.lacking.insert(key);
                }
                let read = T::read(&entry.node, self);
                if read.is_none() && self.leaves_out {
                    self.lacking.insert(key);
                    return self.without(key, table);
                }
                read
            }
            // A key that is misspelt has been told of.
            None if meant.contains(key) => T::absent(),
            None => T::absent().or_else(|| {
                let what = format!("{} has no `{key}`", table.name);
                let known = table.key(key);
                let about = known.map(shape::Key::about).unwrap_or_default();
                let option = known.and_then(|key| key.flags.first());
                let add = match option.filter(|_| matches!(node.origin, Origin::Flag(_))) {
                    // What has to be there beside what was typed is a file.
                    Some(option) => format!("add {} FILE", option.name),
                    None => format!("add `{key}`"),
                };
                self.faults.add(node.origin, what, format!("{add}. {about}"));
                None
            }),
        }
    }
}

impl<T: FromScalar> Setting for Placed<T> {
    fn shape() -> Shape {
        Shape::Scalar(T::scalar())
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let due = || T::scalar().due;
        let Value::Text(text) = &node.value else {
            let what = format!("{} stands where {} is due", node.shown_kind(), due());
            let mend = match node.value {
                Value::Null => "write it behind the `:`, or leave the key out",
                Value::List(_) => "write it alone, without `[` and `]` or `- `",
                Value::Map(_) => "write it alone, without keys",
                Value::Text(_) => "",
            };
            reader.faults.add(node.origin, what, mend);
            return None;
        };
        if text.is_broken {
            return None;
        }
        let from = From {
            origin: node.origin,
            folder: reader.folder,
        };
        match T::from_scalar(&text.value, from) {
            Ok(value) => Some(Self {
                value,
                origin: node.origin,
            }),
            Err(unfit) => {
                let (what, mend) = match unfit {
                    // Reasons may repeat what only the environment knows.
                    _ if text.written.is_some() => (
                        format!("the value of `{}` is not {}", text.shown(), due()),
                        "look at the variables of the environment in it".to_owned(),
                    ),
                    Unfit::Other => (format!("`{}` is not {}", text.shown(), due()), String::new()),
                    // It may be as long as the text.
                    Unfit::Because(_) | Unfit::Mended(_) if text.value.len() > LONGEST => {
                        (format!("`{}` is not {}", text.shown(), due()), String::new())
                    }
                    Unfit::Mended(mend) => (format!("`{}` is not {}", text.shown(), due()), mend),
                    Unfit::Because(why) => (why, String::new()),
                };
                reader.faults.add(node.origin, what, mend);
                None
            }
        }
    }
}

impl<T: Setting> Setting for Option<T> {
    fn shape() -> Shape {
        T::shape()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        T::read(node, reader).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn shape() -> Shape {
        Shape::List {
            of: Box::new(T::shape()),
            one: false,
        }
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let Value::List(items) = &node.value else {
            let what = format!("{} stands where a list is due", node.shown_kind());
            reader.faults.add(node.origin, what, no_list(&T::shape()));
            return None;
        };
        if reader.leaves_out {
            let key = reader.key;
            let sound: Vec<_> = items.iter().filter_map(|item| sound(item, reader)).collect();
            if sound.len() < items.len() {
                reader.lacking.insert(key);
            }
            return Some(sound);
        }
        // Each is looked at, whatever is wrong with those before.
        let read: Vec<_> = items.iter().map(|item| T::read(item, reader)).collect();
        read.into_iter().collect()
    }
}

/// An item in which nothing is wrong.
fn sound<T: Setting>(item: &Node, reader: &mut Reader<'_>) -> Option<T> {
    let before = reader.faults.count();
    let read = T::read(item, reader);
    read.filter(|_| reader.faults.count() == before)
}

/// How to write a map.
fn no_map(node: &Node, key: &str, table: &Table) -> String {
    if table.keys.is_empty() {
        return format!("nothing can be set there: write `{key}: {{}}`");
    }
    let keys = listed(&table.offered());
    match &node.value {
        Value::Text(text)
            if text
                .value
                .split_once(':')
                .is_some_and(|(key, _)| table.key(key).is_some()) =>
        {
            "put a space behind the `:`".to_owned()
        }
        Value::List(_) => format!("leave out `- `, or `[` and `]`: it is one map, not a list; its keys are {keys}"),
        _ => format!("write `KEY: VALUE`; its keys are {keys}"),
    }
}

/// How to write a list.
fn no_list(item: &Shape) -> String {
    match item {
        Shape::Map(Table {
            name,
            keys: [first, ..],
            ..
        }) => format!("begin each item, {name}, with `- `: `- {}: ...`", first.name),
        _ => "write `[a, b]`, or each on a line of its own after `- `".to_owned(),
    }
}

/// The key of this map in which what an option says stands, where the name of the option stands in its place.
fn said_by_option(name: &str, table: &Table, keys: &[KeyReference]) -> Option<&'static str> {
    let first = of_option(name, keys)?.path.split(['.', '[']).next()?;
    table.key(first).map(|key| key.name)
}

/// The key that an option of the command says, where the name of the option stands for it.
fn of_option<'k>(name: &str, keys: &'k [KeyReference]) -> Option<&'k KeyReference> {
    let option = option(name);
    keys.iter().find(|known| known.flags.contains(&option))
}

fn option(name: &str) -> String {
    format!("--{}", name.replace('_', "-"))
}

/// Where a key belongs that is known, and stands in the wrong place; `None`: a similar one may be meant.
fn misplaced(key: &str, table: &Table, keys: &[KeyReference]) -> Option<String> {
    if table.names().iter().any(|known| osa_distance(key, known) <= 1) {
        return None;
    }
    let own = keys.iter().find(|known| known.path == key);
    if own.is_some() {
        return Some(format!("`{key}` is a key of the file itself: indent it less"));
    }
    let places = keys.iter().filter_map(|known| known.path.rsplit_once('.'));
    let places: Vec<_> = places
        .filter_map(|(place, name)| (name == key).then_some(place))
        .take(PLACES)
        .collect();
    match (places.as_slice(), of_option(key, keys)) {
        ([], Some(known)) if table.one_of.is_empty() => {
            Some(format!("what `{}` says stands in `{}`", option(key), known.path))
        }
        (places, _) => of_places(key, places),
    }
}

fn of_places(key: &str, places: &[&str]) -> Option<String> {
    match places {
        [] => None,
        places => Some(format!(
            "`{key}` is a key of {}: is it indented as it should be?",
            listed(places)
        )),
    }
}

/// One, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneOrMore<T>(pub Vec<T>);

impl<T: Setting> Setting for OneOrMore<T> {
    fn shape() -> Shape {
        Shape::List {
            of: Box::new(T::shape()),
            one: true,
        }
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        Vec::read(node, reader).map(Self)
    }
}

/// A struct whose fields are the keys of a map, and the table of those keys: one cannot be without the other.
macro_rules! section {
    (
        $(#[doc = $doc:literal])+
        $name:ident is $called:literal $(, short for $short:literal)? $(, one of $one_of:expr)? $(, checked by $check:path)?;
        $(
            $(#[doc = $about:literal])+
            $field:ident $([$key:literal])? : $type:ty $(, $method:ident($($argument:expr),*))*;
        )*
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[doc = $about])+ pub $field: $type,)*
        }

        impl $name {
            const TABLE: $crate::config::shape::Table = $crate::config::shape::Table {
                name: $called,
                keys: &[$(
                    $crate::config::shape::Key::new(
                        $crate::config::setting::section!(@key $field $($key)?),
                        &[$($about),+],
                        <$type as $crate::config::setting::Setting>::shape,
                        || <$type as $crate::config::setting::Setting>::absent().is_none(),
                    )$(.$method($($argument),*))*,
                )*],
                short: $crate::config::setting::section!(@short $($short)?),
                one_of: $crate::config::setting::section!(@one_of $($one_of)?),
            };
        }

        impl $crate::config::setting::Setting for $name {
            fn shape() -> $crate::config::shape::Shape {
                static TABLE: $crate::config::shape::Table = $name::TABLE;
                $crate::config::shape::Shape::Map(&TABLE)
            }

            fn read(
                node: &$crate::config::node::Node,
                reader: &mut $crate::config::setting::Reader<'_>,
            ) -> Option<Self> {
                let table = &Self::TABLE;
                let entries = &reader.entries(node, table)?;
                // All of them, before the first that is missing ends it.
                $(let $field = reader.member(node, entries, $crate::config::setting::section!(@key $field $($key)?), table);)*
                let _ = entries;
                let read = Self { $($field: $field?),* };
                $($check(&read, node.origin, reader.faults);)?
                Some(read)
            }
        }
    };
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
    (@short) => { None };
    (@short $short:literal) => { Some($short) };
    (@one_of) => { &[] };
    (@one_of $one_of:expr) => { $one_of };
}

pub(super) use section;
