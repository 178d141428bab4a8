//! What the service does by itself, but for delivering: delivery streams come to be and vanish when due, and the logs of
//! deleted ones are trimmed.
//!
//! Invariant: every step stands in the catalog before the next begins and may be repeated, so whoever comes next – this
//! process or the one after a crash – carries on where it stopped.
use crate::{
    Firehose,
    catalog::{Action, Address, Command},
};
use headwater_log::{LogError, LogGroup};
use std::sync::Arc;

/// How long to wait where nothing is due; a change of the catalog wakes it at once.
const IDLE_MS: u64 = 3_600_000;
/// After a failure of the log.
const RETRY_AFTER_MS: u64 = 1000;

/// Runs until dropped. One of these belongs to each [`Firehose`]; without it nothing that takes time happens.
pub async fn run_duties(firehose: Arc<Firehose>) {
    let mut version = firehose.catalog.watch();
    loop {
        version.borrow_and_update();
        if let Err(error) = round(&firehose).await {
            tracing::error!(%error, "a duty of Firehose failed; it is tried again");
            firehose.clock.sleep(RETRY_AFTER_MS).await;
            continue;
        }
        let now_ms = firehose.clock.now_ms();
        let due_ms = firehose.catalog.read().all().filter_map(|(_, _, stream)| stream.due_ms()).min();
        let rest_ms = due_ms.map_or(IDLE_MS, |due_ms| due_ms.saturating_sub(now_ms));
        tokio::select! {
            () = firehose.clock.sleep(rest_ms) => {}
            changed = version.changed() => if changed.is_err() { return },
        }
    }
}

/// Everything that is due now.
///
/// # Errors
/// The engine's; what is left is then done later.
pub(crate) async fn round(firehose: &Firehose) -> Result<(), LogError> {
    let now_ms = firehose.clock.now_ms();
    let due: Vec<(Address, u128)> = {
        let catalog = firehose.catalog.read();
        let due = catalog.all().filter(|(_, _, stream)| stream.due_ms().is_some_and(|due_ms| due_ms <= now_ms));
        due.map(|(scope, name, stream)| (Address { scope: scope.clone(), name: name.clone() }, stream.incarnation))
            .collect()
    };
    for (address, incarnation) in due {
        firehose
            .catalog
            .take_step(Command::Stream { address, action: Action::Advance { incarnation } }, firehose.clock.now_ms())
            .await?;
    }
    bury(firehose).await
}

/// Trims the logs of deleted delivery streams to nothing, once they are not among the engine's history any more.
async fn bury(firehose: &Firehose) -> Result<(), LogError> {
    let since_ms = firehose.engine.history_since_ms(firehose.clock.now_ms());
    let graves = firehose.catalog.read().graves(since_ms);
    for incarnation in graves {
        firehose.engine.trim_group(LogGroup(incarnation), 1).await?;
        firehose.opened.forget(LogGroup(incarnation));
        if let Some(limits) = &firehose.limits {
            limits.forget(incarnation);
        }
        firehose.catalog.take_step(Command::Bury { incarnation }, firehose.clock.now_ms()).await?;
    }
    Ok(())
}
