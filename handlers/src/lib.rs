//! The handler contract.
