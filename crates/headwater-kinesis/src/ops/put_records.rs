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
use headwater_log::{Commit, LogError, LogId, Seq, Stamp};
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

/// Records of a batch, and where they came to stand.
type Written = (LogId, Group, std::result::Result<Vec<Stamp>, LogError>);

/// Records of a batch whose order is fixed.
struct Enqueued {
    groups: Vec<(LogId, Group, Commit)>,
    /// Those that are beyond the rate limits, and what they are told.
    throttled: Vec<(usize, String)>,
    encryption_type: Option<EncryptionType>,
}

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: PutRecordsInput) -> Result<PutRecordsOutput> {
    let offers: Vec<Offer<'_>> = (1..).zip(&input.records).map(|(at, record)| offer_of(at, record)).collect();
    if offers.iter().map(Offer::size_bytes).sum::<usize>() > BATCH_BYTES {
        return Err(errors::batch_too_large());
    }
    let mut output = PutRecordsOutput {
        failed_record_count: Some(0),
        records: vec![PutRecordsResultEntry::default(); offers.len()],
        encryption_type: None,
    };
    let mut wanted: Vec<usize> = (0..offers.len()).collect();
    // From then on each record fares by itself: what the others were told stands.
    let mut is_begun = false;
    loop {
        let enqueued = match kinesis.once_open(|| enqueue(&kinesis, &caller, &input, &offers, &wanted)).await {
            Err(_) if is_begun => {
                fail(&mut output, &wanted);
                break;
            }
            enqueued => enqueued?,
        };
        is_begun = true;
        output.encryption_type = enqueued.encryption_type;
        for (place, message) in enqueued.throttled {
            output.records[place] = failure_entry(errors::THROUGHPUT_EXCEEDED, message);
        }
        wanted.clear();
        let mut written = Vec::with_capacity(enqueued.groups.len());
        for (log, group, commit) in enqueued.groups {
            written.push((log, group, commit.await));
        }
        tell(&kinesis, written, &offers, &mut output, &mut wanted).await;
        if wanted.is_empty() {
            break;
        }
        // Another process ended their shards meanwhile: they belong to the children.
        wanted.sort_unstable();
        if kinesis.catalog.catch_up().await.is_err() {
            fail(&mut output, &wanted);
            break;
        }
    }
    let failed = output.records.iter().filter(|result| result.error_code.is_some()).count();
    output.failed_record_count = Some(i32::try_from(failed).unwrap_or(i32::MAX));
    Ok(output)
}

/// Tells what came of records, but for those that stand behind a marker: these are `wanted` again.
async fn tell(
    kinesis: &Kinesis,
    written: Vec<Written>,
    offers: &[Offer<'_>],
    output: &mut PutRecordsOutput,
    wanted: &mut Vec<usize>,
) {
    if kinesis.engine.is_shared() {
        let last = |(log, _, stamps): &Written| Some((*log, stamps.as_ref().ok()?.last()?.seq));
        let placed: Vec<(LogId, Seq)> = written.iter().filter_map(last).collect();
        // What it could not learn for all is asked for each.
        let _ = kinesis.vouch(&placed).await;
    }
    for (log, group, stamps) in written {
        let Group { mark, places, .. } = group;
        match settled(kinesis, log, stamps).await {
            Ok((stamps, marker)) => {
                let mut size_bytes = 0;
                let mut count = 0;
                for (place, stamp) in places.into_iter().zip(stamps) {
                    if marker.is_some_and(|marker| marker < stamp.seq) {
                        wanted.push(place);
                        continue;
                    }
                    (count, size_bytes) = (count + 1, size_bytes + offers[place].size_bytes());
                    let Placed { shard, sequence_number } = Placed::new(mark, stamp);
                    output.records[place] = PutRecordsResultEntry {
                        sequence_number: Some(sequence_number),
                        shard_id: Some(shard_id(shard)),
                        ..PutRecordsResultEntry::default()
                    };
                }
                kinesis.meters.took((log.group.0, mark.shard), count, size_bytes);
            }
            Err(error) => {
                tracing::warn!(%error, records = places.len(), "records of a batch were not stored");
                fail(output, &places);
            }
        }
    }
}

/// Where records came to stand, and the marker that stands before some of them, if one does.
async fn settled(
    kinesis: &Kinesis,
    log: LogId,
    stamps: std::result::Result<Vec<Stamp>, LogError>,
) -> std::result::Result<(Vec<Stamp>, Option<Seq>), LogError> {
    let stamps = stamps?;
    let Some(last) = stamps.last() else { return Ok((stamps, None)) };
    let marker = kinesis.marker_before(log, last.seq).await?;
    Ok((stamps, marker))
}

fn offer_of(at: usize, record: &PutRecordsRequestEntry) -> Offer<'_> {
    let (key, hash_key) = (record.partition_key.as_deref(), record.explicit_hash_key.as_deref());
    Offer::new(key, hash_key, &record.data, Some(at))
}

/// These records were not stored, or nobody knows.
fn fail(output: &mut PutRecordsOutput, places: &[usize]) {
    let failed = failure_entry(errors::INTERNAL_FAILURE, errors::INTERNAL_FAILURE_TEXT.to_owned());
    places.iter().for_each(|place| output.records[*place] = failed.clone());
}

fn failure_entry(code: &str, message: String) -> PutRecordsResultEntry {
    PutRecordsResultEntry {
        error_code: Some(code.to_owned()),
        error_message: Some(message),
        ..PutRecordsResultEntry::default()
    }
}

/// Fixes the places of those `wanted` that are within the rate limits; nothing if one of their shards is being sealed.
fn enqueue(
    kinesis: &Kinesis,
    caller: &Caller,
    input: &PutRecordsInput,
    offers: &[Offer<'_>],
    wanted: &[usize],
) -> Result<Option<Enqueued>> {
    let catalog = kinesis.catalog.read();
    let (name, stream) = named!(input).find(&catalog, caller)?;
    if !stream.takes_records() {
        return Err(errors::stream_not_found(name, &caller.account));
    }
    let mut routed = Vec::with_capacity(wanted.len());
    for place in wanted {
        let hash_key = offers[*place].hash_key(kinesis, stream)?;
        routed.push((*place, stream.route(hash_key).ok_or_else(errors::internal_failure)?));
    }
    if routed.iter().any(|(_, shard)| stream.is_sealing(shard.index)) {
        return Ok(None);
    }
    let key = kinesis.writing_key(stream)?;
    if input.dry_run == Some(true) {
        return Err(errors::dry_run());
    }
    let admitted = |place: usize, shard: &Shard| {
        let Some(limits) = &kinesis.limits else { return true };
        let key = (stream.incarnation, shard.index);
        limits.charge_write(key, offers[place].size_bytes(), kinesis.clock.steady_us())
    };
    let mut groups: Vec<Group> = Vec::new();
    let mut throttled = Vec::new();
    for (place, shard) in routed {
        if admitted(place, shard) {
            kinesis.note_write(stream, shard.index, offers[place].size_bytes());
            let entry = offers[place].entry(stream.log(shard.index), key.as_deref());
            join(&mut groups, shard, place, entry);
        } else {
            kinesis.meters.throttled_record(stream.incarnation);
            throttled.push((place, errors::shard_rate_text(shard.index, name, &caller.account)));
        }
    }
    let groups = groups.into_iter().map(|group| append(kinesis, stream, group)).collect();
    Ok(Some(Enqueued { groups, throttled, encryption_type: key.map(|_| EncryptionType::Kms) }))
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

fn append(kinesis: &Kinesis, stream: &Stream, mut group: Group) -> (LogId, Group, Commit) {
    let log = stream.log(group.mark.shard);
    let commit = kinesis.engine.append(log, std::mem::take(&mut group.entries));
    (log, group, commit)
}
