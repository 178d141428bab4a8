//! Kinesis' streams as what Firehose reads: the one place where the two meet.
use headwater_firehose::{
    outside::Doing,
    source::{Source, SourcePage, SourceRecord},
};
use headwater_kinesis::{Kinesis, ShardPage, ShardRecord};
use headwater_log::{Bounds, Limits, LogError, LogId, Seq};
use std::sync::Arc;
use tokio::sync::watch;

/// The streams of this process.
pub(crate) struct KinesisSource(pub(crate) Arc<Kinesis>);

impl Source for KinesisSource {
    fn shards(&self, stream_arn: &str) -> Option<Vec<LogId>> {
        self.0.shard_logs(stream_arn)
    }

    fn place_at(&self, shard: LogId, time_ms: u64) -> Doing<'_, Result<Seq, LogError>> {
        Box::pin(self.0.shard_place(shard, time_ms))
    }

    fn read<'a>(
        &'a self,
        stream_arn: &'a str,
        shard: LogId,
        from: Seq,
        limits: Limits,
    ) -> Doing<'a, Result<SourcePage, LogError>> {
        Box::pin(async move {
            let ShardPage { records, next, is_drained } = self.0.read_shard(stream_arn, shard, from, limits).await?;
            let record = |record: ShardRecord| {
                let ShardRecord { place, time_ms, data, partition_key, sequence_number } = record;
                SourceRecord { place, time_ms, data, partition_key, sequence_number }
            };
            Ok(SourcePage { records: records.into_iter().map(record).collect(), next, is_drained })
        })
    }

    fn shard_name(&self, shard: LogId) -> String {
        Kinesis::shard_name(shard)
    }

    fn watch(&self, shard: LogId) -> watch::Receiver<Bounds> {
        self.0.watch_shard(shard)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.0.watch_streams()
    }
}
