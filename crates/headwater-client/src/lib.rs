//! Producers, consumers and workers for Kinesis data streams, on top of AWS's own SDK.
//!
//! Invariant: only the public API is known here: what works against Headwater works against AWS, and the other way round.
mod backoff;
mod clock;
pub mod consumer;
mod error;
mod received;
pub mod worker;

pub use consumer::{Consumer, Start};
pub use error::{Error, Failed, Result};
pub use received::Received;
pub use worker::{Checkpointer, Processor, Worker};
