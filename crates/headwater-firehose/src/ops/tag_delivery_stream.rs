//! TagDeliveryStream: a delivery stream gets tags; those of the same keys get new values.
use super::{check_tag_keys, tag_map};
use crate::{Firehose, catalog::Action, errors::Result};
use headwater_wire::{
    Caller,
    firehose::{TagDeliveryStreamInput, TagDeliveryStreamOutput},
};
use std::sync::Arc;

pub(crate) async fn run(
    firehose: Arc<Firehose>,
    caller: Caller,
    input: TagDeliveryStreamInput,
) -> Result<TagDeliveryStreamOutput> {
    let tags = tag_map(&input.tags);
    check_tag_keys(tags.keys())?;
    firehose.submit(&caller, &input.delivery_stream_name, Action::Tag { tags }).await?;
    Ok(TagDeliveryStreamOutput {})
}
