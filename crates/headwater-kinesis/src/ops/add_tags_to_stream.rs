//! AddTagsToStream: sets tags, keeping the others.
use super::{named, tags};
use crate::{Kinesis, catalog::Action, errors::Result};
use headwater_wire::{Caller, kinesis::AddTagsToStreamInput};
use std::sync::Arc;

/// What an account may call each second under rate limits.
const CALLS_PER_SECOND: u64 = 5;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: AddTagsToStreamInput) -> Result<()> {
    let address = kinesis.address(&caller, named!(input))?;
    kinesis.admit("AddTagsToStream", CALLS_PER_SECOND, &caller, Some(&address.name))?;
    kinesis.known(&address)?;
    tags::check_set(&input.tags, &address.name, &caller.account)?;
    kinesis.submit(address, Action::Tag { tags: input.tags }).await?;
    Ok(())
}
