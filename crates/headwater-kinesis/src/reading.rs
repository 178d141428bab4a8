//! Streams as another service of the same process reads them: shard by shard, by places instead of iterators.
//!
//! Invariant: what is read is what GetRecords would deliver – accepted, within retention, decrypted –, each record once
//! along a chain of places. A shard is named by its log, which no other shard ever has.
use crate::{
    Kinesis,
    catalog::{Stream, shard_id},
    delivery::{self, Delivered, Source},
    sequence, target,
};
use bytes::Bytes;
use headwater_log::{Bounds, Limits, LogError, LogId, Seq, engine::find_time};
use tokio::sync::watch;

/// A record read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShardRecord {
    /// Its place in the shard.
    pub place: Seq,
    /// Arrival, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// What it carries.
    pub data: Bytes,
    /// Absent where the stream distributes records by itself.
    pub partition_key: Option<Bytes>,
    /// As readers see it.
    pub sequence_number: String,
}

/// What one read returns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShardPage {
    /// In order of place.
    pub records: Vec<ShardRecord>,
    /// Where to read on.
    pub next: Seq,
    /// The shard is gone, or closed and every record of it was read.
    pub is_drained: bool,
}

impl Kinesis {
    /// The logs of the shards that the stream of this ARN shows now; nothing if there is no such stream.
    #[must_use]
    pub fn shard_logs(&self, stream_arn: &str) -> Option<Vec<LogId>> {
        let now_ms = self.clock.now_ms();
        let logs = |stream: &Stream| stream.shown_shards(now_ms).map(|shard| stream.log(shard.index)).collect();
        self.with_stream(stream_arn, logs)
    }

    /// The place in a shard from which on everything arrived at or after `time_ms`.
    ///
    /// # Errors
    /// The engine's.
    pub async fn shard_place(&self, shard: LogId, time_ms: u64) -> Result<Seq, LogError> {
        find_time(&*self.engine, shard, time_ms).await
    }

    /// Reads on in a shard of the stream of this ARN.
    ///
    /// # Errors
    /// The engine's, and `Io` if the key that records are encrypted with may not be used.
    pub async fn read_shard(
        &self,
        stream_arn: &str,
        shard: LogId,
        from: Seq,
        limits: Limits,
    ) -> Result<ShardPage, LogError> {
        let now_ms = self.clock.now_ms();
        let source = self.with_stream(stream_arn, |stream| {
            let is_same = stream.incarnation == shard.group.0;
            is_same.then(|| Source::of(stream, shard.part, now_ms)).flatten()
        });
        let Some(source) = source.flatten() else {
            return Ok(ShardPage { records: Vec::new(), next: from, is_drained: true });
        };
        let page = delivery::read(&*self.engine, source, from, limits, now_ms).await?;
        let mut records = Vec::with_capacity(page.records.len());
        for (stamp, delivered) in page.records {
            let record = match delivered {
                Delivered::Plain(record) => record,
                Delivered::Sealed(sealed) => match self.open_record(source.log, &sealed).await {
                    Ok(Some(record)) => record,
                    Ok(None) => {
                        tracing::error!(log = %source.log, at = %stamp.seq, "a record cannot be decrypted; passed over");
                        continue;
                    }
                    Err(refusal) => return Err(LogError::Io(refusal.to_string())),
                },
            };
            records.push(ShardRecord {
                place: stamp.seq,
                time_ms: stamp.time_ms,
                data: record.data,
                partition_key: record.partition_key,
                sequence_number: sequence::of_record(source.mark, stamp.seq, stamp.time_ms),
            });
        }
        Ok(ShardPage { records, next: page.next, is_drained: page.drained })
    }

    /// The bounds of a shard, now and at each change.
    #[must_use]
    pub fn watch_shard(&self, shard: LogId) -> watch::Receiver<Bounds> {
        self.engine.watch(shard)
    }

    /// A number that rises when streams are made, changed or deleted.
    #[must_use]
    pub fn watch_streams(&self) -> watch::Receiver<u64> {
        self.catalog.watch()
    }

    /// What a shard is called.
    #[must_use]
    pub fn shard_name(shard: LogId) -> String {
        shard_id(shard.part)
    }

    fn with_stream<T>(&self, stream_arn: &str, look: impl FnOnce(&Stream) -> T) -> Option<T> {
        let (region, account, name) = target::parts(stream_arn)?;
        self.catalog.read().stream(account, region, name).map(look)
    }
}
