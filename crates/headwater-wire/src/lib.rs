//! What travels: the services' shapes, their encodings, their errors. Pure: bytes in, values out; no IO, no async.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod codec;
mod error;
mod operation;
pub mod sigv4;

pub use codec::{Decode, Encode, decode, encode, encode_error};
pub use error::{ErrorKind, ServiceError};
pub use operation::{Call, Caller, Dialect, Input, Operation, Reply, Row, Service, op};
