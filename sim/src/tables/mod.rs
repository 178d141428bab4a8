//! DynamoDB on several processes: items are written, under conditions, in transactions and again, and read, on all of them
//! at once; which of them is to decide changes, and more than one may believe to. Snapshots are written, the log is trimmed
//! behind them, and who has no rows, or old ones, takes a snapshot.
//!
//! What must be true: a write that was acknowledged is in the table's stream, once, behind what it was told it replaced;
//! what was told not to be done is not; a strong read, or a refusal, shows nothing older than what was acknowledged before
//! it, and no read anything older than its process has shown; a transaction is there whole or not at all, however often it was sent. All processes, and one that has just started,
//! show the same items and the same stream.
mod ask;

use crate::{
    cast::{Cast, Doing, Parts},
    chance::Chance,
};
use ask::{get, look_at, make, transact, write};
use headwater_dynamodb::{DynamoDb, DynamoDbParts, DynamoDbSettings, Entropy, SPACES, run_duties, run_snapshots};
use headwater_log::{
    LogError,
    kv::{Batch, Kv, MemoryKv, Space},
    shared::Shared,
};
use headwater_wire::{ErrorKind, Everybody, ServiceError};
use std::{
    cell::{RefCell, RefMut},
    collections::{BTreeMap, BTreeSet},
    ops::{Bound, ControlFlow},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use tokio::sync::watch;

const KEYS: u64 = 3;
/// Snapshots are due after a few writes, and of several parts.
const SNAPSHOT_BYTES: u64 = 500;

/// A process: the service, whether it is to decide, and what it has shown so far, by key.
#[derive(Clone)]
pub struct Service {
    dynamodb: Arc<DynamoDb>,
    leads: watch::Sender<bool>,
    shown: Rc<RefCell<BTreeMap<u64, BTreeSet<u64>>>>,
}

#[derive(Default)]
pub struct Tables {
    /// The rows of each process: as they are, and as they were when it started.
    rows: Vec<[Arc<MemoryKv>; 2]>,
    /// Who is to decide, of all processes that ever were.
    leads: Vec<watch::Sender<bool>>,
    given: u64,
    /// What was written, by its number.
    writes: BTreeMap<u64, Write>,
    /// By key, the number that was acknowledged last.
    acknowledged: BTreeMap<u64, BTreeSet<u64>>,
    /// What was seen of a key, and what it may not be older than.
    seen: Vec<(u64, u64, BTreeSet<u64>)>,
    ends: Vec<View>,
}

#[derive(Clone, Debug, Default)]
struct Write {
    keys: Vec<u64>,
    /// How often it was sent, and how often that was told not to be done.
    sent: u64,
    undone: u64,
    /// Acknowledged: what it was told it replaced; of a transaction nothing is told.
    done: Option<Option<u64>>,
}

/// What one process shows at the end: items by key, and the changes of the stream, each with its key, what was there and
/// what is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct View {
    items: BTreeMap<u64, u64>,
    changes: Vec<(String, u64, u64, u64)>,
}

/// What came of a call.
pub enum Saw {
    Made(Result<(), ErrorKind>),
    Written {
        id: u64,
        outcome: Result<Option<u64>, ErrorKind>,
    },
    /// By a read, or the refusal of a write: not older than `since`.
    Seen {
        key: u64,
        held: u64,
        since: BTreeSet<u64>,
        refused: Option<u64>,
    },
    Nothing,
    End(View),
}

impl Cast for Tables {
    type Service = Service;
    type Saw = Saw;

    const STEPS: u64 = 1500;
    const PASSES_MS: &[u64] = &[1, 100, 1000, 1500, 3000, 10_000];

    fn open(&mut self, Parts { engine, clock, chance, node }: Parts) -> Doing<Result<Service, LogError>> {
        // What a process that was killed wrote last may be gone from its rows; it never comes back to them.
        let rows = match self.rows.get(node) {
            Some([now, _]) if chance % 4 < 2 => copy(now),
            Some([_, before]) if chance % 4 == 2 => copy(before),
            _ => Arc::default(),
        };
        self.rows.resize_with(self.rows.len().max(node + 1), Default::default);
        self.rows[node] = [Arc::clone(&rows), copy(&rows)];
        let (leads, leading) = watch::channel((chance % 3 == 0) == (node > 0));
        self.leads.push(leads.clone());
        let drawn = AtomicU64::new(0);
        let entropy: Entropy = Arc::new(move || u128::from(chance) << 64 | u128::from(drawn.fetch_add(1, Relaxed)));
        let settings = DynamoDbSettings { snapshot_bytes: SNAPSHOT_BYTES, ..DynamoDbSettings::default() };
        let parts =
            DynamoDbParts { engine, kv: rows, clock, entropy, access: Arc::new(Everybody), settings, leads: leading };
        Box::pin(async move { Ok(Service { dynamodb: DynamoDb::open(parts).await?, leads, shown: Rc::default() }) })
    }

    fn duties(&self, service: &Service) -> Vec<Doing<()>> {
        vec![Box::pin(run_duties(Arc::clone(&service.dynamodb))), Box::pin(snapshots_while_leading(service.clone()))]
    }

    fn call(&mut self, chance: &mut Chance, service: &Service, _: u64) -> Doing<Saw> {
        let dynamodb = Arc::clone(&service.dynamodb);
        let key = chance.below(KEYS);
        match chance.below(100) {
            0..10 => Box::pin(async move { Saw::Made(make(&dynamodb).await) }),
            10..15 => {
                // Another is to decide; sometimes the one before it is not told.
                if !chance.once_in(4) {
                    self.leads.iter().for_each(|leads| _ = leads.send_replace(false));
                }
                service.leads.send_modify(|leads| *leads = !*leads);
                Box::pin(async { Saw::Nothing })
            }
            15..55 => {
                let (id, is_bound) = (self.next(vec![key]), chance.once_in(2));
                let since = self.acknowledged(key);
                Box::pin(async move { write(&dynamodb, id, key, is_bound, since).await })
            }
            55..70 => {
                // One that failed may be sent again: it is not done twice.
                let failed = |(_, write): &(&u64, &Write)| write.keys.len() > 1 && write.done.is_none();
                let again: Vec<u64> = self.writes.iter().filter(failed).map(|(id, _)| *id).collect();
                let id = if again.is_empty() || chance.once_in(2) {
                    self.next(vec![key, (key + 1) % KEYS])
                } else {
                    let id = chance.pick(&again);
                    self.writes.entry(id).and_modify(|write| write.sent += 1);
                    id
                };
                let keys = self.writes[&id].keys.clone();
                Box::pin(async move { Saw::Written { id, outcome: transact(&dynamodb, id, &keys).await } })
            }
            at => {
                // However long ago that was: what a process has shown it does not take back.
                let (is_strong, service) = (at < 90, service.clone());
                let mut since = service.shown(key).clone();
                since.extend(if is_strong { self.acknowledged(key) } else { BTreeSet::new() });
                Box::pin(async move {
                    match get(&dynamodb, key, is_strong).await {
                        Ok(held) => {
                            service.shown(key).insert(held);
                            Saw::Seen { key, held, since, refused: None }
                        }
                        Err(_) => Saw::Nothing,
                    }
                })
            }
        }
    }

    fn saw(&mut self, saw: Saw, _: u64) -> String {
        match saw {
            Saw::Made(outcome) => format!("makes the table: {outcome:?}"),
            Saw::Written { id, outcome } => {
                if let Some(write) = self.writes.get_mut(&id) {
                    if outcome.is_ok() {
                        for key in &write.keys {
                            self.acknowledged.entry(*key).or_default().insert(id);
                        }
                    }
                    match outcome {
                        Ok(upon) => write.done = Some(upon),
                        Err(ErrorKind::Receiver) => {}
                        Err(_) => write.undone += 1,
                    }
                }
                format!("writes {id}: {outcome:?}")
            }
            Saw::Seen { key, held, since, refused } => {
                let refused = refused.and_then(|id| self.writes.get_mut(&id));
                refused.into_iter().for_each(|write| write.undone += 1);
                self.seen.push((key, held, since));
                format!("sees {held} of {key}")
            }
            Saw::Nothing => "nothing".into(),
            Saw::End(view) => {
                let told = format!("ends with {view:?}");
                self.ends.push(view);
                told
            }
        }
    }

    fn look(&mut self, service: &Service, _: u64) -> Doing<Result<Saw, String>> {
        let (dynamodb, id) = (Arc::clone(&service.dynamodb), self.next(vec![KEYS]));
        service.leads.send_replace(true);
        Box::pin(async move {
            let failed = |error: ServiceError| format!("in peace what is there is not shown: {error} {:?}", error.kind);
            // Another may have taken the seat meanwhile, once.
            let mut made = make(&dynamodb).await;
            for _ in 0..5 {
                if !matches!(made, Err(ErrorKind::Unavailable)) {
                    break;
                }
                made = make(&dynamodb).await;
            }
            let mut last = Saw::Nothing;
            for _ in 0..5 {
                last = write(&dynamodb, id, KEYS, false, BTreeSet::new()).await;
                if matches!(last, Saw::Written { outcome: Ok(_), .. }) {
                    break;
                }
            }
            if !matches!(last, Saw::Written { outcome: Ok(_), .. }) {
                return Err(format!("in peace nothing can be written, after {made:?}"));
            }
            Ok(Saw::End(look_at(&dynamodb).await.map_err(failed)?))
        })
    }

    fn check(&mut self, _: &Shared) -> Result<(), String> {
        let Some((last, others)) = self.ends.split_last() else { return Ok(()) };
        if let Some(other) = others.iter().find(|other| !last.changes.starts_with(&other.changes)) {
            return Err(format!("two show different changes: {:?} and {:?}", other.changes, last.changes));
        }
        if !last.changes.is_sorted_by(|one, two| one.0 < two.0) {
            return Err(format!("the stream's numbers do not rise: {:?}", last.changes));
        }
        for view in &self.ends {
            let folded: BTreeMap<u64, u64> = view.changes.iter().map(|(_, key, _, new)| (*key, *new)).collect();
            if folded != view.items {
                return Err(format!("items {:?} are not what changes made: {:?}", view.items, view.changes));
            }
        }
        let mut history: BTreeMap<u64, Vec<u64>> = (0..=KEYS).map(|key| (key, vec![0])).collect();
        for (_, key, old, new) in &last.changes {
            let held = history.entry(*key).or_default();
            if held.last() != Some(old) {
                return Err(format!("{new} replaced {old} of {key}, where {held:?} was there"));
            }
            held.push(*new);
        }
        self.check_writes(&history)?;
        let place = |key: u64, id: u64| history[&key].iter().position(|held| *held == id);
        for (key, held, since) in &self.seen {
            let at = place(*key, *held).ok_or_else(|| format!("{held} was seen of {key}, which was never there"))?;
            if let Some(newer) = since.iter().find(|id| place(*key, **id).is_some_and(|newer| newer > at)) {
                return Err(format!("{held} was seen of {key} where {newer} had been told of: {:?}", history[key]));
            }
        }
        Ok(())
    }
}

impl Service {
    /// What it has shown of a key.
    fn shown(&self, key: u64) -> RefMut<'_, BTreeSet<u64>> {
        RefMut::map(self.shown.borrow_mut(), |shown| shown.entry(key).or_default())
    }
}

impl Tables {
    fn next(&mut self, keys: Vec<u64>) -> u64 {
        self.given += 1;
        self.writes.insert(self.given, Write { keys, sent: 1, ..Write::default() });
        self.given
    }

    fn acknowledged(&self, key: u64) -> BTreeSet<u64> {
        self.acknowledged.get(&key).cloned().unwrap_or_default()
    }

    fn check_writes(&self, history: &BTreeMap<u64, Vec<u64>>) -> Result<(), String> {
        for (id, Write { keys, sent, undone, done }) in &self.writes {
            let mut counts = Vec::new();
            for key in keys {
                let held = &history[key];
                let places: Vec<usize> = (0..held.len()).filter(|at| held[*at] == *id).collect();
                if let (Some(Some(upon)), [at]) = (done, &places[..])
                    && held[at - 1] != *upon
                {
                    return Err(format!("{id} was told to have replaced {upon} of {key}: {held:?}"));
                }
                counts.push(places.len());
            }
            let is_whole = counts.iter().all(|count| *count <= 1 && *count == counts[0]);
            // One that is asked for last may be tried several times.
            let is_right =
                keys == &[KEYS] || is_whole && (done.is_none() || counts[0] == 1) && (undone < sent || counts[0] == 0);
            if !is_right {
                return Err(format!(
                    "{id} was told {done:?} and {undone} times of {sent} not to be done, and is {counts:?} times in {history:?}"
                ));
            }
        }
        Ok(())
    }
}

async fn snapshots_while_leading(Service { dynamodb, leads, .. }: Service) {
    let mut leads = leads.subscribe();
    while leads.wait_for(|leads| *leads).await.is_ok() {
        tokio::select! {
            biased;
            _ = leads.wait_for(|leads| !leads) => {}
            () = run_snapshots(Arc::clone(&dynamodb)) => {}
        }
    }
}

fn copy(rows: &MemoryKv) -> Arc<MemoryKv> {
    let (copy, mut batch) = (MemoryKv::new(), Batch::default());
    for space in 0..SPACES.len() {
        let space = Space(space as u8);
        let copied = rows.view().range(space, Bound::Unbounded, Bound::Unbounded, false, &mut |key, value| {
            batch.put(space, key.to_vec(), value.clone());
            ControlFlow::Continue(())
        });
        copied.expect("rows in memory");
    }
    copy.write(batch).expect("rows in memory");
    Arc::new(copy)
}
