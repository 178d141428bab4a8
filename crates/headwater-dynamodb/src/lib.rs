//! `DynamoDB` and `DynamoDB` Streams: tables of items, decided in one lane and kept as rows of a key-value store.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod errors;
pub mod expression;
pub mod key;
pub mod number;
pub mod value;
