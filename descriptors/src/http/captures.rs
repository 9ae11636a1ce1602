//! Where a raw path has the values of a template's variables.

use std::ops::Range;

/// The stretches of a raw path that the variables of a template take, in their order.
///
/// Kept from one look-up to the next, it allocates nothing once it has grown.
#[derive(Debug, Clone, Default)]
pub struct Captures {
    pub(super) values: Vec<Range<u32>>,
    pub(super) scratch: Scratch,
}

/// What a look-up needs.
#[derive(Debug, Clone, Default)]
pub(super) struct Scratch {
    /// The first segments of the path.
    pub(super) segments: Vec<Range<u32>>,
    /// Nodes still to be tried: the next one last.
    pub(super) open: Vec<(u32, u32)>,
    /// Nodes that match, but not the method.
    pub(super) others: Vec<u32>,
    /// A segment in its canonical form.
    pub(super) canonical: Vec<u8>,
}

impl Captures {
    /// What was found, to be kept. What a look-up needs stays here for the next one.
    #[must_use]
    pub fn take(&mut self) -> Self {
        Self {
            values: std::mem::take(&mut self.values),
            scratch: Scratch::default(),
        }
    }

    /// How many variables there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of a variable, still encoded; `raw_path` is the path that was looked up.
    pub fn raw<'p>(&self, variable: usize, raw_path: &'p str) -> Option<&'p str> {
        raw_path.get(self.range(variable)?)
    }

    /// Where the value of a variable stands in the path that was looked up.
    pub fn range(&self, variable: usize) -> Option<Range<usize>> {
        let range = self.values.get(variable)?;
        Some(range.start as usize..range.end as usize)
    }
}
