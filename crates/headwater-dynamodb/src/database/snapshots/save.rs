//! Writing a snapshot, and trimming what it makes superfluous.
//!
//! Invariant: nothing is trimmed before its snapshot is known to be whole for everybody. Snapshots that are whole are not
//! older than those before them: whoever writes one has seen, after its beginning, all that was in the log then.
use super::{
    super::{
        Database, LOG,
        recover::{self, Place},
        rows,
    },
    SNAPSHOTS, Sum, begin, end, part, put_row,
};
use bytes::Bytes;
use headwater_log::{
    Bounds, Engine, LogError, Seq,
    aside::{self, Made},
    kv::{Kv, Space, View},
    rules::{Rule, is_left_out},
};
use std::{
    ops::{Bound, ControlFlow},
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use tokio::sync::Mutex;

/// A part is sent once it is of this size, or of a smaller one.
const PART_BYTES: usize = 1 << 20;
/// What an entry of the log is taken for at least.
const LEAST_BYTES: u64 = 100;

/// How much was taken in, and how large a snapshot is: what tells when the next one is due.
#[derive(Debug, Default)]
pub(in crate::database) struct Pace {
    bytes: AtomicU64,
    places: AtomicU64,
    /// Of the last snapshot that this process wrote or loaded.
    snapshot_bytes: AtomicU64,
    /// Held while this process writes one.
    writing: Mutex<()>,
}

impl Pace {
    pub(in crate::database) fn took_in(&self, places: u64, bytes: usize) {
        self.places.fetch_add(places, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn has_snapshot(&self, bytes: u64) {
        self.snapshot_bytes.store(bytes, Relaxed);
    }

    /// Whether a log within these bounds holds as much as the last snapshot does, and `least_bytes`. It begins where
    /// somebody's last snapshot was made, so whoever leads can tell.
    fn is_due(&self, Bounds { first, tail }: Bounds, least_bytes: u64) -> bool {
        let mean = self.bytes.load(Relaxed) / self.places.load(Relaxed).max(1);
        let held = tail.0.saturating_sub(first.0).saturating_mul(mean.max(LEAST_BYTES));
        held >= least_bytes.max(self.snapshot_bytes.load(Relaxed))
    }
}

impl Database {
    /// Whether it is time for a snapshot: the log is as large as the last one, and as `least_bytes`.
    pub(crate) fn is_snapshot_due(&self, least_bytes: u64) -> bool {
        self.is_shared() && self.pace.is_due(self.engine.bounds(LOG), least_bytes)
    }

    /// Writes a snapshot, in parts of `part_bytes` at most, and trims both logs behind it.
    ///
    /// # Errors
    /// The log's and the store's; `Unavailable` if another process writes one at the same time. What was written then is
    /// of no harm.
    pub(crate) async fn save(self: &Arc<Self>, part_bytes: usize) -> Result<(), LogError> {
        let _one_at_a_time = self.pace.writing.lock().await;
        let begun = write(&*self.engine, begin()).await?;
        if !is_left_out(Rule::SnapshotsHoldWhatWasBefore) {
            self.catch_up().await.map_err(|error| LogError::Io(error.to_string()))?;
        }
        let (database, part_bytes) = (Arc::clone(self), part_bytes.min(PART_BYTES));
        let walk = move |parts: &Made<Bytes>| walk(&*database.still_view(), part_bytes, parts);
        let Some((sum, place)) = send(&*self.engine, walk).await? else { return Ok(()) };
        let ended = write(&*self.engine, end(begun, sum, place)).await;
        if !is_left_out(Rule::EndsComeBeforeTrims) {
            ended?;
        }
        if self.engine.written_here_since(SNAPSHOTS) > begun && !is_left_out(Rule::OnlyWhoWroteAloneTrims) {
            return Err(LogError::Unavailable("another process writes snapshots too".into()));
        }
        self.pace.has_snapshot(sum.bytes);
        self.engine.trim(SNAPSHOTS, begun).await?;
        let upto = if is_left_out(Rule::TrimsStopAtTheSnapshot) { self.engine.bounds(LOG).tail } else { place.seq };
        self.engine.trim(LOG, upto).await?;
        tracing::info!(
            bytes = sum.bytes,
            upto = place.seq.0,
            "a snapshot of the tables is whole; their log is trimmed"
        );
        Ok(())
    }

    /// A view between two groups of decisions: a decision's rows may be written in two batches.
    fn still_view(&self) -> Box<dyn View + '_> {
        let _still = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        self.kv.view()
    }
}

/// Writes a snapshot of rows that nobody writes to, for whoever begins without; none if there are no rows.
///
/// # Errors
/// The log's and the store's.
pub async fn write_snapshot(engine: &dyn Engine, kv: Arc<dyn Kv>) -> Result<(), LogError> {
    let begun = write(engine, begin()).await?;
    match send(engine, move |parts| walk(&*kv.view(), PART_BYTES, parts)).await? {
        Some((sum, place)) => write(engine, end(begun, sum, place)).await.map(drop),
        None => Ok(()),
    }
}

/// Writes the parts that `walk` makes aside. What they are together, and the place it tells.
async fn send(
    engine: &dyn Engine,
    walk: impl FnOnce(&Made<Bytes>) -> Result<Option<Place>, LogError> + Send + 'static,
) -> Result<Option<(Sum, Place)>, LogError> {
    let (made, mut parts) = aside::parts::<Bytes>();
    let writing = async move {
        let mut sum = Sum::default();
        while let Some(part) = parts.recv().await {
            sum.add(part.get(1..).unwrap_or_default());
            write(engine, part).await?;
        }
        Ok(sum)
    };
    let (place, sum) = tokio::join!(aside::run(move || walk(&made)), writing);
    let sum = sum?;
    Ok(place.flatten()?.map(|place| (sum, place)))
}

async fn write(engine: &dyn Engine, entry: Bytes) -> Result<Seq, LogError> {
    let stamps = engine.append(SNAPSHOTS, vec![entry]).await?;
    stamps.first().map(|stamp| stamp.seq).ok_or_else(|| LogError::Io("an append told no place".into()))
}

/// Sends all rows as they are at one moment, but for the one that says which. Returns that; `None` if there is none, or nobody
/// takes them.
fn walk(view: &dyn View, part_bytes: usize, made: &Made<Bytes>) -> Result<Option<Place>, LogError> {
    let Some(place) = recover::place(view)? else { return Ok(None) };
    let mut open = part();
    for space in (0..).map(Space).take(rows::SPACES.len()) {
        let mut is_heard = true;
        view.range(space, Bound::Unbounded, Bound::Unbounded, false, &mut |key, value| {
            if (space, key) != (rows::META, rows::APPLIED) {
                put_row(&mut open, space, key, value);
            }
            if open.len() >= part_bytes {
                is_heard = made.put(std::mem::replace(&mut open, part()).freeze());
            }
            if is_heard { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if !is_heard {
            return Ok(None);
        }
    }
    Ok(made.put(open.freeze()).then_some(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_due_once_the_log_is_as_large_as_the_last_one_and_not_small() {
        let pace = Pace::default();
        let due = |first, tail| pace.is_due(Bounds { first: Seq(first), tail: Seq(tail) }, 10_000);
        assert!(!due(50, 149) && due(50, 150), "nothing is known of what entries hold");
        pace.took_in(10, 10_000);
        assert!(!due(50, 59) && due(50, 60), "they hold 1,000 bytes");
        pace.has_snapshot(90_000);
        assert!(!due(50, 139) && due(50, 140));
    }
}
