//! The operations: one file and one row each, and the list of those the service refuses.
//!
//! Invariant: rows and refusals together are the model's operations, each once.
use crate::DynamoDb;
use headwater_wire::Row;

/// Every operation the service can do.
#[must_use]
pub fn operations() -> Vec<Row<DynamoDb>> {
    vec![]
}

/// The model's operations that are not offered (docs/refusals.md says why).
pub const REFUSED: &[&str] = &[];
