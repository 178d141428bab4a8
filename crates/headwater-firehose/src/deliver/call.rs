//! Having a function transform records, and what is done behind it.
//!
//! Invariant: each record comes out once: transformed, dropped by the function's own word, or failed.
use super::{Delivery, pump::Processed};
use crate::{
    process::FunctionStep,
    record::Record,
    transform::{self, Invocation},
};
use std::sync::Arc;

/// Between tries of a call, doubled each time.
const FIRST_REST_MS: u64 = 500;
const LONGEST_REST_MS: u64 = 30_000;

/// What the function and the steps behind it make of `records`.
pub(super) async fn transform(delivery: &Arc<Delivery>, records: Vec<Record>) -> Processed {
    let mut processed = Processed { good: Vec::new(), failed: Vec::new() };
    let Some(step) = delivery.plan.steps.function() else { return processed };
    for batch in transform::batches(records, step.batch_bytes) {
        let called = call(delivery, step, batch).await;
        processed.failed.extend(called.failed);
        let finished = finish(delivery, called.good);
        processed.good.extend(finished.good);
        processed.failed.extend(finished.failed);
    }
    processed
}

/// What the steps behind a function make of `records`.
pub(super) fn finish(delivery: &Delivery, records: Vec<Record>) -> Processed {
    let mut processed = Processed { good: Vec::with_capacity(records.len()), failed: Vec::new() };
    let now_ms = delivery.firehose.clock.now_ms();
    for record in records {
        delivery.plan.steps.after(record, &mut processed.good, &mut processed.failed, now_ms);
    }
    processed
}

/// One batch through the function, tried as often as its settings say.
async fn call(delivery: &Arc<Delivery>, step: &FunctionStep, batch: Vec<Record>) -> Processed {
    let firehose = &delivery.firehose;
    let id = uuid((firehose.entropy)());
    let invocation = Invocation {
        id: &id,
        delivery_stream_arn: &delivery.arn,
        source_stream_arn: delivery.stream_arn(),
        region: &delivery.address.scope.region,
    };
    let request = bytes::Bytes::from(transform::request(&invocation, &batch));
    let (mut attempts, mut rest_ms) = (0, FIRST_REST_MS);
    loop {
        attempts += 1;
        let begun_ms = firehose.clock.now_ms();
        match firehose.functions.invoke(&step.arn, request.clone()).await {
            Ok(reply) => {
                let now_ms = firehose.clock.now_ms();
                delivery.meter.called(now_ms - begun_ms);
                let answer = transform::reply(&reply, batch, &step.arn, now_ms, attempts);
                return Processed { good: answer.ok, failed: answer.failed };
            }
            Err(failure) if failure.is_permanent || attempts > step.retries => {
                tracing::error!(
                    delivery_stream = delivery.name(), function = %step.arn, code = failure.code, why = failure.message,
                    "a function was given up; its records go to the errors"
                );
                let failed =
                    transform::failure_of_call(batch, &failure, &step.arn, attempts, firehose.clock.now_ms());
                return Processed { good: Vec::new(), failed };
            }
            Err(failure) => {
                let why = failure.message;
                tracing::warn!(delivery_stream = delivery.name(), code = failure.code, why, "a call failed; once more");
                firehose.clock.sleep(rest_ms).await;
                rest_ms = (rest_ms * 2).min(LONGEST_REST_MS);
            }
        }
    }
}

/// Random bits as a UUID of version 4.
pub(super) fn uuid(random: u128) -> String {
    let bits = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_says_that_it_is_random() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
