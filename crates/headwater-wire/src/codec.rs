//! Between bytes and values: what a shape needs of an encoding, and the four doors into it.
use bytes::Bytes;

use crate::{Dialect, ErrorKind, Input, Service, ServiceError};

/// A value that can be read from any encoding.
pub trait Decode: Sized {}
/// A value that can be written in any encoding.
pub trait Encode {}

/// The input in `body`, checked against the model's constraints.
///
/// # Errors
/// `SerializationException` where the body isn't of the input's shape, otherwise `ValidationException` with every
/// violated constraint.
pub fn decode<I: Input>(_dialect: Dialect, _body: &Bytes) -> Result<I, ServiceError> {
    Err(ServiceError::bare("InternalFailure", ErrorKind::Receiver))
}

/// `output` in the dialect.
pub fn encode<O: Encode>(_dialect: Dialect, _output: &O) -> Vec<u8> {
    Vec::new()
}

/// `error` as `service` would say it in the dialect.
#[must_use]
pub fn encode_error(_dialect: Dialect, _service: Service, _error: &ServiceError) -> Vec<u8> {
    Vec::new()
}
