//! Applies decisions in their order once they are durable and found to count, as many at a time as are, and answers those
//! who wait. It alone reads the log: it also takes in what other processes decide, and has this one decide.
//!
//! Invariant: nothing is applied behind a decision that failed, and what is answered stands in the log and counts.
use super::{
    Database, LOG,
    inbox::{Asked, Event, Inbox, Told, What, Written},
    reader::{Reader, Stuck, Taken, Upto},
    recover,
};
use headwater_log::{LogError, engine::trim_done};
use std::sync::{Arc, Weak};

/// Once this many bytes were logged, the rows are made durable and the log may be trimmed: what a restart has to fold.
const CHECKPOINT_BYTES: usize = 64 << 20;
/// Between two tries to follow a log that cannot be read.
const RETRY_AFTER_MS: u64 = 100;
/// The log holds what the rows do not: only a new start can bring them together.
const UNAPPLIED: &str = "decisions that are durable cannot be applied";

/// Runs as long as the database.
pub(super) async fn run(database: Weak<Database>, mut inbox: Inbox, mut reader: Reader) {
    let mut is_own_next = false;
    while let Some(event) = inbox.next(reader.read_to, is_own_next).await {
        let group = match event {
            Event::Asked(Asked::Entry(first)) => inbox.group(first).await,
            Event::Asked(Asked::Seat(tell)) => {
                let Some(database) = database.upgrade() else { return };
                database.take_seat(&mut reader, &mut inbox, tell).await;
                continue;
            }
            Event::Grown => Vec::new(),
        };
        let Some(database) = database.upgrade() else { return };
        let held = reader.seat.held();
        is_own_next = false;
        let (mut told, mut failure) = (Vec::new(), None);
        if group.is_empty() {
            match database.follow(&mut reader, &mut inbox).await {
                Ok(is_next) => is_own_next = is_next,
                Err(error) => failure = Some(error),
            }
        } else {
            (told, failure) = database.take_group(&mut reader, &mut inbox, group).await;
        }
        if held.is_some() && reader.seat.held().is_none() {
            failure = failure.or_else(|| Some(deposed()));
        }
        let has_failed = failure.is_some();
        if let Some(error) = failure {
            database.start_over(&error, &mut reader, &mut inbox);
        }
        for (tell, outcome) in told {
            // Whoever asked may have stopped waiting.
            let _ = tell.send(outcome);
        }
        if has_failed && let Err(error) = database.come_up(&mut reader, &mut inbox).await {
            database.start_over(&error, &mut reader, &mut inbox);
        }
        if reader.logged_bytes >= CHECKPOINT_BYTES {
            reader.logged_bytes = 0;
            checkpoint(&database).await;
        }
    }
}

fn deposed() -> LogError {
    LogError::Unavailable("another process decides about the tables, so what was not yet decided here is not".into())
}

/// Who is told what.
type Answer = (Told, Result<(), LogError>);

impl Database {
    /// Applies what was written, in order. What did not reach the log, and all decided upon it, goes back into the inbox.
    /// Returns what to tell whom, and why deciding has to start over first, if it has to.
    async fn take_group(
        &self,
        reader: &mut Reader,
        inbox: &mut Inbox,
        mut group: Vec<Written>,
    ) -> (Vec<Answer>, Option<LogError>) {
        let mut failure = None;
        if let Some(at) = group.iter().position(Written::is_failed_decision) {
            failure = group.get(at).and_then(|failed| failed.outcome.as_ref().err().cloned());
            group.drain(at..).rev().for_each(|written| inbox.first.push_front(written.again()));
        }
        let mut taken = Taken::default();
        let read = self.read_group(reader, &group, &mut taken).await;
        if self.is_shared() && matches!(read, Err(Stuck::Behind(_))) && self.decider().broken.is_none() {
            // Whoever only waits to read does so upon the snapshot.
            let (reads, rest): (Vec<_>, _) =
                group.into_iter().partition(|written| matches!(written.what, What::Barrier));
            reads.into_iter().rev().for_each(|written| inbox.first.push_front(written.again()));
            group = rest;
        }
        let stuck = read.err().map(|stuck| self.stuck(stuck, inbox));
        let mut told = Vec::with_capacity(group.len());
        let mut decider = self.decider();
        for Written { what, tell, outcome } in group {
            let seq = outcome.map(|stamp| stamp.map(|stamp| stamp.seq));
            let outcome = seq.and_then(|seq| match (&what, seq, &stuck) {
                // Whether it counts is not known.
                (_, Some(seq), Some(stuck)) if seq >= reader.read_to => Err(stuck.clone()),
                (What::Barrier, ..) => Ok(()),
                (What::Decision { .. }, Some(seq), _) if taken.counts(seq) => Ok(()),
                (What::Look { epoch }, ..) if reader.is_the_newest_under(*epoch) => Ok(()),
                (What::Decision { .. } | What::Look { .. }, ..) => Err(deposed()),
            });
            match (&what, &outcome) {
                (What::Decision { number, changes, .. }, Ok(())) => decider.overlay.forget(changes, *number),
                (What::Decision { .. }, Err(error)) => failure = failure.or_else(|| Some(error.clone())),
                (What::Look { .. } | What::Barrier, _) => {}
            }
            if !matches!(what, What::Barrier) {
                decider.in_flight = decider.in_flight.saturating_sub(1);
            }
            told.push((tell, outcome));
        }
        drop(decider);
        (told, stuck.or(failure))
    }

    /// Takes in what a group wrote. Where others may have written in between, or what this process gave up may stand in
    /// between, the log is read; otherwise the group is all there is.
    async fn read_group(&self, reader: &mut Reader, group: &[Written], taken: &mut Taken) -> Result<(), Stuck> {
        let stamped =
            || group.iter().filter_map(|written| Some((&written.what, written.outcome.as_ref().ok()?.as_ref()?)));
        let Some((_, last)) = stamped().next_back() else { return Ok(()) };
        if reader.seat.held().is_none() || self.engine.written_here_since(LOG) > reader.read_to {
            if last.seq < reader.read_to {
                return Ok(());
            }
            return self.read_on(reader, Upto::Place(last.seq), taken).await;
        }
        self.apply(reader, |reader, applying| {
            for (what, stamp) in stamped() {
                match what {
                    What::Decision { epoch, number, changes } => {
                        if reader.decision(*epoch, *number, stamp.seq) {
                            applying.apply(*number, stamp.time_ms, changes).map_err(Stuck::Rows)?;
                            taken.counted.push(stamp.seq);
                        }
                    }
                    What::Look { .. } | What::Barrier => reader.read_to = reader.read_to.max(stamp.seq.next()),
                }
            }
            Ok(())
        })
    }

    /// Takes in what others decided. Says whether a decision of this process comes next.
    ///
    /// # Errors
    /// The log cannot be followed any more.
    async fn follow(&self, reader: &mut Reader, inbox: &mut Inbox) -> Result<bool, LogError> {
        let (mut taken, tail) = (Taken::default(), self.engine.bounds(LOG).tail);
        match self.read_on(reader, Upto::Tail(tail), &mut taken).await {
            Ok(()) => Ok(taken.is_own_next),
            Err(Stuck::Unread(error)) => {
                tracing::error!(%error, "what others decide about tables cannot be read; it is tried again");
                self.clock.sleep(RETRY_AFTER_MS).await;
                Ok(false)
            }
            Err(stuck) => Err(self.stuck(stuck, inbox)),
        }
    }

    /// What is told to those whose entries cannot be read: whether they count is not known.
    pub(super) fn stuck(&self, stuck: Stuck, inbox: &mut Inbox) -> LogError {
        assert!(!matches!(stuck, Stuck::Rows(_)), "{UNAPPLIED}: {stuck:?}");
        match stuck {
            Stuck::Unread(error) => LogError::Io(format!("what was written cannot be read: {error}")),
            Stuck::Behind(error) if self.is_shared() => {
                LogError::Io(format!("what was written cannot be read any more: {error}"))
            }
            Stuck::Behind(error) | Stuck::Lost(error) | Stuck::Rows(error) => {
                tracing::error!(%error, "the log of the tables cannot be read on: nothing is decided or followed any more");
                inbox.bounds = None;
                self.decider().broken = Some(error.clone());
                error
            }
        }
    }
}

/// Makes the rows durable and, where nobody else has to read it, lets the log go up to them; elsewhere snapshots do.
pub(super) async fn checkpoint(database: &Arc<Database>) {
    let kv = Arc::clone(&database.kv);
    let saved = tokio::task::spawn_blocking(move || {
        let place = recover::place(&*kv.view())?;
        kv.persist().map(|()| place)
    });
    let trimmed = match saved.await {
        // The last decision stays: a log that holds nothing is forgotten, and with it that rows belong to it.
        Ok(Ok(Some(place))) if !database.engine.is_shared() => {
            trim_done(&*database.engine, LOG, place.seq, database.clock.now_ms()).await
        }
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error),
        Err(died) => Err(LogError::Io(died.to_string())),
    };
    if let Err(error) = trimmed {
        tracing::warn!(%error, "no checkpoint of the tables; their log is kept whole");
    }
}
