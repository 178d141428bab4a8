//! The catalog's values in the model's shapes.
//!
//! Invariant: what is absent for the service is absent here; times of creation are whole seconds.
use crate::{
    catalog::{Distribution, Mode, Phase, Shard, Stream, shard_id},
    record::Record,
    sequence::{self, ShardMark},
};
use headwater_log::Stamp;
use headwater_wire::{Timestamp, kinesis as shape};

pub(super) fn stream_status(stream: &Stream) -> shape::StreamStatus {
    match stream.phase {
        Phase::Creating { .. } => shape::StreamStatus::Creating,
        Phase::Active => shape::StreamStatus::Active,
        Phase::Updating(_) => shape::StreamStatus::Updating,
        Phase::Deleting { .. } => shape::StreamStatus::Deleting,
    }
}

pub(super) const fn mode_details(stream: &Stream) -> shape::StreamModeDetails {
    let stream_mode = match stream.mode {
        Mode::Provisioned => shape::StreamMode::Provisioned,
        Mode::OnDemand => shape::StreamMode::OnDemand,
    };
    shape::StreamModeDetails { stream_mode }
}

/// Shown for on-demand streams alone.
pub(super) fn distribution(stream: &Stream) -> Option<shape::RecordDistributionStrategy> {
    (stream.mode == Mode::OnDemand).then_some(match stream.distribution {
        Distribution::Auto => shape::RecordDistributionStrategy::Auto,
        Distribution::PartitionKey => shape::RecordDistributionStrategy::UserPartitionKey,
    })
}

pub(super) fn created(stream: &Stream) -> Timestamp {
    timestamp(stream.created_secs() * 1000)
}

pub(super) fn timestamp(time_ms: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(time_ms).unwrap_or(i64::MAX))
}

/// No shard-level metrics are enabled.
pub(super) fn monitoring() -> Vec<shape::EnhancedMetrics> {
    vec![shape::EnhancedMetrics { shard_level_metrics: Some(Vec::new()) }]
}

pub(super) fn hash_key_range(shard: &Shard) -> shape::HashKeyRange {
    shape::HashKeyRange {
        starting_hash_key: shard.range.start.to_string(),
        ending_hash_key: shard.range.end.to_string(),
    }
}

pub(super) fn shard(shard: &Shard) -> shape::Shard {
    let mut parents = shard.parents.iter().map(|parent| shard_id(*parent));
    shape::Shard {
        shard_id: shard.id(),
        parent_shard_id: parents.next(),
        adjacent_parent_shard_id: parents.next(),
        hash_key_range: hash_key_range(shard),
        sequence_number_range: shape::SequenceNumberRange {
            starting_sequence_number: shard.starting_sequence_number(),
            ending_sequence_number: shard.ending_sequence_number(),
        },
    }
}

pub(super) fn child(shard: &Shard) -> shape::ChildShard {
    shape::ChildShard {
        shard_id: shard.id(),
        parent_shards: shard.parents.iter().map(|parent| shard_id(*parent)).collect(),
        hash_key_range: hash_key_range(shard),
    }
}

/// A record as it is delivered. The data is a slice of what was read.
pub(super) fn record(mark: ShardMark, stamp: Stamp, record: Record) -> shape::Record {
    let key = record.partition_key.as_deref().map(|key| String::from_utf8_lossy(key).into_owned());
    shape::Record {
        sequence_number: sequence::of_record(mark, stamp.seq, stamp.time_ms),
        approximate_arrival_timestamp: Some(timestamp(stamp.time_ms)),
        data: record.data,
        partition_key: key,
        encryption_type: None,
    }
}

/// A count the model's integers can hold.
pub(super) fn count(count: impl TryInto<i32>) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}
