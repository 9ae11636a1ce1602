//! Finds a field or an enum value by its name.

use std::{fmt, hash::BuildHasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::schema::tables::Piece;

/// Names that stand in one text, each with a place.
#[derive(Default)]
pub(crate) struct Names {
    text: Box<str>,
    table: HashTable<Name>,
    hasher: RandomState,
}

#[derive(Clone, Copy)]
struct Name {
    piece: Piece,
    place: u32,
}

/// Collects names; of two that are equal the first counts.
#[derive(Default)]
pub(super) struct NamesBuilder {
    text: String,
    names: Vec<Name>,
}

impl NamesBuilder {
    pub(super) fn add(&mut self, name: &str, place: usize) {
        let start = length(self.text.len());
        self.text.push_str(name);
        self.names.push(Name {
            piece: Piece {
                start,
                length: length(name.len()),
            },
            place: length(place),
        });
    }

    pub(super) fn build(self) -> Names {
        let mut names = Names {
            text: self.text.into(),
            table: HashTable::with_capacity(self.names.len()),
            hasher: RandomState::default(),
        };
        for name in self.names {
            names.insert(name);
        }
        names
    }
}

/// Lengths of text that came from files, which are bounded.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Names {
    fn insert(&mut self, name: Name) {
        let Self { text, table, hasher } = self;
        let text_of = |piece: Piece| text.as_bytes().get(piece.range()).unwrap_or_default();
        let own = text_of(name.piece);
        let hash = hasher.hash_one(own);
        if table.find(hash, |other| text_of(other.piece) == own).is_none() {
            table.insert_unique(hash, name, |other| hasher.hash_one(text_of(other.piece)));
        }
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<usize> {
        let hash = self.hasher.hash_one(name);
        let found = self.table.find(hash, |other| self.bytes(other.piece) == name)?;
        Some(found.place as usize)
    }

    fn bytes(&self, piece: Piece) -> &[u8] {
        self.text.as_bytes().get(piece.range()).unwrap_or_default()
    }

    /// The name that is most like this one, if any is. Looks at a bounded part of them.
    pub(crate) fn nearest(&self, name: &[u8]) -> Option<&str> {
        const MOST: usize = 2000;
        let name = std::str::from_utf8(name).ok().filter(|name| name.len() <= 64)?;
        let name = name.to_ascii_lowercase();
        let names = self.table.iter().take(MOST);
        names
            .map(|other| self.text.get(other.piece.range()).unwrap_or_default())
            .filter_map(|other| Some((apart(&name, &other.to_ascii_lowercase())?, other)))
            .min()
            .map(|(_, other)| other)
    }
}

/// In how many letters a name differs from another that it may be meant for.
fn apart(name: &str, other: &str) -> Option<usize> {
    let most = name.len().div_ceil(3).min(3);
    if other.len().abs_diff(name.len()) <= most {
        let distance = strsim::osa_distance(name, other);
        return (distance <= most).then_some(distance);
    }
    // The prefix that the values of an enum share is soon forgotten: `ACTIVE` for `STATE_ACTIVE`.
    let prefix = other.strip_suffix(name)?;
    (name.len() > 1 && prefix.ends_with('_')).then_some(most + 1)
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Names({})", self.table.len())
    }
}

#[cfg(test)]
mod tests {
    use super::apart;

    #[test]
    fn a_name_may_lack_its_prefix() {
        assert_eq!(apart("actve", "active"), Some(1));
        assert_eq!(apart("active", "state_active"), Some(3));
        assert_eq!(apart("active", "inactive"), Some(2));
        assert_eq!(apart("active", "hyperactive"), None);
        assert_eq!(apart("e", "state_e"), None);
        assert_eq!(apart("", "a_"), None);
    }
}
