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
mod inbox;
mod index;
mod overlay;
mod reader;
mod recover;
mod rows;
mod seat;
mod shown;
mod snapshots;

use crate::{
    errors::{self, Result},
    table::Tables,
};
pub(crate) use change::{Other, Token};
pub(crate) use counts::Count;
use counts::Counts;
pub(crate) use decide::Deciding;
use headwater_log::{
    Commit, Engine, LogError, LogGroup, LogId, Seq,
    clock::Clock,
    epoch::Seat,
    kv::{Kv, View},
    rules::{Rule, is_left_out},
};
pub(crate) use image::Image;
use inbox::{Asked, Inbox, Pending, What};
pub(crate) use index::{collect, expired_rows, expires_at, has_expired, item_key};
use overlay::Overlay;
use reader::{Reader, Stuck, Taken, Upto};
pub use rows::SPACES;
pub(crate) use rows::{
    CHANGES, EXPIRY_INDEX, INDEXES, ITEMS, change as change_row, index_prefix, item as item_row, place,
};
use shown::Shown;
use snapshots::Pace;
pub use snapshots::{SNAPSHOTS, take_snapshot, write_snapshot};
use std::{
    collections::HashMap,
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};
use tokio::sync::{mpsc, oneshot, watch};

/// The log of all tables, among the groups below 2⁶⁴ that are Headwater's own.
pub const LOG: LogId = LogId::new(LogGroup(2), 0);

/// How often something to be decided may find that another process decides.
const SEATS: usize = 5;

/// The lane.
pub(crate) struct Database {
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    kv: Arc<dyn Kv>,
    /// The same as readers see it where it may have to be replaced.
    shown: Option<Shown>,
    /// What readers see.
    tables: RwLock<Arc<Tables>>,
    counts: Mutex<Counts>,
    decider: Mutex<Decider>,
    /// Whether this process is to decide.
    leads: watch::Receiver<bool>,
    queue: mpsc::UnboundedSender<Asked>,
    /// The number of the last decision in the rows.
    version: watch::Sender<u64>,
    pace: Pace,
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
#[derive(Default)]
struct Decider {
    /// What decisions are made under; with `None` they are not, and the rest is of no use, until it was claimed.
    epoch: Option<u64>,
    /// The number the next decision gets.
    next: u64,
    overlay: Overlay,
    tables: Arc<Tables>,
    tokens: HashMap<u64, Token>,
    /// Decisions sent to be applied and not yet applied.
    in_flight: u64,
    /// Nothing is decided any more: the log has a gap, or – where nobody else writes to it – an append of unknown outcome
    /// that only a new process can learn of.
    broken: Option<LogError>,
}

impl Database {
    /// Folds what the log holds beyond the rows.
    ///
    /// # Errors
    /// The engine's and the store's; `Corrupt` or `Io` if a decision cannot be read – none is ever skipped.
    pub(crate) async fn open(
        engine: Arc<dyn Engine>,
        clock: Arc<dyn Clock>,
        kv: Arc<dyn Kv>,
        leads: watch::Receiver<bool>,
    ) -> std::result::Result<Arc<Self>, LogError> {
        let place = recover::place(&*kv.view())?;
        let (tables, counts) = recover::definitions(&*kv)?;
        let (at, read_to) = (place.unwrap_or_default(), place.map_or(Seq::ZERO, |place| place.seq.next()));
        let bounds = engine.bounds_now(LOG).await?;
        recover::check_bounds(bounds, read_to, engine.is_shared())?;
        let (queue, asked) = mpsc::unbounded_channel();
        let inbox = Inbox::new(asked, engine.is_shared().then(|| engine.watch(LOG)));
        let database = Arc::new(Self {
            shown: engine.is_shared().then(|| Shown::new(Arc::clone(&kv))),
            engine,
            clock,
            kv,
            decider: Mutex::default(),
            tables: RwLock::new(tables),
            counts: Mutex::new(counts),
            leads,
            queue,
            version: watch::Sender::new(at.number),
            pace: Pace::default(),
        });
        let mut reader = Reader { seat: Seat::after(at.epoch), at, read_to, logged_bytes: 0 };
        let upto = Upto::Tail(bounds.tail);
        while let Err(stuck) = database.read_on(&mut reader, upto, &mut Taken::default()).await {
            let Stuck::Behind(_) = stuck else { return Err(stuck.error()) };
            match database.load(&mut reader).await {
                Ok(()) | Err(Stuck::Behind(_)) => {}
                Err(stuck) => return Err(stuck.error()),
            }
        }
        tokio::spawn(applier::run(Arc::downgrade(&database), inbox, reader));
        Ok(database)
    }

    /// Whether other processes may decide about the same tables.
    pub(crate) fn is_shared(&self) -> bool {
        self.engine.is_shared()
    }

    /// Whether this process is to decide.
    pub(crate) fn is_leading(&self) -> bool {
        *self.leads.borrow()
    }

    /// All tables, as they are now.
    pub(crate) fn tables(&self) -> Arc<Tables> {
        Arc::clone(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a table (index 0) or one of its indexes holds.
    pub(crate) fn count(&self, table: u64, index: u32) -> Count {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).get(table, index)
    }

    /// The number of the last decision in the rows, now and at each change.
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
        let view = self.view();
        let number = recover::place(&*view)?.unwrap_or_default().number;
        Ok(Snapshot { tables: Arc::clone(&tables), view, number })
    }

    /// The secret that tokens are sealed under, if there is one yet.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn secret(&self) -> std::result::Result<Option<[u8; 32]>, LogError> {
        rows::secret(&*self.kv)
    }

    /// One state of all rows.
    pub(crate) fn view(&self) -> Box<dyn View + '_> {
        self.kv().view()
    }

    /// The rows, for reading one at a time.
    pub(crate) fn kv(&self) -> &dyn Kv {
        self.shown.as_ref().map_or(&*self.kv, |shown| shown)
    }

    /// Waits until everything that any process acknowledged before is in the rows.
    ///
    /// # Errors
    /// The log's failure.
    pub(crate) async fn catch_up(&self) -> Result<()> {
        if !self.is_shared() || is_left_out(Rule::StrongReadsWaitForABarrier) {
            return Ok(());
        }
        let told = {
            // Entries stand in the log in the order in which the applier hears of them.
            let decider = self.decider();
            if let Some(error) = &decider.broken {
                return Err(errors::engine(error));
            }
            self.send(What::Barrier, self.engine.append(LOG, vec![entry::barrier()]))
        };
        heard(told).await
    }

    /// Has `decide` look at the state that all earlier decisions make and change it. Returns its answer once the changes
    /// are durable and applied, and its refusal once everything it can have looked at is.
    ///
    /// # Errors
    /// The refusal; the log's failure; `Elsewhere` if another process is to decide.
    pub(crate) async fn submit<R>(&self, decide: impl FnOnce(&mut Deciding<'_>) -> Result<R>) -> Result<R> {
        if !self.is_leading() {
            return Err(errors::elsewhere());
        }
        self.submit_here(decide).await
    }

    /// The same, whoever is to decide.
    ///
    /// # Errors
    /// The refusal; the log's failure.
    pub(crate) async fn submit_here<R>(&self, decide: impl FnOnce(&mut Deciding<'_>) -> Result<R>) -> Result<R> {
        let mut decide = Some(decide);
        for _ in 0..SEATS {
            if let Some((decided, applied)) = self.decide(&mut decide)? {
                if let Some(applied) = applied {
                    heard(applied).await?;
                }
                return decided;
            }
            let (tell, seated) = oneshot::channel();
            // The applier lives as long as the database.
            let _ = self.queue.send(Asked::Seat(tell));
            heard(seated).await?;
        }
        Err(errors::engine(&LogError::Unavailable("others decide about tables all the time".into())))
    }

    /// The decision, and when it holds, if that is not at once. `None`, and nothing is done, if this process does not
    /// decide.
    fn decide<R>(
        &self,
        decide: &mut Option<impl FnOnce(&mut Deciding<'_>) -> Result<R>>,
    ) -> Result<Option<(Result<R>, Option<Outcome>)>> {
        let mut decider = self.decider();
        if let Some(error) = &decider.broken {
            return Err(errors::engine(error));
        }
        let Some((epoch, decide)) = decider.epoch.and_then(|epoch| Some((epoch, decide.take()?))) else {
            return Ok(None);
        };
        let mut deciding = Deciding::new(&decider, &*self.kv, self.clock.now_ms());
        let decided = decide(&mut deciding);
        let changes = if decided.is_ok() { deciding.into_changes() } else { Vec::new() };
        if changes.is_empty() && decider.in_flight == 0 && !self.is_shared() {
            return Ok(Some((decided, None)));
        }
        let told = if !changes.is_empty() {
            let number = decider.next;
            let decision = entry::decision(epoch, number, &changes);
            // What is in the log must come to the rows.
            if !self.kv.has_room(decision.len()) {
                return Err(errors::engine(&LogError::Full));
            }
            let commit = self.engine.append(LOG, vec![decision]);
            decider.take(number, &changes);
            self.send(What::Decision { epoch, number, changes }, commit)
        } else if self.is_shared() {
            // Others may have decided since: what was looked at was the newest if this process still decides then.
            self.send(What::Look { epoch }, self.engine.append(LOG, vec![entry::barrier()]))
        } else {
            // What the answer rests on may not be durable yet: it waits its turn.
            self.send(What::Look { epoch }, Box::pin(ready(Ok(Vec::new()))))
        };
        decider.in_flight += 1;
        Ok(Some((decided, Some(told))))
    }

    fn send(&self, what: What, commit: Commit) -> Outcome {
        let (tell, told) = oneshot::channel();
        // The applier lives as long as the database.
        let _ = self.queue.send(Asked::Entry(Pending { what, commit, tell }));
        told
    }

    fn decider(&self) -> MutexGuard<'_, Decider> {
        self.decider.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What becomes of something.
type Outcome = oneshot::Receiver<std::result::Result<(), LogError>>;

/// What became of it.
async fn heard(told: Outcome) -> Result<()> {
    let told = told.await.unwrap_or_else(|_| Err(LogError::Io("the database stopped".into())));
    told.map_err(|error| errors::engine(&error))
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
