//! What travels: the services' shapes, their encodings, their errors. Pure: bytes in, values out; no IO, no async.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod access;
mod attribute_value;
mod bucket;
mod cbor;
pub mod cloudwatch;
mod codec;
mod constraint;
mod error;
pub mod event_stream;
mod events;
mod fault;
mod gauge;
mod generated;
mod java;
mod json;
mod kept;
mod nonce;
mod number;
mod operation;
mod pattern;
pub mod sigv4;
mod timestamp;
mod token;
mod uuid;
mod value;

pub use access::{Access, Ask, Everybody};
pub use attribute_value::AttributeValue;
pub use bucket::Bucket;
pub use codec::{Decode, Encode, Reader, Shape, Writer, decode, encode, well_formed};
pub use constraint::Violations;
pub use error::{ErrorKind, ErrorMembers, ServiceError, encode_error};
pub use events::{EVENT_STREAM, Event, EventShape, Events, Heard, Messages};
pub use fault::SerializationFault;
pub use generated::{dynamodb, dynamodb_streams, firehose, glue, kinesis};
pub use kept::{of_text, to_text};
pub use nonce::{NONCE_BYTES, Nonces};
pub use operation::{
    Answer, Call, Caller, Dialect, Input, Operation, Origin, Reply, Row, Service, Subject, event_op, op, partition,
    tells,
};
pub use timestamp::Timestamp;
pub use token::{Purpose, Sealer, TOKEN_OVERHEAD_BYTES};
pub use uuid::uuid_text;
pub use value::{Enumeration, Structure};

/// How deep bodies may nest: more than any shape does, and more than `DynamoDB`'s own limit with its wrappings; little
/// enough for any stack.
const MAX_DEPTH: usize = 192;
