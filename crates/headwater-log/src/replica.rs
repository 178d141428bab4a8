//! A machine kept in step with its log: decide, append, and only when that is durable and counts apply and answer.
//!
//! Invariant: the state that readers see is the log folded up to some place – nobody hears of a change before it is
//! durable. Which decisions count is [`crate::epoch`]'s; whoever has something to decide and does not hold the newest
//! epoch takes a new one, so several processes may have the same log.
mod snapshot;

use crate::{
    Bounds, Engine, Limits, LogError, LogId, Seq,
    epoch::{Mark, Seat, Verdict},
    machine::Machine,
    rules::{Rule, is_left_out},
};
use bytes::Bytes;
use snapshot::{Held, Newest, Taken};
use std::{
    collections::VecDeque,
    fmt::Display,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, Weak,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};
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
    /// A snapshot is taken once this many entries follow the last one.
    pub snapshot_every: u64,
}

/// One machine, its log, and the only way to change it.
pub struct Replica<M: Machine> {
    state: RwLock<M>,
    reader: Mutex<Reader>,
    /// How many have asked to catch up.
    asked: AtomicU64,
    version: watch::Sender<u64>,
    engine: Arc<dyn Engine>,
    home: Home,
}

/// How far the log was read, and what was learnt there.
struct Reader {
    seat: Seat,
    /// Everything before this is in the state.
    tail: Seq,
    since_snapshot: u64,
    /// The snapshots that are there, oldest first.
    snapshots: VecDeque<Taken>,
    /// So many of those who asked to catch up had asked before something was written that is in the state.
    answered: u64,
}

const OWNER: u8 = 1;
const DECISION: u8 = 2;
const BARRIER: u8 = 3;
const PAGE: Limits = Limits { entries: 4096, bytes: 8 << 20 };
/// How often a command is decided anew because another process decided in between.
const TRIES: u32 = 8;

impl<M: Machine> Replica<M> {
    /// Restores the newest snapshot and folds what follows it; from then on it follows what others decide.
    ///
    /// # Errors
    /// The engine's; `Corrupt` if a part of the log or an entry cannot be read – a machine never skips a decision.
    pub async fn open(engine: Arc<dyn Engine>, home: Home) -> Result<Arc<Self>, LogError> {
        let (state, reader) = begin::<M>(&*engine, home.snapshots).await?;
        let replica = Arc::new(Self {
            state: RwLock::new(state),
            reader: Mutex::new(reader),
            asked: AtomicU64::new(0),
            version: watch::Sender::new(0),
            engine,
            home,
        });
        let bounds = replica.engine.watch(home.log);
        replica.read_on(&mut *replica.reader.lock().await, None).await?;
        tokio::spawn(follow(Arc::downgrade(&replica), bounds));
        Ok(replica)
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
    /// The machine's refusal, or the log's failure; `Unavailable` if other processes were faster again and again.
    pub async fn submit(
        self: &Arc<Self>,
        command: M::Command,
        now_ms: u64,
    ) -> Result<M::Answer, SubmitError<M::Refusal>> {
        let replica = Arc::clone(self);
        let run = tokio::spawn(async move { replica.decide(command, now_ms).await });
        run.await.unwrap_or_else(|died| Err(SubmitError::Log(LogError::Io(format!("decider stopped: {died}")))))
    }

    /// Has a step decided that the state says is due. It is refused only where another process has taken it, which the
    /// state tells by then.
    ///
    /// # Errors
    /// The log's failure; `Io` if it is refused though nobody else decides.
    pub async fn take_step(self: &Arc<Self>, command: M::Command, now_ms: u64) -> Result<(), LogError>
    where
        M::Refusal: Display,
    {
        match self.submit(command, now_ms).await {
            Ok(_) => Ok(()),
            Err(SubmitError::Log(error)) => Err(error),
            Err(SubmitError::Refused(_)) if self.engine.is_shared() => Ok(()),
            Err(SubmitError::Refused(refusal)) => Err(LogError::Io(format!("the catalog refused a duty: {refusal}"))),
        }
    }

    /// Waits until everything that any process decided before is in the state. All who ask while something is being
    /// written share what is written next.
    ///
    /// # Errors
    /// The engine's.
    pub async fn catch_up(&self) -> Result<(), LogError> {
        if is_left_out(Rule::StrongReadsWaitForABarrier) {
            return Ok(());
        }
        let number = self.asked.fetch_add(1, SeqCst) + 1;
        let mut reader = self.reader.lock().await;
        if reader.answered >= number {
            return Ok(());
        }
        self.write(&mut reader, frame(Mark::Barrier, &[])).await.map(drop)
    }

    async fn decide(&self, command: M::Command, now_ms: u64) -> Result<M::Answer, SubmitError<M::Refusal>> {
        let mut reader = self.reader.lock().await;
        for _ in 0..TRIES {
            let epoch = self.take_seat(&mut reader).await.map_err(SubmitError::Log)?;
            let decided = self.read().decide(command.clone(), now_ms);
            let (changes, answer) = decided.map_err(SubmitError::Refused)?;
            if changes.is_empty() {
                return Ok(answer);
            }
            let entry = frame(Mark::Decision(epoch), &M::encode(&changes));
            match self.write(&mut reader, entry).await.map_err(SubmitError::Log)? {
                Verdict::Counts => return Ok(answer),
                _ if is_left_out(Rule::DecisionsAreReadBeforeTheyAreAnswered) => return Ok(answer),
                Verdict::Void => {} // another process decided first, so this does not count
                Verdict::Passed => {
                    reader.seat.doubt();
                    let why = format!("whether a decision in log {} counts cannot be read any more", self.home.log);
                    return Err(SubmitError::Log(LogError::Io(why)));
                }
            }
        }
        let why = format!("others were faster to decide in log {}, {TRIES} times", self.home.log);
        Err(SubmitError::Log(LogError::Unavailable(why)))
    }

    /// The epoch to decide under: the one that is held, or a new one. Where others write, what they decided before is in
    /// the state then: a refusal, or an answer that needs no change, rests on that as well.
    async fn take_seat(&self, reader: &mut Reader) -> Result<u64, LogError> {
        if self.engine.is_shared() && reader.seat.held().is_some() {
            self.write(reader, frame(Mark::Barrier, &[])).await?;
        }
        loop {
            if let Some(epoch) = reader.seat.held() {
                return Ok(epoch);
            }
            let entry = frame(reader.seat.claim(), &[]);
            self.write(reader, entry).await?;
        }
    }

    /// Writes an entry and reads up to it, what others wrote before it included; tells what it came to be.
    async fn write(&self, reader: &mut Reader, entry: Bytes) -> Result<Verdict, LogError> {
        let asked = self.asked.load(SeqCst);
        let written = match self.engine.append(self.home.log, vec![entry]).await {
            Ok(stamps) => self.read_on(reader, stamps.last().map(|stamp| stamp.seq)).await,
            // Nothing was written.
            Err(error @ (LogError::Full | LogError::Unavailable(_))) => return Err(error),
            Err(error) => Err(error),
        };
        if written.is_err() {
            reader.seat.doubt();
            return written;
        }
        reader.answered = asked;
        if reader.since_snapshot >= self.home.snapshot_every {
            self.take_snapshot(reader).await;
        }
        written
    }

    /// Folds what is there, up to the entry at `own`, which this process has just written, if there is one: then its
    /// verdict is told. An entry that was trimmed before it could be read is told as passed, whatever it was.
    async fn read_on(&self, reader: &mut Reader, own: Option<Seq>) -> Result<Verdict, LogError> {
        loop {
            let batch = match self.engine.read(self.home.log, reader.tail, PAGE).await {
                Err(LogError::Trimmed(first)) => {
                    self.begin_anew(reader, first).await?;
                    continue;
                }
                read => read?,
            };
            for entry in &batch.entries {
                let is_own = own == Some(entry.stamp.seq);
                let verdict = self.pass(reader, &entry.bytes, entry.stamp.seq, is_own)?;
                if is_own {
                    return Ok(verdict);
                }
            }
            reader.tail = reader.tail.max(batch.next);
            if own.is_none_or(|own| own < reader.tail) && batch.entries.is_empty() {
                return Ok(Verdict::Passed);
            }
        }
    }

    /// Takes in one entry.
    fn pass(&self, reader: &mut Reader, bytes: &[u8], at: Seq, is_own: bool) -> Result<Verdict, LogError> {
        let damaged = || LogError::Corrupt { log: self.home.log, from: at, next: at.next() };
        let (mark, changes) = parse(bytes).ok_or_else(damaged)?;
        // What counts is decoded before anything changes, so that a failure leaves the reader before it.
        let mut seat = reader.seat;
        let verdict = seat.pass(mark, is_own);
        if verdict == Verdict::Counts {
            let changes = M::decode(changes).map_err(|why| undecodable(self.home.log, &why))?;
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            changes.iter().for_each(|change| state.apply(change));
            drop(state);
            self.version.send_modify(|version| *version += 1);
        }
        reader.since_snapshot += 1;
        (reader.seat, reader.tail) = (seat, at.next());
        Ok(verdict)
    }

    /// The log was trimmed behind another process's snapshot before it was read here: that takes the state's place.
    async fn begin_anew(&self, reader: &mut Reader, first: Seq) -> Result<(), LogError> {
        let (state, begun) = begin::<M>(&*self.engine, self.home.snapshots).await?;
        if begun.tail < first {
            return Err(LogError::Corrupt { log: self.home.log, from: reader.tail, next: first });
        }
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        *reader = Reader { answered: reader.answered, ..begun };
        self.version.send_modify(|version| *version += 1);
        Ok(())
    }

    /// Writes the state to the snapshot log, then trims what it makes superfluous, but for what the engine's history is
    /// made of: it begins with a snapshot. A failure only costs replay time.
    async fn take_snapshot(&self, reader: &mut Reader) {
        reader.since_snapshot = 0;
        let bytes = self.read().snapshot();
        let parts = snapshot::parts(reader.tail, reader.seat.newest(), &bytes);
        let written = self.engine.append(self.home.snapshots, parts).await;
        let (Some(first), Some(last)) = written.map_or((None, None), |all| (all.first().copied(), all.last().copied()))
        else {
            tracing::warn!(log = %self.home.snapshots, "snapshot failed; the log is kept whole");
            return;
        };
        let taken = Taken { time_ms: first.time_ms, first: first.seq, upto: reader.tail };
        if let Err(error) = self.trim_behind(reader, taken, last.seq).await {
            tracing::warn!(%error, "trimming behind a snapshot failed");
        }
    }

    /// Trims behind a snapshot whose last part stands at `last`. Another process's that is newer may stand before it, and the
    /// log may be trimmed up to that: so a snapshot goes only if a later one is as new.
    async fn trim_behind(&self, reader: &mut Reader, taken: Taken, last: Seq) -> Result<(), LogError> {
        let mut begun = Vec::new();
        if self.engine.is_shared() {
            let held = snapshot::read(&*self.engine, self.home.snapshots).await?;
            if held.read_to <= last {
                return Err(LogError::Unavailable("what others have written cannot be read yet".into()));
            }
            (reader.snapshots, begun) = (held.whole, held.begun);
        } else {
            reader.snapshots.push_back(taken);
        }
        let since_ms = self.engine.history_since_ms(taken.time_ms);
        while let Some(oldest) = reader.snapshots.front()
            && reader.snapshots.iter().skip(1).any(|later| later.time_ms <= since_ms && is_as_new(later, oldest))
        {
            reader.snapshots.pop_front();
        }
        let Some(oldest) = reader.snapshots.front() else { return Ok(()) };
        let newer = begun.into_iter().filter(|(upto, _)| *upto > oldest.upto).map(|(_, first)| first);
        let before = newer.fold(oldest.first, Seq::min);
        self.engine.trim(self.home.log, oldest.upto.min(taken.upto)).await?;
        self.engine.trim(self.home.snapshots, before).await
    }
}

fn is_as_new(later: &Taken, oldest: &Taken) -> bool {
    later.upto >= oldest.upto || is_left_out(Rule::SnapshotsGoBehindNewerOnes)
}

/// Takes in what others decide, as long as there is a replica.
async fn follow<M: Machine>(replica: Weak<Replica<M>>, mut bounds: watch::Receiver<Bounds>) {
    while bounds.changed().await.is_ok() {
        let tail = bounds.borrow_and_update().tail;
        let Some(replica) = replica.upgrade() else { return };
        let mut reader = replica.reader.lock().await;
        if reader.tail < tail
            && let Err(error) = replica.read_on(&mut reader, None).await
        {
            tracing::error!(log = %replica.home.log, %error, "what others decided cannot be read");
        }
    }
}

fn frame(mark: Mark, payload: &[u8]) -> Bytes {
    let (kind, epoch) = match mark {
        Mark::Owner(epoch) => (OWNER, epoch),
        Mark::Decision(epoch) => (DECISION, epoch),
        Mark::Barrier => (BARRIER, 0),
    };
    let mut bytes = Vec::with_capacity(9 + payload.len());
    bytes.push(kind);
    bytes.extend_from_slice(&epoch.to_le_bytes());
    bytes.extend_from_slice(payload);
    Bytes::from(bytes)
}

fn parse(bytes: &[u8]) -> Option<(Mark, &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let (epoch, payload) = rest.split_first_chunk::<8>()?;
    let epoch = u64::from_le_bytes(*epoch);
    let mark = match *kind {
        OWNER => Mark::Owner(epoch),
        DECISION => Mark::Decision(epoch),
        BARRIER => Mark::Barrier,
        _ => return None,
    };
    Some((mark, payload))
}

fn undecodable(log: LogId, why: &str) -> LogError {
    LogError::Io(format!("a decision in log {log} cannot be understood ({why}); was it written by a newer Headwater?"))
}

/// The state of the newest snapshot, and what to read on from there; an empty machine if there is none.
async fn begin<M: Machine>(engine: &dyn Engine, log: LogId) -> Result<(M, Reader), LogError> {
    let Held { whole: snapshots, newest, .. } = snapshot::read(engine, log).await?;
    let (state, tail, epoch) = match newest {
        Some(Newest { upto, epoch, bytes }) => (M::restore(&bytes).map_err(|why| undecodable(log, &why))?, upto, epoch),
        None => (M::empty(), Seq::ZERO, 0),
    };
    Ok((state, Reader { seat: Seat::after(epoch), tail, since_snapshot: 0, snapshots, answered: 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        LogGroup,
        clock::{Clock, ManualClock},
        disk::{DiskConfig, DiskEngine, Past, files::DiskFiles},
        memory::MemoryEngine,
    };

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
    async fn two_replicas_decide_in_turn_upon_each_others_decisions() {
        let engine = engine();
        let one = Replica::<Sum>::open(engine.clone(), HOME).await.unwrap();
        let other = Replica::<Sum>::open(engine.clone(), HOME).await.unwrap();
        let mut sum = 0;
        // More than a snapshot's worth, so that each finds its place trimmed away at times.
        for step in 1..30 {
            let decider = if step % 3 == 0 { &one } else { &other };
            sum += 2 * step;
            assert_eq!(decider.submit(2 * step, 0).await, Ok(sum), "step {step}");
        }
        for replica in [one, other] {
            replica.catch_up().await.unwrap();
            assert_eq!(replica.read().0, sum);
        }
    }

    #[tokio::test]
    async fn every_state_within_the_engines_history_can_be_had_again_and_no_more_is_kept() {
        for history_ms in [0, 30, 200] {
            let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(1000));
            let config = DiskConfig { history_ms, ..DiskConfig::default() };
            let engine = DiskEngine::open(folder.path(), config, Arc::new(clock.clone())).unwrap();
            let (mut states, mut expected) = (Vec::new(), 0);
            for step in 0..60 {
                // It begins anew at times, and then knows what there is by reading alone.
                let replica = Replica::<Sum>::open(engine.clone(), HOME).await.unwrap();
                for _ in 0..step % 7 {
                    expected += 2 * step;
                    replica.submit(2 * step, 0).await.unwrap();
                }
                states.push((clock.now_ms(), expected));
                clock.advance(1 + step % 13);
            }
            let kept = engine.read(HOME.log, engine.bounds(HOME.log).first, PAGE).await.unwrap().entries.len();
            let kept_ms = clock.now_ms() - history_ms;
            drop(engine);
            let files = DiskFiles::existing(folder.path()).unwrap();
            for (time_ms, sum) in states.iter().filter(|(time_ms, _)| *time_ms >= kept_ms) {
                let past = Arc::new(Past::at(&files, *time_ms).await.unwrap());
                let replica = Replica::<Sum>::open(past, HOME).await.unwrap();
                assert_eq!(replica.read().0, *sum, "{history_ms} ms, as of {time_ms}");
            }
            let recent = states.iter().filter(|(time_ms, _)| *time_ms >= kept_ms).count() * 7;
            assert!(kept <= recent + 16, "{history_ms} ms: {kept} entries are kept, of which {recent} are recent");
        }
    }

    #[tokio::test]
    async fn a_decision_of_an_ended_epoch_does_not_count() {
        let engine = engine();
        let replica = Replica::<Sum>::open(engine.clone(), HOME).await.unwrap();
        replica.submit(2, 0).await.unwrap();
        let stale = [frame(Mark::Owner(9), &[]), frame(Mark::Decision(1), &100_u64.to_le_bytes())];
        {
            let mut reader = replica.reader.lock().await;
            engine.append(HOME.log, stale.to_vec()).await.unwrap();
            let late = frame(Mark::Decision(1), &100_u64.to_le_bytes());
            assert_eq!(replica.write(&mut reader, late).await, Ok(Verdict::Void));
        }
        assert_eq!(replica.submit(4, 0).await, Ok(6));
        assert_eq!(Replica::<Sum>::open(engine, HOME).await.unwrap().read().0, 6);
    }

    #[tokio::test]
    async fn what_a_snapshot_has_swallowed_is_not_taken_for_a_decision_that_counts() {
        let engine = engine();
        let one = Replica::<Sum>::open(engine.clone(), HOME).await.unwrap();
        one.submit(2, 0).await.unwrap();
        let mut reader = one.reader.lock().await;
        let late = engine.append(HOME.log, vec![frame(Mark::Decision(1), &4_u64.to_le_bytes())]).await.unwrap();
        let other = Replica::<Sum>::open(engine.clone(), HOME).await.unwrap();
        for _ in 0..HOME.snapshot_every {
            other.submit(2, 0).await.unwrap();
        }
        assert!(engine.bounds(HOME.log).first > late[0].seq, "it is trimmed");
        assert_eq!(one.read_on(&mut reader, Some(late[0].seq)).await, Ok(Verdict::Passed));
        assert_eq!(one.read().0, other.read().0);
    }

    #[tokio::test]
    async fn a_snapshot_that_comes_late_does_not_take_a_newer_one_away() {
        let engine = MemoryEngine::shared(Arc::new(ManualClock::at(1)));
        let one = Replica::<Sum>::open(engine.clone(), HOME).await.unwrap();
        let other = Replica::<Sum>::open(engine.clone(), HOME).await.unwrap();
        one.submit(2, 0).await.unwrap();
        let mut reader = one.reader.lock().await;
        for _ in 0..2 * HOME.snapshot_every {
            other.submit(2, 0).await.unwrap();
        }
        assert!(engine.bounds(HOME.log).first > reader.tail, "the log is trimmed behind a newer one");
        one.take_snapshot(&mut reader).await;
        let fresh = Replica::<Sum>::open(engine, HOME).await.expect("what the log does not hold is in a snapshot");
        assert_eq!(fresh.read().0, other.read().0);
    }

    #[tokio::test]
    async fn barriers_alone_do_not_let_the_log_grow_for_ever() {
        let engine = engine();
        let replica = Replica::<Sum>::open(engine.clone(), HOME).await.unwrap();
        replica.submit(2, 0).await.unwrap();
        for _ in 0..3 * HOME.snapshot_every {
            replica.catch_up().await.unwrap();
        }
        let kept = engine.read(HOME.log, engine.bounds(HOME.log).first, PAGE).await.unwrap();
        assert!(kept.entries.len() <= 4, "{}", kept.entries.len());
        assert_eq!(Replica::<Sum>::open(engine, HOME).await.unwrap().read().0, 2);
    }

    #[tokio::test]
    async fn those_who_ask_before_something_is_written_share_it_and_who_asks_later_does_not() {
        let engine = engine();
        let replica = Replica::<Sum>::open(engine.clone(), HOME).await.unwrap();
        let mut reader = replica.reader.lock().await;
        let ask = || {
            let replica = Arc::clone(&replica);
            tokio::spawn(async move { replica.catch_up().await })
        };
        let mut asked = vec![ask(), ask()];
        tokio::task::yield_now().await;
        replica.write(&mut reader, frame(Mark::Barrier, &[])).await.unwrap();
        let tail = engine.bounds(HOME.log).tail;
        asked.extend([ask(), ask()]);
        tokio::task::yield_now().await;
        drop(reader);
        for asked in asked {
            asked.await.unwrap().unwrap();
        }
        assert_eq!(engine.bounds(HOME.log).tail, tail.next(), "one for the two that came later");
    }

    #[tokio::test]
    async fn what_another_decides_is_followed() {
        let engine = engine();
        let one = Replica::<Sum>::open(engine.clone(), HOME).await.unwrap();
        let other = Replica::<Sum>::open(engine, HOME).await.unwrap();
        let mut version = other.watch();
        one.submit(2, 0).await.unwrap();
        version.changed().await.unwrap();
        assert_eq!(other.read().0, 2);
    }
}
