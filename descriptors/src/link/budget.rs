//! A bound on work that grows faster than the input.

/// Steps that walks over imports and scopes may take in one set: well below a second's worth.
/// Real sets stay far below it: all of googleapis takes a few hundred thousand.
const STEPS: u64 = 10_000_000;

/// Work that is left. What runs out of it is refused with a finding, never half done in silence.
#[derive(Debug)]
pub(crate) struct Budget(u64);

impl Default for Budget {
    fn default() -> Self {
        Self(STEPS)
    }
}

impl Budget {
    /// Takes `steps`; false once they do not suffice.
    pub(crate) fn take(&mut self, steps: usize) -> bool {
        self.0 = self.0.saturating_sub(steps as u64);
        self.0 > 0
    }

    /// Whether it is used up.
    pub(crate) fn is_spent(&self) -> bool {
        self.0 == 0
    }
}
