//! UpdateDestination: changes a delivery stream's destination, or puts another kind in its place.
use super::create_delivery_stream::one;
use crate::{
    Firehose,
    catalog::{Action, DESTINATION_ID, DeliveryStream, DestinationUpdate},
    errors::{self, Result},
    plan, target,
};
use headwater_wire::{
    Caller,
    firehose::{UpdateDestinationInput, UpdateDestinationOutput},
};
use std::sync::Arc;

pub(crate) async fn run(
    firehose: Arc<Firehose>,
    caller: Caller,
    mut input: UpdateDestinationInput,
) -> Result<UpdateDestinationOutput> {
    let update = destination(&mut input)?;
    let name = &input.delivery_stream_name;
    let held = |stream: &DeliveryStream| (stream.incarnation, stream.version, stream.destination.clone());
    let (incarnation, version, destination) = firehose.with_stream(&caller, name, held)?;
    let address = target::address(&caller, name);
    // It is checked again when the change is decided; what a change is merged into must be what it was meant for.
    if input.current_delivery_stream_version_id != version.to_string() {
        return Err(errors::version_changed(&address, &input.current_delivery_stream_version_id, version));
    }
    if input.destination_id != DESTINATION_ID {
        return Err(errors::destination_unknown(&input.destination_id, &address));
    }
    let destination = destination.merge(update)?;
    plan::check(&destination)?;
    firehose.submit(&caller, name, Action::Update { incarnation, version, destination }).await?;
    Ok(UpdateDestinationOutput {})
}

/// The one change that is asked for.
fn destination(input: &mut UpdateDestinationInput) -> Result<DestinationUpdate> {
    let others = [
        ("RedshiftDestinationUpdate", input.redshift_destination_update.is_some()),
        ("ElasticsearchDestinationUpdate", input.elasticsearch_destination_update.is_some()),
        ("AmazonopensearchserviceDestinationUpdate", input.amazonopensearchservice_destination_update.is_some()),
        ("SplunkDestinationUpdate", input.splunk_destination_update.is_some()),
        (
            "AmazonOpenSearchServerlessDestinationUpdate",
            input.amazon_open_search_serverless_destination_update.is_some(),
        ),
        ("SnowflakeDestinationUpdate", input.snowflake_destination_update.is_some()),
        ("IcebergDestinationUpdate", input.iceberg_destination_update.is_some()),
    ];
    let wanted = [
        input.s3_destination_update.take().map(DestinationUpdate::from),
        input.extended_s3_destination_update.take().map(DestinationUpdate::ExtendedS3),
        input.http_endpoint_destination_update.take().map(DestinationUpdate::Http),
    ];
    one(others, wanted)
}
