//! DescribeStreamConsumer: one consumer.
use super::consumers::{self, Named};
use crate::{Kinesis, errors::Result};
use headwater_wire::{
    Caller,
    kinesis::{
        Consumer, ConsumerDescription, DescribeStreamConsumerInput as Input, DescribeStreamConsumerOutput as Output,
    },
};
use std::sync::Arc;

/// What an account may call each second under rate limits.
const CALLS_PER_SECOND: u64 = 20;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: Input) -> Result<Output> {
    let found = consumers::find(
        &kinesis,
        &caller,
        Named {
            consumer_arn: input.consumer_arn.as_deref(),
            consumer_name: input.consumer_name.as_deref(),
            stream_arn: input.stream_arn.as_deref(),
        },
    )?;
    kinesis.admit("DescribeStreamConsumer", CALLS_PER_SECOND, &caller, Some(&found.address.name))?;
    let Consumer { consumer_name, consumer_arn, consumer_status, consumer_creation_timestamp } =
        consumers::shown(&found.address, &found.name, &found.consumer);
    let stream_arn = found.stream_arn();
    let consumer_description =
        ConsumerDescription { consumer_name, consumer_arn, consumer_status, consumer_creation_timestamp, stream_arn };
    Ok(Output { consumer_description })
}
