//! StopDeliveryStreamEncryption: what is put from then on is not encrypted; what is, stays so and readable.
use crate::{Firehose, catalog::Action, errors::Result};
use headwater_wire::{
    Caller,
    firehose::{StopDeliveryStreamEncryptionInput, StopDeliveryStreamEncryptionOutput},
};
use std::sync::Arc;

pub(crate) async fn run(
    firehose: Arc<Firehose>,
    caller: Caller,
    input: StopDeliveryStreamEncryptionInput,
) -> Result<StopDeliveryStreamEncryptionOutput> {
    let name = &input.delivery_stream_name;
    let incarnation = firehose.with_stream(&caller, name, |stream| stream.incarnation)?;
    let transition_ms = firehose.settings.transition_ms;
    firehose.submit(&caller, name, Action::SetEncryption { incarnation, key: None, transition_ms }).await?;
    Ok(StopDeliveryStreamEncryptionOutput {})
}
