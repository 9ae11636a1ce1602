//! Comments and positions: `google.protobuf.SourceCodeInfo`.

use std::collections::HashMap;

use crate::raw::{Fields, Value};

/// The comments of a file's elements, by path.
#[derive(Debug, Default)]
pub(super) struct Comments<'f> {
    places: HashMap<Vec<i32>, Place<'f>>,
}

#[derive(Debug, Default)]
struct Place<'f> {
    start: Option<(i32, i32)>,
    leading: Option<&'f str>,
    trailing: Option<&'f str>,
}

/// The locations of a file, unread, by the first two steps of their paths: a top-level element and what is inside it.
#[derive(Debug, Default)]
pub(super) struct Locations<'f>(HashMap<[Option<i32>; 2], Vec<&'f [u8]>>);

impl<'f> Locations<'f> {
    /// Splits a `SourceCodeInfo`. What is wrong in it is left out: it changes no meaning.
    pub(super) fn of(info: &'f [u8]) -> Self {
        let mut locations = Self::default();
        for (number, value) in Fields::new(info).filter_map(Result::ok) {
            if let (1, Value::Bytes(location)) = (number, value) {
                locations
                    .0
                    .entry(start_of(&path_of(location)))
                    .or_default()
                    .push(location);
            }
        }
        locations
    }

    /// The comments of the element `root` and of those inside it; of all, if `root` is empty.
    pub(super) fn within(&self, root: &[i32]) -> Comments<'f> {
        let mut places = HashMap::new();
        let near = self.0.get(&start_of(root)).filter(|_| root.len() > 1);
        let all = self.0.values().filter(|_| root.len() < 2);
        for location in near.into_iter().chain(all).flatten() {
            let (path, place) = location_of(location);
            if path.starts_with(root) {
                // Of several locations with one path, the first is the element's own.
                places.entry(path).or_insert(place);
            }
        }
        Comments { places }
    }
}

fn start_of(path: &[i32]) -> [Option<i32>; 2] {
    [path.first().copied(), path.get(1).copied()]
}

fn path_of(location: &[u8]) -> Vec<i32> {
    let mut path = Vec::new();
    for (number, value) in Fields::new(location).filter_map(Result::ok) {
        if number == 1 {
            ints(value, &mut path);
        }
    }
    path
}

impl<'f> Comments<'f> {
    /// The comment before an element, and the one behind it.
    pub(super) fn of(&self, path: &[i32]) -> impl Iterator<Item = &'f str> + use<'f> {
        let place = self.places.get(path);
        let leading = place.and_then(|place| place.leading);
        let trailing = place.and_then(|place| place.trailing);
        leading.into_iter().chain(trailing)
    }

    /// Line and column where an element starts.
    pub(super) fn start(&self, path: &[i32]) -> Option<(i32, i32)> {
        self.places.get(path)?.start
    }
}

fn location_of(bytes: &[u8]) -> (Vec<i32>, Place<'_>) {
    let (mut path, mut span) = (Vec::new(), Vec::new());
    let mut place = Place::default();
    for (number, value) in Fields::new(bytes).filter_map(Result::ok) {
        match (number, value) {
            (1, value) => ints(value, &mut path),
            (2, value) => ints(value, &mut span),
            (3, Value::Bytes(text)) => place.leading = std::str::from_utf8(text).ok(),
            (4, Value::Bytes(text)) => place.trailing = std::str::from_utf8(text).ok(),
            _ => {}
        }
    }
    place.start = span.first().copied().zip(span.get(1).copied());
    (path, place)
}

/// A repeated int32, packed or not.
#[allow(clippy::cast_possible_truncation)] // int32 keeps the low 32 bits of a varint.
fn ints(value: Value<'_>, into: &mut Vec<i32>) {
    match value {
        Value::Varint(number) => into.push(number as i32),
        Value::Bytes(packed) => {
            let mut number = 0u64;
            let mut shift = 0;
            for byte in packed {
                number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
                shift += 7;
                if *byte < 0x80 {
                    into.push(number as i32);
                    (number, shift) = (0, 0);
                }
            }
        }
        _ => {}
    }
}
