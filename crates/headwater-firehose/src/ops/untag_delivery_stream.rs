//! UntagDeliveryStream: takes tags away from a delivery stream; keys it does not have are ignored.
use super::check_tag_keys;
use crate::{Firehose, catalog::Action, errors::Result};
use headwater_wire::{
    Caller,
    firehose::{UntagDeliveryStreamInput, UntagDeliveryStreamOutput},
};
use std::sync::Arc;

pub(crate) async fn run(
    firehose: Arc<Firehose>,
    caller: Caller,
    input: UntagDeliveryStreamInput,
) -> Result<UntagDeliveryStreamOutput> {
    check_tag_keys(input.tag_keys.iter())?;
    firehose.submit(&caller, &input.delivery_stream_name, Action::Untag { keys: input.tag_keys }).await?;
    Ok(UntagDeliveryStreamOutput {})
}
