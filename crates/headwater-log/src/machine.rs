//! A machine: pure rules for deciding commands and for what decided changes do. No IO, no time, no chance of its own.
use serde::{Serialize, de::DeserializeOwned};

/// A state that commands are decided against and changes are applied to.
///
/// The log keeps the *changes*, so replaying is a plain insert and a fix of the rules never alters the past.
pub trait Machine: Send + Sync + Sized + 'static {
    /// What is asked for.
    type Command: Clone + Send + 'static;
    /// What a decision does to the state. Lasts: its encoding may only grow.
    type Change: Send + 'static;
    /// What the asker is told once the decision is durable and applied.
    type Answer: Send + 'static;
    /// Why a command is refused; a refusal leaves no trace.
    type Refusal: Send + 'static;

    /// The state before any change.
    fn empty() -> Self;

    /// Decides `command` against the state at `now_ms`.
    ///
    /// # Errors
    /// The refusal, by the service's own rules.
    #[expect(clippy::type_complexity, reason = "a name would only hide what it is")]
    fn decide(&self, command: Self::Command, now_ms: u64) -> Result<(Vec<Self::Change>, Self::Answer), Self::Refusal>;

    /// Applies one change. Infallible: what was decided can be done.
    fn apply(&mut self, change: &Self::Change);

    /// One decision as bytes: all its changes.
    fn encode(changes: &[Self::Change]) -> Vec<u8>;

    /// The changes of one decision.
    ///
    /// # Errors
    /// A sentence on what cannot be read; the replica refuses to open then.
    fn decode(bytes: &[u8]) -> Result<Vec<Self::Change>, String>;

    /// The whole state as bytes.
    fn snapshot(&self) -> Vec<u8>;

    /// The state a snapshot was taken of.
    ///
    /// # Errors
    /// A sentence on what cannot be read.
    fn restore(bytes: &[u8]) -> Result<Self, String>;
}

/// Decisions and snapshots as JSON, for machines that keep nothing else: self-describing, so that fields and variants may
/// be added.
///
/// # Panics
/// If the value has no JSON form. Strings, numbers, lists and maps with string keys always have one.
pub fn to_json(value: &impl Serialize) -> Vec<u8> {
    let encoded = serde_json::to_vec(value);
    assert!(encoded.is_ok(), "what a machine keeps has a JSON form");
    encoded.unwrap_or_default()
}

/// What [`to_json`] gave, read back.
///
/// # Errors
/// A sentence on what cannot be read.
pub fn of_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}
