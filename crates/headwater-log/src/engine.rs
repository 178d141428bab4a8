//! The four verbs of a log engine and what each promises. Everything above stands on these sentences alone;
//! `conformance` turns them into tests that every engine passes.
use crate::{LogError, LogGroup, LogId, Seq};
use bytes::Bytes;
use std::{future::Future, pin::Pin};
use tokio::sync::watch;

/// Where an entry came to stand, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// Its place in its log.
    pub seq: Seq,
    /// Arrival, in milliseconds since the Unix epoch. Never falls along a log.
    pub time_ms: u64,
}

/// One entry read back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Where and when.
    pub stamp: Stamp,
    /// The bytes as appended.
    pub bytes: Bytes,
}

/// What a read returns.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    /// In order of place.
    pub entries: Vec<Entry>,
    /// Where to read on: every durable entry before it was delivered or was before `from`.
    pub next: Seq,
}

/// How much one read may return. At least one entry comes back where there is one, whatever its size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Most entries.
    pub entries: usize,
    /// Most bytes of entries, summed.
    pub bytes: usize,
}

/// First and tail of a log: `first` is the earliest place that may be read, `tail` the first unwritten one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bounds {
    /// Nothing before this can be read.
    pub first: Seq,
    /// Every durable entry stands before this.
    pub tail: Seq,
}

/// An append under way: resolves, one stamp an entry and in their order, once all are durable. Dropping it does not
/// take the entries back.
pub type Commit = Pin<Box<dyn Future<Output = Result<Vec<Stamp>, LogError>> + Send>>;

/// A read under way.
pub type Reading<'a> = Pin<Box<dyn Future<Output = Result<Batch, LogError>> + Send + 'a>>;

/// A trim under way.
pub type Trimming<'a> = Pin<Box<dyn Future<Output = Result<(), LogError>> + Send + 'a>>;

/// A preparation under way.
pub type Preparing<'a> = Trimming<'a>;

/// Bounds that are being asked for.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Result<Bounds, LogError>> + Send + 'a>>;

/// A store of many logs.
pub trait Engine: Send + Sync + 'static {
    /// Puts `entries` at the end of `log`; a log is born by its first append. The order of entries is the order of
    /// calls (it is fixed when this function returns, not when the commit resolves); each entry is all or nothing.
    fn append(&self, log: LogId, entries: Vec<Bytes>) -> Commit;

    /// The durable entries with place ≥ `from`, in order. `Trimmed(first)` if `from` lies before the first place;
    /// an unknown log and a place at or behind the tail give no entries.
    fn read(&self, log: LogId, from: Seq, limits: Limits) -> Reading<'_>;

    /// Entries before `before` may vanish, and can no longer be read; trimming to the tail deletes what the log holds.
    /// Places are not used again afterwards.
    fn trim(&self, log: LogId, before: Seq) -> Trimming<'_>;

    /// The log's bounds, now and at each change. An unknown log has `Bounds::default()`.
    fn watch(&self, log: LogId) -> watch::Receiver<Bounds>;

    /// Whether other processes may write to the same logs.
    fn is_shared(&self) -> bool {
        false
    }

    /// What has arrived stays for so long, even if nobody needs it any more, so that the logs can be had as they were. Whoever
    /// trims because something is done with does so by [`trim_done`].
    fn history_ms(&self) -> u64 {
        0
    }

    /// What was needed after this moment stays at `now_ms`.
    fn history_since_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.history_ms())
    }

    /// Every place of `log` from this one up to the last that this process has written, it has written itself.
    /// `Seq::ZERO`, and so from the beginning, where no other process can write.
    fn written_here_since(&self, log: LogId) -> Seq {
        let _ = log;
        Seq::ZERO
    }

    /// The log's bounds: what `watch` would show, without keeping watch. Where others write, too, it is what was heard of
    /// them.
    fn bounds(&self, log: LogId) -> Bounds {
        *self.watch(log).borrow()
    }

    /// The log's bounds with everything that anybody has written and trimmed before the call.
    fn bounds_now(&self, log: LogId) -> Asking<'_> {
        Box::pin(std::future::ready(Ok(self.bounds(log))))
    }

    /// The logs of a group with parts below `parts` are going to be written: an engine that has to prepare for that does so
    /// now, so that the first append need not wait for it.
    fn prepare(&self, group: LogGroup, parts: u32) -> Preparing<'_> {
        let _ = (group, parts);
        Box::pin(std::future::ready(Ok(())))
    }

    /// Trims all logs of a group to nothing, of which none has a part at or beyond `parts`.
    fn trim_group(&self, group: LogGroup, parts: u32) -> Trimming<'_> {
        Box::pin(async move {
            for part in 0..parts {
                let log = LogId::new(group, part);
                let Bounds { first, tail } = self.bounds(log);
                if first < tail {
                    self.trim(log, tail).await?;
                }
            }
            Ok(())
        })
    }
}

/// A place of `log` from which reading begins with the first entry that arrived at or after `time_ms` (nothing is read
/// from it if there is none yet): by bisection, as
/// arrival time never falls along a log.
///
/// # Errors
/// Those of [`Engine::read`], except `Trimmed`: a log trimmed meanwhile is searched from its new beginning.
pub async fn find_time(engine: &dyn Engine, log: LogId, time_ms: u64) -> Result<Seq, LogError> {
    let Bounds { first, tail } = engine.bounds_now(log).await?;
    let (mut low, mut high) = (first.0, tail.0); // the answer lies in low..=high
    while low < high {
        let middle = low + (high - low) / 2;
        match first_from(engine, log, Seq(middle)).await {
            Ok(Some(stamp)) if stamp.time_ms < time_ms => low = stamp.seq.0 + 1,
            Ok(_) => high = middle, // the answer, if it stands behind `middle`, is what `middle` reads
            Err(LogError::Trimmed(first)) => low = first.0,
            Err(error) => return Err(error),
        }
    }
    Ok(Seq(low))
}

/// Trims what stands before `before` and is done with, but for the engine's history and the entry before that: it shows
/// that nothing is missing in between.
///
/// # Errors
/// Those of [`Engine::trim`] and [`find_time`].
pub async fn trim_done(engine: &dyn Engine, log: LogId, before: Seq, now_ms: u64) -> Result<(), LogError> {
    if engine.history_ms() == 0 {
        return engine.trim(log, before).await;
    }
    // The search ends right behind the last entry that is older.
    let Seq(behind) = find_time(engine, log, engine.history_since_ms(now_ms)).await?;
    engine.trim(log, before.min(Seq(behind.saturating_sub(1)))).await
}

/// The first entry from a place on, behind any damage.
async fn first_from(engine: &dyn Engine, log: LogId, mut from: Seq) -> Result<Option<Stamp>, LogError> {
    loop {
        match engine.read(log, from, Limits { entries: 1, bytes: 1 }).await {
            Ok(batch) => return Ok(batch.entries.first().map(|entry| entry.stamp)),
            Err(LogError::Corrupt { next, .. }) if next > from => from = next,
            Err(error) => return Err(error),
        }
    }
}
