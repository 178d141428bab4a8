//! Ending a shard: the marker in its log behind which nothing belongs to it.
//!
//! Invariant: the first marker counts, whoever wrote it. Markers are sought from where the parent's log ended when its
//! sealing began, and it stays as long as its shard, so a step repeated after a crash, however late, finds the marker that
//! is there instead of writing another, and nobody reads on behind it.
//!
//! A record belongs to a shard if it stands before the first marker (acceptance). Puts are enqueued under the catalog's
//! read guard and only to shards whose sealing has not begun, the marker after it has: so nothing acknowledged stands
//! behind it (answering), and children take records only once the catalog shows them, which is after every parent's
//! marker is durable (children, order).
use crate::record;
use headwater_log::{
    Engine, Limits, LogError, LogId, Seq, Stamp,
    rules::{Rule, is_left_out},
};

const PAGE: Limits = Limits { entries: 1024, bytes: 8 << 20 };

/// Sees to it that each log has a marker at or behind the given place, and tells where the first ones stand.
///
/// # Errors
/// The engine's.
pub(crate) async fn place_markers(engine: &dyn Engine, logs: &[(LogId, Seq)]) -> Result<Vec<Stamp>, LogError> {
    if is_left_out(Rule::MarkersComeBeforeChildren) {
        return Ok(logs.iter().map(|(_, from)| Stamp { seq: *from, time_ms: 0 }).collect());
    }
    let own_counts = is_left_out(Rule::FirstMarkerCounts);
    let mut commits = Vec::new();
    for (log, from) in logs {
        if own_counts || find_marker(engine, *log, *from, None).await?.is_none() {
            commits.push(engine.append(*log, vec![record::encode_seal()]));
        }
    }
    let mut written = Vec::new();
    for commit in commits {
        written.extend(commit.await?);
    }
    if own_counts {
        return Ok(written);
    }
    let mut markers = Vec::with_capacity(logs.len());
    for (log, from) in logs {
        let lost = || LogError::Io(format!("the marker in log {log} was written and is not there"));
        markers.push(find_marker(engine, *log, *from, None).await?.ok_or_else(lost)?);
    }
    Ok(markers)
}

/// The first marker at or behind `from`: before `to`, which something stands at or behind, or up to the end. What is
/// damaged is passed over, and up to the end what is trimmed.
///
/// # Errors
/// The engine's.
pub(crate) async fn find_marker(
    engine: &dyn Engine,
    log: LogId,
    mut from: Seq,
    to: Option<Seq>,
) -> Result<Option<Stamp>, LogError> {
    while to.is_none_or(|to| from < to) {
        match engine.read(log, from, PAGE).await {
            Ok(batch) => {
                let mut stretch = batch.entries.iter().take_while(|entry| to.is_none_or(|to| entry.stamp.seq < to));
                if let Some(entry) = stretch.find(|entry| record::is_seal(&entry.bytes)) {
                    return Ok(Some(entry.stamp));
                }
                if batch.entries.is_empty() && to.is_none() {
                    return Ok(None);
                }
                from = batch.next;
            }
            Err(LogError::Trimmed(first)) if to.is_none() => from = first,
            Err(LogError::Corrupt { next, .. }) => from = next,
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_log::{LogGroup, clock::ManualClock, memory::MemoryEngine};
    use std::sync::Arc;

    #[tokio::test]
    async fn the_first_marker_wins_and_a_second_call_writes_none() {
        let engine = MemoryEngine::new(Arc::new(ManualClock::at(5)));
        let logs = [0, 1].map(|part| (LogId::new(LogGroup(9), part), Seq::ZERO));
        engine.append(logs[0].0, vec![record::encode(Some("k"), None, b"d")]).await.unwrap();
        let first = place_markers(&*engine, &logs).await.unwrap();
        let tails = logs.map(|(log, _)| engine.bounds(log).tail);
        assert_eq!(place_markers(&*engine, &logs).await.unwrap(), first);
        assert_eq!(logs.map(|(log, _)| engine.bounds(log).tail), tails);
        engine.append(logs[0].0, vec![record::encode_seal()]).await.unwrap();
        assert_eq!(place_markers(&*engine, &logs).await.unwrap(), first);
    }
}
