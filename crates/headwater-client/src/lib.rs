//! Producers, consumers and workers for Kinesis data streams, on top of AWS's own SDK.
//!
//! Invariant: only the public API is known here: what works against Headwater works against AWS, and the other way round.
mod error;
mod producer;
mod record;

pub use error::{Error, Failed, Result};
pub use producer::{Metrics, Producer, ProducerBuilder, Put, PutAll, Receipt, Retry};
pub use record::Record;
