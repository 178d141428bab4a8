//! Records into objects: named by their prefix, compressed, converted, and put until the store has them.
//!
//! Invariant: an object holds its records' data in order and nothing else; a put that is tried again has the same key, so
//! that a store which had it already is not given two.
use super::{Delivery, Rests};
use crate::{
    compress::Codec,
    convert,
    failure::PROCESSING_FAILED,
    outside::{Failure, Object},
    plan::{Bucket, Conversion},
    prefix::{self, Circumstances},
    record::{Failed, PartitionKeys, Record},
};
use bytes::Bytes;
use headwater_log::rules::{Rule, is_left_out};
use headwater_wire::{firehose::DeliveryStreamFailureType, uuid_text};
use std::{collections::HashSet, sync::Arc};

/// Between tries.
const LONGEST_REST_MS: u64 = 10_000;
/// How long after its arrival a record is still tried to be delivered; the service keeps none for longer.
const KEPT_MS: u64 = 24 * 3_600_000;

/// How many records an object has, when they arrived, and whether they failed.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) records: usize,
    oldest_ms: u64,
    pub(super) youngest_ms: u64,
    /// What went wrong with them, if something did.
    error_type: Option<&'static str>,
}

impl Span {
    pub(super) fn of(records: &[Record]) -> Self {
        let times = || records.iter().map(|record| record.time_ms);
        Self {
            records: records.len(),
            oldest_ms: times().min().unwrap_or_default(),
            youngest_ms: times().max().unwrap_or_default(),
            error_type: None,
        }
    }
}

/// Writes records as they are, those of errors under their own prefix.
pub(super) async fn plain(
    delivery: &Arc<Delivery>,
    bucket: &Bucket,
    error_type: Option<&'static str>,
    records: Vec<Record>,
) {
    let span = Span { error_type, ..Span::of(&records) };
    let object = object(delivery, bucket, span, &PartitionKeys::default(), records).await;
    put_or_lose(delivery, object, span).await;
}

/// Writes good records, of one partition where there are several, and returns those that have to go to the errors: what
/// cannot be converted, and with `retry_ms` everything that could not be written in that time.
pub(super) async fn good(
    delivery: &Arc<Delivery>,
    keys: &PartitionKeys,
    conversion: Option<&Conversion>,
    retry_ms: Option<u64>,
    records: Vec<Record>,
) -> Vec<Failed> {
    let (object, span, records, mut failed) = match conversion {
        None => {
            let span = Span::of(&records);
            // Only what may have to go to the errors is kept beside the object.
            let kept = if retry_ms.is_some() { records.clone() } else { Vec::new() };
            (Some(object(delivery, &delivery.plan.bucket, span, keys, records).await), span, kept, Vec::new())
        }
        Some(conversion) => {
            let (object, records, failed) = converted(delivery, conversion, keys, records).await;
            (object, Span::of(&records), records, failed)
        }
    };
    let Some(object) = object else { return failed };
    let Some(retry_ms) = retry_ms else {
        put_or_lose(delivery, object, span).await;
        return failed;
    };
    let give_up_ms = delivery.firehose.clock.now_ms() + retry_ms;
    let Err((failure, attempts)) = put(delivery, object, span, give_up_ms).await else { return failed };
    let ended_ms = delivery.firehose.clock.now_ms();
    failed.extend(Failed::all(records, PROCESSING_FAILED, &failure, attempts, ended_ms));
    failed
}

/// The object of converted records, if any can be; the records in it, and those that are not.
async fn converted(
    delivery: &Arc<Delivery>,
    conversion: &Conversion,
    keys: &PartitionKeys,
    records: Vec<Record>,
) -> (Option<Object>, Vec<Record>, Vec<Failed>) {
    let (firehose, bucket) = (&delivery.firehose, &delivery.plan.bucket);
    let now_ms = firehose.clock.now_ms();
    let schema = match firehose.glue.schema(&delivery.address.scope, &conversion.plan.table) {
        Ok(schema) => schema,
        Err(Failure { code, message, .. }) => {
            return (None, Vec::new(), convert::Plan::refuse(records, &code, &message, now_ms).failed);
        }
    };
    let (plan, given) = (conversion.plan.clone(), records.clone());
    let Ok(done) = tokio::task::spawn_blocking(move || plan.convert(&schema, given, now_ms)).await else {
        // A panic ends the process; a task that was cancelled is one of a runtime that is going.
        return std::future::pending().await;
    };
    let refused: HashSet<&str> = done.failed.iter().map(|failed| &*failed.record.id).collect();
    let records: Vec<Record> = records.into_iter().filter(|record| !refused.contains(&*record.id)).collect();
    let key = key(delivery, bucket, None, keys, Span::of(&records).oldest_ms);
    let object = |body| Object { bucket: bucket.name.clone(), key, body: vec![body], content_encoding: None };
    (done.body.map(object), records, done.failed)
}

async fn object(
    delivery: &Arc<Delivery>,
    bucket: &Bucket,
    span: Span,
    keys: &PartitionKeys,
    records: Vec<Record>,
) -> Object {
    let key = key(delivery, bucket, span.error_type, keys, span.oldest_ms);
    let parts: Vec<Bytes> = records.into_iter().map(|record| record.data).collect();
    let (codec, name) = (bucket.codec, uuid_text((delivery.firehose.entropy)()));
    let body = if codec == Codec::Uncompressed {
        parts
    } else {
        let compressed = tokio::task::spawn_blocking(move || codec.compress(parts, &name)).await;
        // A panic ends the process; a task that was cancelled is one of a runtime that is going.
        let Ok(compressed) = compressed else { return std::future::pending().await };
        assert!(compressed.is_ok(), "what fits into memory can be compressed: {:?}", compressed.err());
        compressed.unwrap_or_default()
    };
    Object { bucket: bucket.name.clone(), key, body, content_encoding: codec.content_encoding() }
}

fn key(delivery: &Delivery, bucket: &Bucket, error_type: Option<&str>, keys: &PartitionKeys, time_ms: u64) -> String {
    let entropy = &delivery.firehose.entropy;
    let prefix = if error_type.is_some() { &bucket.error_prefix } else { &bucket.prefix };
    let (zone, random) = (&bucket.zone, &mut || entropy());
    let evaluated = prefix.evaluate(Circumstances { time_ms, zone, error_type, keys, random });
    let extension = bucket.extension.as_deref().unwrap_or(bucket.codec.extension());
    prefix::object_key(&evaluated, delivery.name(), delivery.version, time_ms, zone, entropy(), extension)
}

/// Puts an object until the store has it, or its records are older than any may become.
async fn put_or_lose(delivery: &Arc<Delivery>, object: Object, span: Span) {
    let key = object.key.clone();
    if let Err((failure, attempts)) = put(delivery, object, span, span.youngest_ms + KEPT_MS).await {
        tracing::error!(
            delivery_stream = delivery.name(),
            key,
            attempts,
            code = failure.code,
            why = failure.message,
            records = span.records,
            "records could not be delivered for a day and are lost"
        );
        delivery.meter.lost(span.records);
    }
}

/// Puts an object until the store has it or `give_up_ms` has come, but once in any case.
async fn put(delivery: &Arc<Delivery>, object: Object, span: Span, give_up_ms: u64) -> Result<(), (Failure, u32)> {
    let firehose = &delivery.firehose;
    let (mut attempts, mut rests) = (0, Rests::up_to(LONGEST_REST_MS));
    loop {
        attempts += 1;
        let put = firehose.objects.put(object.clone()).await;
        match if is_left_out(Rule::WhatIsNotStoredIsPutAgain) { Ok(()) } else { put } {
            Ok(()) => {
                delivery.meter.put(&object, span.records, span.error_type, firehose.clock.now_ms());
                delivery.meter.delivered(span.records, span.youngest_ms);
                delivery.recover().await;
                return Ok(());
            }
            Err(failure) => {
                delivery.meter.refused();
                let Failure { code, message, .. } = &failure;
                let (name, bucket) = (delivery.name(), &object.bucket);
                tracing::warn!(
                    delivery_stream = name,
                    bucket,
                    key = object.key,
                    code,
                    message,
                    "an object was refused"
                );
                delivery.fail(DeliveryStreamFailureType::UnknownError, format!("{code}: {message}")).await;
                if firehose.clock.now_ms() + rests.next_ms() >= give_up_ms {
                    return Err((failure, attempts));
                }
                firehose.clock.sleep(rests.take_ms()).await;
            }
        }
    }
}
