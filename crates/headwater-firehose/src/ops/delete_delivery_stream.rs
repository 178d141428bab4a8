//! DeleteDeliveryStream: a delivery stream goes, with what it has not delivered.
use crate::{Firehose, catalog::Action, errors::Result};
use headwater_wire::{
    Caller,
    firehose::{DeleteDeliveryStreamInput, DeleteDeliveryStreamOutput},
};
use std::sync::Arc;

pub(crate) async fn run(
    firehose: Arc<Firehose>,
    caller: Caller,
    input: DeleteDeliveryStreamInput,
) -> Result<DeleteDeliveryStreamOutput> {
    // No grant has to be retired at a key service first, so there is nothing that deleting would have to be forced past.
    let DeleteDeliveryStreamInput { delivery_stream_name, allow_force_delete: _ } = input;
    let transition_ms = firehose.settings.transition_ms;
    firehose.submit(&caller, &delivery_stream_name, Action::Delete { transition_ms }).await?;
    Ok(DeleteDeliveryStreamOutput {})
}
