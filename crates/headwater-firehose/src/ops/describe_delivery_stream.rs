//! DescribeDeliveryStream: a delivery stream with its source and its destination.
use crate::{
    Firehose,
    catalog::{DESTINATION_ID, DeliveryStream, Destination, KeyOwner, Source},
    errors::Result,
    target,
};
use headwater_wire::{
    Caller, Timestamp,
    firehose::{
        DeliveryStreamDescription, DeliveryStreamEncryptionConfiguration, DeliveryStreamEncryptionStatus,
        DeliveryStreamType, DescribeDeliveryStreamInput, DescribeDeliveryStreamOutput, DestinationDescription,
        DirectPutSourceDescription, ExtendedS3DestinationDescription, KeyType, KinesisStreamSourceDescription,
        S3DestinationDescription, SourceDescription,
    },
};
use std::sync::Arc;

pub(crate) async fn run(
    firehose: Arc<Firehose>,
    caller: Caller,
    input: DescribeDeliveryStreamInput,
) -> Result<DescribeDeliveryStreamOutput> {
    // There is one destination, and a page holds one at least.
    let DescribeDeliveryStreamInput { delivery_stream_name: name, limit: _, exclusive_start_destination_id: after } =
        input;
    let is_shown = after.is_none_or(|after| &*after < DESTINATION_ID);
    let now_ms = firehose.clock.now_ms();
    let describe = |stream: &DeliveryStream| DeliveryStreamDescription {
        delivery_stream_arn: target::arn(&caller.account, &caller.region, &name),
        delivery_stream_name: name.clone(),
        delivery_stream_status: stream.status(),
        failure_description: stream.failure.clone(),
        delivery_stream_encryption_configuration: Some(encryption(stream, now_ms)),
        delivery_stream_type: kind(&stream.source),
        version_id: stream.version.to_string(),
        create_timestamp: Some(timestamp(stream.created_ms)),
        last_update_timestamp: stream.updated_ms.map(timestamp),
        source: source(&stream.source),
        destinations: is_shown.then(|| destination(&stream.destination)).into_iter().collect(),
        has_more_destinations: false,
    };
    let delivery_stream_description = firehose.with_stream(&caller, &name, describe)?;
    Ok(DescribeDeliveryStreamOutput { delivery_stream_description })
}

fn timestamp(time_ms: u64) -> Timestamp {
    Timestamp(i64::try_from(time_ms).unwrap_or(i64::MAX))
}

/// The type as the service names it.
pub(super) const fn kind(source: &Source) -> DeliveryStreamType {
    match source {
        Source::DirectPut { .. } => DeliveryStreamType::DirectPut,
        Source::Kinesis { .. } => DeliveryStreamType::KinesisStreamAsSource,
    }
}

fn source(source: &Source) -> Option<SourceDescription> {
    match source {
        Source::DirectPut { throughput_hint: None } => None,
        Source::DirectPut { throughput_hint } => Some(SourceDescription {
            direct_put_source_description: Some(DirectPutSourceDescription {
                throughput_hint_in_m_bs: *throughput_hint,
            }),
            ..SourceDescription::default()
        }),
        Source::Kinesis { stream_arn, role_arn, start_ms } => Some(SourceDescription {
            kinesis_stream_source_description: Some(KinesisStreamSourceDescription {
                kinesis_stream_arn: Some(stream_arn.clone()),
                role_arn: Some(role_arn.clone()),
                delivery_start_timestamp: Some(timestamp(*start_ms)),
            }),
            ..SourceDescription::default()
        }),
    }
}

fn encryption(stream: &DeliveryStream, now_ms: u64) -> DeliveryStreamEncryptionConfiguration {
    let is_changing = stream.encryption_due_ms > now_ms;
    let Some(used) = &stream.encryption else {
        let status = if is_changing {
            DeliveryStreamEncryptionStatus::Disabling
        } else {
            DeliveryStreamEncryptionStatus::Disabled
        };
        return DeliveryStreamEncryptionConfiguration { status: Some(status), ..Default::default() };
    };
    let wrapped = stream.keys.iter().find(|key| key.generation == used.generation);
    let (key_type, key_arn) = match used.owner {
        KeyOwner::Aws => (KeyType::AwsOwnedCmk, None),
        KeyOwner::Customer => (KeyType::CustomerManagedCmk, wrapped.map(|key| key.key_arn.clone())),
    };
    let status =
        if is_changing { DeliveryStreamEncryptionStatus::Enabling } else { DeliveryStreamEncryptionStatus::Enabled };
    DeliveryStreamEncryptionConfiguration {
        key_arn,
        key_type: Some(key_type),
        status: Some(status),
        failure_description: None,
    }
}

fn destination(destination: &Destination) -> DestinationDescription {
    let shown = DestinationDescription { destination_id: DESTINATION_ID.to_owned(), ..Default::default() };
    match destination {
        Destination::ExtendedS3(s3) => DestinationDescription {
            s3_destination_description: Some(older_form(s3)),
            extended_s3_destination_description: Some(s3.clone()),
            ..shown
        },
        Destination::Http(http) => {
            DestinationDescription { http_endpoint_destination_description: Some(http.description.clone()), ..shown }
        }
    }
}

/// What clients of the older form are shown of a destination in S3.
fn older_form(s3: &ExtendedS3DestinationDescription) -> S3DestinationDescription {
    S3DestinationDescription {
        role_arn: s3.role_arn.clone(),
        bucket_arn: s3.bucket_arn.clone(),
        prefix: s3.prefix.clone(),
        error_output_prefix: s3.error_output_prefix.clone(),
        buffering_hints: s3.buffering_hints.clone(),
        compression_format: s3.compression_format,
        encryption_configuration: s3.encryption_configuration.clone(),
        cloud_watch_logging_options: s3.cloud_watch_logging_options.clone(),
    }
}
