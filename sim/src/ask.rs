//! Asking a service for an operation, as its front does.
//!
//! Invariant: input and answer go through the service's own codec.
use headwater_wire::{Answer, Caller, Dialect, Row, ServiceError};
use serde_json::Value;
use std::sync::Arc;

/// What an operation of `rows` answers; null for a stream of events.
pub async fn ask<S>(
    rows: &[Row<S>],
    service: &Arc<S>,
    dialect: Dialect,
    operation: &str,
    input: Value,
) -> Result<Value, ServiceError> {
    let row = rows.iter().find(|row| row.name == operation).expect("an operation");
    let (caller, body) = (Caller::root("000000000000", "us-east-1", "k"), input.to_string().into());
    match (row.call)(Arc::clone(service), caller, dialect, &body).await? {
        Answer::Whole(output) => Ok(serde_json::from_slice(&output).unwrap_or_default()),
        Answer::Events(_) => Ok(Value::Null),
    }
}
