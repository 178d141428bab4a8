//! Data Firehose: delivery streams that read a source, transform what they read, and write it out as objects.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod convert;
pub mod glue;
pub mod outside;
pub mod record;
pub mod source;
