//! What a destination has to be like before a delivery stream may have it.
use crate::{
    catalog::Destination,
    errors::{self, Result},
};

const BUCKET: &str = ":s3:::";

/// Whether records can be delivered to this destination.
///
/// # Errors
/// The service's own.
pub(crate) fn check(destination: &Destination) -> Result<()> {
    let bucket_arn = match destination {
        Destination::ExtendedS3(s3) => Some(&s3.bucket_arn),
        Destination::Http(http) => http.description.s3_destination_description.as_ref().map(|s3| &s3.bucket_arn),
    };
    match bucket_arn {
        Some(arn) if arn.contains(BUCKET) => Ok(()),
        _ => Err(errors::invalid_argument("BucketARN is not the ARN of a bucket.")),
    }
}
