//! PutRecords: up to 500 records, one append to each shard they touch; each fares by itself.
use super::named;
use crate::{
    Kinesis,
    catalog::{Shard, Stream, shard_id},
    errors::{self, Result},
    intake::{Offer, Placed},
    sequence::ShardMark,
};
use bytes::Bytes;
use headwater_log::Commit;
use headwater_wire::{
    Caller,
    kinesis::{EncryptionType, PutRecordsInput, PutRecordsOutput, PutRecordsRequestEntry, PutRecordsResultEntry},
};
use std::sync::Arc;

/// What one request may hold, partition keys included.
const BATCH_BYTES: usize = 10 << 20;

/// The records of one batch that go to one shard.
struct Group {
    mark: ShardMark,
    /// The records' places in the request.
    places: Vec<usize>,
    entries: Vec<Bytes>,
}

/// A batch whose order is fixed.
struct Enqueued {
    incarnation: u128,
    results: Vec<PutRecordsResultEntry>,
    groups: Vec<(ShardMark, Vec<usize>, Commit)>,
    encryption_type: Option<EncryptionType>,
}

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: PutRecordsInput) -> Result<PutRecordsOutput> {
    let offers: Vec<Offer<'_>> = (1..).zip(&input.records).map(|(at, record)| offer_of(at, record)).collect();
    if offers.iter().map(Offer::size_bytes).sum::<usize>() > BATCH_BYTES {
        return Err(errors::batch_too_large());
    }
    let enqueued = kinesis.once_open(|| enqueue(&kinesis, &caller, &input, &offers)).await?;
    let Enqueued { incarnation, mut results, groups, encryption_type } = enqueued;
    for (mark, places, commit) in groups {
        match commit.await {
            Ok(stamps) => {
                let size_bytes = places.iter().map(|place| offers[*place].size_bytes()).sum();
                kinesis.meters.took(incarnation, places.len(), size_bytes);
                for (place, stamp) in places.iter().zip(stamps) {
                    let placed = Placed::new(mark, stamp);
                    results[*place].sequence_number = Some(placed.sequence_number);
                    results[*place].shard_id = Some(shard_id(placed.shard));
                }
            }
            Err(error) => {
                let failure = errors::engine(&error);
                tracing::debug!(%failure, records = places.len(), "records of a batch were not stored");
                let failed = failure_entry(errors::INTERNAL_FAILURE, errors::INTERNAL_FAILURE_TEXT.to_owned());
                places.iter().for_each(|place| results[*place] = failed.clone());
            }
        }
    }
    let failed = results.iter().filter(|result| result.error_code.is_some()).count();
    Ok(PutRecordsOutput {
        failed_record_count: Some(i32::try_from(failed).unwrap_or(i32::MAX)),
        records: results,
        encryption_type,
    })
}

fn offer_of(at: usize, record: &PutRecordsRequestEntry) -> Offer<'_> {
    let (key, hash_key) = (record.partition_key.as_deref(), record.explicit_hash_key.as_deref());
    Offer::new(key, hash_key, &record.data, Some(at))
}

fn failure_entry(code: &str, message: String) -> PutRecordsResultEntry {
    PutRecordsResultEntry {
        error_code: Some(code.to_owned()),
        error_message: Some(message),
        ..PutRecordsResultEntry::default()
    }
}

/// Fixes the places of all records that are within the rate limits; nothing if one of their shards is being sealed.
fn enqueue(
    kinesis: &Kinesis,
    caller: &Caller,
    input: &PutRecordsInput,
    offers: &[Offer<'_>],
) -> Result<Option<Enqueued>> {
    let catalog = kinesis.catalog.read();
    let (name, stream) = named!(input).find(&catalog, caller)?;
    if !stream.takes_records() {
        return Err(errors::stream_not_found(name, &caller.account));
    }
    let mut routed = Vec::with_capacity(offers.len());
    for offer in offers {
        let hash_key = offer.hash_key(kinesis, stream)?;
        routed.push(stream.route(hash_key).ok_or_else(errors::internal_failure)?);
    }
    if routed.iter().any(|shard| stream.is_sealing(shard.index)) {
        return Ok(None);
    }
    let key = kinesis.writing_key(stream)?;
    if input.dry_run == Some(true) {
        return Err(errors::dry_run());
    }
    let mut results = vec![PutRecordsResultEntry::default(); offers.len()];
    let admitted = |place: usize, shard: &Shard| {
        let Some(limits) = &kinesis.limits else { return true };
        let key = (stream.incarnation, shard.index);
        limits.charge_write(key, offers[place].size_bytes(), kinesis.clock.steady_us())
    };
    let mut groups: Vec<Group> = Vec::new();
    for (place, shard) in routed.into_iter().enumerate() {
        if admitted(place, shard) {
            kinesis.note_write(stream, shard.index, offers[place].size_bytes());
            let entry = offers[place].entry(stream.log(shard.index), key.as_deref());
            join(&mut groups, shard, place, entry);
        } else {
            kinesis.meters.throttled_record(stream.incarnation);
            let message = errors::shard_rate_text(shard.index, name, &caller.account);
            results[place] = failure_entry(errors::THROUGHPUT_EXCEEDED, message);
        }
    }
    let groups = groups.into_iter().map(|group| append(kinesis, stream, group)).collect();
    Ok(Some(Enqueued {
        incarnation: stream.incarnation,
        results,
        groups,
        encryption_type: key.map(|_| EncryptionType::Kms),
    }))
}

fn join(groups: &mut Vec<Group>, shard: &Shard, place: usize, entry: Bytes) {
    let mark = shard.mark();
    match groups.iter_mut().find(|group| group.mark == mark) {
        Some(group) => {
            group.places.push(place);
            group.entries.push(entry);
        }
        None => groups.push(Group { mark, places: vec![place], entries: vec![entry] }),
    }
}

fn append(kinesis: &Kinesis, stream: &Stream, group: Group) -> (ShardMark, Vec<usize>, Commit) {
    let commit = kinesis.engine.append(stream.log(group.mark.shard), group.entries);
    (group.mark, group.places, commit)
}
