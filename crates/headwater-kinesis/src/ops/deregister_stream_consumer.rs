//! DeregisterStreamConsumer: a consumer goes, and its subscriptions end.
use super::consumers::{self, Named};
use crate::{
    Kinesis,
    catalog::{Action, ConsumerAction},
    errors::Result,
};
use headwater_wire::{Caller, kinesis::DeregisterStreamConsumerInput};
use std::sync::Arc;

/// What an account may call each second under rate limits.
const CALLS_PER_SECOND: u64 = 5;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: DeregisterStreamConsumerInput) -> Result<()> {
    let found = consumers::find(
        &kinesis,
        &caller,
        Named {
            consumer_arn: input.consumer_arn.as_deref(),
            consumer_name: input.consumer_name.as_deref(),
            stream_arn: input.stream_arn.as_deref(),
        },
    )?;
    kinesis.admit("DeregisterStreamConsumer", CALLS_PER_SECOND, &caller, Some(&found.address.name))?;
    let transition_ms = kinesis.settings.transition_ms;
    let action = ConsumerAction::Deregister { name: found.name, transition_ms };
    kinesis.submit(found.address, Action::Consumer(action)).await?;
    Ok(())
}
