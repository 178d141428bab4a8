//! Producers, consumers and workers for Kinesis data streams, on top of AWS's own SDK.
//!
//! Invariant: only the public API is known here: what works against Headwater works against AWS, and the other way round.
mod backoff;
mod clock;
pub mod consumer;
mod error;
mod producer;
mod received;
mod record;
pub mod worker;

pub use consumer::{Consumer, Start};
pub use error::{Error, Failed, Result};
pub use producer::{Metrics, Producer, ProducerBuilder, Put, PutAll, Receipt, Retry};
pub use received::Received;
pub use record::Record;
pub use worker::{Checkpointer, Processor, Worker};
