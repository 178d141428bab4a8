//! The operations: one file and one row each, and the list of those the service refuses.
//!
//! Invariant: rows and refusals together are the model's operations, each once.
pub(crate) mod add_tags_to_stream;
mod consumers;
pub(crate) mod create_stream;
pub(crate) mod decrease_stream_retention_period;
pub(crate) mod delete_resource_policy;
pub(crate) mod delete_stream;
pub(crate) mod deregister_stream_consumer;
pub(crate) mod describe_account_settings;
pub(crate) mod describe_limits;
pub(crate) mod describe_stream;
pub(crate) mod describe_stream_consumer;
pub(crate) mod describe_stream_summary;
pub(crate) mod disable_enhanced_monitoring;
pub(crate) mod enable_enhanced_monitoring;
mod fan_out;
pub(crate) mod get_records;
pub(crate) mod get_resource_policy;
pub(crate) mod get_shard_iterator;
pub(crate) mod increase_stream_retention_period;
pub(crate) mod list_shards;
pub(crate) mod list_stream_consumers;
pub(crate) mod list_streams;
pub(crate) mod list_tags_for_resource;
pub(crate) mod list_tags_for_stream;
pub(crate) mod merge_shards;
mod metrics;
pub(crate) mod page_token;
pub(crate) mod put_record;
pub(crate) mod put_records;
pub(crate) mod put_resource_policy;
pub(crate) mod register_stream_consumer;
pub(crate) mod remove_tags_from_stream;
mod resource;
mod shapes;
pub(crate) mod split_shard;
pub(crate) mod start_stream_encryption;
mod starting_position;
pub(crate) mod stop_stream_encryption;
pub(crate) mod subscribe_to_shard;
pub(crate) mod tag_resource;
mod tags;
pub(crate) mod untag_resource;
pub(crate) mod update_account_settings;
pub(crate) mod update_max_record_size;
pub(crate) mod update_shard_count;
pub(crate) mod update_stream_mode;
pub(crate) mod update_stream_record_distribution_strategy;
pub(crate) mod update_stream_warm_throughput;

use crate::{
    Kinesis,
    access::{About, Subject, guarded_event_op, guarded_op},
    catalog::{Action, Address, Answer, Command, Setting},
    duties,
    errors::{self, Result},
    target::{self, Target},
};
pub(crate) use fan_out::FanOut;
#[cfg(test)]
pub(crate) use fan_out::Subscription;
use headwater_log::LogError;
use headwater_wire::{Caller, Row};

/// The [`Target`] of an input that may name its stream by name or by ARN.
macro_rules! named {
    ($input:expr) => {
        $crate::target::Target { name: $input.stream_name.as_deref(), arn: $input.stream_arn.as_deref() }
    };
}
use named;

/// What an input is about that may name its stream by name or by ARN.
macro_rules! on_stream {
    ($input:expr) => {
        About::from(Subject::Stream(named!($input)))
    };
}

/// What an input is about that names a resource by its ARN.
macro_rules! on_resource {
    ($input:expr) => {
        About::from(Subject::Stream(Target::arn(&$input.resource_arn)))
    };
}

/// What an input is about that names a consumer by its ARN, or by its stream and name.
macro_rules! on_consumer {
    ($input:expr) => {
        About::from(Subject::Stream(Target {
            name: None,
            arn: $input.consumer_arn.as_deref().or($input.stream_arn.as_deref()),
        }))
    };
}

/// Every operation the service can do.
#[must_use]
pub fn operations() -> Vec<Row<Kinesis>> {
    vec![
        guarded_op(add_tags_to_stream::run, |input| About { tags: Some(&input.tags), ..on_stream!(input) }),
        guarded_op(create_stream::run, |input| About {
            subject: Subject::Stream(Target { name: Some(&input.stream_name), arn: None }),
            tags: input.tags.as_ref(),
        }),
        guarded_op(decrease_stream_retention_period::run, |input| on_stream!(input)),
        guarded_op(delete_resource_policy::run, |input| on_resource!(input)),
        guarded_op(delete_stream::run, |input| on_stream!(input)),
        guarded_op(deregister_stream_consumer::run, |input| on_consumer!(input)),
        guarded_op(describe_account_settings::run, |_| Subject::Nothing.into()),
        guarded_op(describe_limits::run, |_| Subject::Nothing.into()),
        guarded_op(describe_stream::run, |input| on_stream!(input)),
        guarded_op(describe_stream_consumer::run, |input| on_consumer!(input)),
        guarded_op(describe_stream_summary::run, |input| on_stream!(input)),
        guarded_op(disable_enhanced_monitoring::run, |input| on_stream!(input)),
        guarded_op(enable_enhanced_monitoring::run, |input| on_stream!(input)),
        guarded_op(get_records::run, |input| Subject::Iterator(&input.shard_iterator).into()),
        guarded_op(get_resource_policy::run, |input| on_resource!(input)),
        guarded_op(get_shard_iterator::run, |input| on_stream!(input)),
        guarded_op(increase_stream_retention_period::run, |input| on_stream!(input)),
        guarded_op(list_shards::run, |input| match &input.next_token {
            Some(token) => Subject::Page(token).into(),
            None => on_stream!(input),
        }),
        guarded_op(list_stream_consumers::run, |input| Subject::Stream(Target::arn(&input.stream_arn)).into()),
        guarded_op(list_streams::run, |_| Subject::Nothing.into()),
        guarded_op(list_tags_for_resource::run, |input| on_resource!(input)),
        guarded_op(list_tags_for_stream::run, |input| on_stream!(input)),
        guarded_op(merge_shards::run, |input| on_stream!(input)),
        guarded_op(put_record::run, |input| on_stream!(input)),
        guarded_op(put_records::run, |input| on_stream!(input)),
        guarded_op(put_resource_policy::run, |input| on_resource!(input)),
        guarded_op(register_stream_consumer::run, |input| About {
            subject: Subject::Stream(Target::arn(&input.stream_arn)),
            tags: input.tags.as_ref(),
        }),
        guarded_op(remove_tags_from_stream::run, |input| on_stream!(input)),
        guarded_op(split_shard::run, |input| on_stream!(input)),
        guarded_op(start_stream_encryption::run, |input| on_stream!(input)),
        guarded_op(stop_stream_encryption::run, |input| on_stream!(input)),
        guarded_event_op(subscribe_to_shard::run, |input| Subject::Stream(Target::arn(&input.consumer_arn)).into()),
        guarded_op(tag_resource::run, |input| About { tags: Some(&input.tags), ..on_resource!(input) }),
        guarded_op(untag_resource::run, |input| on_resource!(input)),
        guarded_op(update_account_settings::run, |_| Subject::Nothing.into()),
        guarded_op(update_max_record_size::run, |input| {
            Subject::Stream(Target { name: None, arn: input.stream_arn.as_deref() }).into()
        }),
        guarded_op(update_shard_count::run, |input| on_stream!(input)),
        guarded_op(update_stream_mode::run, |input| Subject::Stream(Target::arn(&input.stream_arn)).into()),
        guarded_op(update_stream_record_distribution_strategy::run, |input| {
            Subject::Stream(Target::arn(&input.stream_arn)).into()
        }),
        guarded_op(update_stream_warm_throughput::run, |input| on_stream!(input)),
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
    "DescribeChannel",
    "DescribeQueue",
    "ListChannels",
    "ListQueues",
    "ReceiveDeadLetterQueueRecords",
    "ReceiveQueueRecords",
    "RestoreDeadLetterQueueRecords",
    "UpdateChannel",
    "UpdateDeadLetterQueueRecordsVisibility",
    "UpdateQueue",
    "UpdateQueueRecordsVisibility",
];

impl Kinesis {
    /// The address of the stream meant, for a command about it.
    fn address(&self, caller: &Caller, target: Target<'_>) -> Result<Address> {
        Ok(target::address(caller, target.name(caller)?))
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

    /// Has a setting of a stream changed.
    async fn configure(&self, address: Address, setting: Setting) -> Result<Answer> {
        self.configure_for(None, address, setting).await
    }

    /// Has a setting changed that was made for one incarnation of a stream, and is of use to no other.
    async fn configure_for(&self, made_for: Option<u128>, address: Address, setting: Setting) -> Result<Answer> {
        let (quota, transition_ms) = (self.quota(), self.settings.transition_ms);
        self.submit(address, Action::Configure { setting, made_for, quota, transition_ms }).await
    }

    /// Has the catalog decide on a reshard and, where nothing is to be waited for, carries it out.
    async fn reshard(&self, address: Address, action: Action) -> Result<Answer> {
        let answer = self.submit(address.clone(), action).await?;
        if self.settings.transition_ms == 0 {
            match duties::settle(self, &address).await {
                // The reshard itself is decided, and whoever does duties sees to what is left of it.
                Err(LogError::Unavailable(_)) if self.engine.is_shared() => {}
                settled => settled.map_err(|error| errors::engine(&error))?,
            }
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
