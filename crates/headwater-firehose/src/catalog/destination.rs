//! Where records go: what was asked for with every default filled in, and how a change is merged into it. Pure.
//!
//! Invariant: a destination is kept as it is shown, except for what is secret, which is kept and never shown nor printed.
use super::text;
use headwater_wire::firehose::{ExtendedS3DestinationDescription, HttpEndpointDestinationDescription};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The destination of a delivery stream.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) enum Destination {
    /// Objects in a bucket; the older form with fewer settings is the same.
    ExtendedS3(#[serde(with = "text")] ExtendedS3DestinationDescription),
    /// An endpoint that takes requests.
    Http(HttpDestination),
}

/// An endpoint and its key.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
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
