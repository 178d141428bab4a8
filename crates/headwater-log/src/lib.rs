//! What lasts: many ordered logs behind four verbs, and the machines that stand on them.
//!
//! The map: [`engine`] says what an engine promises; [`memory`] and [`disk`] keep it; [`conformance`] holds every
//! engine to it. [`machine`] is a pure decider, [`replica`] keeps one in step with its log; [`kv`] keeps rows that are
//! too many for a machine's memory. Time comes in by [`clock`]; [`aside`] does what takes long; [`histogram`] counts
//! what was measured. [`rules`] names what a simulation can leave out.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod aside;
pub mod clock;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod disk;
pub mod engine;
pub mod epoch;
mod error;
#[cfg(any(test, feature = "conformance"))]
pub mod explore;
pub mod histogram;
mod id;
pub mod kv;
pub mod machine;
pub mod memory;
pub mod replica;
pub mod rules;
#[cfg(any(test, feature = "conformance"))]
pub mod shared;

pub use engine::{Batch, Bounds, Commit, Engine, Entry, Limits, Stamp};
pub use error::LogError;
pub use id::{LogGroup, LogId, Seq};
