//! Enhanced fan-out: records pushed to subscribers. Who may subscribe (`seats`), what one subscriber gets
//! (`subscription`), and the one reader at the tip of a shard that serves all of them (`tip`).
mod seats;
mod subscription;
mod tip;

use super::shapes;
use crate::{
    Kinesis,
    catalog::{Address, Catalog, Phase, Stream},
    delivery::{Page, Source},
    errors::{self, Result},
    sequence::{self, ShardMark},
};
use headwater_log::Seq;
use headwater_wire::kinesis::{ChildShard, SubscribeToShardEvent};
use seats::Seats;
pub(super) use subscription::Publisher;
pub(crate) use subscription::Subscription;
use tip::Tips;

/// All subscriptions of a process.
#[derive(Default)]
pub(crate) struct FanOut {
    seats: Seats,
    tips: Tips,
}

#[cfg(test)]
impl FanOut {
    /// How many shards are being read.
    pub(crate) fn readers(&self) -> usize {
        self.tips.count()
    }
}

/// A shard of one life of a stream.
#[derive(Clone)]
pub(super) struct Watched {
    pub(super) address: Address,
    pub(super) incarnation: u128,
    pub(super) shard: u32,
}

impl Watched {
    /// Its stream, unless that is gone or going.
    fn stream<'a>(&self, catalog: &'a Catalog) -> Result<&'a Stream> {
        let Address { scope, name } = &self.address;
        let held = catalog.stream(&scope.account, &scope.region, name);
        let same = held.filter(|stream| stream.incarnation == self.incarnation);
        let there = same.filter(|stream| !matches!(stream.phase, Phase::Deleting { .. }));
        there.ok_or_else(|| errors::stream_not_found(name, &scope.account))
    }

    /// The shard as it is to be read now.
    fn source(&self, kinesis: &Kinesis, now_ms: u64) -> Result<Source> {
        let catalog = kinesis.catalog.read();
        let source = Source::of(self.stream(&catalog)?, self.shard, now_ms);
        source.ok_or_else(|| errors::shard_missing(self.shard, &self.address.name, &self.address.scope.account))
    }

    /// The shards that took over.
    fn children(&self, kinesis: &Kinesis) -> Result<Vec<ChildShard>> {
        let catalog = kinesis.catalog.read();
        Ok(self.stream(&catalog)?.children(self.shard).map(shapes::child).collect())
    }
}

/// The event that delivers `page`. Reading goes on behind its last record.
///
/// # Errors
/// The key service's, if a key may not be used; the engine's, if whether there is one cannot be read.
async fn event(kinesis: &Kinesis, source: Source, page: Page, now_ms: u64) -> Result<SubscribeToShardEvent> {
    let mark = source.mark;
    let last = page.records.last().map(|(stamp, _)| sequence::of_record(mark, stamp.seq, stamp.time_ms));
    Ok(SubscribeToShardEvent {
        continuation_sequence_number: Some(last.unwrap_or_else(|| sequence::before(mark, page.next, now_ms))),
        millis_behind_latest: i64::try_from(page.behind_ms).unwrap_or(i64::MAX),
        records: shapes::records(kinesis, source, page.records).await?,
        child_shards: None,
    })
}

/// The event that says nothing but where the subscriber stands: at the tip, before `next`.
fn heartbeat(mark: ShardMark, next: Seq, now_ms: u64) -> SubscribeToShardEvent {
    SubscribeToShardEvent {
        continuation_sequence_number: Some(sequence::before(mark, next, now_ms)),
        ..SubscribeToShardEvent::default()
    }
}
