//! CreateDeliveryStream: a new delivery stream, from a source to one destination.
use super::{check_tag_keys, new_key, tag_map};
use crate::{
    Firehose,
    catalog::{Action, Destination, DestinationUpdate, NewDeliveryStream, Source},
    errors::{self, Result},
    plan, target,
};
use headwater_wire::{
    Caller,
    firehose::{CreateDeliveryStreamInput, CreateDeliveryStreamOutput, DeliveryStreamType},
};
use std::sync::Arc;

/// The first of a delivery stream's data keys.
const FIRST_KEY: u32 = 1;

pub(crate) async fn run(
    firehose: Arc<Firehose>,
    caller: Caller,
    mut input: CreateDeliveryStreamInput,
) -> Result<CreateDeliveryStreamOutput> {
    let wanted = destination(&mut input)?;
    let source = source(&firehose, &input)?;
    let destination = Destination::new(wanted)?;
    plan::check(&destination)?;
    let tags = tag_map(input.tags.as_deref().unwrap_or_default());
    check_tag_keys(tags.keys())?;
    let incarnation = (firehose.entropy)();
    let key = match &input.delivery_stream_encryption_configuration_input {
        None => None,
        Some(_) if !matches!(source, Source::DirectPut { .. }) => {
            return Err(errors::encryption_of_source(&target::address(&caller, &input.delivery_stream_name)));
        }
        Some(wanted) => {
            let found = new_key::find(&firehose, &caller, wanted)?;
            Some(new_key::create(&firehose, found, incarnation, FIRST_KEY))
        }
    };
    let new = NewDeliveryStream { incarnation, source, destination, tags, key };
    let (limit, transition_ms) = (firehose.settings.stream_limit, firehose.settings.transition_ms);
    firehose.submit(&caller, &input.delivery_stream_name, Action::Create { new, limit, transition_ms }).await?;
    let arn = target::arn(&caller.account, &caller.region, &input.delivery_stream_name);
    Ok(CreateDeliveryStreamOutput { delivery_stream_arn: Some(arn) })
}

/// The one destination that is asked for.
fn destination(input: &mut CreateDeliveryStreamInput) -> Result<DestinationUpdate> {
    let others = [
        ("RedshiftDestinationConfiguration", input.redshift_destination_configuration.is_some()),
        ("ElasticsearchDestinationConfiguration", input.elasticsearch_destination_configuration.is_some()),
        (
            "AmazonopensearchserviceDestinationConfiguration",
            input.amazonopensearchservice_destination_configuration.is_some(),
        ),
        ("SplunkDestinationConfiguration", input.splunk_destination_configuration.is_some()),
        (
            "AmazonOpenSearchServerlessDestinationConfiguration",
            input.amazon_open_search_serverless_destination_configuration.is_some(),
        ),
        ("SnowflakeDestinationConfiguration", input.snowflake_destination_configuration.is_some()),
        ("IcebergDestinationConfiguration", input.iceberg_destination_configuration.is_some()),
    ];
    let wanted = [
        input.s3_destination_configuration.take().map(DestinationUpdate::from),
        input.extended_s3_destination_configuration.take().map(DestinationUpdate::from),
        input.http_endpoint_destination_configuration.take().map(DestinationUpdate::from),
    ];
    one(others, wanted)
}

/// The one that is wanted, if it is offered.
pub(super) fn one<const N: usize>(
    others: [(&'static str, bool); N],
    wanted: [Option<DestinationUpdate>; 3],
) -> Result<DestinationUpdate> {
    let mut others = others.into_iter().filter(|(_, is_wanted)| *is_wanted).map(|(name, _)| name);
    let mut wanted = wanted.into_iter().flatten();
    match (others.next(), wanted.next()) {
        (Some(other), None) if others.next().is_none() => Err(errors::not_offered(other)),
        (None, Some(one)) if wanted.next().is_none() => Ok(one),
        _ => Err(errors::one_destination()),
    }
}

fn source(firehose: &Firehose, input: &CreateDeliveryStreamInput) -> Result<Source> {
    let kind = input.delivery_stream_type.unwrap_or(DeliveryStreamType::DirectPut);
    let not_offered = [
        ("MSKSourceConfiguration", input.msk_source_configuration.is_some(), DeliveryStreamType::MskAsSource),
        (
            "DatabaseSourceConfiguration",
            input.database_source_configuration.is_some(),
            DeliveryStreamType::DatabaseAsSource,
        ),
    ];
    if let Some((name, ..)) = not_offered.iter().find(|(_, is_set, of)| *is_set || *of == kind) {
        return Err(errors::source_not_offered(name));
    }
    let (direct, kinesis) = (&input.direct_put_source_configuration, &input.kinesis_stream_source_configuration);
    match (kind, direct, kinesis) {
        (DeliveryStreamType::KinesisStreamAsSource, Some(_), _) => {
            Err(errors::source_unexpected("DirectPutSourceConfiguration", kind.as_str()))
        }
        (DeliveryStreamType::KinesisStreamAsSource, None, None) => Err(errors::source_missing()),
        (DeliveryStreamType::KinesisStreamAsSource, None, Some(wanted)) => {
            let stream_arn = wanted.kinesis_stream_arn.clone();
            if firehose.source.shards(&stream_arn).is_none() {
                return Err(errors::source_stream_not_found(&stream_arn));
            }
            let start_ms = firehose.clock.now_ms();
            Ok(Source::Kinesis { stream_arn, role_arn: wanted.role_arn.clone(), start_ms })
        }
        (_, _, Some(_)) => Err(errors::source_unexpected("KinesisStreamSourceConfiguration", kind.as_str())),
        (_, direct, None) => {
            Ok(Source::DirectPut { throughput_hint: direct.as_ref().map(|direct| direct.throughput_hint_in_m_bs) })
        }
    }
}
