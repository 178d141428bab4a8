//! Data Firehose: delivery streams that read a source, transform what they read, and write it out as objects.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod catalog;
mod errors;
pub mod outside;
pub mod process;
pub mod record;
pub mod source;
pub mod transform;
