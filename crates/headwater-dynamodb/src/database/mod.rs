//! The database: one lane that decides every write in order, logs it, applies it to the rows and only then answers.
//!
//! Invariant: rows are the log folded up to some decision, and readers see nothing else – nobody hears of a change before
//! it is durable. Decisions go on while earlier ones are on their way to the disk: they are made upon the rows and the
//! overlay of what was decided since.
mod applier;
mod apply;
mod change;
mod counts;
mod decide;
mod entry;
mod image;
mod index;
mod overlay;
mod recover;
mod rows;

use crate::{
    errors::{self, Result},
    table::Tables,
};
use applier::Pending;
pub(crate) use change::{Other, Token};
pub(crate) use counts::Count;
use counts::Counts;
pub(crate) use decide::Deciding;
use headwater_log::{
    Engine, LogError, LogGroup, LogId, Seq,
    clock::Clock,
    kv::{Kv, View},
};
pub(crate) use image::Image;
pub(crate) use index::{collect, expired_rows, expires_at, has_expired, item_key};
use overlay::Overlay;
pub use rows::SPACES;
pub(crate) use rows::{
    CHANGES, EXPIRY_INDEX, INDEXES, ITEMS, change as change_row, index_prefix, item as item_row, place,
};
use std::{
    collections::HashMap,
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};
use tokio::sync::{mpsc, oneshot, watch};

/// The log of all tables, among the groups below 2⁶⁴ that are Headwater's own.
pub const LOG: LogId = LogId::new(LogGroup(2), 0);

/// The lane.
pub(crate) struct Database {
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    kv: Arc<dyn Kv>,
    /// What readers see.
    tables: RwLock<Arc<Tables>>,
    counts: Mutex<Counts>,
    decider: Mutex<Decider>,
    queue: mpsc::UnboundedSender<Pending>,
    version: watch::Sender<u64>,
}

/// How far the log is in these rows: the number of the last decision in them and its place in [`LOG`]; `None` in an empty
/// store.
///
/// # Errors
/// The store's; `Io` if the rows are not understood.
pub fn folded(rows: &dyn View) -> std::result::Result<Option<(u64, Seq)>, LogError> {
    let place = recover::place(rows)?;
    Ok(place.map(|place| (place.number, place.seq)))
}

/// Tables and rows that belong together.
pub(crate) struct Snapshot<'a> {
    pub(crate) tables: Arc<Tables>,
    pub(crate) view: Box<dyn View + 'a>,
    /// The last decision that is in them.
    pub(crate) number: u64,
}

/// Who decides: what is decided upon, besides the rows.
struct Decider {
    epoch: u64,
    /// The number the next decision gets.
    next: u64,
    overlay: Overlay,
    tables: Arc<Tables>,
    tokens: HashMap<u64, Token>,
    /// Decisions sent to be applied and not yet applied.
    in_flight: u64,
    /// Set by an append of unknown outcome: only the log knows what holds, so nothing is decided any more.
    broken: Option<LogError>,
}

impl Database {
    /// Folds what the log holds beyond the rows, and becomes the decider.
    ///
    /// # Errors
    /// The engine's and the store's; `Corrupt` or `Io` if a decision cannot be read – none is ever skipped.
    pub(crate) async fn open(
        engine: Arc<dyn Engine>,
        clock: Arc<dyn Clock>,
        kv: Arc<dyn Kv>,
    ) -> std::result::Result<Arc<Self>, LogError> {
        let folded = recover::fold(&*engine, &*kv).await?;
        let epoch = folded.epoch + 1;
        engine.append(LOG, vec![entry::owner(epoch)]).await?;
        let (queue, pending) = mpsc::unbounded_channel();
        let database = Arc::new(Self {
            engine,
            clock,
            kv,
            decider: Mutex::new(Decider {
                epoch,
                next: folded.number + 1,
                overlay: Overlay::default(),
                tables: Arc::clone(&folded.tables),
                tokens: folded.tokens,
                in_flight: 0,
                broken: None,
            }),
            tables: RwLock::new(folded.tables),
            counts: Mutex::new(folded.counts),
            queue,
            version: watch::Sender::new(0),
        });
        tokio::spawn(applier::run(Arc::downgrade(&database), pending, folded.number));
        Ok(database)
    }

    /// All tables, as they are now.
    pub(crate) fn tables(&self) -> Arc<Tables> {
        Arc::clone(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a table (index 0) or one of its indexes holds.
    pub(crate) fn count(&self, table: u64, index: u32) -> Count {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).get(table, index)
    }

    /// A number that rises with each group of decisions applied.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// What readers see at one moment.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn snapshot(&self) -> std::result::Result<Snapshot<'_>, LogError> {
        // While this is held, no decision about tables becomes visible.
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        let view = self.kv.view();
        let number = recover::place(&*view)?.unwrap_or_default().number;
        Ok(Snapshot { tables: Arc::clone(&tables), view, number })
    }

    /// The secret that tokens are sealed under, if there is one yet.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn secret(&self) -> std::result::Result<Option<[u8; 32]>, LogError> {
        let held = self.kv.get(rows::META, rows::SECRET)?;
        Ok(held.and_then(|held| held.first_chunk().copied()))
    }

    /// One state of all rows.
    pub(crate) fn view(&self) -> Box<dyn View + '_> {
        self.kv.view()
    }

    /// The rows, for reading one at a time.
    pub(crate) fn kv(&self) -> &dyn Kv {
        &*self.kv
    }

    /// Has `decide` look at the state that all earlier decisions make and change it. Returns its answer once the changes
    /// are durable and applied, and its refusal once everything it can have looked at is.
    ///
    /// # Errors
    /// The refusal; the log's failure.
    pub(crate) async fn submit<R>(&self, decide: impl FnOnce(&mut Deciding<'_>) -> Result<R>) -> Result<R> {
        let (decided, applied) = self.decide(decide)?;
        if let Some(applied) = applied {
            let told = applied.await;
            told.unwrap_or_else(|_| Err(LogError::Io("the database stopped".into())))
                .map_err(|error| errors::engine(&error))?;
        }
        decided
    }

    /// The decision, and when it holds; `None` if it holds at once.
    #[expect(clippy::type_complexity, reason = "names would only hide what it is")]
    fn decide<R>(
        &self,
        decide: impl FnOnce(&mut Deciding<'_>) -> Result<R>,
    ) -> Result<(Result<R>, Option<oneshot::Receiver<std::result::Result<(), LogError>>>)> {
        let mut decider = self.decider();
        if let Some(error) = &decider.broken {
            return Err(errors::engine(error));
        }
        let mut deciding = Deciding::new(&decider, &*self.kv, self.clock.now_ms());
        let decided = decide(&mut deciding);
        let changes = if decided.is_ok() { deciding.into_changes() } else { Vec::new() };
        if changes.is_empty() && decider.in_flight == 0 {
            return Ok((decided, None));
        }
        let (tell, applied) = oneshot::channel();
        let pending = if changes.is_empty() {
            // What the answer rests on may not be durable yet: it waits its turn.
            Pending { epoch: decider.epoch, number: None, changes, commit: Box::pin(ready(Ok(Vec::new()))), tell }
        } else {
            let number = decider.next;
            let entry = entry::decision(decider.epoch, number, &changes);
            let commit = self.engine.append(LOG, vec![entry]);
            decider.take(number, &changes);
            Pending { epoch: decider.epoch, number: Some(number), changes, commit, tell }
        };
        decider.in_flight += 1;
        // The applier lives as long as the database.
        let _ = self.queue.send(pending);
        Ok((decided, Some(applied)))
    }

    fn decider(&self) -> MutexGuard<'_, Decider> {
        self.decider.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Decider {
    /// Decision `number` has been sent to the log.
    fn take(&mut self, number: u64, changes: &[change::Change]) {
        self.next = number + 1;
        self.overlay.take(number, changes);
        for change in changes {
            let change::Change::Other(other) = change else { continue };
            match other {
                Other::Set(table) => Arc::make_mut(&mut self.tables).set(Arc::clone(table)),
                Other::Forget { table } => Arc::make_mut(&mut self.tables).forget(*table),
                Other::Token { token, gone } => {
                    for hash in gone {
                        self.tokens.remove(hash);
                    }
                    self.tokens.insert(token.hash, token.clone());
                }
                Other::Fill { .. } | Other::Clear { .. } | Other::Secret { .. } => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
