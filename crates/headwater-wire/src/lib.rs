//! What travels: the services' shapes, their encodings, their errors. Pure: bytes in, values out; no IO, no async.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod error;
mod operation;

pub use error::{ErrorKind, ServiceError};
pub use operation::{Dialect, Operation, Service};
