//! Asking a service for an operation, as its front does.
//!
//! Invariant: input and answer go through the service's own codec.
use bytes::BytesMut;
use headwater_wire::{Answer, Caller, Dialect, Messages, Row, ServiceError, event_stream::decode};
use serde_json::Value;
use std::{future::poll_fn, sync::Arc};

/// What an operation of `rows` answers.
pub async fn ask<S>(
    rows: &[Row<S>],
    service: &Arc<S>,
    dialect: Dialect,
    operation: &str,
    input: Value,
) -> Result<Value, ServiceError> {
    match answer(rows, service, dialect, operation, input).await? {
        Answer::Whole(output) => Ok(serde_json::from_slice(&output).unwrap_or_default()),
        Answer::Events(_) => panic!("{operation} answers with events"),
    }
}

/// The events that an operation of `rows` answers with.
pub async fn listen<S>(
    rows: &[Row<S>],
    service: &Arc<S>,
    dialect: Dialect,
    operation: &str,
    input: Value,
) -> Result<Messages, ServiceError> {
    match answer(rows, service, dialect, operation, input).await? {
        Answer::Events(messages) => Ok(messages),
        Answer::Whole(_) => panic!("{operation} answers with no events"),
    }
}

async fn answer<S>(
    rows: &[Row<S>],
    service: &Arc<S>,
    dialect: Dialect,
    operation: &str,
    input: Value,
) -> Result<Answer, ServiceError> {
    let row = rows.iter().find(|row| row.name == operation).expect("an operation");
    let (caller, body) = (Caller::root("000000000000", "us-east-1", "k"), input.to_string().into());
    (row.call)(Arc::clone(service), caller, dialect, &body).await
}

/// What the next of the events says, with its name; nothing once they have ended.
pub async fn next(messages: &mut Messages) -> Option<(String, Value)> {
    let bytes = poll_fn(|context| messages.poll_next(context)).await?;
    let message = decode(&mut BytesMut::from(&bytes[..])).ok().flatten().expect("a message");
    let name = message.header(":event-type").or(message.header(":exception-type")).expect("a name");
    Some((name.to_owned(), serde_json::from_slice(&message.payload).unwrap_or_default()))
}
