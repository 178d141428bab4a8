//! Snapshots of the tables where several processes have their log: written by the one that leads, when they are due.
use super::DynamoDb;
use std::sync::Arc;

/// Between two looks at how much was written since the last one.
const LOOK_EVERY_MS: u64 = 1000;
/// After one that failed.
const RETRY_AFTER_MS: u64 = 30_000;

/// Runs until dropped, beside [`super::run_duties`]: without it the tables' log is kept whole where other processes have
/// to read it. Ends where nobody has to.
pub async fn run_snapshots(dynamodb: Arc<DynamoDb>) {
    let snapshot_bytes = dynamodb.settings.snapshot_bytes;
    let part_bytes = usize::try_from(snapshot_bytes).unwrap_or(usize::MAX);
    while dynamodb.database.is_shared() {
        dynamodb.clock.sleep(LOOK_EVERY_MS).await;
        if dynamodb.database.is_snapshot_due(snapshot_bytes)
            && let Err(error) = dynamodb.database.save(part_bytes).await
        {
            tracing::warn!(%error, "no snapshot of the tables; their log is kept, and it is tried again");
            dynamodb.clock.sleep(RETRY_AFTER_MS).await;
        }
    }
}
