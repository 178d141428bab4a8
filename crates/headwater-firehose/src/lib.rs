//! Data Firehose: delivery streams that read a source, transform what they read, and write it out as objects.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod compress;
mod failure;
pub mod outside;
pub mod prefix;
pub mod record;
pub mod source;
