//! Descant.
