//! The operations: one file and one row each, and the list of those the service refuses.
//!
//! Invariant: rows and refusals together are the model's operations, each once.
pub(crate) mod add_tags_to_stream;
mod consumers;
pub(crate) mod create_stream;
pub(crate) mod decrease_stream_retention_period;
pub(crate) mod delete_stream;
pub(crate) mod deregister_stream_consumer;
pub(crate) mod describe_limits;
pub(crate) mod describe_stream;
pub(crate) mod describe_stream_consumer;
pub(crate) mod describe_stream_summary;
mod fan_out;
pub(crate) mod get_records;
pub(crate) mod get_shard_iterator;
pub(crate) mod increase_stream_retention_period;
pub(crate) mod list_shards;
pub(crate) mod list_stream_consumers;
pub(crate) mod list_streams;
pub(crate) mod list_tags_for_stream;
pub(crate) mod merge_shards;
mod page_token;
pub(crate) mod put_record;
pub(crate) mod put_records;
pub(crate) mod register_stream_consumer;
pub(crate) mod remove_tags_from_stream;
mod shapes;
pub(crate) mod split_shard;
mod starting_position;
pub(crate) mod subscribe_to_shard;
mod tags;
pub(crate) mod update_shard_count;

use crate::{
    Kinesis,
    catalog::{Action, Address, Answer, Command},
    duties,
    errors::{self, Result},
    target::{self, Target},
};
pub(crate) use fan_out::FanOut;
#[cfg(test)]
pub(crate) use fan_out::Subscription;
use headwater_wire::{Caller, Row, event_op, op};

/// Every operation the service can do.
#[must_use]
pub fn operations() -> Vec<Row<Kinesis>> {
    vec![
        op(add_tags_to_stream::run),
        op(create_stream::run),
        op(decrease_stream_retention_period::run),
        op(delete_stream::run),
        op(deregister_stream_consumer::run),
        op(describe_limits::run),
        op(describe_stream::run),
        op(describe_stream_consumer::run),
        op(describe_stream_summary::run),
        op(get_records::run),
        op(get_shard_iterator::run),
        op(increase_stream_retention_period::run),
        op(list_shards::run),
        op(list_stream_consumers::run),
        op(list_streams::run),
        op(list_tags_for_stream::run),
        op(merge_shards::run),
        op(put_record::run),
        op(put_records::run),
        op(register_stream_consumer::run),
        op(remove_tags_from_stream::run),
        op(split_shard::run),
        event_op(subscribe_to_shard::run),
        op(update_shard_count::run),
    ]
}

/// The model's operations that are not offered (docs/refusals.md says why).
pub const REFUSED: &[&str] = &[
    "AcknowledgeDeadLetterQueueRecords",
    "AcknowledgeQueueRecords",
    "CreateChannel",
    "CreateQueue",
    "DeleteChannel",
    "DeleteQueue",
    "DeleteResourcePolicy",
    "DescribeAccountSettings",
    "DescribeChannel",
    "DescribeQueue",
    "DisableEnhancedMonitoring",
    "EnableEnhancedMonitoring",
    "GetResourcePolicy",
    "ListChannels",
    "ListQueues",
    "ListTagsForResource",
    "PutResourcePolicy",
    "ReceiveDeadLetterQueueRecords",
    "ReceiveQueueRecords",
    "RestoreDeadLetterQueueRecords",
    "StartStreamEncryption",
    "StopStreamEncryption",
    "TagResource",
    "UntagResource",
    "UpdateAccountSettings",
    "UpdateChannel",
    "UpdateDeadLetterQueueRecordsVisibility",
    "UpdateMaxRecordSize",
    "UpdateQueue",
    "UpdateQueueRecordsVisibility",
    "UpdateStreamMode",
    "UpdateStreamRecordDistributionStrategy",
    "UpdateStreamWarmThroughput",
];

/// The [`Target`] of an input that may name its stream in each of the three ways.
macro_rules! named {
    ($input:expr) => {
        $crate::target::Target {
            name: $input.stream_name.as_deref(),
            arn: $input.stream_arn.as_deref(),
            id: $input.stream_id.as_deref(),
        }
    };
}
use named;

impl Kinesis {
    /// The address of the stream meant, for a command about it.
    fn address(&self, caller: &Caller, target: Target<'_>) -> Result<Address> {
        Ok(target::address(caller, target.name(&self.catalog.read(), caller)?))
    }

    /// The stream is there: what is said of everything else about it comes after that.
    fn known(&self, address: &Address) -> Result<()> {
        let Address { scope, name } = address;
        let catalog = self.catalog.read();
        let stream = catalog.stream(&scope.account, &scope.region, name);
        stream.map(drop).ok_or_else(|| errors::stream_not_found(name, &scope.account))
    }

    /// Has the catalog decide; the decision is durable and applied when this returns.
    async fn submit(&self, address: Address, action: Action) -> Result<Answer> {
        let now_ms = self.clock.now_ms();
        self.catalog.submit(Command::Stream { address, action }, now_ms).await.map_err(errors::submit)
    }

    /// Has the catalog decide on a reshard and, where nothing is to be waited for, carries it out.
    async fn reshard(&self, address: Address, action: Action) -> Result<Answer> {
        let answer = self.submit(address.clone(), action).await?;
        if self.settings.transition_ms == 0 {
            duties::settle(self, &address).await.map_err(|error| errors::engine(&error))?;
        }
        Ok(answer)
    }

    /// Charges a call of an operation that an account may make `per_second` times; `stream` is the one it is about.
    fn admit(&self, operation: &'static str, per_second: u64, caller: &Caller, stream: Option<&str>) -> Result<()> {
        let Some(limits) = &self.limits else { return Ok(()) };
        let holder = format!("{}/{}", caller.account, caller.region);
        if limits.charge_call(operation, holder, per_second, self.clock.steady_us()) {
            return Ok(());
        }
        Err(match stream {
            Some(name) => errors::stream_rate(name, &caller.account),
            None => errors::account_rate(&caller.account),
        })
    }
}

/// The index in a shard's name. The service is lenient: the digits behind the first hyphen count, whatever is before it.
fn shard_index(id: &str) -> Option<u32> {
    let digits = id.split('-').nth(1).filter(|digits| !digits.is_empty()).unwrap_or(id);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|index| *index <= i32::MAX.unsigned_abs())
}

/// A validated count: never negative, never more than `most`.
fn page_size(asked: Option<i32>, most: usize) -> usize {
    asked.and_then(|asked| usize::try_from(asked).ok()).map_or(most, |asked| asked.min(most))
}
