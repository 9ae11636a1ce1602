//! Maps.

use super::{Field, FromJson, Walk, Written};
use crate::codec::{
    error::{Fault, Step},
    scratch::MapKey,
};

impl<'a> FromJson<'a, '_> {
    /// The entries of a map, with tags.
    pub(super) fn map(&mut self, field: &'a Field) -> Walk {
        let table = self.tables.table(field.child);
        let [key, value] = &*table.fields else {
            return Err(self.reader.fault("the map's descriptor is no map entry"));
        };
        self.reader.expect(b'{', "an object")?;
        if self.reader.take(b'}') {
            return Ok(());
        }
        let base = self.scratch.keys.len();
        let mut sorted = true;
        loop {
            self.entry(field, key, value, base, &mut sorted)?;
            if !self.reader.more(b'}', "`,` or `}`")? {
                break;
            }
        }
        self.end_keys(base, sorted)
    }

    fn entry(&mut self, field: &Field, key: &'a Field, value: &'a Field, base: usize, sorted: &mut bool) -> Walk {
        let mark = self.mark();
        self.writer.varint(u64::from(field.tag()));
        let part = self.begin();
        self.writer.varint(u64::from(key.tag()));
        let before = self.reader.rest;
        let text = self.reader.string("the key of a map entry", &mut self.scratch.text)?;
        let start = self.writer.out.len();
        // The text leaves the scratch for a moment, so that the rest of it can be used.
        let buffer = std::mem::take(&mut self.scratch.text);
        let known = self.map_key(key, text.bytes(&buffer));
        self.scratch.text = buffer;
        if known.is_none() {
            self.reader.rest = before;
            return Err(self.reader.fault("this is no key of the map's type"));
        }
        self.note_key(start, before, base, sorted);
        self.reader.expect(b':', "`:`")?;
        let written = self
            .entry_value(value)
            .map_err(|fault| fault.within(Step::Key(quoted_text(before))))?;
        if written == Written::Nothing {
            self.back(&mark);
            self.scratch.keys.pop();
        } else {
            self.finish(&part);
        }
        Ok(())
    }

    fn entry_value(&mut self, value: &'a Field) -> Walk<Written> {
        if self.reader.peek() == Some(b'n') && !self.element_takes_null(value) {
            return Err(self.reader.unexpected("a value"));
        }
        if value.kind.is_message() {
            self.nested(value)?;
            return Ok(Written::Something);
        }
        self.writer.varint(u64::from(value.tag()));
        self.scalar(value)
    }

    /// Notes a key that was just written.
    pub(super) fn note_key(&mut self, start: usize, place: &[u8], base: usize, sorted: &mut bool) {
        let key = MapKey {
            word: (start as u64) << 32 | self.writer.out.len() as u64,
            entry: u32::try_from(self.reader.offset_of(place)).unwrap_or(u32::MAX),
        };
        let last = self.scratch.keys.get(base..).and_then(|keys| keys.last());
        if *sorted && let Some(last) = last {
            *sorted = self.key_bytes(last) < self.key_bytes(&key);
        }
        self.scratch.keys.push(key);
    }

    #[allow(clippy::cast_possible_truncation)] // The halves of the word.
    fn key_bytes(&self, key: &MapKey) -> &[u8] {
        let range = (key.word >> 32) as usize..(key.word as u32) as usize;
        self.writer.out.get(range).unwrap_or_default()
    }

    /// After the last entry: no key may have come twice.
    pub(super) fn end_keys(&mut self, base: usize, sorted: bool) -> Walk {
        let mut twice = None;
        if !sorted {
            let mut keys = std::mem::take(&mut self.scratch.keys);
            let own = keys.get_mut(base..).unwrap_or_default();
            own.sort_unstable_by(|one, other| {
                let order = self.key_bytes(one).cmp(self.key_bytes(other));
                order.then(one.entry.cmp(&other.entry))
            });
            let pairs = own.iter().zip(own.iter().skip(1));
            let mut same = pairs.filter(|(one, next)| self.key_bytes(one) == self.key_bytes(next));
            twice = same.next().map(|(_, second)| second.entry as usize);
            self.scratch.keys = keys;
        }
        self.scratch.keys.truncate(base);
        match twice {
            Some(offset) => Err(Fault::new("this key is there twice", offset)),
            None => Ok(()),
        }
    }
}

/// The text of the string at the start of `rest`, for a report.
fn quoted_text(rest: &[u8]) -> String {
    let rest = rest.get(1..rest.len().min(80)).unwrap_or_default();
    let text = rest.split(|byte| *byte == b'"').next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}
