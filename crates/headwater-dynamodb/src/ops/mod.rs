//! The operations: one file and one row each, and the list of those the service refuses.
//!
//! Invariant: rows and refusals together are the model's operations, each once.
mod asked;
pub(crate) mod batch_get_item;
pub(crate) mod batch_write_item;
pub(crate) mod delete_item;
pub(crate) mod get_item;
mod paging;
pub(crate) mod put_item;
pub(crate) mod query;
pub(crate) mod scan;
pub(crate) mod transact_get_items;
pub(crate) mod transact_write_items;
pub(crate) mod update_item;

use crate::DynamoDb;
use headwater_wire::{Row, op};

/// Every operation the service can do.
#[must_use]
pub fn operations() -> Vec<Row<DynamoDb>> {
    vec![
        op(batch_get_item::run),
        op(batch_write_item::run),
        op(delete_item::run),
        op(get_item::run),
        op(put_item::run),
        op(query::run),
        op(scan::run),
        op(transact_get_items::run),
        op(transact_write_items::run),
        op(update_item::run),
    ]
}

/// The model's operations that are not offered (docs/refusals.md says why).
pub const REFUSED: &[&str] = &[];
