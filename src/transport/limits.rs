//! What a peer may take, and for how long.

/// What a peer may take, and for how long.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// How long a message may take from its first byte to its last. Default 30 s.
    pub message: std::time::Duration,
    /// How many bytes a message may have, after inflation. Default 4 MiB.
    pub message_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: std::time::Duration::from_secs(30),
            message_bytes: 4 << 20,
        }
    }
}
