//! The catalog's values in the model's shapes.
//!
//! Invariant: what is absent for the service is absent here; times of creation are whole seconds.
use crate::{
    Kinesis,
    catalog::{Commitment, Distribution, Mode, Phase, Shard, Stream, shard_id},
    delivery::{Delivered, Source},
    errors::Result,
    sequence,
};
use headwater_log::Stamp;
use headwater_wire::{Enumeration, Timestamp, kinesis as shape};
use std::collections::BTreeSet;

pub(super) fn stream_status(stream: &Stream) -> shape::StreamStatus {
    match stream.phase {
        Phase::Creating { .. } => shape::StreamStatus::Creating,
        Phase::Active => shape::StreamStatus::Active,
        Phase::Configuring { .. } | Phase::Updating(_) => shape::StreamStatus::Updating,
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

/// The shard-level metrics that are switched on.
pub(super) fn monitoring(stream: &Stream) -> Vec<shape::EnhancedMetrics> {
    vec![shape::EnhancedMetrics { shard_level_metrics: Some(metrics(&stream.metrics)) }]
}

/// Metrics in the model's order.
pub(super) fn metrics(names: &BTreeSet<String>) -> Vec<shape::MetricsName> {
    shape::MetricsName::ALL.iter().copied().filter(|name| names.contains(name.as_str())).collect()
}

/// What a stream takes without having to grow: at once what it is to take.
pub(super) fn warm_throughput(stream: &Stream) -> Option<shape::WarmThroughputObject> {
    let mibps = stream.warm_mibps.map(count);
    mibps.map(|mibps| shape::WarmThroughputObject { target_mibps: Some(mibps), current_mibps: Some(mibps) })
}

pub(super) fn encryption(stream: &Stream) -> Option<shape::EncryptionType> {
    Some(if stream.encryption.is_some() { shape::EncryptionType::Kms } else { shape::EncryptionType::None })
}

/// The key as it was named.
pub(super) fn key_id(stream: &Stream) -> Option<String> {
    stream.encryption.as_ref().map(|encryption| encryption.key_id.clone())
}

pub(super) fn commitment(held: Option<Commitment>, now_ms: u64) -> shape::MinimumThroughputBillingCommitmentOutput {
    use shape::MinimumThroughputBillingCommitmentOutputStatus::{Disabled, Enabled, EnabledUntilEarliestAllowedEnd};
    let Some(held) = held else {
        return shape::MinimumThroughputBillingCommitmentOutput { status: Disabled, ..Default::default() };
    };
    let status = match held.ended_ms {
        None => Enabled,
        Some(_) if held.holds(now_ms) => EnabledUntilEarliestAllowedEnd,
        Some(_) => Disabled,
    };
    shape::MinimumThroughputBillingCommitmentOutput {
        status,
        started_at: Some(timestamp(held.started_ms)),
        ended_at: held.ended_ms.filter(|_| !held.holds(now_ms)).map(timestamp),
        earliest_allowed_end_at: Some(timestamp(held.earliest_end_ms())),
    }
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

/// Records as they are delivered: data and key are slices of what was read, or of what was decrypted.
///
/// # Errors
/// The key service's, if a key may not be used; the engine's, if whether there is one cannot be read.
pub(super) async fn records(
    kinesis: &Kinesis,
    source: Source,
    read: Vec<(Stamp, Delivered)>,
) -> Result<Vec<shape::Record>> {
    let mut records = Vec::with_capacity(read.len());
    for (stamp, delivered) in read {
        let (record, encryption_type) = match delivered {
            Delivered::Plain(record) => (record, None),
            Delivered::Sealed(sealed) => match kinesis.open_record(source.log, &sealed).await? {
                Some(record) => (record, Some(shape::EncryptionType::Kms)),
                None => {
                    tracing::error!(log = %source.log, at = %stamp.seq, "a record cannot be decrypted; passed over");
                    continue;
                }
            },
        };
        let key = record.partition_key.as_deref().map(|key| String::from_utf8_lossy(key).into_owned());
        records.push(shape::Record {
            sequence_number: sequence::of_record(source.mark, stamp.seq, stamp.time_ms),
            approximate_arrival_timestamp: Some(timestamp(stamp.time_ms)),
            data: record.data,
            partition_key: key,
            encryption_type,
        });
    }
    Ok(records)
}

/// A count the model's integers can hold.
pub(super) fn count(count: impl TryInto<i32>) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}
