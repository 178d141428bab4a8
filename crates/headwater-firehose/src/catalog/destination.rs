//! Where records go: what was asked for with every default filled in, and how a change is merged into it. Pure.
//!
//! Invariant: a destination is kept as it is shown, except for what is secret, which is kept and never shown nor printed.
//! What is asked for at first is a change of the defaults, so that both go one way.
use super::text;
use crate::errors::{self, Result};
use headwater_wire::firehose::{
    BufferingHints, CloudWatchLoggingOptions, EncryptionConfiguration, ExtendedS3DestinationConfiguration,
    ExtendedS3DestinationDescription, ExtendedS3DestinationUpdate, HttpEndpointBufferingHints, HttpEndpointDescription,
    HttpEndpointDestinationConfiguration, HttpEndpointDestinationDescription, HttpEndpointDestinationUpdate,
    HttpEndpointRequestConfiguration, HttpEndpointRetryOptions, HttpEndpointS3BackupMode, NoEncryptionConfig,
    ProcessorType, RetryOptions, S3BackupMode, S3DestinationConfiguration, S3DestinationDescription,
    S3DestinationUpdate,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Buffers of what is converted or partitioned, where nothing is said.
const LARGE_SIZE_MIB: i32 = 128;
const DEFAULT_SIZE_MIB: i32 = 5;
const DEFAULT_INTERVAL_SECS: i32 = 300;
const DEFAULT_RETRY_SECS: i32 = 300;

/// The destination of a delivery stream.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "both are large; there is one a delivery stream")]
pub(crate) enum Destination {
    /// Objects in a bucket; the older form with fewer settings is the same.
    ExtendedS3(#[serde(with = "text")] ExtendedS3DestinationDescription),
    /// An endpoint that takes requests.
    Http(HttpDestination),
}

/// An endpoint and its key.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct HttpDestination {
    #[serde(with = "text")]
    pub(crate) description: HttpEndpointDestinationDescription,
    pub(crate) access_key: Option<AccessKey>,
}

/// What an endpoint knows the sender by.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccessKey(pub(crate) String);

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKey")
    }
}

/// What is to be changed of a destination.
#[derive(Clone, PartialEq, Debug)]
#[expect(clippy::large_enum_variant, reason = "it lives for one call")]
pub(crate) enum DestinationUpdate {
    ExtendedS3(ExtendedS3DestinationUpdate),
    Http(HttpEndpointDestinationUpdate),
}

impl Destination {
    /// Whether a function changes records on their way.
    pub(crate) fn calls_function(&self) -> bool {
        let processing = match self {
            Self::ExtendedS3(description) => &description.processing_configuration,
            Self::Http(destination) => &destination.description.processing_configuration,
        };
        let enabled = processing.iter().filter(|processing| processing.enabled == Some(true));
        enabled
            .flat_map(|processing| processing.processors.iter().flatten())
            .any(|one| one.r#type == ProcessorType::Lambda)
    }

    /// The destination as it is asked for, with every default.
    ///
    /// # Errors
    /// The service's own, if what is asked for does not fit together.
    pub(crate) fn new(wanted: DestinationUpdate) -> Result<Self> {
        match wanted {
            DestinationUpdate::ExtendedS3(mut wanted) => {
                let is_large = wanted
                    .data_format_conversion_configuration
                    .as_ref()
                    .is_some_and(|it| it.enabled != Some(false))
                    || wanted.dynamic_partitioning_configuration.as_ref().is_some_and(|it| it.enabled == Some(true));
                let large = BufferingHints {
                    size_in_m_bs: Some(LARGE_SIZE_MIB),
                    interval_in_seconds: Some(DEFAULT_INTERVAL_SECS),
                };
                wanted.buffering_hints = wanted.buffering_hints.or(is_large.then_some(large));
                merge_extended(extended_defaults(), wanted).map(Self::ExtendedS3)
            }
            DestinationUpdate::Http(wanted) => merge_http(http_defaults(), wanted).map(Self::Http),
        }
    }

    /// The destination with the change merged into it. A destination of another kind takes its place, and has to be
    /// asked for completely.
    ///
    /// # Errors
    /// The service's own.
    pub(crate) fn merge(&self, update: DestinationUpdate) -> Result<Self> {
        match (self, update) {
            (Self::ExtendedS3(held), DestinationUpdate::ExtendedS3(update)) => {
                check_lasting(held, &update)?;
                merge_extended(held.clone(), update).map(Self::ExtendedS3)
            }
            (Self::Http(held), DestinationUpdate::Http(update)) => merge_http(held.clone(), update).map(Self::Http),
            (_, update) => Self::new(update),
        }
    }
}

impl From<ExtendedS3DestinationConfiguration> for DestinationUpdate {
    fn from(wanted: ExtendedS3DestinationConfiguration) -> Self {
        Self::ExtendedS3(ExtendedS3DestinationUpdate {
            role_arn: Some(wanted.role_arn),
            bucket_arn: Some(wanted.bucket_arn),
            prefix: wanted.prefix,
            error_output_prefix: wanted.error_output_prefix,
            buffering_hints: wanted.buffering_hints,
            compression_format: wanted.compression_format,
            encryption_configuration: wanted.encryption_configuration,
            cloud_watch_logging_options: wanted.cloud_watch_logging_options,
            processing_configuration: wanted.processing_configuration,
            s3_backup_mode: wanted.s3_backup_mode,
            s3_backup_update: wanted.s3_backup_configuration.map(s3_wanted),
            data_format_conversion_configuration: wanted.data_format_conversion_configuration,
            dynamic_partitioning_configuration: wanted.dynamic_partitioning_configuration,
            file_extension: wanted.file_extension,
            custom_time_zone: wanted.custom_time_zone,
        })
    }
}

impl From<S3DestinationConfiguration> for DestinationUpdate {
    fn from(wanted: S3DestinationConfiguration) -> Self {
        s3_wanted(wanted).into()
    }
}

impl From<S3DestinationUpdate> for DestinationUpdate {
    fn from(update: S3DestinationUpdate) -> Self {
        Self::ExtendedS3(ExtendedS3DestinationUpdate {
            role_arn: update.role_arn,
            bucket_arn: update.bucket_arn,
            prefix: update.prefix,
            error_output_prefix: update.error_output_prefix,
            buffering_hints: update.buffering_hints,
            compression_format: update.compression_format,
            encryption_configuration: update.encryption_configuration,
            cloud_watch_logging_options: update.cloud_watch_logging_options,
            ..ExtendedS3DestinationUpdate::default()
        })
    }
}

impl From<HttpEndpointDestinationConfiguration> for DestinationUpdate {
    fn from(wanted: HttpEndpointDestinationConfiguration) -> Self {
        Self::Http(HttpEndpointDestinationUpdate {
            endpoint_configuration: Some(wanted.endpoint_configuration),
            buffering_hints: wanted.buffering_hints,
            cloud_watch_logging_options: wanted.cloud_watch_logging_options,
            request_configuration: wanted.request_configuration,
            processing_configuration: wanted.processing_configuration,
            role_arn: wanted.role_arn,
            retry_options: wanted.retry_options,
            s3_backup_mode: wanted.s3_backup_mode,
            s3_update: Some(s3_wanted(wanted.s3_configuration)),
            secrets_manager_configuration: wanted.secrets_manager_configuration,
        })
    }
}

fn s3_wanted(wanted: S3DestinationConfiguration) -> S3DestinationUpdate {
    S3DestinationUpdate {
        role_arn: Some(wanted.role_arn),
        bucket_arn: Some(wanted.bucket_arn),
        prefix: wanted.prefix,
        error_output_prefix: wanted.error_output_prefix,
        buffering_hints: wanted.buffering_hints,
        compression_format: wanted.compression_format,
        encryption_configuration: wanted.encryption_configuration,
        cloud_watch_logging_options: wanted.cloud_watch_logging_options,
    }
}

fn s3_defaults() -> S3DestinationDescription {
    S3DestinationDescription {
        buffering_hints: BufferingHints {
            size_in_m_bs: Some(DEFAULT_SIZE_MIB),
            interval_in_seconds: Some(DEFAULT_INTERVAL_SECS),
        },
        encryption_configuration: no_encryption(),
        cloud_watch_logging_options: Some(no_logging()),
        ..S3DestinationDescription::default()
    }
}

fn extended_defaults() -> ExtendedS3DestinationDescription {
    let S3DestinationDescription { buffering_hints, encryption_configuration, cloud_watch_logging_options, .. } =
        s3_defaults();
    ExtendedS3DestinationDescription {
        buffering_hints,
        encryption_configuration,
        cloud_watch_logging_options,
        s3_backup_mode: Some(S3BackupMode::Disabled),
        ..ExtendedS3DestinationDescription::default()
    }
}

fn http_defaults() -> HttpDestination {
    let description = HttpEndpointDestinationDescription {
        buffering_hints: Some(HttpEndpointBufferingHints {
            size_in_m_bs: Some(DEFAULT_SIZE_MIB),
            interval_in_seconds: Some(DEFAULT_INTERVAL_SECS),
        }),
        cloud_watch_logging_options: Some(no_logging()),
        request_configuration: Some(HttpEndpointRequestConfiguration {
            content_encoding: Some(headwater_wire::firehose::ContentEncoding::None),
            common_attributes: Some(Vec::new()),
        }),
        retry_options: Some(HttpEndpointRetryOptions { duration_in_seconds: Some(DEFAULT_RETRY_SECS) }),
        s3_backup_mode: Some(HttpEndpointS3BackupMode::FailedDataOnly),
        ..HttpEndpointDestinationDescription::default()
    };
    HttpDestination { description, access_key: None }
}

const fn no_encryption() -> EncryptionConfiguration {
    EncryptionConfiguration {
        no_encryption_config: Some(NoEncryptionConfig::NoEncryption),
        kms_encryption_config: None,
    }
}

const fn no_logging() -> CloudWatchLoggingOptions {
    CloudWatchLoggingOptions { enabled: Some(false), log_group_name: None, log_stream_name: None }
}

/// What cannot be changed any more once a delivery stream is there.
fn check_lasting(held: &ExtendedS3DestinationDescription, update: &ExtendedS3DestinationUpdate) -> Result<()> {
    if held.s3_backup_mode == Some(S3BackupMode::Enabled) && update.s3_backup_mode == Some(S3BackupMode::Disabled) {
        return Err(errors::backup_stays());
    }
    let is_partitioned = |enabled: Option<bool>| enabled == Some(true);
    let held = held.dynamic_partitioning_configuration.as_ref().is_some_and(|held| is_partitioned(held.enabled));
    let wanted = update.dynamic_partitioning_configuration.as_ref().map(|wanted| is_partitioned(wanted.enabled));
    match (held, wanted) {
        (false, Some(true)) => Err(errors::partitioning_begins_at_creation()),
        (true, Some(false)) => Err(errors::partitioning_stays()),
        _ => Ok(()),
    }
}

fn merge_s3(mut held: S3DestinationDescription, update: S3DestinationUpdate) -> Result<S3DestinationDescription> {
    put(&mut held.role_arn, update.role_arn);
    put(&mut held.bucket_arn, update.bucket_arn);
    put_some(&mut held.prefix, update.prefix);
    put_some(&mut held.error_output_prefix, update.error_output_prefix);
    put(&mut held.buffering_hints, update.buffering_hints.map(complete).transpose()?);
    put(&mut held.compression_format, update.compression_format);
    put(&mut held.encryption_configuration, update.encryption_configuration.map(encryption).transpose()?);
    put_some(&mut held.cloud_watch_logging_options, update.cloud_watch_logging_options);
    located(&held.role_arn, &held.bucket_arn)?;
    Ok(held)
}

fn merge_extended(
    mut held: ExtendedS3DestinationDescription,
    update: ExtendedS3DestinationUpdate,
) -> Result<ExtendedS3DestinationDescription> {
    put(&mut held.role_arn, update.role_arn);
    put(&mut held.bucket_arn, update.bucket_arn);
    put_some(&mut held.prefix, update.prefix);
    put_some(&mut held.error_output_prefix, update.error_output_prefix);
    put(&mut held.buffering_hints, update.buffering_hints.map(complete).transpose()?);
    put(&mut held.compression_format, update.compression_format);
    put(&mut held.encryption_configuration, update.encryption_configuration.map(encryption).transpose()?);
    put_some(&mut held.cloud_watch_logging_options, update.cloud_watch_logging_options);
    put_some(&mut held.processing_configuration, update.processing_configuration);
    put_some(&mut held.s3_backup_mode, update.s3_backup_mode);
    if let Some(update) = update.s3_backup_update {
        let backup = held.s3_backup_description.unwrap_or_else(s3_defaults);
        held.s3_backup_description = Some(merge_s3(backup, update)?);
    }
    put_some(&mut held.data_format_conversion_configuration, update.data_format_conversion_configuration);
    if let Some(mut wanted) = update.dynamic_partitioning_configuration {
        if wanted.enabled == Some(true) && wanted.retry_options.is_none() {
            wanted.retry_options = Some(RetryOptions { duration_in_seconds: Some(DEFAULT_RETRY_SECS) });
        }
        held.dynamic_partitioning_configuration = Some(wanted);
    }
    put_some(&mut held.file_extension, update.file_extension);
    put_some(&mut held.custom_time_zone, update.custom_time_zone);
    located(&held.role_arn, &held.bucket_arn)?;
    if held.s3_backup_mode == Some(S3BackupMode::Enabled) && held.s3_backup_description.is_none() {
        return Err(errors::backup_nowhere());
    }
    Ok(held)
}

fn merge_http(held: HttpDestination, update: HttpEndpointDestinationUpdate) -> Result<HttpDestination> {
    let HttpDestination { description: mut held, mut access_key } = held;
    if let Some(endpoint) = update.endpoint_configuration {
        held.endpoint_configuration = Some(HttpEndpointDescription { url: Some(endpoint.url), name: endpoint.name });
        put_some(&mut access_key, endpoint.access_key.map(AccessKey));
    }
    if let Some(HttpEndpointBufferingHints { size_in_m_bs, interval_in_seconds }) = update.buffering_hints {
        complete(BufferingHints { size_in_m_bs, interval_in_seconds })?;
        held.buffering_hints = Some(HttpEndpointBufferingHints { size_in_m_bs, interval_in_seconds });
    }
    put_some(&mut held.cloud_watch_logging_options, update.cloud_watch_logging_options);
    if let (Some(request), Some(held)) = (update.request_configuration, &mut held.request_configuration) {
        put_some(&mut held.content_encoding, request.content_encoding);
        put_some(&mut held.common_attributes, request.common_attributes);
    }
    put_some(&mut held.processing_configuration, update.processing_configuration);
    put_some(&mut held.role_arn, update.role_arn);
    put_some(&mut held.retry_options, update.retry_options.filter(|retry| retry.duration_in_seconds.is_some()));
    put_some(&mut held.s3_backup_mode, update.s3_backup_mode);
    if let Some(update) = update.s3_update {
        let backup = held.s3_destination_description.unwrap_or_else(s3_defaults);
        held.s3_destination_description = Some(merge_s3(backup, update)?);
    }
    put_some(&mut held.secrets_manager_configuration, update.secrets_manager_configuration);
    if held.endpoint_configuration.is_none() || held.s3_destination_description.is_none() {
        return Err(errors::incomplete_destination());
    }
    Ok(HttpDestination { description: held, access_key })
}

fn put<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn put_some<T>(place: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *place = value;
    }
}

/// Both hints, or the defaults.
fn complete(hints: BufferingHints) -> Result<BufferingHints> {
    match (hints.size_in_m_bs, hints.interval_in_seconds) {
        (None, None) => Ok(s3_defaults().buffering_hints),
        (Some(_), Some(_)) => Ok(hints),
        _ => Err(errors::one_buffering_hint()),
    }
}

fn encryption(wanted: EncryptionConfiguration) -> Result<EncryptionConfiguration> {
    match (&wanted.no_encryption_config, &wanted.kms_encryption_config) {
        (None, None) => Ok(no_encryption()),
        (Some(_), Some(_)) => Err(errors::two_encryptions()),
        _ => Ok(wanted),
    }
}

/// A destination that is not merged into another of its kind has to say where it is.
fn located(role_arn: &str, bucket_arn: &str) -> Result<()> {
    if role_arn.is_empty() || bucket_arn.is_empty() { Err(errors::incomplete_destination()) } else { Ok(()) }
}
