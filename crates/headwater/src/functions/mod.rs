//! Functions, as Lambda has them: named by an ARN, called with JSON, and run elsewhere: by a server that speaks Lambda's
//! Invoke API, if the operator named one, or by a runtime that fetches its work from the queue in here.
//!
//! Invariant: a call has one outcome, within a bounded time, whatever becomes of the runtime that took it.
mod failure;
mod name;
mod queue;

pub(crate) use self::{
    name::FunctionName,
    queue::{Given, Queue, Serves},
};

use crate::outward::Remote;
use bytes::Bytes;
use headwater_firehose::outside::{Doing, Failure, Functions};
use serde_json::{Value, json};

/// Lambda's bound for what a function is called with …
pub(crate) const MAX_PAYLOAD_BYTES: usize = 6 << 20;
/// … and for what it answers.
pub(crate) const MAX_ANSWER_BYTES: usize = MAX_PAYLOAD_BYTES + 100;

/// A call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Call {
    pub(crate) name: FunctionName,
    /// The function's ARN, as its runtime is told.
    pub(crate) arn: String,
    pub(crate) payload: Bytes,
    /// What goes along for tracing; made up if nothing is given.
    pub(crate) trace: Option<String>,
    /// What the caller's client says of itself, as JSON.
    pub(crate) client_context: Option<String>,
}

/// The outcome of a call that reached the function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Called {
    /// What it answered.
    Answer(Bytes),
    /// That it failed: JSON with `errorType` and `errorMessage`.
    Fault(Bytes),
}

impl Called {
    /// A fault in the service's own words.
    pub(crate) fn fault(error_type: &str, message: &str) -> Self {
        Self::Fault(json!({"errorType": error_type, "errorMessage": message}).to_string().into())
    }

    /// That the answer was larger than answers may be.
    pub(crate) fn too_large() -> Self {
        let sentence =
            format!("Response payload size exceeded maximum allowed payload size ({MAX_ANSWER_BYTES} bytes).");
        Self::fault("Function.ResponseSizeTooLarge", &sentence)
    }
}

/// Why a call did not reach the function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Uncalled {
    /// Nobody runs a function of this name.
    NotFound,
    /// Everybody who runs it is busy, and stayed so.
    Busy,
    /// The payload is larger than payloads may be.
    TooLarge,
    /// The server that runs it refuses us.
    Denied,
    /// The server that runs it cannot be reached or does not do its part: a sentence.
    Broken(String),
}

/// All functions there are.
pub(crate) struct Registry {
    remote: Remote,
    queue: Queue,
}

impl Registry {
    pub(crate) const fn new(remote: Remote, queue: Queue) -> Self {
        Self { remote, queue }
    }

    /// What runtimes fetch their work from.
    pub(crate) const fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Whether somebody runs the function, as far as can be told without calling it.
    pub(crate) fn knows(&self, name: &FunctionName) -> bool {
        self.remote.serves(name) || self.queue.is_served(&name.name)
    }

    /// Calls a function and waits for the outcome.
    ///
    /// # Errors
    /// Why the function was not reached.
    pub(crate) async fn call(&self, call: Call) -> Result<Called, Uncalled> {
        if call.payload.len() > MAX_PAYLOAD_BYTES {
            return Err(Uncalled::TooLarge);
        }
        if self.remote.serves(&call.name) { self.remote.call(&call).await } else { self.queue.call(call).await }
    }
}

impl Functions for Registry {
    fn invoke<'a>(&'a self, arn: &'a str, payload: Bytes) -> Doing<'a, Result<Bytes, Failure>> {
        Box::pin(async move {
            let name = FunctionName::parse(arn).ok_or_else(|| failure::of_uncalled(Uncalled::NotFound))?;
            let call = Call { name, arn: arn.to_owned(), payload, trace: None, client_context: None };
            match self.call(call).await {
                Ok(Called::Answer(answer)) => Ok(answer),
                Ok(Called::Fault(fault)) => {
                    let fault: Value = serde_json::from_slice(&fault).unwrap_or_default();
                    Err(failure::of_fault(&fault))
                }
                Err(uncalled) => Err(failure::of_uncalled(uncalled)),
            }
        })
    }
}
