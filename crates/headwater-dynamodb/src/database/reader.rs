//! Taking in the log, entry by entry: at a start, behind other processes, and behind this one where others may have
//! written in between.
//!
//! Invariant: one rule says what counts – made under the newest epoch, and next in number – and all who read as far come
//! to the same rows. An entry is taken in wholly or not at all.
use super::{
    Database, LOG,
    apply::Applying,
    change,
    entry::{self, Entry},
    recover::{Place, incomprehensible},
    rows,
};
use headwater_log::{
    Entry as Read, Limits, LogError, Seq,
    epoch::{Mark, Seat, Verdict},
    kv::Batch,
    rules::{Rule, is_left_out},
};
use std::sync::{Arc, PoisonError};

const PAGE: Limits = Limits { entries: 1024, bytes: 8 << 20 };

/// How far the log was taken in, and what was learnt there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reader {
    pub(super) seat: Seat,
    /// The last decision that counts.
    pub(super) at: Place,
    /// The first place that was not taken in.
    pub(super) read_to: Seq,
    /// What was written to the rows since they were made durable.
    pub(super) logged_bytes: usize,
}

/// How far to read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Upto {
    /// To where the log ended when it was looked at, or to a decision of this process: whoever waits for that takes it
    /// in.
    Tail(Seq),
    /// The entry here, and no further.
    Place(Seq),
    /// The same; it is the claim that this process has just written.
    Claim(Seq),
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// The places of the decisions that count.
    pub(super) counted: Vec<Seq>,
    /// Whether reading ended at a decision of this process.
    pub(super) is_own_next: bool,
}

/// Why nothing more can be taken in.
#[derive(Debug)]
pub(super) enum Stuck {
    /// The log cannot be read just now.
    Unread(LogError),
    /// It was trimmed beyond where reading would go on: a snapshot tells what stood there.
    Behind(LogError),
    /// What comes next is gone, or cannot be understood.
    Lost(LogError),
    /// The rows cannot be written.
    Rows(LogError),
}

impl Stuck {
    pub(super) fn error(self) -> LogError {
        match self {
            Self::Unread(error) | Self::Behind(error) | Self::Lost(error) | Self::Rows(error) => error,
        }
    }

    /// Why a log cannot be read on.
    pub(super) fn reading(error: LogError) -> Self {
        match error {
            LogError::Trimmed(_) => Self::Behind(error),
            LogError::Corrupt { .. } => Self::Lost(error),
            error => Self::Unread(error),
        }
    }
}

impl Taken {
    /// Whether the decision at this place counts.
    pub(super) fn counts(&self, seq: Seq) -> bool {
        self.counted.binary_search(&seq).is_ok() || is_left_out(Rule::DecisionsAreReadBeforeTheyAreAnswered)
    }
}

impl Reader {
    /// Whether what this process looked at under this epoch is the newest.
    pub(super) fn is_the_newest_under(&self, epoch: u64) -> bool {
        self.seat.held() == Some(epoch) || is_left_out(Rule::RefusalsHoldTheSeat)
    }

    /// Takes in that a decision stands next, at `seq`. Says whether it counts.
    pub(super) fn decision(&mut self, epoch: u64, number: u64, seq: Seq) -> bool {
        self.read_to = seq.next();
        let is_current = self.seat.pass(Mark::Decision(epoch), false) == Verdict::Counts;
        // One that is not next was made under this epoch too, but upon a decision that was never written.
        let is_next = number == self.at.number + 1 || is_left_out(Rule::NumbersLeaveNoGaps);
        let counts = is_current && is_next;
        if counts {
            self.at = Place { epoch, number, seq };
        }
        counts
    }

    /// Takes in the next entry. Says whether it is a decision that counts.
    fn entry(&mut self, read: &Read, parsed: Entry, upto: Upto, applying: &mut Applying<'_>) -> Result<bool, Stuck> {
        let (mut next, seq) = (*self, read.stamp.seq);
        next.read_to = seq.next();
        let counts = match parsed {
            Entry::Owner { epoch } => {
                next.seat.pass(Mark::Owner(epoch), matches!(upto, Upto::Claim(own) if own == seq));
                false
            }
            Entry::Barrier => false,
            Entry::Decision { epoch, number, changes } => {
                let counts = next.decision(epoch, number, seq);
                if counts {
                    let unknown = |why: String| Stuck::Lost(incomprehensible(&format!("a decision ({why})")));
                    let changes = change::decode(changes).map_err(unknown)?;
                    applying.apply(number, read.stamp.time_ms, &changes).map_err(Stuck::Rows)?;
                }
                counts
            }
        };
        *self = next;
        Ok(counts)
    }

    fn is_own(&self, entry: &Entry) -> bool {
        matches!(entry, Entry::Decision { epoch, .. } if self.seat.held() == Some(*epoch))
    }

    /// Takes in a page, as far as is asked. Says whether that is all of it.
    fn page(
        &mut self,
        entries: &[Read],
        upto: Upto,
        taken: &mut Taken,
        applying: &mut Applying<'_>,
    ) -> Result<bool, Stuck> {
        for read in entries {
            let parsed = entry::parse(read.bytes.clone()).ok_or_else(|| Stuck::Lost(incomprehensible("an entry")))?;
            match upto {
                Upto::Tail(_) if self.is_own(&parsed) => {
                    taken.is_own_next = true;
                    return Ok(false);
                }
                Upto::Place(last) | Upto::Claim(last) if last < read.stamp.seq => return Ok(false),
                _ => {}
            }
            if self.entry(read, parsed, upto, applying)? {
                taken.counted.push(read.stamp.seq);
            }
        }
        Ok(true)
    }
}

impl Database {
    /// Reads the log from where `reader` stands, and takes in what is there.
    ///
    /// # Errors
    /// What came before the error was taken in.
    pub(super) async fn read_on(&self, reader: &mut Reader, upto: Upto, taken: &mut Taken) -> Result<(), Stuck> {
        loop {
            let batch = self.engine.read(LOG, reader.read_to, PAGE).await.map_err(Stuck::reading)?;
            let is_whole = self.apply(reader, |reader, applying| reader.page(&batch.entries, upto, taken, applying))?;
            match upto {
                Upto::Tail(_) if !is_whole => return Ok(()),
                Upto::Tail(tail) => {
                    reader.read_to = reader.read_to.max(batch.next);
                    if batch.entries.is_empty() || reader.read_to >= tail {
                        return Ok(());
                    }
                }
                Upto::Place(last) | Upto::Claim(last) if last < reader.read_to => return Ok(()),
                Upto::Place(last) | Upto::Claim(last) => {
                    if !is_whole || batch.entries.is_empty() {
                        let why = format!("what was written at {last} of the tables' log is not found there");
                        return Err(Stuck::Unread(LogError::Io(why)));
                    }
                }
            }
        }
    }

    /// Writes to the rows in one batch, and shows at once, what `fold` takes in.
    pub(super) fn apply<T>(
        &self,
        reader: &mut Reader,
        fold: impl FnOnce(&mut Reader, &mut Applying<'_>) -> Result<T, Stuck>,
    ) -> Result<T, Stuck> {
        let before = self.tables();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut applying =
            Applying { kv: &*self.kv, tables: Arc::clone(&before), counts: &mut counts, batch: Batch::default() };
        let (number, from) = (reader.at.number, reader.read_to);
        let folded = fold(reader, &mut applying);
        // A decision that was applied in part is not to be seen, nor to be applied again to what it left.
        let is_whole = !matches!(folded, Err(Stuck::Rows(_)));
        if is_whole && reader.at.number > number {
            applying.counts.write(&mut applying.batch);
            applying.batch.put(rows::META, rows::APPLIED.to_vec(), reader.at.encode());
            reader.logged_bytes += applying.batch.size_bytes();
            self.pace.took_in(reader.read_to.0.saturating_sub(from.0), applying.batch.size_bytes());
            let batch = std::mem::take(&mut applying.batch);
            let written = if Arc::ptr_eq(&before, &applying.tables) {
                self.kv.write(batch)
            } else {
                // Whoever takes tables and rows together must not get those of different decisions.
                let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
                let written = self.kv.write(batch);
                *tables = applying.tables;
                written
            };
            written.map_err(Stuck::Rows)?;
            self.version.send_replace(reader.at.number);
        }
        folded
    }
}
