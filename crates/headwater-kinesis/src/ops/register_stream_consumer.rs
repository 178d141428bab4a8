//! RegisterStreamConsumer: a reader that records are to be pushed to.
use super::{consumers, tags};
use crate::{
    Kinesis,
    catalog::{Action, ConsumerAction, ConsumerQuota},
    errors::{self, Result},
    target::Target,
};
use headwater_wire::{
    Caller,
    kinesis::{RegisterStreamConsumerInput, RegisterStreamConsumerOutput},
};
use std::sync::Arc;

/// What an account may call each second under rate limits.
const CALLS_PER_SECOND: u64 = 5;
/// Consumers a stream may have, and in an account committed to a minimum of throughput.
const CONSUMERS: usize = 20;
const COMMITTED_CONSUMERS: usize = 50;
/// Consumers a stream may have in creation at a time, under rate limits.
const CREATING_CONSUMERS: usize = 5;

pub(crate) async fn run(
    kinesis: Arc<Kinesis>,
    caller: Caller,
    input: RegisterStreamConsumerInput,
) -> Result<RegisterStreamConsumerOutput> {
    let target = Target { name: None, arn: Some(&input.stream_arn) };
    let address = kinesis.address(&caller, target)?;
    kinesis.admit("RegisterStreamConsumer", CALLS_PER_SECOND, &caller, Some(&address.name))?;
    kinesis.known(&address)?;
    let tags = input.tags.unwrap_or_default();
    tags::check_set(&tags, &address.name, &caller.account)?;
    let commitment = kinesis.catalog.read().commitment(&address.scope.account, &address.scope.region);
    let is_committed = commitment.is_some_and(|held| held.holds(kinesis.clock.now_ms()));
    let quota = ConsumerQuota {
        registered: if is_committed { COMMITTED_CONSUMERS } else { CONSUMERS },
        creating: if kinesis.settings.rate_limits { CREATING_CONSUMERS } else { usize::MAX },
    };
    let (name, transition_ms) = (input.consumer_name, kinesis.settings.transition_ms);
    let action = ConsumerAction::Register { name: name.clone(), tags, quota, transition_ms };
    kinesis.submit(address.clone(), Action::Consumer(action)).await?;
    let catalog = kinesis.catalog.read();
    let stream = catalog.stream(&address.scope.account, &address.scope.region, &address.name);
    // Whoever deleted it in the same moment came later.
    let missing = || errors::consumer_not_found(&name, &address.scope.account);
    let consumer = stream.and_then(|stream| stream.consumers.get(&name)).ok_or_else(missing)?;
    Ok(RegisterStreamConsumerOutput { consumer: consumers::shown(&address, &name, consumer) })
}
