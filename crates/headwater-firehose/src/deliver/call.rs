//! Having a function transform records, and what is done behind it.
//!
//! Invariant: each record comes out once: transformed, dropped by the function's own word, or failed.
use super::{Delivery, Rests, pump::Processed};
use crate::{
    process::FunctionStep,
    record::Record,
    transform::{self, Invocation},
};
use headwater_wire::uuid_text;
use std::sync::Arc;

/// Between tries of a call.
const LONGEST_REST_MS: u64 = 30_000;

/// What the function and the steps behind it make of `records`.
pub(super) async fn transform(delivery: &Arc<Delivery>, records: Vec<Record>) -> Processed {
    let mut processed = Processed { good: Vec::new(), failed: Vec::new() };
    let Some(step) = delivery.plan.steps.function() else { return processed };
    let now_ms = delivery.firehose.clock.now_ms();
    for batch in transform::batches(records, step, now_ms, &mut processed.failed) {
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
    let invocation = Invocation {
        id: uuid_text((firehose.entropy)()),
        delivery_stream_arn: delivery.arn.clone(),
        source_stream_arn: delivery.stream_arn().map(str::to_owned),
        region: delivery.address.scope.region.clone(),
    };
    let request = bytes::Bytes::from(transform::request(&invocation, &batch));
    let (mut attempts, mut rests) = (0, Rests::up_to(LONGEST_REST_MS));
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
                let failed = transform::failure_of_call(batch, &failure, &step.arn, attempts, firehose.clock.now_ms());
                return Processed { good: Vec::new(), failed };
            }
            Err(failure) => {
                let why = failure.message;
                tracing::warn!(delivery_stream = delivery.name(), code = failure.code, why, "a call failed; once more");
                firehose.clock.sleep(rests.take_ms()).await;
            }
        }
    }
}
