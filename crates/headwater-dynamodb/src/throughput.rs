//! Provisioned throughput, enforced where the operator asks for AWS's limits: token buckets of tables and global indexes,
//! in memory alone.
//!
//! Invariant: a bucket fills by what is provisioned each second and holds five minutes of it, as the service's do; what
//! an operation takes is known only afterwards, so one may overdraw it, and then the next must wait.
use crate::{
    DynamoDb,
    capacity::Consumed,
    database::Deciding,
    errors::{self, Result},
    table::{Index, IndexKind, Provisioned, Table},
    write::{Refusal, Write, Written},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// How much of what was not used is kept, in seconds.
const BURST_SECONDS: f64 = 300.0;

/// What is taken from a bucket.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Use {
    Read,
    Write,
}

impl Use {
    const fn word(self) -> &'static str {
        match self {
            Self::Read => "Read",
            Self::Write => "Write",
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "units are far below what a double holds exactly")]
    const fn per_second(self, provisioned: &Provisioned) -> f64 {
        match self {
            Self::Read => provisioned.read_units as f64,
            Self::Write => provisioned.write_units as f64,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    units: f64,
    filled_us: u64,
}

/// The buckets, by table, index (0: the table itself) and use. They come to be with a second's worth.
#[derive(Debug, Default)]
pub(crate) struct Throughput(Mutex<HashMap<(u64, u32, Use), Bucket>>);

impl Throughput {
    /// Whether there is anything left in a bucket.
    fn has(&self, at: (u64, u32, Use), per_second: f64, now_us: u64) -> bool {
        self.with(at, per_second, now_us, |bucket| bucket.units > 0.0)
    }

    fn take(&self, at: (u64, u32, Use), per_second: f64, now_us: u64, units: f64) {
        self.with(at, per_second, now_us, |bucket| bucket.units -= units);
    }

    fn with<T>(&self, at: (u64, u32, Use), per_second: f64, now_us: u64, then: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(at).or_insert(Bucket { units: per_second, filled_us: now_us });
        let passed = now_us.saturating_sub(bucket.filled_us);
        #[expect(clippy::cast_precision_loss, reason = "microseconds of years are exact in a double")]
        let filled = bucket.units + per_second * passed as f64 / 1_000_000.0;
        bucket.units = filled.min(per_second * BURST_SECONDS);
        bucket.filled_us = now_us.max(bucket.filled_us);
        then(bucket)
    }
}

/// What of a table an operation uses: itself, or a global index that is read, or those that a write may move rows of.
fn provisions<'a>(
    table: &'a Table,
    index: Option<&'a Index>,
    usage: Use,
) -> impl Iterator<Item = (u32, Option<&'a str>, &'a Provisioned)> {
    let global = |index: &&Index| index.kind == IndexKind::Global;
    let read = index.filter(global);
    let written = table.kept_indexes().filter(global).filter(move |_| usage == Use::Write);
    let indexes = written.chain(read);
    let own = table.billing.provisioned.as_ref().filter(|_| read.is_none());
    let of_indexes =
        indexes.filter_map(|index| Some((index.id, Some(index.name.as_str()), index.provisioned.as_ref()?)));
    own.map(|provisioned| (0, None, provisioned)).into_iter().chain(of_indexes)
}

impl DynamoDb {
    /// Lets an operation begin, if what is provisioned for it is not used up.
    ///
    /// # Errors
    /// `ProvisionedThroughputExceededException` with the reason.
    pub(crate) fn admit(&self, table: &Table, index: Option<&Index>, usage: Use) -> Result<()> {
        let Some(throughput) = &self.throughput else { return Ok(()) };
        let now_us = self.clock.steady_us();
        for (id, name, provisioned) in provisions(table, index, usage) {
            if !throughput.has((table.id, id, usage), usage.per_second(provisioned), now_us) {
                let arn = table.arn();
                return Err(match name {
                    None => errors::table_throughput(usage.word(), &arn),
                    Some(name) => errors::index_throughput(usage.word(), &format!("{arn}/index/{name}")),
                });
            }
        }
        Ok(())
    }

    /// Takes what an operation has consumed.
    pub(crate) fn charge(&self, table: &Table, index: Option<&Index>, usage: Use, consumed: &Consumed) {
        let Some(throughput) = &self.throughput else { return };
        let now_us = self.clock.steady_us();
        for (id, name, provisioned) in provisions(table, index, usage) {
            let units = consumed.units(name);
            throughput.take((table.id, id, usage), usage.per_second(provisioned), now_us, units);
        }
    }

    /// Decides a write, if what is provisioned for it is not used up, and takes what it consumed.
    ///
    /// # Errors
    /// The refusal; `ProvisionedThroughputExceededException` is among them.
    pub(crate) fn decide(
        &self,
        write: Write,
        deciding: &mut Deciding<'_>,
        is_transaction: bool,
    ) -> std::result::Result<Written, Refusal> {
        if !self.is_metered() {
            return write.decide(deciding);
        }
        let table = Arc::clone(&write.table);
        self.admit(&table, None, Use::Write)?;
        let written = Write { wants_items: true, ..write }.decide(deciding)?;
        let consumed = Consumed::write(&table, written.old.as_ref(), written.new.as_ref(), is_transaction);
        self.charge(&table, None, Use::Write, &consumed);
        Ok(written)
    }

    /// Whether what an operation consumes has to be known.
    pub(crate) const fn is_metered(&self) -> bool {
        self.throughput.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_may_be_overdrawn_once_and_fills_evenly_up_to_five_minutes() {
        let (throughput, at) = (Throughput::default(), (1, 0, Use::Write));
        assert!(throughput.has(at, 10.0, 0));
        throughput.take(at, 10.0, 0, 25.0);
        assert!(!throughput.has(at, 10.0, 1_500_000), "fifteen too many have come back in one and a half seconds");
        assert!(throughput.has(at, 10.0, 1_600_000));
        throughput.take(at, 10.0, 3_600_000_000, 2_999.0);
        assert!(throughput.has(at, 10.0, 3_600_000_000));
        throughput.take(at, 10.0, 3_600_000_000, 1.0);
        assert!(!throughput.has(at, 10.0, 3_600_000_000));
    }
}
