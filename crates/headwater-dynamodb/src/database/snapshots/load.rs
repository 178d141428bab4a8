//! Taking a snapshot in the place of the rows.
//!
//! Invariant: rows that say how far the log is in them are whole. The row that says so goes first and comes last, so a
//! process that ends in between finds none, and begins again; and nobody is shown rows meanwhile.
use super::{
    super::{
        Database, LOG,
        inbox::Inbox,
        reader::{Reader, Stuck},
        recover::{self, incomprehensible},
        rows,
    },
    Entry, Whole, each, newest, rows as rows_of,
};
use headwater_log::{
    Engine, LogError, Seq, aside,
    epoch::Seat,
    kv::{Batch, Kv, Space},
    rules::{Rule, is_left_out},
};
use std::{
    ops::{Bound, ControlFlow},
    sync::{Arc, PoisonError},
};

/// Rows removed in one batch.
const BATCH_BYTES: usize = 1 << 20;
/// Between two tries to read a snapshot.
const RETRY_AFTER_MS: u64 = 1000;

impl Database {
    /// Takes the newest snapshot if the log begins behind where `reader` stands.
    ///
    /// # Errors
    /// There is no way on.
    pub(in crate::database) async fn come_up(&self, reader: &mut Reader, inbox: &mut Inbox) -> Result<(), LogError> {
        while self.is_shared() && self.engine.bounds(LOG).first > reader.read_to {
            match self.load(reader).await {
                Ok(()) | Err(Stuck::Behind(_)) => {}
                Err(Stuck::Unread(error)) => {
                    tracing::error!(%error, "the snapshot of the tables cannot be read; it is tried again");
                    self.clock.sleep(RETRY_AFTER_MS).await;
                }
                Err(stuck) => return Err(self.stuck(stuck, inbox)),
            }
        }
        Ok(())
    }

    /// Takes the newest snapshot.
    ///
    /// # Errors
    /// `Behind` if another one took its place meanwhile; until it succeeds nothing else may be applied.
    pub(in crate::database) async fn load(&self, reader: &mut Reader) -> Result<(), Stuck> {
        let whole = wanted(&*self.engine).await?;
        tracing::info!(
            bytes = whole.sum.bytes,
            upto = whole.place.seq.0,
            "a snapshot takes the place of the tables' rows"
        );
        if let Some(shown) = &self.shown {
            shown.hide();
        }
        *reader = Reader::default();
        let kv = Arc::clone(&self.kv);
        aside::run(move || clear(&*kv)).await.flatten().map_err(Stuck::Rows)?;
        fill(&*self.engine, &*self.kv, &whole).await?;
        let (tables, counts) = recover::definitions(&*self.kv).map_err(Stuck::Rows)?;
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts;
        {
            let mut held = self.tables.write().unwrap_or_else(PoisonError::into_inner);
            *held = tables;
            if let Some(shown) = &self.shown {
                shown.show();
            }
        }
        let place = whole.place;
        *reader = Reader { seat: Seat::after(place.epoch), at: place, read_to: place.seq.next(), ..Reader::default() };
        self.pace.has_snapshot(whole.sum.bytes);
        self.version.send_replace(place.number);
        tracing::info!(upto = place.seq.0, "the snapshot of the tables is loaded");
        Ok(())
    }
}

/// Makes rows of the newest snapshot, in a store that nobody reads, and makes them durable; nothing if the log goes back to its
/// beginning.
///
/// # Errors
/// `Io` if the log begins later and there is no snapshot of what stood before; the log's and the store's.
pub async fn take_snapshot(engine: &dyn Engine, kv: &dyn Kv) -> Result<(), LogError> {
    clear(kv)?;
    if engine.bounds_now(LOG).await?.first > Seq::ZERO {
        let whole = wanted(engine).await.map_err(Stuck::error)?;
        fill(engine, kv, &whole).await.map_err(Stuck::error)?;
    }
    kv.persist()
}

/// The newest snapshot that the log goes on from.
async fn wanted(engine: &dyn Engine) -> Result<Whole, Stuck> {
    let first = engine.bounds_now(LOG).await.map_err(Stuck::Unread)?.first;
    let whole = newest(engine).await?.filter(|whole| whole.place.seq.next() >= first);
    whole.ok_or_else(|| {
        let why = format!("the tables' log begins at {first}, and there is no snapshot of what stood before");
        Stuck::Lost(LogError::Io(why))
    })
}

/// Writes the rows of a snapshot, and last how far the log is in them.
async fn fill(engine: &dyn Engine, kv: &dyn Kv, whole: &Whole) -> Result<(), Stuck> {
    let mut last = Batch::default();
    last.put(rows::META, rows::APPLIED.to_vec(), whole.place.encode());
    if is_left_out(Rule::PlacesComeAfterTheirRows) {
        kv.write(last.clone()).map_err(Stuck::Rows)?;
    }
    each(engine, whole.begin, whole.end, |_, entry| {
        if let Entry::Part(part) = entry {
            let batch = rows_of(part).ok_or_else(|| Stuck::Lost(incomprehensible("a snapshot")))?;
            kv.write(batch).map_err(Stuck::Rows)?;
        }
        Ok(ControlFlow::Continue(()))
    })
    .await?;
    kv.write(last).map_err(Stuck::Rows)
}

/// Removes all rows, the one that says how far the log is in them first.
fn clear(kv: &dyn Kv) -> Result<(), LogError> {
    let mut batch = Batch::default();
    batch.delete(rows::META, rows::APPLIED.to_vec());
    kv.write(batch)?;
    let view = kv.view();
    for space in (0..).map(Space).take(rows::SPACES.len()) {
        let (mut batch, mut written) = (Batch::default(), Ok(()));
        view.range(space, Bound::Unbounded, Bound::Unbounded, false, &mut |key, _| {
            batch.delete(space, key.to_vec());
            if batch.size_bytes() >= BATCH_BYTES {
                written = kv.write(std::mem::take(&mut batch));
            }
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        written.and_then(|()| kv.write(batch))?;
    }
    Ok(())
}
