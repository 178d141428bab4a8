//! What the service does by itself: tables come to be and vanish when due, indexes are filled, what is deleted is
//! cleared away, items expire, streams roll and are trimmed; snapshots are written where the log is shared.
//!
//! Invariant: every step is a decision of its own that looks at the table as it is then and may be repeated, so whoever
//! comes next – this process or the one after a crash – carries on.
mod expiry;
mod rows;
mod snapshots;
mod streams;

use crate::{
    DynamoDb,
    database::{Deciding, EXPIRY_INDEX, INDEXES, ITEMS, Other, index_prefix, item_row},
    errors::Result,
    table::{Expiry, IndexPhase, Phase, Table, Tables},
};
use headwater_wire::{ErrorKind, ServiceError};
pub use snapshots::run_snapshots;
use std::{collections::BTreeSet, sync::Arc};

/// After a failure of the log.
const RETRY_AFTER_MS: u64 = 1000;
/// Trimming streams frees space and nothing else – readers are held to retention exactly – so it need not be prompt.
const STREAMS_EVERY_MS: u64 = 300_000;
/// Steps of one table before others have their turn.
const TURN_STEPS: usize = 20;

/// Runs until dropped. One of these belongs to each [`DynamoDb`]; without it nothing that takes time happens. Of several
/// processes with the same tables the one that leads is to do it.
pub async fn run_duties(dynamodb: Arc<DynamoDb>) {
    let mut version = dynamodb.database.watch();
    let mut sweeps = Sweeps::default();
    let (mut seen, mut wake_ms): (Option<Arc<Tables>>, u64) = (None, 0);
    loop {
        version.borrow_and_update();
        let tables = dynamodb.database.tables();
        let has_changed = seen.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, &tables));
        // Items change all the time; that alone is no reason to look at every table.
        if has_changed || dynamodb.clock.now_ms() >= wake_ms {
            match sweeps.round(&dynamodb, &tables).await {
                Ok(due_ms) => (seen, wake_ms) = (Some(tables), due_ms),
                Err(error) => {
                    if !dynamodb.database.is_shared() || !is_others(&error) {
                        tracing::error!(%error, "a duty of DynamoDB failed; it is tried again");
                    }
                    dynamodb.clock.sleep(RETRY_AFTER_MS).await;
                    continue;
                }
            }
        }
        let rest_ms = wake_ms.saturating_sub(dynamodb.clock.now_ms());
        tokio::select! {
            () = dynamodb.clock.sleep(rest_ms) => {}
            changed = version.changed() => if changed.is_err() { return },
        }
    }
}

/// Does what a change of a table leaves to do, as far as it is quickly done; where changes take their time they wait.
///
/// # Errors
/// The log's; the duties carry on.
pub(crate) async fn start(dynamodb: &DynamoDb, table: u64) -> Result<()> {
    if dynamodb.settings.transition_ms > 0 {
        return Ok(());
    }
    match settle(dynamodb, table, TURN_STEPS).await {
        // The change itself has been made, and whoever decides now sees to what it leaves to do.
        Err(error) if dynamodb.database.is_shared() && is_others(&error) => Ok(()),
        settled => settled,
    }
}

/// Whether a step was not taken because another process decides, or is about to.
fn is_others(error: &ServiceError) -> bool {
    matches!(error.kind, ErrorKind::Elsewhere | ErrorKind::Unavailable)
}

/// What is looked at from time to time, and when it was.
#[derive(Default)]
struct Sweeps {
    expiry_ms: u64,
    streams_ms: u64,
    /// Deleted tables of which nothing but streams is left.
    cleared: BTreeSet<u64>,
}

impl Sweeps {
    /// Does all that is due. Returns when there is something to do again if no table changes.
    async fn round(&mut self, dynamodb: &DynamoDb, tables: &Tables) -> Result<u64> {
        let now_ms = dynamodb.clock.now_ms();
        for table in tables.all() {
            settle(dynamodb, table.id, usize::MAX).await?;
        }
        for table in tables.graves() {
            self.bury(dynamodb, table).await?;
        }
        let mut due_ms = tables.all().filter_map(|table| ends_ms(table)).min().unwrap_or(u64::MAX);
        let expiring = || tables.all().filter(|table| table.expiry.as_ref().is_some_and(Expiry::is_enabled));
        if expiring().next().is_some() {
            if now_ms >= self.expiry_ms {
                for table in expiring() {
                    expiry::expire(dynamodb, table.id).await?;
                }
                self.expiry_ms = now_ms + dynamodb.settings.expiry_sweep_ms;
            }
            due_ms = due_ms.min(self.expiry_ms);
        }
        let streaming = || tables.all().chain(tables.graves()).filter(|table| !table.streams.is_empty());
        if streaming().next().is_some() {
            if now_ms >= self.streams_ms {
                for table in streaming() {
                    streams::keep(dynamodb, table).await?;
                }
                self.streams_ms = now_ms + dynamodb.settings.stream_shard_ms.min(STREAMS_EVERY_MS);
            }
            due_ms = due_ms.min(self.streams_ms);
        }
        Ok(due_ms)
    }

    /// Clears a deleted table away, and forgets it once its streams are gone too.
    async fn bury(&mut self, dynamodb: &DynamoDb, table: &Table) -> Result<()> {
        if !self.cleared.contains(&table.id) {
            let prefix = item_row(table.id, &[]);
            for space in [ITEMS, INDEXES] {
                rows::clear(dynamodb, space, &prefix, usize::MAX, |_| true).await?;
            }
            self.cleared.insert(table.id);
        }
        if table.streams.is_empty() {
            let forgotten = dynamodb.database.submit(|deciding| {
                deciding.other(Other::Forget { table: table.id });
                Ok(())
            });
            forgotten.await?;
            self.cleared.remove(&table.id);
        }
        Ok(())
    }
}

/// When the table's phase is over.
fn ends_ms(table: &Table) -> Option<u64> {
    match table.phase {
        Phase::Creating { until_ms } | Phase::Updating { until_ms } | Phase::Deleting { until_ms } => Some(until_ms),
        Phase::Active | Phase::Deleted => None,
    }
}

/// Takes the steps of a table that are due, one after the other, until it is the others' turn. An index that goes is
/// emptied at a stretch, unless in more than so many pages: nothing remembers how far that got.
async fn settle(dynamodb: &DynamoDb, id: u64, pages: usize) -> Result<()> {
    for _ in 0..TURN_STEPS {
        let Some(table) = dynamodb.database.tables().get(id).cloned() else { break };
        if ends_ms(&table).is_some_and(|ends_ms| ends_ms <= dynamodb.clock.now_ms()) {
            dynamodb.database.submit(|deciding| end_phase(deciding, id)).await?;
            continue;
        }
        let mut unfinished = table.rows().filter(|(_, phase)| **phase != IndexPhase::Active);
        match unfinished.next() {
            Some((index, IndexPhase::Filling { after })) if table.phase == Phase::Active => {
                rows::fill(dynamodb, id, index, after).await?;
            }
            Some((index, IndexPhase::Emptying)) => {
                if !rows::empty(dynamodb, id, index, pages).await? {
                    break;
                }
            }
            _ => break,
        }
    }
    Ok(())
}

fn end_phase(deciding: &mut Deciding<'_>, id: u64) -> Result<()> {
    let Some(table) = deciding.tables().get(id) else { return Ok(()) };
    if ends_ms(table).is_some_and(|ends_ms| ends_ms <= deciding.now_ms()) {
        let phase = if matches!(table.phase, Phase::Deleting { .. }) { Phase::Deleted } else { Phase::Active };
        deciding.set(Table { phase, ..Table::clone(table) });
    }
    Ok(())
}
