//! The features in force around an element, found without reading its whole file again.

use std::sync::OnceLock;

use super::slots;
use crate::{
    features::{Edition, FeatureSet, tag},
    raw::{Fields, Value},
    schema::{
        Syntax,
        tables::{FileRecord, Tables, UNKNOWN},
    },
};

impl Tables {
    /// What an element of this file inherits that is nested in the message `parent`, or in none.
    pub(super) fn features_around(&self, file: u32, parent: u32) -> FeatureSet {
        let mut chain = Vec::new();
        let mut next = parent;
        while let Some(message) = self.messages.get(next as usize).filter(|_| next != UNKNOWN) {
            let bytes = self.files.get(file as usize).map(|file| &file.bytes);
            let body = bytes.and_then(|bytes| bytes.get(message.body.range()));
            chain.push(options(body.unwrap_or_default(), 7));
            // Parents stand before their children, so this ends.
            next = if message.parent < next { message.parent } else { UNKNOWN };
        }
        let mut features = self.file_features(file);
        for options in chain.iter().rev() {
            features = features.with_options(options, tag::MESSAGE);
        }
        features
    }

    fn file_features(&self, file: u32) -> FeatureSet {
        let slots = self.compiled.features.get_or_init(|| slots(self.files.len()));
        let record = self.files.get(file as usize);
        let slot = slots.get(file as usize).zip(record);
        let found = slot.map(|(slot, record): (&OnceLock<Box<_>>, _)| slot.get_or_init(|| Box::new(of_file(record))));
        found.map_or_else(|| Edition::Proto2.defaults(), |found| **found)
    }
}

fn of_file(file: &FileRecord) -> FeatureSet {
    let edition = edition(file.syntax);
    edition.defaults().with_options(&options(&file.bytes, 8), tag::FILE)
}

/// Which rules a file is written to.
pub(super) fn edition(syntax: Syntax) -> Edition {
    match syntax {
        Syntax::Proto2 => Edition::Proto2,
        Syntax::Proto3 => Edition::Proto3,
        Syntax::Edition(..1001) => Edition::Edition2023,
        Syntax::Edition(_) => Edition::Edition2024,
    }
}

/// The options of a descriptor, which stand in the field `number`; its pieces joined.
fn options(descriptor: &[u8], number: u32) -> Vec<u8> {
    let mut joined = Vec::new();
    for field in Fields::new(descriptor).flatten() {
        if let (found, Value::Bytes(bytes)) = field
            && found == number
        {
            joined.extend_from_slice(bytes);
        }
    }
    joined
}
