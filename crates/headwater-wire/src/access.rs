//! Who may do what, as services ask it: each operation says what it is about, and whoever decides is asked before it
//! runs. Policies are read and understood by the decider alone.
use crate::{Caller, Dialect, Service, ServiceError, well_formed};
use bytes::Bytes;
use std::collections::BTreeMap;

/// The decider.
pub trait Access: Send + Sync {
    /// Whether everybody may do everything: then it is not asked.
    fn is_open(&self) -> bool;
    /// Whether `document` can be a resource's policy.
    ///
    /// # Errors
    /// One sentence about the first thing that is not right.
    fn check_policy(&self, document: &str) -> Result<(), String>;
    /// Decides.
    ///
    /// # Errors
    /// The refusal, in the service's words.
    fn decide(&self, ask: &Ask<'_>) -> Result<(), ServiceError>;
}

/// What is asked of it.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// Whose operation it is.
    pub service: Service,
    /// The model's name of the operation.
    pub operation: &'static str,
    /// The ARN of what it is about; `*` for nothing in particular.
    pub resource: &'a str,
    /// The resource's policy, if it has one.
    pub policy: Option<&'a str>,
    /// The tags the request brings.
    pub request_tags: &'a BTreeMap<String, String>,
    /// The tags the resource has.
    pub resource_tags: &'a BTreeMap<String, String>,
    /// Milliseconds since the epoch.
    pub now_ms: u64,
}

/// Where nobody can be told apart: nobody is refused anything, and a policy is any JSON object.
#[derive(Clone, Copy, Debug)]
pub struct Everybody;

impl Access for Everybody {
    fn is_open(&self) -> bool {
        true
    }

    fn check_policy(&self, document: &str) -> Result<(), String> {
        let body = Bytes::copy_from_slice(document.as_bytes());
        well_formed(Dialect::Json10, &body).map_err(|_| "it is no JSON object".to_owned())
    }

    fn decide(&self, _: &Ask<'_>) -> Result<(), ServiceError> {
        Ok(())
    }
}
