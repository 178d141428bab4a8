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
/// After a failure, and between looks for watched logs that are not born: each asks the cluster.
const RETRY_MS: u64 = 250;

/// Runs until the engine is gone; sleeps while nothing is watched.
pub(crate) async fn follow<C: Client>(core: Weak<Core<C>>) {
    let mut looked_us = None;
    loop {
        let Some(core) = core.upgrade() else { return };
        let watched = core.watched_logs();
        if watched.is_empty() {
            let watching = Arc::clone(&core.watching);
            drop(core);
            watching.notified().await;
            continue;
        }
        let now_us = core.clock.steady_us();
        let looks = looked_us.is_none_or(|looked_us| now_us >= looked_us + RETRY_MS * 1000);
        looked_us = if looks { Some(now_us) } else { looked_us };
        let pause_ms = match round(&core, watched, looks).await {
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

/// Waits for news of the watched logs, and `looks` for those that are not known to be born. False if none of them is.
async fn round<C: Client>(core: &Core<C>, watched: Vec<Arc<Log>>, looks: bool) -> Result<bool, ClientError> {
    let mut homes: HashMap<_, (Arc<Log>, Home)> = HashMap::new();
    let mut beyond = Vec::new();
    for log in watched {
        let home = match core.topics.known(log.id) {
            None if looks => core.topics.find(&core.client, log.id).await?,
            known => known,
        };
        let Some(home) = home else { continue };
        beyond.push((home.partition.clone(), home.life.offset(log.bounds.borrow().tail)));
        homes.insert(home.partition.clone(), (log, home));
    }
    if beyond.is_empty() {
        return Ok(false);
    }
    for (partition, ends) in core.client.await_tails(&beyond).await? {
        if let Some((log, home)) = homes.get(&partition) {
            learn(log, home, ends);
        }
    }
    Ok(true)
}
