//! DeleteStream: the name is freed, the records go.
use super::named;
use crate::{Kinesis, catalog::Action, errors::Result};
use headwater_wire::{Caller, kinesis::DeleteStreamInput};
use std::sync::Arc;

/// What an account may call each second under rate limits.
const CALLS_PER_SECOND: u64 = 5;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: DeleteStreamInput) -> Result<()> {
    let address = kinesis.address(&caller, named!(input))?;
    kinesis.admit("DeleteStream", CALLS_PER_SECOND, &caller, Some(&address.name))?;
    let (enforce, transition_ms) = (input.enforce_consumer_deletion == Some(true), kinesis.settings.transition_ms);
    kinesis.submit(address, Action::Delete { enforce, transition_ms }).await?;
    Ok(())
}
