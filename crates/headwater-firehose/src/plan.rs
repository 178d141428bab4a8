//! How a delivery stream delivers: its destination's settings, read and checked once.
//!
//! Invariant: what is kept in the catalog has passed through here, so that delivery never meets a setting it cannot follow.
use crate::{
    buffer::Hints,
    catalog::Destination,
    compress::Codec,
    convert,
    errors::{self, Result},
    prefix::{self, Prefix},
    process::Steps,
};
use headwater_wire::firehose::{
    BufferingHints, CompressionFormat, ContentEncoding, ExtendedS3DestinationDescription,
    HttpEndpointDestinationDescription, HttpEndpointS3BackupMode, ProcessingConfiguration, S3BackupMode,
    S3DestinationDescription, SchemaConfiguration,
};
use jiff::tz::TimeZone;

/// What an object takes at most where nothing is said, in MiB, and how long its records wait, in seconds.
const SIZE_MIB: i32 = 5;
const INTERVAL_S: i32 = 300;
/// What buffers of converted and of partitioned records have at least, in MiB.
const LARGE_MIB: i32 = 64;
/// How long delivery to a partition or an endpoint is tried where nothing is said, in seconds.
const RETRY_S: i32 = 300;

/// How to deliver.
pub(crate) struct Plan {
    pub(crate) steps: Steps,
    pub(crate) hints: Hints,
    pub(crate) good: Good,
    /// Where good records go as objects, and errors whatever the destination.
    pub(crate) bucket: Bucket,
    /// Where everything goes as it came, if it does.
    pub(crate) raw: Option<(Bucket, Hints)>,
    /// Good records go by their keys.
    pub(crate) is_partitioned: bool,
}

/// Where good records go.
pub(crate) enum Good {
    /// Into objects, as they are or converted.
    Objects { conversion: Option<Conversion>, retry_ms: Option<u64> },
    /// To an endpoint.
    Endpoint(Endpoint),
}

/// How records are converted.
pub(crate) struct Conversion {
    pub(crate) plan: convert::Plan,
    /// As it was given, for those that are told what a record did not fit.
    schema: SchemaConfiguration,
}

/// Where objects go, and what they look like.
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) prefix: Prefix,
    pub(crate) error_prefix: Prefix,
    pub(crate) codec: Codec,
    /// What stands in the place of the codec's, if something does.
    pub(crate) extension: Option<String>,
    pub(crate) zone: TimeZone,
}

/// An endpoint that takes records.
pub(crate) struct Endpoint {
    pub(crate) url: String,
    pub(crate) access_key: Option<String>,
    pub(crate) is_compressed: bool,
    /// Names and values sent along.
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) retry_ms: u64,
}

/// Whether a destination can be delivered to.
///
/// # Errors
/// What is wrong with it, as the service says it.
pub(crate) fn check(destination: &Destination) -> Result<()> {
    Plan::of(destination).map(drop)
}

impl Plan {
    /// How to deliver to `destination`.
    ///
    /// # Errors
    /// What is wrong with it, as the service says it.
    pub(crate) fn of(destination: &Destination) -> Result<Self> {
        let plan = match destination {
            Destination::ExtendedS3(it) => Self::objects(it),
            Destination::Http(it) => Self::endpoint(&it.description, it.access_key.as_ref().map(|key| key.0.clone())),
        };
        plan.map_err(errors::invalid_argument)
    }

    /// What good records are converted to, as it was given.
    pub(crate) fn schema(&self) -> Option<&SchemaConfiguration> {
        match &self.good {
            Good::Objects { conversion, .. } => conversion.as_ref().map(|conversion| &conversion.schema),
            Good::Endpoint(_) => None,
        }
    }

    fn objects(it: &ExtendedS3DestinationDescription) -> std::result::Result<Self, String> {
        let partitioning = it.dynamic_partitioning_configuration.as_ref();
        let partitioning = partitioning.filter(|partitioning| partitioning.enabled == Some(true));
        let is_converted = it
            .data_format_conversion_configuration
            .as_ref()
            .is_some_and(|conversion| conversion.enabled != Some(false));
        check_gathering(it, is_converted, partitioning.is_some())?;
        let steps = steps(it.processing_configuration.as_ref(), partitioning.is_some())?;
        let (prefix, error_prefix) = (it.prefix.as_deref(), it.error_output_prefix.as_deref());
        prefix::check(prefix, error_prefix, partitioning.is_some(), steps.query_keys(), steps.function().is_some())?;
        let conversion = match &it.data_format_conversion_configuration {
            Some(conversion) => convert::Plan::of(conversion)?
                .map(|plan| Conversion { plan, schema: conversion.schema_configuration.clone().unwrap_or_default() }),
            None => None,
        };
        let extension = it.file_extension.clone().filter(|extension| !extension.is_empty());
        let retry_s = |s: Option<i32>| ms(s.unwrap_or(RETRY_S));
        let retry_ms =
            partitioning.map(|it| retry_s(it.retry_options.as_ref().and_then(|options| options.duration_in_seconds)));
        let raw = match (it.s3_backup_mode, &it.s3_backup_description) {
            (Some(S3BackupMode::Enabled), Some(backup)) => Some((bucket(backup)?, hints(&backup.buffering_hints))),
            _ => None,
        };
        Ok(Self {
            steps,
            hints: hints(&it.buffering_hints),
            bucket: Bucket {
                name: bucket_name(&it.bucket_arn)?,
                prefix: Prefix::parse(prefix)?,
                error_prefix: Prefix::of_errors(prefix, error_prefix)?,
                codec: Codec::from(it.compression_format),
                extension: extension.or_else(|| conversion.as_ref().map(|_| ".parquet".into())),
                zone: prefix::zone(it.custom_time_zone.as_deref())?,
            },
            good: Good::Objects { conversion, retry_ms },
            raw,
            is_partitioned: partitioning.is_some(),
        })
    }

    fn endpoint(
        it: &HttpEndpointDestinationDescription,
        access_key: Option<String>,
    ) -> std::result::Result<Self, String> {
        if it.secrets_manager_configuration.as_ref().is_some_and(|secrets| secrets.enabled) {
            return Err(
                "There is no Secrets Manager to take the access key from: set EndpointConfiguration.AccessKey.".into(),
            );
        }
        let backup = it.s3_destination_description.as_ref().ok_or("S3Configuration is required")?;
        let backup_hints = hints(&backup.buffering_hints);
        let request = it.request_configuration.as_ref();
        let attributes = request.and_then(|request| request.common_attributes.as_ref());
        let endpoint = Endpoint {
            url: it.endpoint_configuration.as_ref().and_then(|it| it.url.clone()).unwrap_or_default(),
            access_key,
            is_compressed: request.and_then(|it| it.content_encoding) == Some(ContentEncoding::Gzip),
            attributes: attributes
                .into_iter()
                .flatten()
                .map(|it| (it.attribute_name.clone(), it.attribute_value.clone()))
                .collect(),
            retry_ms: ms(it.retry_options.as_ref().and_then(|it| it.duration_in_seconds).unwrap_or(RETRY_S)),
        };
        let is_all = it.s3_backup_mode == Some(HttpEndpointS3BackupMode::AllData);
        let asked = it.buffering_hints.as_ref();
        Ok(Self {
            steps: steps(it.processing_configuration.as_ref(), false)?,
            hints: sized(asked.and_then(|it| it.size_in_m_bs), asked.and_then(|it| it.interval_in_seconds)),
            good: Good::Endpoint(endpoint),
            bucket: bucket(backup)?,
            raw: if is_all { Some((bucket(backup)?, backup_hints)) } else { None },
            is_partitioned: false,
        })
    }
}

/// What is converted or partitioned is gathered in large buffers, and compressed by its own format if at all.
fn check_gathering(
    it: &ExtendedS3DestinationDescription,
    is_converted: bool,
    is_partitioned: bool,
) -> std::result::Result<(), String> {
    let BufferingHints { size_in_m_bs, interval_in_seconds } = it.buffering_hints;
    let is_small = size_in_m_bs.is_some_and(|mib| mib < LARGE_MIB);
    let small = |when| Err(format!("BufferingHints.SizeInMBs must be at least {LARGE_MIB} when {when} is enabled."));
    if is_converted && it.compression_format != CompressionFormat::Uncompressed {
        return Err("The S3 destination's compression format must be set to UNCOMPRESSED when data format conversion is \
                    enabled. To enable compression within the converted output format, set the appropriate serialization \
                    option in the output format configuration."
            .into());
    }
    match (is_converted, is_partitioned) {
        (true, _) if is_small => small("data format conversion"),
        (_, true) if is_small => small("Dynamic Partitioning"),
        (_, true) if interval_in_seconds == Some(0) => {
            Err("BufferingHints.IntervalInSeconds must be at least 1 when Dynamic Partitioning is enabled.".into())
        }
        _ => Ok(()),
    }
}

fn steps(processing: Option<&ProcessingConfiguration>, is_partitioned: bool) -> std::result::Result<Steps, String> {
    let enabled = processing.filter(|it| it.enabled == Some(true));
    let processors = enabled.and_then(|it| it.processors.as_deref()).unwrap_or_default();
    Steps::of(processors, is_partitioned)
}

fn bucket(it: &S3DestinationDescription) -> std::result::Result<Bucket, String> {
    let (prefix, error_prefix) = (it.prefix.as_deref(), it.error_output_prefix.as_deref());
    prefix::check(prefix, error_prefix, false, &[], false)?;
    Ok(Bucket {
        name: bucket_name(&it.bucket_arn)?,
        prefix: Prefix::parse(prefix)?,
        error_prefix: Prefix::of_errors(prefix, error_prefix)?,
        codec: Codec::from(it.compression_format),
        extension: None,
        zone: TimeZone::UTC,
    })
}

/// The bucket of an ARN: what follows the last colon.
fn bucket_name(arn: &str) -> std::result::Result<String, String> {
    let name = arn.rsplit_once(":::").map(|(_, name)| name).filter(|name| !name.is_empty());
    name.map(str::to_owned).ok_or_else(|| format!("Invalid S3 bucket ARN: {arn}"))
}

fn hints(asked: &BufferingHints) -> Hints {
    sized(asked.size_in_m_bs, asked.interval_in_seconds)
}

fn sized(mib: Option<i32>, interval_s: Option<i32>) -> Hints {
    let mib = usize::try_from(mib.unwrap_or(SIZE_MIB)).unwrap_or_default().max(1);
    Hints { bytes: mib << 20, interval_ms: ms(interval_s.unwrap_or(INTERVAL_S)) }
}

/// A validated number of seconds: never negative.
fn ms(seconds: i32) -> u64 {
    u64::try_from(seconds).unwrap_or_default() * 1000
}
