//! PutRecord: one record, durable when its number is told.
use super::named;
use crate::{
    Kinesis,
    catalog::{Stream, shard_id},
    errors::{self, Result},
    intake::{Offer, Placed},
    sequence::{self, ShardMark},
};
use headwater_log::{Commit, LogId};
use headwater_wire::{
    Caller,
    kinesis::{EncryptionType, PutRecordInput, PutRecordOutput},
};
use std::sync::Arc;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: PutRecordInput) -> Result<PutRecordOutput> {
    let (key, hash_key) = (input.partition_key.as_deref(), input.explicit_hash_key.as_deref());
    let offer = Offer::new(key, hash_key, &input.data, None);
    loop {
        let enqueued = kinesis.once_open(|| enqueue(&kinesis, &caller, &input, &offer)).await?;
        let Enqueued { log, mark, commit, encryption_type } = enqueued;
        let stamps = commit.await.map_err(|error| errors::engine(&error))?;
        let stamp = stamps.first().ok_or_else(errors::internal_failure)?;
        let marker = kinesis.marker_before(log, stamp.seq).await.map_err(|error| errors::engine(&error))?;
        if marker.is_some() {
            // Another process ended the shard meanwhile: the record belongs to a child.
            kinesis.catalog.catch_up().await.map_err(|error| errors::engine(&error))?;
            continue;
        }
        kinesis.meters.took((log.group.0, mark.shard), 1, offer.size_bytes());
        let Placed { shard, sequence_number } = Placed::new(mark, *stamp);
        return Ok(PutRecordOutput { shard_id: shard_id(shard), sequence_number, encryption_type });
    }
}

/// A record whose place is fixed.
struct Enqueued {
    log: LogId,
    mark: ShardMark,
    commit: Commit,
    encryption_type: Option<EncryptionType>,
}

/// Fixes the record's place; nothing if its shard is being sealed.
fn enqueue(kinesis: &Kinesis, caller: &Caller, input: &PutRecordInput, offer: &Offer<'_>) -> Result<Option<Enqueued>> {
    let catalog = kinesis.catalog.read();
    let (name, stream) = named!(input).find(&catalog, caller)?;
    if !stream.takes_records() {
        return Err(errors::stream_not_found(name, &caller.account));
    }
    let hash_key = offer.hash_key(kinesis, stream)?;
    if let Some(number) = &input.sequence_number_for_ordering {
        check_ordering(number, kinesis.clock.now_ms(), name, &caller.account)?;
    }
    let shard = stream.route(hash_key).ok_or_else(errors::internal_failure)?;
    if stream.is_sealing(shard.index) {
        return Ok(None);
    }
    let key = kinesis.writing_key(stream)?;
    if input.dry_run == Some(true) {
        return Err(errors::dry_run());
    }
    charge(kinesis, stream, shard.index, offer, name, &caller.account)?;
    kinesis.note_write(stream, shard.index, offer.size_bytes());
    let log = stream.log(shard.index);
    let commit = kinesis.engine.append(log, vec![offer.entry(log, key.as_deref())]);
    let encryption_type = key.map(|_| EncryptionType::Kms);
    Ok(Some(Enqueued { log, mark: shard.mark(), commit, encryption_type }))
}

/// Records of one shard stand in the order their puts were called anyway, so a number asks nothing more than to be one.
fn check_ordering(number: &str, now_ms: u64, name: &str, account: &str) -> Result<()> {
    let past = sequence::parse(number).filter(|parsed| parsed.secs.saturating_mul(1000) <= now_ms);
    past.map(drop).ok_or_else(|| errors::ordering_invalid(number, name, account))
}

fn charge(kinesis: &Kinesis, stream: &Stream, shard: u32, offer: &Offer<'_>, name: &str, account: &str) -> Result<()> {
    let Some(limits) = &kinesis.limits else { return Ok(()) };
    let key = (stream.incarnation, shard);
    let admitted = limits.charge_write(key, offer.size_bytes(), kinesis.clock.steady_us());
    if admitted {
        return Ok(());
    }
    kinesis.meters.throttled_record(stream.incarnation);
    Err(errors::shard_rate(shard, name, account))
}
