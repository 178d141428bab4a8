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
    let transition_ms = firehose.settings.transition_ms;
    let action = Action::SetEncryption { key: None, transition_ms };
    firehose.submit(&caller, &input.delivery_stream_name, action).await?;
    Ok(StopDeliveryStreamEncryptionOutput {})
}
