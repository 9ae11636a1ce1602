//! Buffers that outlive a conversion, so that the next one allocates nothing.

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
}
