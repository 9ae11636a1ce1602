//! Buffers that outlive a conversion, so that the next one allocates nothing.

use super::names::Names;

/// A field as it occurs on the wire: which one, and where its value stands in the input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Occurrence {
    /// Its place in the table of the message.
    pub(super) place: u32,
    /// Its value came packed.
    pub(super) packed: bool,
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Occurrence {
    /// What stands for "left out".
    pub(super) const DROPPED: u32 = u32::MAX;
    /// No field of the message: its tag and its value.
    pub(super) const UNKNOWN: u32 = u32::MAX - 1;
}

/// The key of a map entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct MapKey {
    /// The number, or where the text stands: start in the upper half, end in the lower.
    pub(super) word: u64,
    /// Which entry it is of.
    pub(super) entry: u32,
}

/// A part of the output that begins with its length, which is not known yet or takes more than the byte set aside.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    pub(super) at: usize,
    pub(super) length: usize,
}

/// An object or array of JSON that has not ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    /// Where it begins.
    pub(super) at: u32,
    /// The bracket that ends it.
    pub(super) end: u8,
}

/// What was seen of objects that were passed over, so that no byte is passed over twice.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// Objects that have a member `@type`: where they begin, and where its value does. Sorted.
    pub(super) types: Vec<(u32, u32)>,
    /// What begins before this offset was passed over whole.
    pub(super) until: u32,
}

impl Passed {
    pub(super) fn clear(&mut self) {
        self.types.clear();
        self.until = 0;
    }

    /// Where the object that begins at `start` has the value of its member `@type`, if it has one.
    pub(super) fn type_of(&self, start: u32) -> Option<u32> {
        let at = self.types.partition_point(|(object, _)| *object < start);
        let found = self.types.get(at).filter(|(object, _)| *object == start);
        found.map(|(_, value)| *value)
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) occurrences: Vec<Occurrence>,
    pub(super) keys: Vec<MapKey>,
    pub(super) winners: Vec<u32>,
    pub(super) gaps: Vec<Gap>,
    /// Which fields of the messages that are being read were there, a bit each.
    pub(super) seen: Vec<u64>,
    pub(super) text: Vec<u8>,
    /// What is open while a value is passed over, the innermost last.
    pub(super) open: Vec<Open>,
    pub(super) passed: Passed,
    /// Names of fields, extensions in brackets, and of enum values that were skipped.
    pub(super) ignored: Names,
    /// Full names of types that stand in an `Any`.
    pub(super) missing: Names,
}
