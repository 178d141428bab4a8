//! Streams that delivery streams read: what of them must be known, handed in by the binary.
//!
//! Invariant: a shard is named by its log, which no other stream ever has, so that progress is never taken for another's.
use crate::outside::Doing;
use bytes::Bytes;
use headwater_log::{Bounds, Limits, LogError, LogId, Seq};
use tokio::sync::watch;

/// One record of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceRecord {
    /// Its place in the shard.
    pub place: Seq,
    /// Arrival, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// What it carries.
    pub data: Bytes,
    /// Its partition key; records of streams that distribute by themselves have none.
    pub partition_key: Option<Bytes>,
    /// Its sequence number, as the stream's readers see it.
    pub sequence_number: String,
}

/// What one read returns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourcePage {
    /// In order of place.
    pub records: Vec<SourceRecord>,
    /// Where to read on.
    pub next: Seq,
    /// The shard is closed and every record of it was read.
    pub is_drained: bool,
}

/// Streams, by their ARN.
pub trait Source: Send + Sync + 'static {
    /// The logs of the shards that are shown now, those that are closed too; nothing if there is no such stream.
    fn shards(&self, stream_arn: &str) -> Option<Vec<LogId>>;
    /// The place of a shard from which on everything arrived at or after `time_ms`.
    fn place_at(&self, shard: LogId, time_ms: u64) -> Doing<'_, Result<Seq, LogError>>;
    /// Reads on; what was trimmed or damaged is passed over. A shard that is gone is drained.
    fn read<'a>(
        &'a self,
        stream_arn: &'a str,
        shard: LogId,
        from: Seq,
        limits: Limits,
    ) -> Doing<'a, Result<SourcePage, LogError>>;
    /// What a shard is called, e.g. `shardId-000000000000`.
    fn shard_name(&self, shard: LogId) -> String;
    /// The bounds of a shard, now and at each change.
    fn watch(&self, shard: LogId) -> watch::Receiver<Bounds>;
    /// A number that rises when streams are made, resharded or deleted.
    fn changes(&self) -> watch::Receiver<u64>;
}
