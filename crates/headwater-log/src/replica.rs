//! A machine kept in step with its log: decide, append, and only when that is durable apply and answer.
//!
//! Invariant: the state that readers see is the log folded up to some place – nobody hears of a change before it is
//! durable. Entries carry the epoch of the decider; a decision counts only under the newest `Owner` before it.
use crate::{Engine, Limits, LogError, LogId, Seq, machine::Machine};
use bytes::Bytes;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use tokio::sync::{Mutex, watch};

/// Why a submitted command has no answer.
#[derive(Debug, PartialEq, Eq)]
pub enum SubmitError<R> {
    /// The machine's rules refuse it.
    Refused(R),
    /// The log failed; the command may or may not have been taken.
    Log(LogError),
}

/// Where a replica keeps itself.
#[derive(Debug, Clone, Copy)]
pub struct Home {
    /// The log of decisions.
    pub log: LogId,
    /// The log of snapshots.
    pub snapshots: LogId,
    /// A snapshot is taken once this many decisions follow the last one.
    pub snapshot_every: u64,
}

/// One machine, its log, and the only way to change it.
pub struct Replica<M: Machine> {
    state: RwLock<M>,
    decider: Mutex<Decider>,
    version: watch::Sender<u64>,
    engine: Arc<dyn Engine>,
    home: Home,
}

struct Decider {
    epoch: u64,
    since_snapshot: u64,
    tail: Seq,
    /// Set by an append with an unknown outcome: nothing is decided any more, the log must be read anew.
    broken: Option<LogError>,
}

const OWNER: u8 = 1;
const DECISION: u8 = 2;
const PAGE: Limits = Limits { entries: 4096, bytes: 8 << 20 };
/// A snapshot is cut into entries of at most this size.
const SNAPSHOT_PART_BYTES: usize = 1 << 20;

impl<M: Machine> Replica<M> {
    /// Restores the newest snapshot, folds what follows it, and becomes the decider under the next epoch.
    ///
    /// # Errors
    /// The engine's; `Corrupt` if a part of the log or an entry cannot be read – a machine never skips a decision.
    pub async fn open(engine: Arc<dyn Engine>, home: Home) -> Result<Arc<Self>, LogError> {
        let (mut state, mut from, mut epoch) = latest_snapshot::<M>(&*engine, home.snapshots).await?;
        from = from.max(engine.bounds(home.log).first);
        let mut folded = 0;
        loop {
            let batch = engine.read(home.log, from, PAGE).await?;
            for entry in &batch.entries {
                folded += 1;
                let damaged =
                    || LogError::Corrupt { log: home.log, from: entry.stamp.seq, next: entry.stamp.seq.next() };
                match parse(&entry.bytes).ok_or_else(damaged)? {
                    (OWNER, newer, _) => epoch = epoch.max(newer),
                    (DECISION, made_under, changes) if made_under == epoch => {
                        for change in M::decode(changes).map_err(|why| undecodable(home.log, &why))? {
                            state.apply(&change);
                        }
                    }
                    (DECISION, ..) => {} // made under an epoch that had ended: it does not count, for anybody
                    _ => return Err(damaged()),
                }
            }
            from = batch.next;
            if batch.entries.is_empty() {
                break;
            }
        }
        epoch += 1;
        let stamps = engine.append(home.log, vec![frame(OWNER, epoch, &[])]).await?;
        let tail = stamps.last().map_or(from, |stamp| stamp.seq.next());
        let decider = Decider { epoch, since_snapshot: folded, tail, broken: None };
        Ok(Arc::new(Self {
            state: RwLock::new(state),
            decider: Mutex::new(decider),
            version: watch::Sender::new(0),
            engine,
            home,
        }))
    }

    /// The applied state. Short: nothing may be awaited under the guard.
    pub fn read(&self) -> RwLockReadGuard<'_, M> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that rises with each applied decision.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Decides `command`, waits until the decision is durable, applies it, and answers. Runs to its end even if the
    /// caller stops waiting: the state must not fall behind what the log says.
    ///
    /// # Errors
    /// The machine's refusal, or the log's failure.
    pub async fn submit(
        self: &Arc<Self>,
        command: M::Command,
        now_ms: u64,
    ) -> Result<M::Answer, SubmitError<M::Refusal>> {
        let replica = Arc::clone(self);
        let run = tokio::spawn(async move { replica.decide(command, now_ms).await });
        run.await.unwrap_or_else(|died| Err(SubmitError::Log(LogError::Io(format!("decider stopped: {died}")))))
    }

    async fn decide(&self, command: M::Command, now_ms: u64) -> Result<M::Answer, SubmitError<M::Refusal>> {
        let mut decider = self.decider.lock().await;
        if let Some(error) = &decider.broken {
            return Err(SubmitError::Log(error.clone()));
        }
        let decided = self.read().decide(command, now_ms);
        let (changes, answer) = decided.map_err(SubmitError::Refused)?;
        if changes.is_empty() {
            return Ok(answer);
        }
        let entry = frame(DECISION, decider.epoch, &M::encode(&changes));
        match self.engine.append(self.home.log, vec![entry]).await {
            Ok(stamps) => decider.tail = stamps.last().map_or(decider.tail, |stamp| stamp.seq.next()),
            // Nothing was written.
            Err(error @ (LogError::Full | LogError::Unavailable(_))) => return Err(SubmitError::Log(error)),
            Err(error) => {
                decider.broken = Some(error.clone());
                return Err(SubmitError::Log(error));
            }
        }
        {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            changes.iter().for_each(|change| state.apply(change));
        }
        self.version.send_modify(|version| *version += 1);
        decider.since_snapshot += 1;
        if decider.since_snapshot >= self.home.snapshot_every {
            self.take_snapshot(&mut decider).await;
        }
        Ok(answer)
    }

    /// Writes the state to the snapshot log, then trims what it makes superfluous. A failure only costs replay time.
    async fn take_snapshot(&self, decider: &mut Decider) {
        decider.since_snapshot = 0;
        let bytes = self.read().snapshot();
        let parts = snapshot_parts(decider.tail, decider.epoch, &bytes);
        let written = self.engine.append(self.home.snapshots, parts).await;
        let Some(first) = written.ok().and_then(|stamps| stamps.first().copied()) else {
            tracing::warn!(log = %self.home.snapshots, "snapshot failed; the log is kept whole");
            return;
        };
        let log = self.engine.trim(self.home.log, decider.tail).await;
        let old = self.engine.trim(self.home.snapshots, first.seq).await;
        if let Err(error) = log.and(old) {
            tracing::warn!(%error, "trimming behind a snapshot failed");
        }
    }
}

fn frame(kind: u8, epoch: u64, payload: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(9 + payload.len());
    bytes.push(kind);
    bytes.extend_from_slice(&epoch.to_le_bytes());
    bytes.extend_from_slice(payload);
    Bytes::from(bytes)
}

fn parse(bytes: &[u8]) -> Option<(u8, u64, &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let (epoch, payload) = rest.split_first_chunk::<8>()?;
    Some((*kind, u64::from_le_bytes(*epoch), payload))
}

fn undecodable(log: LogId, why: &str) -> LogError {
    LogError::Io(format!("a decision in log {log} cannot be understood ({why}); was it written by a newer Headwater?"))
}

/// A snapshot entry: the place to fold on from, the epoch in force there, part number and part count (8, 8, 4, 4 bytes,
/// little endian), then the part.
fn snapshot_parts(upto: Seq, epoch: u64, bytes: &[u8]) -> Vec<Bytes> {
    let chunks: Vec<&[u8]> = if bytes.is_empty() { vec![bytes] } else { bytes.chunks(SNAPSHOT_PART_BYTES).collect() };
    let count = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
    let entry = |(part, chunk): (u32, &&[u8])| {
        let head = [&upto.0.to_le_bytes()[..], &epoch.to_le_bytes(), &part.to_le_bytes(), &count.to_le_bytes()];
        Bytes::from([head.concat().as_slice(), chunk].concat())
    };
    (0..count).zip(&chunks).map(entry).collect()
}

fn parse_part(entry: &[u8]) -> Option<(Seq, u64, u32, u32, &[u8])> {
    let (upto, rest) = entry.split_first_chunk::<8>()?;
    let (epoch, rest) = rest.split_first_chunk::<8>()?;
    let (part, rest) = rest.split_first_chunk::<4>()?;
    let (count, body) = rest.split_first_chunk::<4>()?;
    let (upto, epoch) = (Seq(u64::from_le_bytes(*upto)), u64::from_le_bytes(*epoch));
    Some((upto, epoch, u32::from_le_bytes(*part), u32::from_le_bytes(*count), body))
}

/// The newest whole snapshot, the place to fold from and the epoch there; an empty machine if there is none.
async fn latest_snapshot<M: Machine>(engine: &dyn Engine, log: LogId) -> Result<(M, Seq, u64), LogError> {
    let mut found = None;
    let (mut whole, mut from) = (Vec::new(), engine.bounds(log).first);
    loop {
        let batch = engine.read(log, from, PAGE).await?;
        for entry in &batch.entries {
            let Some((upto, epoch, part, count, body)) = parse_part(&entry.bytes) else { continue };
            if part == 0 {
                whole.clear();
            }
            whole.extend_from_slice(body);
            if part + 1 == count {
                found = Some((std::mem::take(&mut whole), upto, epoch));
            }
        }
        from = batch.next;
        if batch.entries.is_empty() {
            break;
        }
    }
    let Some((bytes, upto, epoch)) = found else { return Ok((M::empty(), Seq::ZERO, 0)) };
    Ok((M::restore(&bytes).map_err(|why| undecodable(log, &why))?, upto, epoch))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LogGroup, clock::ManualClock, memory::MemoryEngine};

    /// Adds numbers; refuses odd ones.
    struct Sum(u64);
    impl Machine for Sum {
        type Command = u64;
        type Change = u64;
        type Answer = u64;
        type Refusal = &'static str;
        fn empty() -> Self {
            Self(0)
        }
        fn decide(&self, command: u64, _now_ms: u64) -> Result<(Vec<u64>, u64), &'static str> {
            if command % 2 == 1 { Err("odd") } else { Ok((vec![command], self.0 + command)) }
        }
        fn apply(&mut self, change: &u64) {
            self.0 += change;
        }
        fn encode(changes: &[u64]) -> Vec<u8> {
            changes.iter().flat_map(|change| change.to_le_bytes()).collect()
        }
        fn decode(bytes: &[u8]) -> Result<Vec<u64>, String> {
            Ok(bytes.as_chunks::<8>().0.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect())
        }
        fn snapshot(&self) -> Vec<u8> {
            self.0.to_le_bytes().to_vec()
        }
        fn restore(bytes: &[u8]) -> Result<Self, String> {
            bytes.try_into().map(|bytes| Self(u64::from_le_bytes(bytes))).map_err(|_| "short".into())
        }
    }

    const HOME: Home =
        Home { log: LogId::new(LogGroup(1), 0), snapshots: LogId::new(LogGroup(1), 1), snapshot_every: 4 };

    fn engine() -> Arc<MemoryEngine> {
        MemoryEngine::new(Arc::new(ManualClock::at(1)))
    }

    #[tokio::test]
    async fn state_is_what_the_log_says_after_every_reopening() {
        let engine = engine();
        let mut expected = 0;
        for round in 0..7 {
            let replica = Replica::<Sum>::open(engine.clone(), HOME).await.unwrap();
            assert_eq!(replica.read().0, expected, "round {round}");
            for step in 0..round {
                expected += 2 * step;
                assert_eq!(replica.submit(2 * step, 0).await, Ok(expected));
            }
            assert_eq!(replica.submit(3, 0).await, Err(SubmitError::Refused("odd")));
        }
        assert!(engine.bounds(HOME.log).first > Seq::ZERO, "snapshots let the log be trimmed");
    }

    #[tokio::test]
    async fn a_decision_of_an_ended_epoch_does_not_count() {
        let engine = engine();
        let old = Replica::<Sum>::open(engine.clone(), HOME).await.unwrap();
        let new = Replica::<Sum>::open(engine.clone(), HOME).await.unwrap();
        old.submit(100, 0).await.unwrap();
        new.submit(2, 0).await.unwrap();
        let third = Replica::<Sum>::open(engine.clone(), HOME).await.unwrap();
        assert_eq!(third.read().0, 2);
    }
}
