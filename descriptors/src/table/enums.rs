//! Tables of enums.

use super::names::{Names, NamesBuilder};
use crate::{
    codec::{PADDING, shown},
    features::tag,
    raw,
    schema::tables::{Piece, Tables},
};

/// Everything that a codec has to know of an enum.
#[derive(Debug, Default)]
pub(crate) struct EnumTable {
    /// It takes no number but its own.
    pub(crate) closed: bool,
    /// By number: the first name of each.
    values: Box<[(i32, Piece)]>,
    /// The numbers are 0, 1, 2 and so on.
    dense: bool,
    /// Names in quotes, ready for JSON, and [`PADDING`] bytes behind them.
    text: Box<str>,
    names: Names,
    /// Numbers by the places that `names` gives.
    numbers: Box<[i32]>,
}

impl EnumTable {
    pub(super) fn new(tables: &Tables, found: u32) -> Self {
        let Some(record) = tables.enums.get(found as usize) else {
            return Self::default();
        };
        let bytes = tables
            .files
            .get(record.file as usize)
            .map(|file| &file.bytes)
            .and_then(|file| file.get(record.body.range()));
        let file = raw::File::parse_enum(bytes.unwrap_or_default());
        let options = file.enums.first().map(|found| &*found.options).unwrap_or_default();
        let around = tables.features_around(record.file, record.parent);
        let closed = around.with_options(options, tag::ENUM).closed_enums;
        Self::of_values(&file.values, closed)
    }

    fn of_values(values: &[raw::EnumValue<'_>], closed: bool) -> Self {
        let mut names = NamesBuilder::default();
        let (mut text, mut list, mut numbers) = (String::new(), Vec::new(), Vec::new());
        for value in values {
            let name = value.name.unwrap_or_default();
            let start = u32::try_from(text.len()).unwrap_or(u32::MAX);
            text.extend(["\"", name, "\""]);
            let length = u32::try_from(name.len() + 2).unwrap_or(u32::MAX);
            let number = value.number.unwrap_or_default();
            names.add(name, numbers.len());
            list.push((number, Piece { start, length }));
            numbers.push(number);
        }
        text.extend(std::iter::repeat_n('\0', PADDING));
        // Stable: of several names for one number the first declared stays.
        list.sort_by_key(|(number, _)| *number);
        list.dedup_by_key(|(number, _)| *number);
        let dense = (0i32..).zip(&list).all(|(place, (number, _))| place == *number);
        Self {
            closed,
            values: list.into(),
            dense,
            text: text.into(),
            names: names.build(),
            numbers: numbers.into(),
        }
    }

    /// The name of a number, in quotes and with more text behind it, and its length.
    pub(crate) fn quoted(&self, number: i32) -> Option<(&[u8], usize)> {
        let (_, piece) = self.value(number)?;
        let padded = self.text.as_bytes().get(piece.start as usize..)?;
        Some((padded, piece.length as usize))
    }

    /// The name of a number.
    pub(crate) fn name(&self, number: i32) -> Option<&str> {
        let (_, piece) = self.value(number)?;
        let range = piece.range();
        self.text.get(range.start + 1..range.end - 1)
    }

    pub(crate) fn has(&self, number: i32) -> bool {
        self.value(number).is_some()
    }

    fn value(&self, number: i32) -> Option<&(i32, Piece)> {
        if self.dense {
            return self.values.get(usize::try_from(number).ok()?);
        }
        let place = self.values.binary_search_by_key(&number, |(number, _)| *number);
        self.values.get(place.ok()?)
    }

    /// The number of a name.
    pub(crate) fn number(&self, name: &[u8]) -> Option<i32> {
        self.numbers.get(self.names.find(name)?).copied()
    }

    /// What a report says of a name or number that it does not have, with the nearest name.
    #[cold]
    pub(crate) fn no_value(&self, name: &[u8]) -> String {
        let mut what = format!("the enum has no value {}", shown(name));
        if let Some(nearest) = self.names.nearest(name) {
            what.extend(["; did you mean \"", nearest, "\"?"]);
        }
        what
    }

    /// The number that was declared first.
    pub(crate) fn first(&self) -> Option<i32> {
        self.numbers.first().copied()
    }
}
