//! Logs on Apache Kafka: the four verbs of [`headwater_log::Engine`] for those who outgrew one machine, or must survive
//! the loss of one.
//!
//! The map: [`KafkaEngine`] is what services see, `core` the verbs over any client, `read` one of them, `client` what is asked of one and
//! `krafka` the one that is. `names` says which log is which partition and which place which offset; `topics` makes and
//! deletes topics, `endings` remembers the deleted ones. `logs` keeps the order of appends, `tail` hears of what other
//! nodes append, `checks` says which clusters are refused. `arrival` brings a data folder's logs in, `moved` reads them there.
//!
//! What Kafka promises, and so this engine: an acknowledged entry is in the memory of at least two brokers, not yet on
//! their disks. It survives the loss of a machine, which the disk engine does not; the disk engine survives the loss of
//! power to all machines at once. Arrival times are the brokers': keep their clocks together, or they may fall along a
//! log when its leader changes.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod arrival;
mod checks;
mod client;
mod core;
mod endings;
mod engine;
mod krafka;
mod logs;
mod moved;
mod names;
mod read;
mod settings;
mod tail;
#[cfg(test)]
mod tests;
mod topics;
mod turns;

pub use arrival::Arrival;
pub use engine::KafkaEngine;
pub use names::Prefix;
pub use settings::{Identity, Mechanism, Sasl, Security, Settings, Tls};
