//! RemoveTagsFromStream: takes tags away; those not there are ignored.
use super::{named, tags};
use crate::{Kinesis, catalog::Action, errors::Result};
use headwater_wire::{Caller, kinesis::RemoveTagsFromStreamInput};
use std::sync::Arc;

/// What an account may call each second under rate limits.
const CALLS_PER_SECOND: u64 = 5;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: RemoveTagsFromStreamInput) -> Result<()> {
    let address = kinesis.address(&caller, named!(input))?;
    kinesis.admit("RemoveTagsFromStream", CALLS_PER_SECOND, &caller, Some(&address.name))?;
    kinesis.known(&address)?;
    tags::check_removed(&input.tag_keys, &address.name, &caller.account)?;
    kinesis.submit(address, Action::Untag { keys: input.tag_keys }).await?;
    Ok(())
}
