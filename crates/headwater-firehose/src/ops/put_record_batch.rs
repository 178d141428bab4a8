//! PutRecordBatch: up to 500 records, appended together; those beyond the rate are told apart.
//!
//! Invariant: records are appended under the catalog's read guard, to a delivery stream it shows active; the guard is
//! never held while waiting. Where others may have deleted it meanwhile, what was appended is acknowledged once it is known
//! that nobody had.
use crate::{
    Firehose,
    catalog::{DeliveryStream, Source},
    direct,
    errors::{self, Result},
};
use headwater_log::{
    Commit, LogError, LogId, Stamp,
    rules::{Rule, is_left_out},
};
use headwater_wire::{
    Caller,
    firehose::{PutRecordBatchInput, PutRecordBatchOutput, PutRecordBatchResponseEntry, Record},
};
use std::sync::Arc;

/// What one request may hold.
const BATCH_BYTES: usize = 4 << 20;

/// Records whose order is fixed.
pub(super) struct Offered {
    pub(super) log: LogId,
    /// For each record whether it was taken.
    pub(super) is_taken: Vec<bool>,
    /// None if no record was taken.
    pub(super) commit: Option<Commit>,
    pub(super) is_encrypted: bool,
}

pub(crate) async fn run(
    firehose: Arc<Firehose>,
    caller: Caller,
    input: PutRecordBatchInput,
) -> Result<PutRecordBatchOutput> {
    if input.records.iter().map(|record| record.data.len()).sum::<usize>() > BATCH_BYTES {
        return Err(errors::batch_too_large());
    }
    let Offered { log, is_taken, commit, is_encrypted } =
        offer(&firehose, &caller, &input.delivery_stream_name, &input.records)?;
    let stamps = match commit {
        Some(commit) => stored(&firehose, &caller, &input.delivery_stream_name, log, commit).await?,
        None => Vec::new(),
    };
    let mut ids = stamps.iter().map(|stamp| direct::record_id(log, stamp.seq));
    let answer = |is_taken: &bool| if *is_taken { taken(ids.next()) } else { refused() };
    let request_responses: Vec<_> = is_taken.iter().map(answer).collect();
    let failed = is_taken.iter().filter(|is_taken| !**is_taken).count();
    Ok(PutRecordBatchOutput {
        failed_put_count: i32::try_from(failed).unwrap_or(i32::MAX),
        encrypted: Some(is_encrypted),
        request_responses,
    })
}

fn taken(record_id: Option<String>) -> PutRecordBatchResponseEntry {
    PutRecordBatchResponseEntry { record_id, ..PutRecordBatchResponseEntry::default() }
}

fn refused() -> PutRecordBatchResponseEntry {
    PutRecordBatchResponseEntry {
        record_id: None,
        error_code: Some(errors::SERVICE_UNAVAILABLE.to_owned()),
        error_message: Some(errors::SLOW_DOWN.to_owned()),
    }
}

/// Fixes the places of all records that are within the rate limits.
///
/// # Errors
/// The service's own; then none of them is taken.
pub(super) fn offer(firehose: &Firehose, caller: &Caller, name: &str, records: &[Record]) -> Result<Offered> {
    let catalog = firehose.catalog.read();
    let held = catalog.stream(&caller.account, &caller.region, name).filter(|stream| stream.is_active());
    let stream = held.ok_or_else(|| errors::stream_not_found(name, &caller.account))?;
    if !matches!(stream.source, Source::DirectPut { .. }) {
        return Err(errors::not_direct());
    }
    let key = firehose.writing_key(stream)?;
    let log = stream.direct_log();
    let is_taken = charge(firehose, stream, records)?;
    let taken = records.iter().zip(&is_taken).filter(|(_, is_taken)| **is_taken);
    let entries: Vec<_> = taken.map(|(record, _)| direct::encode(log, &record.data, key.as_deref())).collect();
    let commit = (!entries.is_empty()).then(|| firehose.engine.append(log, entries));
    Ok(Offered { log, is_taken, commit, is_encrypted: key.is_some() })
}

/// Where records stand that were appended to `log`, once they are durable and will be delivered.
///
/// # Errors
/// The service's own. Where the delivery stream is gone by then, nobody knows whether they were delivered before.
pub(super) async fn stored(
    firehose: &Firehose,
    caller: &Caller,
    name: &str,
    log: LogId,
    commit: Commit,
) -> Result<Vec<Stamp>> {
    let stamps = commit.await.map_err(|error| errors::engine(&error))?;
    if firehose.engine.is_shared() && !is_left_out(Rule::DeletedStreamsTakeNothing) {
        let unknown = |error: LogError| errors::internal_failure().because(&error);
        firehose.catalog.catch_up().await.map_err(unknown)?;
        let catalog = firehose.catalog.read();
        let stream = catalog.stream(&caller.account, &caller.region, name);
        if !stream.is_some_and(|stream| stream.is_active() && stream.direct_log() == log) {
            return Err(unknown(LogError::Io(format!("the delivery stream of log {log} is gone"))));
        }
    }
    Ok(stamps)
}

/// For each record whether it is within the rate limits.
fn charge(firehose: &Firehose, stream: &DeliveryStream, records: &[Record]) -> Result<Vec<bool>> {
    let Some(limits) = &firehose.limits else { return Ok(vec![true; records.len()]) };
    let now_us = firehose.clock.steady_us();
    if !limits.charge_call(stream.incarnation, now_us) {
        return Err(errors::slow_down());
    }
    let charge = |record: &Record| limits.charge_record(stream.incarnation, record.data.len(), now_us);
    Ok(records.iter().map(charge).collect())
}
