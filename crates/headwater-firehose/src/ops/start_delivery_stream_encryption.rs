//! StartDeliveryStreamEncryption: what is put from then on is encrypted, under the service's key or the caller's.
use super::new_key;
use crate::{
    Firehose,
    catalog::{Action, DeliveryStream},
    errors::Result,
};
use headwater_wire::{
    Caller,
    firehose::{StartDeliveryStreamEncryptionInput, StartDeliveryStreamEncryptionOutput},
};
use std::sync::Arc;

pub(crate) async fn run(
    firehose: Arc<Firehose>,
    caller: Caller,
    input: StartDeliveryStreamEncryptionInput,
) -> Result<StartDeliveryStreamEncryptionOutput> {
    let name = &input.delivery_stream_name;
    let place =
        |stream: &DeliveryStream| (stream.incarnation, stream.keys.last().map_or(1, |last| last.generation + 1));
    let (incarnation, generation) = firehose.with_stream(&caller, name, place)?;
    let wanted = input.delivery_stream_encryption_configuration_input.unwrap_or_default();
    let found = new_key::find(&firehose, &caller, &wanted)?;
    let key = Some(new_key::create(&firehose, found, incarnation, generation));
    let transition_ms = firehose.settings.transition_ms;
    firehose.submit(&caller, name, Action::SetEncryption { incarnation, key, transition_ms }).await?;
    Ok(StartDeliveryStreamEncryptionOutput {})
}
