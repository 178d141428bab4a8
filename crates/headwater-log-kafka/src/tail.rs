//! Keeps the bounds of watched logs up to date with what other nodes append and trim: one task for all of them, as a long
//! poll holds up everything behind it on its connection, and one fetch can wait for many partitions.
use crate::{
    client::{Client, ClientError},
    core::{Core, learn},
    logs::Log,
    topics::Home,
};
use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

/// Between two rounds: appends of one millisecond are heard of together.
const PAUSE_MS: u64 = 1;
/// After a failure, and between looks for watched logs that are not born.
const RETRY_MS: u64 = 250;

/// Runs until the engine is gone; sleeps while nothing is watched.
pub(crate) async fn follow<C: Client>(core: Weak<Core<C>>) {
    loop {
        let Some(core) = core.upgrade() else { return };
        let watched = core.watched_logs();
        if watched.is_empty() {
            let watching = Arc::clone(&core.watching);
            drop(core);
            watching.notified().await;
            continue;
        }
        let pause_ms = match round(&core, watched).await {
            Ok(true) => PAUSE_MS,
            Ok(false) => RETRY_MS,
            Err(error) => {
                tracing::warn!(%error, "the tails of logs cannot be followed");
                RETRY_MS
            }
        };
        let pause = core.clock.sleep(pause_ms);
        drop(core);
        pause.await;
    }
}

/// Waits for news of the watched logs. False if none of them is born.
async fn round<C: Client>(core: &Core<C>, watched: Vec<Arc<Log>>) -> Result<bool, ClientError> {
    let mut homes: HashMap<_, (Arc<Log>, Home)> = HashMap::new();
    let mut beyond = Vec::new();
    for log in watched {
        let Some(home) = core.topics.find(&core.client, log.id).await? else { continue };
        beyond.push((home.partition.clone(), home.life.offset(log.bounds.borrow().tail)));
        homes.insert(home.partition.clone(), (log, home));
    }
    if beyond.is_empty() {
        return Ok(false);
    }
    for (partition, ends) in core.client.await_tails(&beyond).await? {
        if let Some((log, home)) = homes.get(&partition) {
            learn(log, home.life, ends);
        }
    }
    Ok(true)
}
